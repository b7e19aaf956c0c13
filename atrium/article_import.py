"""Importing from files: articles by the hundred thousand, a batch at a time, with as much memory as one batch takes.

COPY takes no table with row-level security, so each batch goes to a temporary table and from there, by one statement,
to where it belongs. It is committed by itself: nobody who writes meanwhile waits for longer than a batch takes.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from uuid import UUID

import asyncpg
from rich.progress import Progress

from atrium.admin import owner_connection
from atrium.settings import SettingsError
from models import ArticleLanguage, ArticleStatus
from models.base import new_id
from services import articles
from services.errors import InvalidInput
from services.validation import normalize_email, validating

__all__ = ["ImportReport", "RejectedLine", "import_articles"]

BATCH_SIZE = 2_000  # articles
MAX_LINE_BYTES = 2 * 1024 * 1024  # bytes: the longest article, with every character escaped
MAX_REPORTED_LINES = 20  # lines that are named

SELECT_AUTHOR = """
    SELECT m.tenant_id, m.user_id FROM memberships m JOIN tenants t ON t.id = m.tenant_id
    WHERE t.slug = $1 AND NOT m.is_former AND (m.email = $2 OR $2::text IS NULL AND m.role = 'OWNER')
    ORDER BY m.created_at, m.id LIMIT 1
"""

COLUMNS = ("id", "title", "content", "language", "status", "published_at")

CREATE_STAGING_TABLE = f"CREATE TEMPORARY TABLE imported AS SELECT {', '.join(COLUMNS)} FROM articles WITH NO DATA"  # noqa: S608  # our names

SET_TENANT = "SELECT set_config('app.tenant_id', $1, true)"

INSERT_ARTICLES = f"""
    INSERT INTO articles (tenant_id, author_id, {", ".join(COLUMNS)})
    SELECT $1::uuid, $2::uuid, {", ".join(COLUMNS)} FROM imported
"""  # noqa: S608  # likewise


class RejectedLine(NamedTuple):
    """A line that is no article."""

    line: int
    """From 1."""
    reason: str


@dataclass(slots=True)
class ImportReport:
    """What became of a file."""

    articles: int = 0
    rejected: int = 0
    first_rejected: tuple[RejectedLine, ...] = ()
    """The first twenty."""


async def import_articles(
    owner_url: str, path: Path, progress: Progress, *, tenant: str, author: str | None = None, skip: int = 0
) -> ImportReport:
    """Import the articles of a file, one JSON object a line, into a tenant; lines that are none are left out.

    An object has `title` and `content`, and may have `language` and `status`, named as in the API; without them it is
    in English, and published.

    Args:
        owner_url: the database, as the owner role.
        path: the file.
        progress: where it is shown how far it has come.
        tenant: a slug.
        author: the address of the member who is to have written them; without it, the tenant's first owner.
        skip: lines to leave out at the beginning, because they were imported before.

    Raises:
        SettingsError: there is no such tenant, no such member, or no such file.
    """
    report = ImportReport()
    async with owner_connection(owner_url) as connection:
        writer = await connection.fetchrow(SELECT_AUTHOR, tenant, author and normalize_email(author))
        if writer is None:
            raise SettingsError(f"There is no tenant {tenant} with such a member.")
        await connection.execute(CREATE_STAGING_TABLE)
        with _open_file(path) as file:
            task = progress.add_task(f"Articles of {path.name}", total=os.fstat(file.fileno()).st_size)
            # A line beyond the longest comes in pieces, none of which is an article.
            lines = iter(lambda: file.readline(MAX_LINE_BYTES), b"")
            numbered = islice(enumerate(lines, 1), skip, None)
            while batch := list(islice(numbered, BATCH_SIZE)):
                rows = list(_parse_lines(batch, report))
                await _insert_batch(connection, (writer[0], writer[1]), rows)
                report.articles += len(rows)
                progress.update(task, completed=file.tell())
    return report


async def _insert_batch(
    connection: asyncpg.Connection, writer: tuple[UUID, UUID], rows: Sequence[dict[str, Any]]
) -> None:
    async with connection.transaction():
        await connection.execute(SET_TENANT, str(writer[0]))
        await connection.execute("TRUNCATE imported")
        records = map(itemgetter(*COLUMNS), rows)
        await connection.copy_records_to_table("imported", columns=COLUMNS, records=records)
        await connection.execute(INSERT_ARTICLES, *writer)


def _parse_lines(lines: Sequence[tuple[int, bytes]], report: ImportReport) -> Iterator[dict[str, Any]]:
    """The articles in these lines; those that are none are noted."""
    for number, line in lines:
        if not line.strip():
            continue
        try:
            yield {"id": new_id(), **_parse_article(line)}
        except (ValueError, RecursionError) as error:
            report.rejected += 1
            if len(report.first_rejected) < MAX_REPORTED_LINES:
                report.first_rejected = (*report.first_rejected, RejectedLine(number, str(error)))


def _parse_article(line: bytes) -> dict[str, Any]:
    """Return one article as columns.

    Raises:
        ValueError: it is none; says why.
    """
    given = json.loads(line)
    known = {"title", "content", "language", "status"}
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise ValueError("This is no object of texts.")  # whoever reads it wants one kind of error
    if unknown := given.keys() - known:
        raise ValueError(f"There is no field {min(unknown)}.")
    given["language"] = ArticleLanguage(given.get("language", ArticleLanguage.ENGLISH).upper())
    given["status"] = ArticleStatus(given.get("status", ArticleStatus.PUBLISHED).upper())
    try:
        with validating() as validator:
            return articles.article_columns(validator, articles.ArticleChanges(**given))  # type: ignore[typeddict-item]  # its fields were looked at
    except InvalidInput as refusal:
        raise ValueError("; ".join(f"{found.path}: {found.message}" for found in refusal.problems)) from None


def _open_file(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None
