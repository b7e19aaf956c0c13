"""Articles by their rules: pages of a search over equal ranks, imports, and the migration that came later."""

import asyncio
import json
import random
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from rich.console import Console
from rich.progress import Progress

from atrium import article_import, migrate
from atrium.settings import SettingsError
from models import ArticleLanguage
from models.base import new_id
from services import articles
from services.errors import Forbidden, InvalidInput, NotFound
from services.queries.loading import Page
from tests.conftest import Urls
from tests.support.factories import Person, World, insert
from tests.support.service_client import ServiceClient, walk_pages

SEED = 20261125
MIGRATIONS = sorted(path.name[:4] for path in (migrate.MIGRATIONS_FOLDER / "versions").glob("0*.py"))
WORDS = ("garden", "gardens", "river", "bridge", "stone", "copper", "lamp", "winter")


async def some_articles(world: World, chance: random.Random, count: int = 120) -> None:
    """Short articles of few words, so that many have the same rank."""
    columns = "tenant_id, id, author_id, title, content, status, created_at"
    sql = f"INSERT INTO articles ({columns}) VALUES ($1, $2, $3, $4, $5, $6, $7)"
    acme, rows = world.acme, []
    for _ in range(count):
        title, content = (" ".join(chance.choices(WORDS, k=chance.randint(1, 3))) for _ in range(2))
        author = chance.choice((acme.owner, acme.member))
        status, day = chance.choice(("DRAFT", "PUBLISHED")), datetime(2026, 1, chance.randint(1, 9), tzinfo=UTC)
        rows.append((acme.tenant_id, new_id(), author.user_id, title, content, status, day))
    await world.connection.executemany(sql, rows)


async def search(rules: ServiceClient, person: Person, query: str, **wanted: Any) -> articles.SearchResult:
    actor = rules.actor(person)
    request = articles.parse_request(query, **wanted)
    async with rules.database.read(actor.identity) as session:
        return await articles.search(session, actor, request=request)


@pytest.mark.parametrize("order", ["relevance", "newest"])
async def test_every_match_comes_once_both_ways_whatever_the_ranks(
    rules: ServiceClient, world: World, order: str
) -> None:
    chance = random.Random(SEED)  # to be repeatable
    await some_articles(world, chance)
    for person in (world.acme.owner, world.acme.member):
        for query in ("garden", "garden or river -stone", "copper lamp"):
            wanted: dict[str, Any] = {"order": [(order, True)]}
            whole = await search(rules, person, query, first=100, **wanted)
            hits = list(whole.page.edges)
            keys = [(hit.rank if order == "relevance" else hit.node.created_at, hit.node.id) for hit in hits]
            assert len(hits) == whole.total > 5
            assert keys == sorted(keys, reverse=True)
            assert len({rank for rank, _ in keys}) < len(keys)
            for size in (1, 3, 7):
                assert await walk_search(rules, person, query, size, **wanted) == [hit.node.id for hit in hits]
                assert await walk_search(rules, person, query, size, backwards=True, **wanted) == [
                    h.node.id for h in hits
                ]


async def walk_search(
    rules: ServiceClient, person: Person, query: str, size: int, *, backwards: bool = False, **wanted: Any
) -> list[UUID]:
    async def page(**paging: Any) -> Page:
        return (await search(rules, person, query, **paging, **wanted)).page

    return [row.id for row in await walk_pages(page, size, backwards=backwards)]


async def test_a_cursor_is_good_for_its_own_search(rules: ServiceClient, world: World) -> None:
    await some_articles(world, random.Random(SEED), 40)  # to be repeatable
    owner = world.acme.owner
    cursor = (await search(rules, owner, "garden", first=1)).page.edges[0].cursor
    for wrong in (
        lambda: search(rules, owner, "river", after=cursor),
        lambda: search(rules, owner, "garden", after=cursor, order=[("newest", True)]),
        lambda: search(rules, owner, "garden", after=cursor, filter={"status": {"eq": "DRAFT"}}),
        lambda: search(rules, owner, "gar\0den"),
        lambda: search(rules, owner, "x" * 256),
    ):
        with pytest.raises(InvalidInput):
            await wrong()


