"""Search, measured: importing articles, first and deep pages, misspelled words, each beside what could be had at best.

`uv run python -m bench.search` takes some minutes. What stands beside it is a superuser: a plain COPY into the same
table with the same index and triggers, and a statement written by hand on the same index, without row-level security.
Figures of one run on one machine are good for comparing with each other, and for nothing else.
"""

import argparse
import asyncio
import csv
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import psutil
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from atrium import article_import, migrate
from atrium.embedded.server import Server
from models.base import new_id
from models.database import Database
from models.database.identity import Identity
from services import articles
from services.permissions import Actor

VOCABULARY = 40_000  # words
WORDS = 120  # an article, on average
LANGUAGES = {"ENGLISH": 0.6, "GERMAN": 0.25, "FRENCH": 0.15}
CONSONANTS, VOWELS = "bdfgklmnrst", "aeio"
REPEATS = 5

# What somebody would write without row-level security: the page, its ranks, nothing else.
SELECT_PAGE = """
    SELECT id, title, ts_rank_cd(vector, q, 1) AS rank FROM articles, websearch_to_tsquery('english', $2) q
    WHERE tenant_id = $1 AND language = 'ENGLISH' AND vector @@ q ORDER BY rank DESC, id DESC LIMIT 20
"""

# The same with the total and the highlights, as PostgreSQL makes them.
SELECT_WHOLE_SEARCH = """
    WITH matched AS MATERIALIZED (
        SELECT id, q, ts_rank_cd(vector, q, 1) AS rank FROM articles, websearch_to_tsquery('english', $2) q
        WHERE tenant_id = $1 AND language = 'ENGLISH' AND vector @@ q
    )
    SELECT a.*, (SELECT count(*) FROM matched), m.rank, ts_headline('english', a.title, q, 'HighlightAll=true'),
        ts_headline('english', a.content, q, 'MaxWords=50, MinWords=25')
    FROM (SELECT * FROM matched ORDER BY rank DESC, id DESC LIMIT 20) m
        JOIN (SELECT id, title, content, language, author_id FROM articles WHERE tenant_id = $1) a USING (id)
    ORDER BY m.rank DESC, m.id DESC
"""


@dataclass
class SearchBench:
    """A database with two tenants and their owners."""

    server: Server
    superuser: asyncpg.Connection
    database: Database
    people: dict[str, Identity]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=100_000, help="how many")
    count = parser.parse_args().articles
    with tempfile.TemporaryDirectory(prefix="atrium-bench-") as folder:
        server = Server.start(Path(folder) / "data")
        try:
            migrate.upgrade(server.owner_url, server.runtime_url)
            asyncio.run(measure(server, Path(folder), count))
        finally:
            server.stop()


async def measure(server: Server, folder: Path, count: int) -> None:
    """Measure everything, on a new database."""
    console = Console(width=120)
    bench = await _open_bench(server)
    console.print(await measure_import(bench, folder, count, console))
    await bench.superuser.execute("VACUUM ANALYZE articles, article_words")
    for part in (measure_first_page, measure_paging, measure_spelling):
        console.print(await part(bench))
    await bench.superuser.close()
    await bench.database.close()


