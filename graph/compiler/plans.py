"""Plans: statements that were written before, and how a request's values get into them.

A plan is kept by the text, the operation, the booleans of `@skip` and `@include`, the shape of what is asked for, and
what the actor may do. It holds no value of the actor or of a variable.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from operator import attrgetter
from typing import Any
from uuid import UUID

from graph.compiler.selection import OperationTree, Unsupported
from graph.compiler.sql import ParameterSource
from graph.compiler.statement import compile_query
from graph.compiler.update_statement import compile_update
from models.database.identity import Identity, enter_arguments, read_enter_arguments
from services.permissions import Permission
from services.queries.page_request import PageRequest
from services.writes.row_update import RowUpdate

__all__ = ["Plan", "build_plan", "plan_key"]

ROW_UPDATE_ATTRIBUTES = {"row_id", "expected_version"}

Binder = Callable[[Sequence[Any], Identity], Any]


@dataclass(slots=True, eq=False)
class Plan:
    """A statement, and what gets the value of each of its parameters."""

    sql: str
    binders: tuple[Binder, ...]
    mutation: str | None = None
    """The name of the mutation that it carries out, if it changes something."""
    uses: int = 0
    """How often it was run; one that was never run before leaves nothing on a connection."""

    def values(self, arguments: Sequence[Any], identity: Identity) -> list[Any]:
        """The values of the statement's parameters, those of `atrium_enter` first."""
        enter = read_enter_arguments if self.mutation is None else enter_arguments
        return [*enter(identity), *[get(arguments, identity) for get in self.binders]]


def plan_key(arguments: Any) -> Any:
    """What of a site's wish decides how the statement reads; never a value.

    Of a page: its direction, order, filters, and whether it begins at a cursor; of ids: their types; of an edit: the
    columns that it changes, and whether it expects a version.
    """
    if isinstance(arguments, PageRequest):
        filters = tuple([name for name, _ in arguments.filters])
        return arguments.backwards, arguments.order, arguments.descending, filters, arguments.cursor is not None
    if isinstance(arguments, RowUpdate):
        return tuple(arguments.changes), arguments.expected_version is not None
    if isinstance(arguments, tuple):
        return arguments[0]
    if isinstance(arguments, list):
        return tuple(sorted({type_name for type_name, _ in arguments}))
    return None


def build_plan(
    tree: OperationTree,
    permissions: AbstractSet[Permission],
    arguments: Sequence[Any],
    identity_parts: Mapping[str, bool],
) -> Plan | Unsupported:
    """The plan for what is asked; or why there is none."""
    is_row_update = bool(arguments) and isinstance(arguments[0], RowUpdate)
    try:
        statement = (
            compile_update(tree, permissions, arguments[0], identity_parts)
            if is_row_update
            else compile_query(tree, permissions, arguments, identity_parts)
        )
    except Unsupported as declined:
        return declined
    mutation = tree.root.fields[0].name if is_row_update else None
    return Plan(statement.sql, tuple(_binder_of(source, tree, arguments) for source in statement.sources), mutation)


def _binder_of(source: ParameterSource, tree: OperationTree, arguments: Sequence[Any]) -> Binder:
    if source.site is None:
        return _with_bind_processor(source, lambda _asked, identity: getattr(identity, source.name))
    site, read_value = source.site, _value_reader(source.name, arguments[source.site])
    if not (
        tree.sites[site].has_variables or isinstance(arguments[site], RowUpdate)
    ):  # what the text says is part of the plan
        value = read_value(arguments[site]) if source.process is None else source.process(read_value(arguments[site]))
        return lambda _asked, _identity: value
    return _with_bind_processor(source, lambda every, _identity: read_value(every[site]))


def _with_bind_processor(source: ParameterSource, binder: Binder) -> Binder:
    process = source.process
    if process is None:
        return binder
    return lambda asked, identity: process(binder(asked, identity))


def _value_reader(name: str, arguments: Any) -> Callable[[Any], Any]:
    """What gets a value of this name from any wish of this shape."""
    if isinstance(arguments, UUID):
        return lambda row_id: row_id
    if isinstance(arguments, tuple):
        return lambda typed: typed[1]
    if isinstance(arguments, list):
        part = 0 if name == "types" else 1
        return lambda every: [each[part] for each in every]
    if isinstance(arguments, RowUpdate):
        return attrgetter(name) if name in ROW_UPDATE_ATTRIBUTES else lambda edit: edit.changes[name.removeprefix("=")]
    return _page_value_reader(name, arguments)


def _page_value_reader(name: str, arguments: PageRequest) -> Callable[[PageRequest], Any]:
    if name in {"limit", "fingerprint"}:
        return attrgetter(name)
    if name in {"after_key", "after_id"}:
        place = int(name == "after_id")
        return lambda request: request.cursor and request.cursor[place]
    index = [each for each, _ in arguments.filters].index(name)
    return lambda request: request.filters[index][1]
