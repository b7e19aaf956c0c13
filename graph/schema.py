"""The schema: every domain's fields, put together."""

from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import create_type
from strawberry.types import ExecutionContext

from graph import accounts, nodes, orders, products, projects, tasks, tenants
from graph.errors import HANDLERS
from graph.limits import Limits
from graph.operation import Operation, Texts
from graph.scalars import SCALARS

__all__ = ["Schema", "build"]

DOMAINS: tuple[Any, ...] = (accounts, tenants, projects, tasks, products, orders)


class Schema(strawberry.Schema):
    """Strawberry's schema, but silent: what is worth a line in the log is logged where errors are masked."""

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
    texts = Texts(limits or Limits(), introspection=introspection)
    return Schema(
        query=strawberry.type(queries, description="Everything that can be read."),
        subscription=orders.Subscriptions,
        mutation=create_type("Mutation", mutations, description="Everything that can be done."),
        extensions=[lambda: Operation(texts, suggestions=introspection)],
        config=StrawberryConfig(scalar_map=SCALARS),
        exception_handlers=HANDLERS,
    )
