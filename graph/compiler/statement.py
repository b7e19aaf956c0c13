"""From a tree to one statement, which writes the answer as text (see `jsontext`).

    SELECT coalesce('{"orders":' || … || ',"viewer":' || … || '}', '') FROM atrium_enter($1, …, $9) entered

The body stands in the select list and refers to what `atrium_enter` yielded, so that nothing of it is evaluated before
the walls are set, and nothing at all for who is not let in. Within it, a row as an object is

    (SELECT '{"fullName":' || to_json(t2."full_name")::text || … || '}' FROM (SELECT … FROM memberships …) t2)

where the innermost select is the services' own, with the services' own names, and knows its parent by the name `t1`.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from graphql import is_non_null_type
from sqlalchemy import ARRAY, ColumnElement, Text, Uuid

from graph.compiler import search_statement
from graph.compiler.connections import connection
from graph.compiler.derived_table import Rows
from graph.compiler.json_text import Json, Letters
from graph.compiler.selection import Declined, Selected, Selection, Tree
from graph.compiler.serialization import amount, printed
from graph.compiler.sql import ENTERED, IDENTITY, Source, Writer, column, text
from graph.fields import declared, match_fields, viewer
from graph.fields.node import AnyNode, AnyNodes
from models.database.identity import CALL, ENTRY
from services.errors import DomainError
from services.permissions import Permission, permitted
from services.queries.collection import Collection
from services.queries.statements import one_of

__all__ = ["ObjectWriter", "Statement", "is_taken", "write"]


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement, and where the values of its parameters behind those of `atrium_enter` come from."""

    sql: str
    """It yields no row where nobody is let in, and an empty text where it came to nothing."""
    sources: tuple[Source, ...]


def write(
    tree: Tree, permissions: AbstractSet[Permission], asked: Sequence[Any], known: Mapping[str, bool]
) -> Statement:
    """The statement that answers a tree for who has these permissions.

    Args:
        tree: what is asked.
        permissions: whose.
        asked: what each site asks for; of those that differ from request to request, the shape alone is used.
        known: which parts of the identity there are.

    Raises:
        Declined: some field needs Python, these permissions do not allow it, or there is nothing to read.
    """
    writer = Writer(first=len(ENTRY) + 1)
    try:
        body = ObjectWriter(tree, permissions, asked, known, writer).root()
    except DomainError as refusal:
        raise Declined(type(refusal).__name__) from None
    if not writer.names:
        raise Declined("nothing to read")
    return Statement(f"SELECT {body} FROM {CALL} {ENTERED}", tuple(writer.sources))


class ObjectWriter:
    """Writes objects, field by field."""

    def __init__(
        self,
        tree: Tree,
        permissions: AbstractSet[Permission],
        asked: Sequence[Any],
        known: Mapping[str, bool],
        writer: Writer,
    ) -> None:
        self.tree = tree
        self.permissions = permissions
        self.asked = asked
        self.known = known
        self.writer = writer

    def root(self) -> str:
        """The whole answer as text; an empty one where it comes to nothing."""
        return f"coalesce({self.object_of(self.tree.root, None).sql()}, '')"

    def object_of(self, of: Selection, rows: Rows | None) -> Json:
        """What is shown of something, as an object."""
        return Json.object_of([(each.key, self.field(each, of, rows)) for each in of.fields])

    def field(self, selected: Selected, within: Selection, rows: Rows | None) -> Json:
        """One field of an object; null only where that leaves the whole answer to the reference executor."""
        if selected.field is None:
            return Json.name(within.type_name)
        write_ = _way_of(selected, within)
        return write_(self, selected, selected.field, rows)

    def row(self, of: Selection, collection: Collection, key: str, value: ColumnElement[Any]) -> Json:
        """The row whose column `key` has this value, as an object; null if there is none."""
        rows = Rows(self.writer.name(), collection, one_of(collection, self.permissions, key, value))
        shown = self.object_of(of, rows)
        return shown.read_from(f"({self.writer.render(rows.narrowed())}) {rows.name}")

    def one(self, selected: Selected, collection: Collection, key: str, value: ColumnElement[Any]) -> Json:
        """The one row that a field leads to; where there must be one, its absence fails the statement."""
        found = self.row(selected.only, collection, key, value)
        return found.or_fail() if is_non_null_type(selected.type) else found.or_null()

    def expression(self, rows: Rows, name: str) -> ColumnElement[Any]:
        """One of a collection's named expressions."""
        if name in rows.collection.guarded:
            permitted(self.permissions, rows.collection.guarded[name])
        return rows.add(f"={name}", rows.collection.expressions[name])

    def claimed(self, attribute: str, type_: Any) -> ColumnElement[Any]:
        """What the actor's identity says."""
        return IDENTITY[attribute] if attribute in IDENTITY else self.writer.parameter(None, attribute, type_)


def _column(_objects: ObjectWriter, selected: Selected, field: declared.Column, rows: Rows) -> Json:
    name = field.column or field.python_name
    value, proof = rows.column(name), rows.proof(name)
    if is_non_null_type(selected.type) and not proof.never_null:
        raise Declined(f"{field.definition.name}.{name} may be null")
    return printed(str(value), value.type, selected.type, proof)


def _global_id(_objects: ObjectWriter, _selected: Selected, field: declared.GlobalId, rows: Rows) -> Json:
    return Json.of(Letters(f'"{field.definition.name}:'), f"{rows.column('id')}::text", Letters('"'))


def _one(objects: ObjectWriter, selected: Selected, field: declared.One, rows: Rows) -> Json:
    return objects.one(selected, field.target.collection, field.key, rows.column(field.column))