async def measure_import(bench: SearchBench, folder: Path, count: int, console: Console) -> Table:
    """Return a superuser's plain COPY, and `import-articles`, of the same articles."""
    lines, copied = folder / "articles.jsonl", folder / "articles.csv"
    copier = bench.people["globex"]
    with lines.open("w") as as_lines, copied.open("w") as as_table:
        writer = csv.writer(as_table)
        for article in _generate_articles(count):
            as_lines.write(json.dumps(article) + "\n")
            row = (article["title"], article["content"], article["language"])
            writer.writerow((copier.tenant_id, new_id(), copier.user_id, "PUBLISHED", *row))
    columns = ["tenant_id", "id", "author_id", "status", "title", "content", "language"]
    began = time.perf_counter()
    await bench.superuser.copy_to_table("articles", source=copied, columns=columns, format="csv")
    copying, (memory, peak) = time.perf_counter() - began, (_peak_memory(), [0])

    async def watch() -> None:
        while True:
            peak[0] = max(peak[0], _peak_memory())
            await asyncio.sleep(0.05)

    watching = asyncio.create_task(watch())
    began = time.perf_counter()
    with Progress(console=console) as progress:
        done = await article_import.import_articles(bench.server.owner_url, lines, progress, tenant="acme")
    took = time.perf_counter() - began
    watching.cancel()
    table = Table("", "seconds", "ratio", title=f"Importing {done.articles:,} articles of {WORDS} words")
    table.add_row("COPY, superuser", f"{copying:.1f}", "1")
    table.add_row("import-articles", f"{took:.1f}", f"{took / copying:.2f}")
    table.caption = f"import-articles took {(peak[0] - memory) / 2**20:.0f} MiB more than before, at its peak"
    return table


