"""The schema: every domain's fields, put together."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import create_type
from strawberry.types import ExecutionContext, ExecutionResult

from graph import (
    accounts,
    api_keys,
    articles,
    audit,
    documents,
    mailed,
    nodes,
    orders,
    people,
    products,
    projects,
    tasks,
    tenants,
)
from graph.errors import HANDLERS
from graph.limits import Limits
from graph.operation import Operation, Texts
from graph.scalars import SCALARS

__all__ = ["Schema", "build"]

DOMAINS: tuple[Any, ...] = (
    accounts,
    mailed,
    api_keys,
    tenants,
    people,
    projects,
    tasks,
    documents,
    products,
    orders,
    articles,
    audit,
)


class Schema(strawberry.Schema):
    """Strawberry's schema, with two differences.

    It is silent: what is worth a line in the log is logged where errors are masked. And a query whose replica was lost
    on the way is executed once more, whole, on the primary.
    """

    async def execute(self, *args: Any, **kwargs: Any) -> ExecutionResult:
        """Execute an operation that has one result; `context_value` is given by name."""
        result = await super().execute(*args, **kwargs)
        if await kwargs["context_value"].restart():
            result = await super().execute(*args, **kwargs)
        return result

    async def stream(self, *args: Any, **kwargs: Any) -> Any:
        """Execute an operation of any kind, and stream its results; `context_value` is given by name."""
        start = super().stream

        async def results() -> AsyncIterator[Any]:
            async with aclosing(await start(*args, **kwargs)) as first:
                async for result in first:
                    if await kwargs["context_value"].restart():
                        break
                    yield result
                else:
                    return
            async with aclosing(await start(*args, **kwargs)) as second:
                async for result in second:
                    yield result

        return results()

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Leave them to `graph.errors.present`."""


def build(limits: Limits | None = None, *, introspection: bool = True) -> Schema:
    """The whole schema, ready to execute.

    Args:
        limits: what one operation may ask for.
        introspection: whether clients may read the schema; without it, messages suggest no names either.
    """
    queries = type("Query", (nodes.Queries, *(domain.Queries for domain in DOMAINS)), {})
    mutations = [field for domain in DOMAINS for field in domain.MUTATIONS]
    live = tuple(domain.Subscriptions for domain in DOMAINS if hasattr(domain, "Subscriptions"))
    texts = Texts(limits or Limits(), introspection=introspection)
    return Schema(
        query=strawberry.type(queries, description="Everything that can be read."),
        subscription=strawberry.type(
            type("Subscription", live, {}), description="Everything that can be followed as it happens."
        ),
        mutation=create_type("Mutation", mutations, description="Everything that can be done."),
        extensions=[lambda: Operation(texts, suggestions=introspection)],
        config=StrawberryConfig(scalar_map=SCALARS),
        exception_handlers=HANDLERS,
    )
