"""What is searched: the languages that queries are read in, and what matches, against a search without index."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from models import ArticleLanguage
from models.base import new_id
from services import articles
from tests.conftest import Urls
from tests.support.factories import World
from tests.support.service_client import ServiceClient

SEED = 20261130
LANGUAGES = ["ENGLISH", "FRENCH", "GERMAN", "RUSSIAN", "SIMPLE"]
WORDS = ["garden", "gardens", "the", "a", "was", "Häuser", "Haus", "mangée", "manger", "resume", "résumé", "река"]
WORDS += ["реки", "東京", "東京都", "京", "example.org/guide", "covid-19", "C++", "v1.2", "TCP/IP"]

MISSING = "SELECT tenant_id, language FROM articles EXCEPT SELECT tenant_id, language FROM article_languages"
KNOWN = "SELECT language FROM article_languages WHERE tenant_id = $1 ORDER BY 1"
IS_BLOCKED = (
    "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE NOT granted AND datname = current_database() AND application_name <> 'atrium feed')"
)

# Each article is compared with the query of its own language, and nothing is looked up.
MATCHES = """
SELECT a.id, (ts_rank_cd(a.vector, q.query, 33) + CASE WHEN a.vector @@ q.title_terms
    THEN CASE WHEN a.vector @@ q.title_query THEN 2 ELSE 1 END ELSE 0 END)::real AS rank
