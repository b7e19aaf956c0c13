"""Loaders: what many fields of one operation ask for at the same time, fetched with one statement.

They know no relation by name. A declared field says which collection it leads to and by which column, and that pair
is the loader's key.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Any
from uuid import UUID

from aiodataloader import DataLoader

from models.base import Row
from models.database import ReadSession
from services.permissions import Actor
from services.queries import loading
from services.queries.collection import Collection
from services.queries.loading import Page
from services.queries.page_request import PageRequest

__all__ = ["Loaders"]

LoadBatch = Callable[[ReadSession, list[UUID]], Awaitable[dict[UUID, Any]]]


class AnnouncingLoader(DataLoader[UUID, Any]):
    """A loader that announces each batch when the first key is put in its queue."""

    def __init__(
        self, load_batch: Callable[[list[UUID]], Coroutine[Any, Any, list[Any]]], expect_batch: Callable[[], None]
    ) -> None:
        super().__init__(load_batch)
        self._expect_batch = expect_batch

    def load(self, key: UUID) -> "asyncio.Future[Any]":
        """Load what belongs to a key; fields that share it are not cancelled with one of them."""
        return asyncio.shield(super().load(key))

    def do_resolve_reject(self, key: UUID, future: "asyncio.Future[Any]") -> None:
        """Put a key in the queue; aiodataloader calls this for keys that it has not loaded yet."""
        if not self._queue:
            self._expect_batch()
        super().do_resolve_reject(key, future)


class Loaders:
    """The loaders of one operation, or of one event of a subscription."""

    def __init__(
        self,
        read: Callable[[], Awaitable[ReadSession]],
        read_for_batch: Callable[[], Awaitable[ReadSession]],
        expect_batch: Callable[[], None],
        actor: Actor,
    ) -> None:
        """Prepare them.

        Args:
            read: gives the session.
            read_for_batch: the same for a batch, each of which is announced before.
            expect_batch: announces one.
            actor: in whose name everything is loaded.
        """
        self._read = read
        self._read_for_batch = read_for_batch
        self._expect_batch = expect_batch
        self._actor = actor
        self._loaders: dict[Hashable, AnnouncingLoader] = {}

    def one(self, collection: Collection, key: str, value: Any) -> Awaitable[Any]:
        """Load the row whose column `key` has this value, or None."""
        return self._load(
            ("one", collection, key),
            value,
            lambda session, ids: loading.rows_by_key(session, self._actor, collection, key, ids),
        )

    def expression(self, collection: Collection, name: str, row_id: UUID) -> Awaitable[Any]:
        """Compute a named expression for one row."""
        return self._load(
            ("expression", collection, name),
            row_id,
            lambda session, ids: loading.expression_by_id(session, self._actor, collection, name, ids),
        )

    def abilities(self, collection: Collection, row_id: UUID) -> Awaitable[Any]:
        """Return by name whether the actor may do each action with a row now; None if it is gone."""
        return self._load(
            ("abilities", collection),
            row_id,
            lambda session, ids: loading.abilities_by_id(session, self._actor, collection, ids),
        )

    async def cursor(self, collection: Collection, request: PageRequest, row: Any) -> str:
        """Return the cursor that a row has in a list, also if it is gone by now."""
        found: str | None = None
        if not row.is_past:
            found = await self._load(
                ("cursors", collection, request),
                row.id,
                lambda session, ids: loading.cursors_by_id(session, self._actor, collection, request, ids),
            )
        return found or await loading.past_cursor(await self._read(), self._actor, collection, request, row)

    async def past_expression(self, collection: Collection, name: str, row: Row) -> Any:
        """Return what a named expression gives for a past row."""
        return await loading.past_expression(await self._read(), self._actor, collection, name, row)

    def related_page(self, collection: Collection, request: PageRequest, key: str, parent: UUID) -> Awaitable[Page]:
        """Load a page of the rows whose column `key` holds the parent's id."""
        return self._load(
            ("related", collection, request, key),
            parent,
            lambda session, ids: loading.pages_by_parent(session, self._actor, collection, request, key, ids),
        )

    def related_count(self, collection: Collection, request: PageRequest, key: str, parent: UUID) -> Awaitable[int]:
        """Count the rows of the list under one parent."""
        return self._load(
            ("counts", collection, request, key),
            parent,
            lambda session, ids: loading.counts_by_parent(session, self._actor, collection, request, key, ids),
        )

    async def page(self, collection: Collection, request: PageRequest) -> Page:
        """Load a page of a whole collection."""
        return await loading.load_page(await self._read(), self._actor, collection, request)

    async def count(self, collection: Collection, request: PageRequest) -> int:
        """Count the rows of a whole collection."""
        return await loading.count_rows(await self._read(), self._actor, collection, request)

    def _load(self, key: Hashable, value: Any, load_batch: LoadBatch) -> Awaitable[Any]:
        loader = self._loaders.get(key)
        if loader is None:

            async def load(ids: list[UUID]) -> list[Any]:
                found = await load_batch(await self._read_for_batch(), ids)
                return [found.get(row_id) for row_id in ids]

            loader = self._loaders[key] = AnnouncingLoader(load, self._expect_batch)
        return loader.load(value)
