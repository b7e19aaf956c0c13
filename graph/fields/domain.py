"""Domain: what one module of graph adds to the schema's roots."""

from collections.abc import Sequence
from dataclasses import dataclass

from graph.fields.mutations import Mutation

__all__ = ["Domain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """The root fields of a domain; `graph.schema` joins those of all domains."""

    queries: type | None = None
    """An object type whose fields become fields of `Query`."""
    mutations: Sequence[Mutation] = ()
    subscriptions: type | None = None
    """An object type whose fields become fields of `Subscription`."""
