"""Plans: statements that were written before, and how a request's values get into them.

A plan is kept by the text, the operation, the booleans of `@skip` and `@include`, the shape of what is asked for, and
what the actor may do. It holds no value of the actor or of a variable.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from graph.compiler.decided_statements import compile_decided_write
from graph.compiler.plan_arguments import DecidedWriteArguments, PlanArguments, RowUpdateArguments
from graph.compiler.selection import OperationTree, Unsupported
from graph.compiler.sql import ParameterSource
from graph.compiler.statement import compile_query
from graph.compiler.update_statement import compile_update
from models.database.identity import Identity, enter_arguments, read_enter_arguments
from models.database.wire import StatementPace
from services.permissions import Permission

__all__ = ["Plan", "build_plan", "build_update_plan"]

SEARCHED = "query"  # the parameter of what is searched for

Binder = Callable[[Sequence[PlanArguments], Identity], Any]


@dataclass(slots=True, eq=False)
class Plan:
    """A statement, and what gets the value of each of its parameters."""

    sql: str
    binders: tuple[Binder, ...]
    mutation: str | None = None
    """The name of the mutation that it carries out, if it changes something."""
    reading: "Plan | None" = None
    """The plan of what is read first, from which the values of this one are decided."""
    uses: int = 0
    """How often it was run; one that was never run before leaves nothing on a connection."""
    is_search: bool = False
    """Whether it searches, so that how long it takes depends on what for."""
    pace: StatementPace = field(default_factory=StatementPace)
    """How long it has taken."""

    def values(self, arguments: Sequence[PlanArguments], identity: Identity) -> list[Any]:
        """Return the values of the statement's parameters, those of `atrium_enter` first."""
        enter = read_enter_arguments if self.mutation is None else enter_arguments
        return [*enter(identity), *self.own_values(arguments, identity)]

    def own_values(self, arguments: Sequence[PlanArguments], identity: Identity) -> list[Any]:
        """Return the values of the statement's own parameters, behind those of `atrium_enter`."""
        return [get(arguments, identity) for get in self.binders]


def build_plan(
    tree: OperationTree,
    permissions: AbstractSet[Permission],
    arguments: Sequence[PlanArguments],
    identity_parts: Mapping[str, bool],
) -> Plan | Unsupported:
    """Build the plan for these arguments, or return why there is none."""
    try:
        statement = compile_query(tree, permissions, arguments, identity_parts)
    except Unsupported as declined:
        return declined.again()

    def binder(source: ParameterSource) -> Binder:
        if source.site is None or tree.sites[source.site].has_variables:
            return _binder_of(source)
        return _constant_binder(source, arguments[source.site])  # what the text says is part of the plan

    is_search = any(source.name == SEARCHED for source in statement.sources)
    return Plan(statement.sql, tuple(map(binder, statement.sources)), is_search=is_search)


def build_update_plan(
    tree: OperationTree,
    permissions: AbstractSet[Permission],
    arguments: Sequence[PlanArguments],
    identity_parts: Mapping[str, bool],
) -> Plan | Unsupported:
    """Return the plan for the row update or the decided write of a mutation; or why there is none."""
    (change,) = arguments
    reading: Plan | None = None
    try:
        if isinstance(change, DecidedWriteArguments):
            read, statement = compile_decided_write(tree, permissions, change, identity_parts)
            reading = Plan(read.sql, tuple(map(_binder_of, read.sources)))
        else:
            assert isinstance(change, RowUpdateArguments)
            statement = compile_update(tree, permissions, change, identity_parts)
    except Unsupported as declined:
        return declined.again()
    return Plan(statement.sql, tuple(map(_binder_of, statement.sources)), tree.root.fields[0].name, reading)


def _binder_of(source: ParameterSource) -> Binder:
    site, name, process = source.site, source.name, source.process
    if site is None:
        if process is None:
            return lambda _arguments, identity: getattr(identity, name)
        return lambda _arguments, identity: process(getattr(identity, name))
    if process is None:
        return lambda arguments, _identity: arguments[site].value(name)
    return lambda arguments, _identity: process(arguments[site].value(name))


def _constant_binder(source: ParameterSource, arguments: PlanArguments) -> Binder:
    given = arguments.value(source.name)
    value = given if source.process is None else source.process(given)
    return lambda _arguments, _identity: value