async def measure_first_page(bench: SearchBench) -> Table:
    """Return the first page: by hand without row-level security, and by the API with it, with total and highlights."""
    table = Table("", "median ms", "p95 ms", "p95 ratio", title="The first page of 20, two words, in one language")
    tenant, queries = bench.people["acme"].tenant_id, _generate_queries()
    ways: dict[str, Callable[[str], Awaitable[Any]]] = {
        "by hand, page alone": lambda query: bench.superuser.fetch(SELECT_PAGE, tenant, query),
        "by hand, total and highlights": lambda query: bench.superuser.fetch(SELECT_WHOLE_SEARCH, tenant, query),
        "Atrium, total and highlights": lambda query: _search(bench, query, language="ENGLISH"),
        "Atrium, in all languages at once": lambda query: _search(bench, query),
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(REPEATS + 1):
        for query in queries:
            for name, way in ways.items():
                began = time.perf_counter()
                await way(query)
                if turn:  # the first one warms up
                    took[name].append(1000 * (time.perf_counter() - began))
    best = _p95(took["by hand, page alone"])
    for name, times in took.items():
        table.add_row(name, f"{statistics.median(times):.1f}", f"{_p95(times):.1f}", f"{_p95(times) / best:.2f}")
    return table


async def measure_paging(bench: SearchBench) -> Table:
    """Pages one after the other, of a query with many matches."""
    table = Table("page", "median ms", "ratio", title="Deep pages of 100 of one query")
    times: dict[int, list[float]] = {}
    for _ in range(3):
        cursor = None
        for number in range(1, 21):
            began = time.perf_counter()
            found = await _search(bench, f"{_generate_vocabulary()[30]}", first=100, after=cursor)
            times.setdefault(number, []).append(1000 * (time.perf_counter() - began))
            if not found.page.has_next_page:
                break
            cursor = found.page.edges[-1].cursor
    table.caption = f"of {found.total:,} matches"
    first = statistics.median(times[1])
    for number in sorted({1, 2, 5, 10, 15, max(times)} & set(times)):
        table.add_row(
            str(number), f"{statistics.median(times[number]):.1f}", f"{statistics.median(times[number]) / first:.2f}"
        )
    return table


async def measure_spelling(bench: SearchBench) -> Table:
    """Misspelled words, of a vocabulary of tens of thousands."""
    chance, times, right = Random(3), list[float](), 0  # noqa: S311  # the same each time
    words = [word for word in _generate_vocabulary()[200:4000] if len(word) > 6]
    for word in chance.sample(words, 40):
        place = chance.randrange(1, len(word) - 2)
        wrong = word[:place] + word[place + 1] + word[place] + word[place + 2 :]
        began = time.perf_counter()
        found = await _search(bench, wrong)
        times.append(1000 * (time.perf_counter() - began))
        right += found.corrected_query is not None or found.total > 0
    known = await bench.superuser.fetchval(
        "SELECT count(*) FROM article_words WHERE tenant_id = $1", bench.people["acme"].tenant_id
    )
    table = Table("median ms", "p95 ms", "answered", title=f"Two letters swapped, {known:,} words known")
    table.add_row(f"{statistics.median(times):.1f}", f"{_p95(times):.1f}", f"{right} of {len(times)}")
    return table


async def _search(bench: SearchBench, query: str, **wanted: Any) -> articles.SearchResult:
    identity = bench.people["acme"]
    actor = Actor.of(identity)
    language = {"language": wanted.pop("language")} if "language" in wanted else {}
    request = articles.parse_request(query, language, **wanted)
    async with bench.database.read(identity) as session:
        found = await articles.search(session, actor, request=request)
        ids = [edge.node.id for edge in found.page.edges]
        await articles.load_highlights(session, actor, query=articles.query_text(found.request), ids=ids)
    return found


async def _open_bench(server: Server) -> SearchBench:
    superuser = await asyncpg.connect(server.superuser_url.replace("+asyncpg", ""), database="atrium")
    people = {slug: await _owner_identity(superuser, slug) for slug in ("acme", "globex")}
    return SearchBench(server, superuser, Database(server.runtime_url), people)


async def _owner_identity(superuser: asyncpg.Connection, slug: str) -> Identity:
    tenant_id, user_id, session_id = new_id(), new_id(), new_id()
    email = f"owner@{slug}.example.com"
    await superuser.execute("INSERT INTO tenants (id, name, slug) VALUES ($1, $2, $2)", tenant_id, slug)
    await superuser.execute("INSERT INTO users (id, email, full_name) VALUES ($1, $2, 'Owner')", user_id, email)
    await superuser.execute(
        "INSERT INTO memberships (tenant_id, id, user_id, role, full_name, email) VALUES ($1, $2, $3, 'OWNER', '', '')",
        tenant_id,
        new_id(),
        user_id,
    )
    await superuser.execute(
        "INSERT INTO sessions (id, user_id, tenant_id, refresh_digest, expires_at)"
        " VALUES ($1, $2, $3, 'none', now() + interval '1 day')",
        session_id,
        user_id,
        tenant_id,
    )
    return Identity(tenant_id, user_id, "OWNER", session_id)


def _generate_vocabulary() -> list[str]:
    """Words that are there in every language, the most frequent first."""
    chance, syllables = Random(1), [first + second for first in CONSONANTS for second in VOWELS]  # noqa: S311  # the same each time
    words: dict[str, None] = {}
    while len(words) < VOCABULARY:
        words["".join(chance.choices(syllables, k=chance.choice((2, 3, 3, 4, 4, 5))))] = None
    return list(words)


def _generate_articles(count: int) -> Iterator[dict[str, Any]]:
    """Articles whose words are as frequent as Zipf says."""
    chance, words = Random(2), _generate_vocabulary()  # noqa: S311  # the same each time
    weights = list(accumulate(1 / (rank + 2.7) for rank in range(1, len(words) + 1)))
    for _ in range(count):
        length = chance.randint(WORDS // 2, WORDS * 3 // 2)
        drawn = chance.choices(words, cum_weights=weights, k=length + 6)
        language = chance.choices(list(LANGUAGES), weights=list(LANGUAGES.values()))[0]
        yield {"title": " ".join(drawn[:6]).capitalize(), "content": " ".join(drawn[6:]), "language": language}


def _generate_queries() -> list[str]:
    """Pairs of words, of which one is frequent."""
    chance, words = Random(4), _generate_vocabulary()  # noqa: S311  # the same each time
    return [f"{chance.choice(words[5:60])} {chance.choice(words[60:800])}" for _ in range(40)]


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[18]


def _peak_memory() -> int:
    return int(psutil.Process().memory_info().rss)


if __name__ == "__main__":
    main()
