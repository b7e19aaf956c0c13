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
    """Which way a list is sorted."""

    ASC = "asc"
    DESC = "desc"


@object_type
class PageInfo:
    """Where a page stands in its list."""

    has_next_page: bool
    """Whether rows follow this page. When paging backwards: whether the page was reached through `before`."""
    has_previous_page: bool
    """Whether rows precede this page. When paging forwards: whether the page was reached through `after`."""
    start_cursor: str | None
    """The cursor of the first row."""
    end_cursor: str | None
    """The cursor of the last row."""


@object_type
class Edge(Generic[NodeType]):
    """A row and its place in the list."""

    node: NodeType
    """The row."""
    cursor: str
    """Its place, for `after` or `before` of the same list with the same filter and order."""


async def _total_count(root: "Connection[Any]") -> int:
    return await root.count()


@object_type
class Connection(Generic[NodeType]):
    """One page of a list."""

    edges: list[Edge[NodeType]]
    """The rows with their cursors."""
    nodes: list[NodeType]
    """The rows alone."""
    page_info: PageInfo
    """Where this page stands in the list."""
    total_count: int = strawberry.field(resolver=_total_count)
    """How many rows the whole list has. Computed only when it is asked for."""
    count: strawberry.Private[Callable[[], Awaitable[int]]]


def to_page_info(page: Page) -> PageInfo:
    """Where a page stands in its list."""
    edges = page.edges
    return PageInfo(
        has_next_page=page.has_next_page,
        has_previous_page=page.has_previous_page,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )


def to_connection(page: Page, count: Callable[[], Awaitable[int]]) -> Connection[Any]:
    """A page as a connection; `count` is awaited only for `totalCount`."""
    edges = page.edges
    return Connection(
        edges=edges,  # type: ignore[arg-type]  # the services' edges have the same fields
        nodes=[edge.node for edge in edges],
        page_info=to_page_info(page),
        count=count,
    )


def to_connection_later(page: Awaitable[Page], count: Callable[[], Awaitable[int]]) -> Awaitable[Connection[Any]]:
    """A connection, once its page is there."""

    async def load() -> Connection[Any]:
        return to_connection(await page, count)

    return load()
