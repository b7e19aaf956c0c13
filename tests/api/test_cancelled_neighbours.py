"""Fields that share what is loaded: one that is cancelled, as its neighbour failed, takes nothing from the others."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from graph.articles import search
from graph.runtime.loaders import AnnouncingLoader
from models.base import new_id
from services import articles


async def second_of_two(share: Callable[[], Awaitable[Any]], loaded: asyncio.Event) -> Any:
    """What the second of two gets who wait for the same, if the first is cancelled before it is there."""
    cancelled, wanted = (asyncio.ensure_future(share()) for _ in range(2))
    await asyncio.sleep(0)  # both wait now
    cancelled.cancel()
    await asyncio.wait([cancelled])
    loaded.set()
    async with asyncio.timeout(10):
        return await wanted


async def test_of_rows() -> None:
    loaded, row_id = asyncio.Event(), new_id()

    async def load(ids: list[UUID]) -> list[Any]:
        await loaded.wait()
        return [f"row {row_id}" for row_id in ids]

    loader = AnnouncingLoader(load, lambda: None)
    assert await second_of_two(lambda: loader.load(row_id), loaded) == f"row {row_id}"


async def test_of_highlights(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded, article_id, highlight = asyncio.Event(), new_id(), articles.Highlight([], [])

    async def load(*_: Any) -> dict[UUID, articles.Highlight]:
        await loaded.wait()
        return {article_id: highlight}

    monkeypatch.setattr(search, "_load_highlights", load)
    page: Any = search.LazyHighlights(None, "tea", [article_id])  # type: ignore[arg-type]  # nothing is asked of it
    assert await second_of_two(lambda: page.for_article(article_id), loaded) is highlight