FROM articles a, atrium_search_query(a.language, $2) q WHERE a.tenant_id = $1 AND a.vector @@ q.query
ORDER BY rank DESC, a.id DESC
"""


@pytest.fixture
async def other(urls: Urls) -> AsyncIterator[asyncpg.Connection]:
    """Another connection of the owner of the database."""
    connection = await asyncpg.connect(urls.plain("owner"))
    yield connection
    await connection.close()


async def add_article(connection: asyncpg.Connection, world: World, language: str, text: str = "x") -> Any:
    columns = "tenant_id, id, author_id, language, title, content, status"
    sql = f"INSERT INTO articles ({columns}) VALUES ($1, $2, $3, $4, $5, $6, 'PUBLISHED')"
    article_id, acme = new_id(), world.acme
    await connection.execute(sql, acme.tenant_id, article_id, acme.owner.user_id, language, text[:40], text)
    return article_id


async def test_languages_are_kept_whatever_is_written(
    world: World, owner_connection: asyncpg.Connection, urls: Urls
) -> None:
    connection, acme = owner_connection, world.acme.tenant_id
    article_id = await add_article(connection, world, "GERMAN")
    assert [row[0] for row in await connection.fetch(KNOWN, acme)] == ["GERMAN"]
    await connection.execute("UPDATE articles SET language = 'FRENCH' WHERE id = $1", article_id)
    assert [row[0] for row in await connection.fetch(KNOWN, acme)] == ["FRENCH", "GERMAN"]
    await connection.execute("DELETE FROM articles")
    await add_article(connection, world, "GERMAN")
    columns = ["tenant_id", "id", "author_id", "language", "title", "content"]
    author = world.acme.owner.user_id
    records = [(acme, new_id(), author, language, "x", "") for language in ("DUTCH", "GERMAN", "DUTCH", "IRISH")]
    superuser = await asyncpg.connect(urls.plain("superuser"))
    await superuser.copy_records_to_table("articles", records=records, columns=columns)
    await superuser.close()
    assert [row[0] for row in await connection.fetch(KNOWN, acme)] == ["DUTCH", "FRENCH", "GERMAN", "IRISH"]
    assert not await connection.fetch(KNOWN, world.globex.tenant_id)


@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
async def test_a_language_that_somebody_else_is_just_bringing_is_waited_for(
    world: World, owner_connection: asyncpg.Connection, other: asyncpg.Connection, end: str
) -> None:
    await owner_connection.execute("BEGIN")
    await add_article(owner_connection, world, "GERMAN")
    second = asyncio.create_task(add_article(other, world, "GERMAN"))
    async with asyncio.timeout(10):
        while not await world.connection.fetchval(IS_BLOCKED):
            assert not second.done(), "it did not wait, so it may be seen without its language"
            await asyncio.sleep(0.005)
    await owner_connection.execute(end)
    await second
    assert [row[0] for row in await other.fetch(KNOWN, world.acme.tenant_id)] == ["GERMAN"]
    assert not await other.fetch(MISSING)


async def test_no_reader_ever_sees_an_article_without_its_language(
    world: World, urls: Urls, owner_connection: asyncpg.Connection
) -> None:
    async def write(seed: int) -> None:
        chance, connection = random.Random(seed), await asyncpg.connect(urls.plain("owner"))  # to be repeatable
        for _ in range(30):
            transaction = connection.transaction()
            await transaction.start()
            try:
                for _ in range(chance.randint(1, 3)):
                    article_id = await add_article(connection, world, chance.choice(list(ArticleLanguage)))
                    change = "UPDATE articles SET language = $2 WHERE id = $1"
                    await connection.execute(change, article_id, chance.choice(list(ArticleLanguage)))
                    if chance.random() < 0.5:
                        await connection.execute("DELETE FROM articles WHERE id = $1", article_id)
            except asyncpg.DeadlockDetectedError:
                await transaction.rollback()
            else:
                await (transaction.commit() if chance.random() < 0.5 else transaction.rollback())
        await connection.close()

    writers = asyncio.gather(*(write(SEED + number) for number in range(4)))
    looks = 0
    while not writers.done() or looks == 0:
        assert not await owner_connection.fetch(MISSING)
        looks += 1
    await writers
    assert not await owner_connection.fetch(MISSING)
    assert await owner_connection.fetchval("SELECT count(*) FROM articles") > 20


async def test_matches_are_those_of_each_article_with_the_query_of_its_language(
    rules: ServiceClient, world: World, owner_connection: asyncpg.Connection
) -> None:
    chance, connection = random.Random(SEED), owner_connection  # to be repeatable
    for number in range(120):
        text = " ".join(chance.choices(WORDS, k=chance.randint(1, 12)))
        article_id = await add_article(connection, world, chance.choice(LANGUAGES), text)
        if number % 5 == 0:
            await connection.execute("DELETE FROM articles WHERE id = $1", article_id)
        if number % 7 == 0:
            change = "UPDATE articles SET language = $2 WHERE id = $1"
            await connection.execute(change, article_id, chance.choice(LANGUAGES))
    actor, sizes = rules.actor(world.acme.owner), set()
    async with rules.database.read(actor.identity) as session:
        for _ in range(150):
            words = [chance.choice(["", "", "-", '"']) + word for word in chance.choices(WORDS, k=chance.randint(1, 3))]
            query = chance.choice([" ", " or ", " "]).join(words)
            found = await articles.search(session, actor, request=articles.parse_request(query, first=100))
            expected = await connection.fetch(MATCHES, world.acme.tenant_id, query)
            if found.corrected_query is None:
                assert [(hit.node.id, hit.rank) for hit in found.page.edges] == [tuple(row) for row in expected], query
                sizes.add(found.total)
    assert {0} < sizes
    assert len(sizes) > 10


async def test_a_plain_word_is_read_as_one_between_quotes(owner_connection: asyncpg.Connection) -> None:
    chance = random.Random(SEED)  # to be repeatable
    words = ["returns", "Desk", "the", "running", "v12", "2026", "1e5", "0x1f", "x", "personalised", "and", "AREAS"]
    select = "SELECT query::text, title_query::text, title_terms::text, terms FROM atrium_search_query($1, $2)"
    for language in ArticleLanguage:
        for _ in range(20):
            drawn = chance.choices(words, k=chance.randint(1, 4))
            between = chance.choice([" ", "  ", " or ", " OR "])
            plain, quoted = between.join(drawn), between.lower().join(f'"{word}"' for word in drawn)
            read = await owner_connection.fetchrow(select, language, f" {plain} ")
            assert read == await owner_connection.fetchrow(select, language, quoted), (language, plain)
