"""Plan arguments: what the arguments of one field ask for, as a plan takes them.

Each kind says which part of it decides how the statement reads, and gives the values of the statement's parameters.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from strawberry.types.field import StrawberryField

from graph.fields.as_of import ByIdAsOfField
from graph.fields.match_fields import ArticleSearchField, ArticleSuggestionsField
from graph.fields.node import NodeField, NodesField
from graph.fields.relations import ByIdField, ByKeyField, ConnectionField, ToMany
from graph.fields.statistics import StatisticsField
from services.permissions import Actor
from services.queries.page_request import PageRequest
from services.queries.statistics import StatisticsRequest
from services.writes.decided_write import DecidedWrite
from services.writes.row_update import RowUpdate

__all__ = [
    "ARGUMENT_TYPES",
    "DecidedWriteArguments",
    "IdArgument",
    "KeyArgument",
    "NodeIdArgument",
    "NodeIdsArgument",
    "PageArguments",
    "PlanArguments",
    "PrefixArguments",
    "RowUpdateArguments",
    "StatisticsArguments",
]


AFTER_KEY = "after_key_"


class PlanArguments(Protocol):
    """What the arguments of one field ask for."""

    def plan_key(self) -> Hashable:
        """Return what decides how the statement reads; it holds no value that can be a parameter."""

    def value(self, name: str) -> Any:
        """Return the value of a parameter by its name."""


@dataclass(slots=True)
class PageArguments:
    """A page of a list."""

    request: PageRequest

    def plan_key(self) -> Hashable:
        """Return its direction, its order, the condition of its filter, and whether it begins at a cursor."""
        request = self.request
        return (
            request.backwards,
            request.order,
            request.filter.condition,
            request.cursor is not None,
        )

    def value(self, name: str) -> Any:
        """Return the limit, the fingerprint, a part of the cursor, or the value of a filter."""
        request = self.request
        match name:
            case "limit":
                return request.limit
            case "fingerprint":
                return request.fingerprint
            case "after_id":
                return request.cursor and request.cursor[1]
            case "query":
                return request.search
        if name.startswith(AFTER_KEY):
            return request.cursor and request.cursor[0][int(name.removeprefix(AFTER_KEY))]
        return request.filter.value(name)


@dataclass(slots=True)
class IdArgument:
    """One row of a certain type."""

    row_id: UUID

    def plan_key(self) -> Hashable:
        """Return nothing: the statement is the same for every row."""
        return None

    def value(self, name: str) -> UUID:  # noqa: ARG002  # it has one value
        """Return the id."""
        return self.row_id


@dataclass(slots=True)
class KeyArgument:
    """One row of a certain type, by a column that is unique in the tenant."""

    key: Any

    def plan_key(self) -> Hashable:
        """Return nothing: the statement is the same for every row."""
        return None

    def value(self, name: str) -> Any:  # noqa: ARG002  # it has one value
        """Return the value of the column."""
        return self.key


@dataclass(slots=True)
class NodeIdArgument:
    """One row of any type."""

    node: tuple[str, UUID]
    """The name of its type, and its id."""

    def plan_key(self) -> Hashable:
        """Return the type."""
        return self.node[0]

    def value(self, name: str) -> UUID:  # noqa: ARG002  # it has one value
        """Return the id."""
        return self.node[1]


@dataclass(slots=True)
class NodeIdsArgument:
    """Rows of any types."""

    nodes: Sequence[tuple[str, UUID]]
    """The names of their types, and their ids."""

    def plan_key(self) -> tuple[str, ...]:
        """Return their types, each once."""
        return tuple(sorted({type_name for type_name, _ in self.nodes}))

    def value(self, name: str) -> list[Any]:
        """Return the types or the ids of all of them."""
        part = 0 if name == "types" else 1
        return [node[part] for node in self.nodes]


@dataclass(slots=True)
class PrefixArguments:
    """What a title begins with."""

    given: tuple[str, int]
    """The prefix, and how many rows are wanted at most."""

    def plan_key(self) -> Hashable:
        """Return nothing: the statement is the same for every prefix."""
        return None

    def value(self, name: str) -> str | int:
        """Return the prefix or the number."""
        return self.given[0 if name == "prefix" else 1]


@dataclass(slots=True)
class StatisticsArguments:
    """Statistics of a list."""

    request: StatisticsRequest

    def plan_key(self) -> Hashable:
        """Return what is grouped by, and the condition of the filter."""
        return self.request.plan_key()

    def value(self, name: str) -> Any:
        """Return the time zone, or the value of a filter."""
        return self.request.value(name)


@dataclass(slots=True)
class RowUpdateArguments:
    """The row update that the input of a mutation comes down to."""

    row_update: RowUpdate[Any]

    def plan_key(self) -> Hashable:
        """Return the columns that change, whether a version is expected, and whether some rows are left unchanged."""
        update = self.row_update
        return tuple(update.changes), update.expected_version is not None, update.unless is not None

    def value(self, name: str) -> Any:
        """Return the row's id, the expected version, or the new value of a column, whose name follows a `=`."""
        match name:
            case "row_id":
                return self.row_update.row_id
            case "expected_version":
                return self.row_update.expected_version
        return self.row_update.changes[name.removeprefix("=")]


@dataclass(slots=True)
class DecidedWriteArguments:
    """The decided write that the input of a mutation comes down to."""

    change: DecidedWrite[Any]
    _values: Mapping[str, Any] = field(default_factory=dict)

    def plan_key(self) -> Hashable:
        """Return what is written, and whether the call has an idempotency key."""
        return type(self.change), self.change.is_keyed

    def value(self, name: str) -> Any:
        """Return a value of the statement that reads or, once it was decided, of the one that writes."""
        return self._values[name]

    def to_read(self) -> "DecidedWriteArguments":
        """Return the arguments of the statement that reads."""
        return DecidedWriteArguments(self.change, self.change.read_values())

    def decided(self, actor: Actor, found: Mapping[str, Any]) -> "DecidedWriteArguments | None":
        """Return the arguments of the statement that writes; None for a call that was answered before.

        Raises:
            DomainError: the rule refuses it.
        """
        values = self.change.decide(actor, found)
        return None if isinstance(values, UUID) else DecidedWriteArguments(self.change, values)


ARGUMENT_TYPES: Mapping[type[StrawberryField], Callable[[Any], PlanArguments]] = {
    ConnectionField: PageArguments,
    ToMany: PageArguments,
    ArticleSearchField: PageArguments,
    ArticleSuggestionsField: PrefixArguments,
    ByIdField: IdArgument,
    ByKeyField: KeyArgument,
    ByIdAsOfField: IdArgument,
    StatisticsField: StatisticsArguments,
    NodeField: NodeIdArgument,
    NodesField: NodeIdsArgument,
}
"""What the arguments of each kind of field come down to, made of what its `parse_arguments` returns."""