async def test_members_write_their_own_drafts_alone(rules: ServiceClient, world: World) -> None:
    acme = world.acme
    member, owner = acme.member, acme.owner
    own = await rules.apply(member, articles.create, values={"title": "Mine", "content": ""})
    theirs = await rules.apply(owner, articles.create, values={"title": "Theirs", "content": ""})
    changed = await rules.apply(member, articles.update, id=own.id, changes={"language": ArticleLanguage.GERMAN})
    assert (changed.language, changed.version) == ("GERMAN", 2)
    with pytest.raises(NotFound):
        await rules.apply(member, articles.update, id=theirs.id, changes={"title": "Ours"})
    with pytest.raises(Forbidden):
        await rules.apply(member, articles.update, id=own.id, changes={"status": "PUBLISHED"})
    published = await rules.apply(owner, articles.update, id=own.id, changes={"status": "PUBLISHED"})
    again = await rules.apply(owner, articles.update, id=own.id, changes={"status": "PUBLISHED"})
    assert published.published_at == again.published_at is not None
    with pytest.raises(Forbidden):
        await rules.apply(member, articles.delete, id=own.id)
    draft = await rules.apply(owner, articles.update, id=own.id, changes={"status": "DRAFT"})
    assert draft.published_at is None
    assert (await rules.apply(member, articles.delete, id=own.id)).id == own.id


async def import_file(urls: Urls, path: Path, **wanted: Any) -> article_import.ImportReport:
    with Progress(console=Console(quiet=True)) as progress:
        return await article_import.import_articles(urls.owner, path, progress, **wanted)


async def test_a_file_is_imported_line_by_line(rules: ServiceClient, world: World, urls: Urls, tmp_path: Path) -> None:
    lines = [
        {"title": "One", "content": "lighthouse"},
        {"title": "Two", "content": "Leuchtturm", "language": "german", "status": "draft"},
        {"title": "", "content": "nothing"},
        {"title": "Three", "content": "x", "language": "klingon"},
        {"title": "Four", "content": "a\0b"},
        {"title": 5, "content": "x"},
        {"title": "Six", "content": "x", "owner": "x"},
    ]
    path = tmp_path / "articles.jsonl"
    path.write_text("\n".join([*map(json.dumps, lines), "{", "[]", "", json.dumps(lines[0])]))
    done = await import_file(urls, path, tenant="acme", author=world.acme.member.email)
    assert (done.articles, done.rejected) == (3, 7)
    assert [refused.line for refused in done.first_rejected] == [3, 4, 5, 6, 7, 8, 9]
    hits = (await search(rules, world.acme.member, "lighthouse")).page.edges
    assert [hit.node.title for hit in hits] == ["One", "One"]
    assert (await search(rules, world.acme.member, "Leuchttürme")).total == 1
    assert (await import_file(urls, path, tenant="acme", skip=10)).articles == 1
    for wanted in ({"tenant": "nowhere"}, {"tenant": "acme", "author": world.globex.owner.email}):
        with pytest.raises(SettingsError):
            await import_file(urls, path, **wanted)
    with pytest.raises(SettingsError):
        await import_file(urls, tmp_path / "none", tenant="acme")


@pytest.mark.usefixtures("world")
async def test_an_import_needs_no_more_memory_for_more(urls: Urls, tmp_path: Path) -> None:
    peaks = []
    for count in (article_import.BATCH_SIZE, 4 * article_import.BATCH_SIZE):
        path = tmp_path / f"{count}.jsonl"
        line = json.dumps({"title": "Many", "content": "of them " * 20}) + "\n"
        path.write_text(line * count)
        tracemalloc.start()
        assert (await import_file(urls, path, tenant="acme")).articles == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


async def test_search_comes_to_articles_that_are_there_and_goes_again(urls: Urls) -> None:
    await asyncio.to_thread(migrate.downgrade, urls.owner, urls.runtime, "0010")
    connection = await asyncpg.connect(urls.plain("owner"))
    tenant_id = await insert(connection, "tenants", name="Acme", slug="acme")
    user_id = await insert(connection, "users", email="a@example.com", full_name="A")
    member = {"tenant_id": tenant_id, "user_id": user_id, "role": "OWNER", "full_name": "", "email": ""}
    await insert(connection, "memberships", **member)
    article = {"tenant_id": tenant_id, "author_id": user_id, "title": "Running houses", "content": "by the sea"}
    await insert(connection, "articles", **article)
    await asyncio.to_thread(migrate.upgrade, urls.owner, urls.runtime)
    assert await connection.fetchval("SELECT vector::text FROM articles") == "'hous':2A 'run':1A 'sea':5B"
    words = await connection.fetch("SELECT word FROM article_words ORDER BY word")
    assert [word for (word,) in words] == ["houses", "running"]
    await asyncio.to_thread(migrate.downgrade, urls.owner, urls.runtime, "0010")
    assert await connection.fetchval("SELECT title FROM articles") == "Running houses"
    await connection.close()