def _sql(objects: ObjectWriter, selected: Selected, field: declared.Sql, rows: Rows) -> Json:
    value = objects.expression(rows, field.expression)
    return printed(str(value), value.type, selected.type)


def _money(objects: ObjectWriter, selected: Selected, field: declared.MoneyField, rows: Rows) -> Json:
    currency, proof = rows.column(field.currency), rows.proof(field.currency)
    minor = objects.expression(rows, field.minor) if field.computed else rows.column(field.minor)
    shown = []
    for each in selected.only.fields:
        name = each.field.python_name if each.field else None
        if name == "amount":
            value = amount(str(minor), str(currency), proof)
        elif name == "currency":
            value = printed(str(currency), currency.type, each.type, proof)
        elif each.field is None:
            value = Json.name(selected.only.type_name)
        else:
            raise Declined(f"Money.{each.key} is answered by code")
        shown.append((each.key, value))
    return Json.object_of(shown)


def _claim(objects: ObjectWriter, selected: Selected, field: viewer.Claim, _rows: Rows) -> Json:
    value = objects.claimed(field.attribute, Text())
    return printed(str(value), value.type, selected.type)


def _matches(objects: ObjectWriter, _selected: Selected, field: viewer.Matches, rows: Rows) -> Json:
    value = rows.column(field.column)
    return Json.of(f"({value} IS NOT DISTINCT FROM {objects.claimed(field.attribute, value.type)})::text")


def _shown_once(_objects: ObjectWriter, _selected: Selected, _field: viewer.ShownOnce, _rows: Rows) -> Json:
    return Json.NULL  # a query makes no secrets


def _listing(objects: ObjectWriter, selected: Selected, field: declared.Listing, _rows: Rows) -> Json:
    return connection(objects, selected, field, None)


def _many(objects: ObjectWriter, selected: Selected, field: declared.Many, rows: Rows) -> Json:
    return connection(objects, selected, field, (field.column, rows.column(field.key)))


def _own(objects: ObjectWriter, selected: Selected, field: viewer.Own, _rows: Rows) -> Json:
    if not objects.known[field.attribute]:
        return Json.NULL
    return objects.one(selected, field.target.collection, "id", objects.claimed(field.attribute, Uuid()))


def _search(objects: ObjectWriter, selected: Selected, field: match_fields.Search, rows: Rows | None) -> Json:
    if rows is not None:
        raise Declined(f"a search under {rows.name}")
    return search_statement.found(objects, selected, field)


def _said(
    objects: ObjectWriter, selected: Selected, field: match_fields.Said, rows: search_statement.FoundRows
) -> Json:
    return search_statement.said(objects, selected, field, rows)


def _single(objects: ObjectWriter, selected: Selected, field: declared.Single, _rows: Rows) -> Json:
    value = objects.writer.parameter(selected.site, "id", Uuid())
    return objects.one(selected, field.target.collection, "id", value)


def _any_node(objects: ObjectWriter, selected: Selected, _field: AnyNode, _rows: Rows) -> Json:
    assert selected.site is not None, "it takes an id"
    type_name, _ = objects.asked[selected.site]
    value = objects.writer.parameter(selected.site, "id", Uuid())
    return objects.row(selected.of[type_name], declared.NODES[type_name].collection, "id", value).or_null()


def _any_nodes(objects: ObjectWriter, selected: Selected, _field: AnyNodes, _rows: Rows) -> Json:
    assert selected.site is not None, "it takes ids"
    types = sorted({type_name for type_name, _ in objects.asked[selected.site]})
    if not types:
        return Json.of(Letters("[]"))
    name = objects.writer.name()
    row_id = column(name, "id", Uuid())
    rows = {each: objects.row(selected.of[each], declared.NODES[each].collection, "id", row_id) for each in types}
    cases = " ".join(f"WHEN {text(each)} THEN {row.sql()}" for each, row in rows.items())
    names = objects.writer.parameter(selected.site, "types", ARRAY(Text()))
    ids = objects.writer.parameter(selected.site, "ids", ARRAY(Uuid()))
    every = Json.list_of(Json.of(f"CASE {name}.type {cases} END").or_null(), f" ORDER BY {name}.n")
    return every.read_from(f"unnest({names}, {ids}) WITH ORDINALITY {name}(type, id, n)")


WAYS: Mapping[type[declared.Declared], Callable[..., Json]] = {
    declared.Column: _column,
    declared.GlobalId: _global_id,
    declared.One: _one,
    declared.Sql: _sql,
    declared.MoneyField: _money,
    viewer.Claim: _claim,
    viewer.Matches: _matches,
    viewer.ShownOnce: _shown_once,
    declared.Single: _single,
    viewer.Own: _own,
    declared.Listing: _listing,
    declared.Many: _many,
    match_fields.Search: _search,
    match_fields.Said: _said,
    AnyNode: _any_node,
    AnyNodes: _any_nodes,
}
"""How each kind of field is written. No field is known here by its name."""


def is_taken(field: declared.Declared) -> bool:
    """Whether a declared field can be part of a statement, as far as its kind goes."""
    answering = next((cls for cls in type(field).__mro__ if "get_result" in cls.__dict__), None)
    taken = answering in WAYS or (answering is not None and "asked" in answering.__dict__)
    return taken and any(cls in WAYS for cls in type(field).__mro__)


def _way_of(selected: Selected, within: Selection) -> Callable[..., Json]:
    """How a field is written; code that answers it must have said by `asked` what it takes from a statement."""
    if not isinstance(selected.field, declared.Declared) or not is_taken(selected.field):
        raise Declined(f"{within.type_name}.{selected.name} is answered by code")
    return next(WAYS[cls] for cls in type(selected.field).__mro__ if cls in WAYS)
