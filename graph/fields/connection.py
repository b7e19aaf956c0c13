"""Relay connections over keyset pages: one page of a list, and how to get the next.

https://relay.dev/graphql/connections.htm
"""

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any, Generic, TypeVar

import strawberry

from graph.fields.descriptions import enum, object_type
from services.queries.loading import Page

__all__ = ["Connection", "Edge", "OrderDirection", "PageInfo", "to_connection", "to_connection_later"]

NodeType = TypeVar("NodeType")


@enum
class OrderDirection(Enum):
    """Direction in which a list is sorted."""

    ASC = "asc"
    """Ascending: smallest number, earliest time or alphabetically first text first."""
    DESC = "desc"
    """Descending: largest number, latest time or alphabetically last text first."""


@object_type
class PageInfo:
    """Position of a page in the whole list, as the Relay connection specification defines it."""

    has_next_page: bool
    """Whether the list has rows after this page. When paging with `last`: whether `before` was given."""
    has_previous_page: bool
    """Whether the list has rows before this page. When paging with `first`: whether `after` was given."""
    start_cursor: str | None
    """Cursor of the first row of the page; null if the page is empty."""
    end_cursor: str | None
    """Cursor of the last row of the page; null if the page is empty. Send it as `after` to read the next page."""


@object_type
class Edge(Generic[NodeType]):
    """A row and its place in the list."""

    node: NodeType
    """Item of the list at this cursor."""
    cursor: str
    """Opaque cursor of this item, for `after` or `before` in the same list with the same filter and order."""


async def _total_count(root: "Connection[Any]") -> int:
    return await root.count()


@object_type
class Connection(Generic[NodeType]):
    """One page of a list."""

    edges: list[Edge[NodeType]]
    """Items of this page, each with its cursor."""
    nodes: list[NodeType]
    """Items of this page, without their cursors."""
    page_info: PageInfo
    """Position of this page within the whole list."""
    total_count: int = strawberry.field(resolver=_total_count)
    """Number of items on all pages of the list, after filtering; computed only when selected."""
    count: strawberry.Private[Callable[[], Awaitable[int]]]


def to_page_info(page: Page) -> PageInfo:
    """Return the `pageInfo` of a page."""
    edges = page.edges
    return PageInfo(
        has_next_page=page.has_next_page,
        has_previous_page=page.has_previous_page,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )


def to_connection(page: Page, count: Callable[[], Awaitable[int]]) -> Connection[Any]:
    """Return a page as a connection; `count` is awaited only for `totalCount`."""
    edges = page.edges
    return Connection(
        edges=edges,  # type: ignore[arg-type]  # the services' edges have the same fields
        nodes=[edge.node for edge in edges],
        page_info=to_page_info(page),
        count=count,
    )


def to_connection_later(page: Awaitable[Page], count: Callable[[], Awaitable[int]]) -> Awaitable[Connection[Any]]:
    """Return a connection once its page is loaded."""

    async def load() -> Connection[Any]:
        return to_connection(await page, count)

    return load()