async def test_articles_from_before_are_found_by_their_parts_and_go_back_to_what_they_were(urls: Urls) -> None:
    before = MIGRATIONS[MIGRATIONS.index("0019") - 1]
    await asyncio.to_thread(migrate.downgrade, urls.owner, urls.runtime, before)
    connection = await asyncpg.connect(urls.plain("owner"))
    tenant_id = await insert(connection, "tenants", name="Acme", slug="acme")
    user_id = await insert(connection, "users", email="a@example.com", full_name="A")
    member = {"tenant_id": tenant_id, "user_id": user_id, "role": "OWNER", "full_name": "", "email": ""}
    await insert(connection, "memberships", **member)
    article = {"tenant_id": tenant_id, "author_id": user_id, "title": "TCP/IP", "content": "at docs.example.org/résumé"}
    await insert(connection, "articles", **article)
    vector = "SELECT vector::text FROM articles"
    old = await connection.fetchval(vector)
    await asyncio.to_thread(migrate.upgrade, urls.owner, urls.runtime)
    said = "'doc':4B 'exampl':5B 'ip':2A 'org':6B 'resum':7B 'résumé':7B 'tcp':1A"
    assert await connection.fetchval(vector) == said != old
    words = [word for (word,) in await connection.fetch("SELECT word FROM article_words ORDER BY word")]
    assert {"docs", "example", "résumé"} <= set(words)
    await asyncio.to_thread(migrate.downgrade, urls.owner, urls.runtime, before)
    assert await connection.fetchval(vector) == old
    await connection.close()


@pytest.mark.parametrize(
    ("first", "size"), [(0x4E00, 20_000), (0xAC00, 11_000), (0x20000, 40_000), (0x1E00, 200), (0x61, 26)]
)
async def test_the_longest_article_of_any_letters_can_be_written(
    rules: ServiceClient, world: World, first: int, size: int
) -> None:
    chance = random.Random(SEED)  # to be repeatable
    content = "".join(chr(first + chance.randrange(size)) for _ in range(100_000))
    values = {"title": content[:200], "content": content}
    made = await rules.apply(world.acme.member, articles.create, values=values)
    assert made.content == content
    if size > 200:  # of the others it is a single word
        hits = (await search(rules, world.acme.member, content[50_000:50_003])).page.edges
        assert [hit.node.id for hit in hits] == [made.id]


async def test_a_vector_follows_its_article(owner_connection: asyncpg.Connection, world: World) -> None:
    acme = world.acme
    article = {"tenant_id": acme.tenant_id, "author_id": acme.owner.user_id, "title": "Houses", "content": ""}
    await world.add("articles", **article)
    vector = "SELECT vector::text FROM articles"
    assert await owner_connection.fetchval(vector) == "'hous':1A"
    await owner_connection.execute("UPDATE articles SET language = 'SIMPLE', content = 'boats'")
    assert await owner_connection.fetchval(vector) == "'boats':2B 'houses':1A"
    with pytest.raises(asyncpg.GeneratedAlwaysError):
        await owner_connection.execute("UPDATE articles SET vector = ''")


async def test_every_language_is_searched_by_the_configuration_of_its_name(
    owner_connection: asyncpg.Connection,
) -> None:
    for language in ArticleLanguage:
        config = await owner_connection.fetchval("SELECT atrium_text_config($1)::text", language)
        shipped = await owner_connection.fetchval(
            "SELECT count(*) FROM pg_ts_config WHERE cfgname = $1", language.lower()
        )
        assert config == (language.lower() if shipped else "simple")
    names = await owner_connection.fetch(
        "SELECT cfgname FROM pg_ts_config WHERE cfgnamespace = 'pg_catalog'::regnamespace"
    )
    assert {name.upper() for (name,) in names} <= set(ArticleLanguage)
