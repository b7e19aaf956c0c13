"""The trusted documents of one process: loaded when it starts, kept up to date, and found in memory alone."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from atrium.manifests import SHA256_PREFIX
from graph.trusted_documents import TrustedDocumentPlanner
from models import TrustedDocument
from models.database import Database
from models.database.errors import DatabaseUnavailable, PoolTimeout, TransactionConflict
from models.lru import CacheUsage, size_of
from services import trusted_documents

__all__ = ["TrustedDocuments", "TrustedText"]

REFRESH_SECONDS = 2.0  # after which another process's change is seen at the latest
PREPARE_SECONDS = 30.0  # that a start waits for documents to be planned; the others follow while requests are served
TRUSTED_TEXT_BYTES = 1_000
FAILURES = (DatabaseUnavailable, PoolTimeout, TransactionConflict)

log = logging.getLogger("atrium.documents")


@dataclass(frozen=True, slots=True)
class TrustedText:
    """One trusted document, as a request finds it."""

    id: str
    sha256: str
    source: str


class TrustedDocuments:
    """The trusted documents that are stored, in memory."""

    def __init__(self, database: Database, planner: TrustedDocumentPlanner) -> None:
        """Args: database: the primary, as the role that serves; planner: what prepares them for their requests."""
        self._database = database
        self._planner = planner
        self._by_id: dict[str, TrustedText] = {}
        self._by_hash: dict[str, TrustedText] = {}
        self._fingerprint: str | None = None
        self._unprepared: dict[str, None] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def usage(self) -> CacheUsage:
        """How much the texts take."""
        sizes = (TRUSTED_TEXT_BYTES + size_of(each.id, each.sha256, each.source) for each in self._by_id.values())
        return CacheUsage(sum(sizes), len(self._by_id))

    def find(self, id_: str) -> TrustedText | None:
        """Return the document of an id, or of the SHA-256 of its text, with or without the prefix `sha256:`."""
        found = self._by_id.get(id_)
        if found is None:
            bare = id_.removeprefix(SHA256_PREFIX)
            found = self._by_id.get(bare) if bare != id_ else self._by_id.get(f"{SHA256_PREFIX}{id_}")
            found = found or self._by_hash.get(bare)
        return found

    def find_by_hash(self, sha256: str) -> TrustedText | None:
        """Return the document whose text has this SHA-256."""
        return self._by_hash.get(sha256)

    async def start(self) -> None:
        """Load and prepare what is stored, and look for changes from now on."""
        await self._refresh()
        until = time.monotonic() + PREPARE_SECONDS
        for _ in self._prepare():
            if time.monotonic() > until:
                break
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Look for changes no longer."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def refresh(self) -> None:
        """Look for changes now, and prepare what is new; at most half of the time, since requests are served."""
        await self._refresh()
        begun = time.monotonic()
        for _ in self._prepare():
            await asyncio.sleep(time.monotonic() - begun)
            begun = time.monotonic()

    async def _run(self) -> None:
        while True:
            try:
                await self.refresh()
            except Exception:
                log.exception("trusted documents could not be brought up to date")
            await asyncio.sleep(REFRESH_SECONDS)

    async def _refresh(self) -> None:
        try:
            async with self._database.installation_transaction() as session:
                fingerprint = await trusted_documents.fingerprint(session)
                if fingerprint == self._fingerprint:
                    return
                rows = await trusted_documents.select_all(session)
        except FAILURES as error:
            log.warning("trusted documents could not be read, and are those of before: %s", type(error).__name__)
            return
        self._replace(rows)
        self._fingerprint = fingerprint

    def _replace(self, rows: Iterable[TrustedDocument]) -> None:
        before = {each.source for each in self._by_id.values()}
        self._by_id = {row.id: TrustedText(row.id, row.sha256, row.source) for row in rows}
        self._by_hash = {each.sha256: each for each in self._by_id.values()}
        after = {each.source for each in self._by_hash.values()}
        for source in before - after:
            self._planner.forget(source)
            self._unprepared.pop(source, None)
        self._unprepared |= dict.fromkeys(each.source for each in self._by_id.values() if each.source not in before)
        log.info("%d trusted documents", len(self._by_id))

    def _prepare(self) -> Iterator[None]:
        """Prepare one document after the other, some milliseconds' work before each step."""
        unfit = 0
        while self._unprepared:
            source = next(iter(self._unprepared))
            del self._unprepared[source]
            for is_fit in self._planner.prepare(source):
                unfit += not is_fit
                yield
        if unfit:
            log.warning("%d trusted documents do not fit the schema, or into the cache of documents", unfit)
