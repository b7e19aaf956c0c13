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

from graph.compiler.selection import Declined, Tree
from graph.compiler.sql import Source
from graph.compiler.statement import write
from graph.compiler.update_statement import write_edit
from models.database.identity import Identity, entry, entry_to_read
from services.permissions import Permission
from services.queries.collection import PageRequest
from services.writes.row_update import Edit

__all__ = ["Plan", "plan", "shape"]

EDIT = {"row_id", "expected_version"}

Get = Callable[[Sequence[Any], Identity], Any]


@dataclass(slots=True, eq=False)
class Plan:
    """A statement, and what gets the value of each of its parameters."""

    sql: str
    gets: tuple[Get, ...]
    mutation: str | None = None
    """The name of the mutation that it carries out, if it changes something."""
    uses: int = 0
    """How often it was run; one that was never run before leaves nothing on a connection."""

    def values(self, asked: Sequence[Any], identity: Identity) -> list[Any]:
        """The values of the statement's parameters, those of `atrium_enter` first."""
        enter = entry_to_read if self.mutation is None else entry
        return [*enter(identity), *[get(asked, identity) for get in self.gets]]


def shape(asked: Any) -> Any:
    """What of a site's wish decides how the statement reads; never a value.

    Of a page: its direction, order, filters, and whether it begins at a cursor; of ids: their types; of an edit: the
    columns that it changes, and whether it expects a version.
    """
    if isinstance(asked, PageRequest):
        filters = tuple([name for name, _ in asked.filters])
        return asked.backwards, asked.order, asked.descending, filters, asked.cursor is not None
    if isinstance(asked, Edit):
        return tuple(asked.changes), asked.expected_version is not None
    if isinstance(asked, tuple):
        return asked[0]
    if isinstance(asked, list):
        return tuple(sorted({type_name for type_name, _ in asked}))
    return None


def plan(
    tree: Tree, permissions: AbstractSet[Permission], asked: Sequence[Any], known: Mapping[str, bool]
) -> Plan | Declined:
    """The plan for what is asked; or why there is none."""
    is_edit = bool(asked) and isinstance(asked[0], Edit)
    try:
        statement = (
            write_edit(tree, permissions, asked[0], known) if is_edit else write(tree, permissions, asked, known)
        )
    except Declined as declined:
        return declined
    mutation = tree.root.fields[0].name if is_edit else None
    return Plan(statement.sql, tuple(_get(source, tree, asked) for source in statement.sources), mutation)


def _get(source: Source, tree: Tree, asked: Sequence[Any]) -> Get:
    if source.site is None:
        return _processed(source, lambda _asked, identity: getattr(identity, source.name))
    site, of = source.site, _getter(source.name, asked[source.site])
    if not (tree.sites[site].has_variables or isinstance(asked[site], Edit)):  # what the text says is part of the plan
        value = of(asked[site]) if source.process is None else source.process(of(asked[site]))
        return lambda _asked, _identity: value
    return _processed(source, lambda every, _identity: of(every[site]))


def _processed(source: Source, get: Get) -> Get:
    process = source.process
    if process is None:
        return get
    return lambda asked, identity: process(get(asked, identity))


def _getter(name: str, asked: Any) -> Callable[[Any], Any]:
    """What gets a value of this name from any wish of this shape."""
    if isinstance(asked, UUID):
        return lambda row_id: row_id
    if isinstance(asked, tuple):
        return lambda typed: typed[1]
    if isinstance(asked, list):
        part = 0 if name == "types" else 1
        return lambda every: [each[part] for each in every]
    if isinstance(asked, Edit):
        return attrgetter(name) if name in EDIT else lambda edit: edit.changes[name.removeprefix("=")]
    return _of_page(name, asked)


def _of_page(name: str, asked: PageRequest) -> Callable[[PageRequest], Any]:
    if name in {"limit", "fingerprint"}:
        return attrgetter(name)
    if name in {"after_key", "after_id"}:
        place = int(name == "after_id")
        return lambda request: request.cursor and request.cursor[place]
    index = [each for each, _ in asked.filters].index(name)
    return lambda request: request.filters[index][1]
