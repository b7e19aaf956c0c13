"""From a tree to one statement: `row_to_json` over a sub-select for each object, `json_agg` for each list.

    SELECT (SELECT row_to_json(j) FROM (SELECT … AS "orders", … AS "viewer") j)::text
    FROM atrium_enter($1, …, $7) entered

The body is a scalar sub-query of the select list that refers to what `atrium_enter` yielded, so that nothing of it is
evaluated before the walls are set, and nothing at all for who is not let in. Within it, every object is

    (SELECT row_to_json(j) FROM (SELECT t2."full_name" AS "fullName", … FROM (SELECT … FROM memberships …) t2) j)

where the innermost select is the services' own, with the services' own names, and knows its parent by the name `t1`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from graphql import is_non_null_type
from sqlalchemy import ARRAY, Boolean, Column as TableColumn, ColumnElement, Computed, Integer, Text, Uuid, literal_column
from sqlalchemy.types import TypeEngine

from collections.abc import Set as AbstractSet

from graph import fields
from graph.compiler.sql import IDENTITY, NOT_NULL, Source, Writer, column, quoted, text
from graph.compiler.tree import Declined, Selected, Selection, Tree
from graph.compiler.values import amount, demanded, printed
from graph.nodes import AnyNode, AnyNodes
from models.base import table_of
from services.access import Permission, permitted
from services.errors import DomainError
from services.pagination import MOST, Collection, PageRequest, cursor_of, listed, one_of, order_keys, paged

__all__ = ["Statement", "write"]

ENTRY = ("tenant_id", "user_id", "role", "session_id", "request_id", "ip", "user_agent")
ENTRY_TYPES = "uuid uuid text uuid text text text".split()

OBJECT = quoted("{}")  # a name that no field can have, for a column would be taken for the row

KINDS = frozenset(
    {
        fields.Column,
        fields.GlobalId,
        fields.One,
        fields.Sql,
        fields.MoneyField,
        fields.Single,
        fields.Own,
        fields.Listing,
        fields.Many,
        fields.Claim,
        fields.Matches,
        fields.ShownOnce,
        AnyNode,
        AnyNodes,
    }
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement, and where the values of its parameters behind those of `atrium_enter` come from."""

    sql: str
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
        Declined: some field needs Python, or these permissions do not allow it.
    """
    writer = Writer(first=len(ENTRY) + 1)
    try:
        body = _Objects(tree, permissions, asked, known, writer).root()
    except DomainError as refusal:
        raise Declined(type(refusal).__name__) from None
    marks = ", ".join(f"${number}::{type_}" for number, type_ in enumerate(ENTRY_TYPES, 1))
    return Statement(f"SELECT {body}::text FROM atrium_enter({marks}) entered", tuple(writer.sources))


class _Rows:
    """Rows that the outer select reads by a name; notes which of their columns it needs."""

    def __init__(self, name: str, collection: Collection, select: Any) -> None:
        self.name = name
        self.collection = collection
        self.select = select
        self.needed: dict[str, ColumnElement[Any]] = {}

    def column(self, name: str) -> ColumnElement[Any]:
        """One of its columns, to be used outside."""
        found = self.select.selected_columns[name]
        return self.add(name, found)

    def add(self, name: str, expression: ColumnElement[Any]) -> ColumnElement[Any]:
        """Something that is computed of its rows, to be used outside."""
        self.needed.setdefault(name, expression.label(name))
        return column(self.name, name, expression.type)

    def is_proved(self, name: str) -> bool:
        """Whether a column is never null: it is the table's own, and declared so."""
        found = self.select.selected_columns[name]
        return isinstance(found, TableColumn) and not found.nullable


class _Objects:
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
        return _object([(each.key, self.field(each, self.tree.root, None)) for each in self.tree.root.fields])

    def field(self, selected: Selected, within: Selection, rows: _Rows | None) -> str:
        """One field of an object whose row is one of these; the root's fields have none."""
        field = selected.field
        if field is None:
            return f"{text(within.type_name)}::text"
        self._prove(selected, within)
        match field:
            case fields.Many():
                assert rows is not None
                parent = rows.column(field.key)
                return self.connection(selected, field, (field.column, parent))
            case fields.Listing():
                return self.connection(selected, field, None)
            case fields.Own():
                return self.own(selected, field)
            case fields.Single():
                value = self.writer.parameter(selected.site, "id", Uuid())
                return self.one(selected, selected.only, field.target.collection, "id", value)
            case AnyNode():
                return self.any_node(selected)
            case AnyNodes():
                return self.any_nodes(selected)
        assert rows is not None
        return self.of_row(selected, field, rows)

    def of_row(self, selected: Selected, field: Any, rows: _Rows) -> str:
        match field:
            case fields.GlobalId():
                return f"{text(field.definition.name + ':')} || {_sql(rows.column('id'))}"
            case fields.One():
                return self.one(
                    selected, selected.only, field.target.collection, field.key, rows.column(field.column)
                )
            case fields.Sql():
                value = self.expression(rows, field.expression)
                shown = printed(_sql(value), value.type, selected.type)
                return demanded(shown, selected.type, proved=False, cast=_cast(value.type, shown))
            case fields.MoneyField():
                return self.money(selected, field, rows)
            case fields.Claim():
                value = self.writer.parameter(None, field.attribute, Text())
                return printed(_sql(value), value.type, selected.type)
            case fields.Matches():
                value = rows.column(field.column)
                claimed = self.writer.parameter(None, field.attribute, value.type)
                return f"coalesce({_sql(value)} = {_sql(claimed)}, false)"
            case fields.ShownOnce():
                return "NULL::text"  # by queries
            case fields.Column():
                name = field.column or field.python_name
                value = rows.column(name)
                if is_non_null_type(selected.type) and not rows.is_proved(name):
                    raise Declined(f"{field.definition.name}.{name} may be null")
                return printed(_sql(value), value.type, selected.type)
        raise Declined(f"{type(field).__name__} is not known")

    def expression(self, rows: _Rows, name: str) -> ColumnElement[Any]:
        if name in rows.collection.guarded:
            permitted(self.permissions, rows.collection.guarded[name])
        return rows.add(f"={name}", rows.collection.expressions[name])

    def money(self, selected: Selected, field: fields.MoneyField, rows: _Rows) -> str:
        currency = rows.column(field.currency)
        minor = self.expression(rows, field.minor) if field.computed else rows.column(field.minor)
        shown = []
        for each in selected.only.fields:
            name = each.field.python_name if each.field else ""
            if name == "amount":
                value = amount(_sql(minor), _sql(currency))
            elif name == "currency":
                value = printed(_sql(currency), currency.type, each.type)
            else:
                value = f"{text(selected.only.type_name)}::text"
            shown.append((each.key, value))
        return _object(shown)

    def own(self, selected: Selected, field: fields.Own) -> str:
        if not self.known[field.attribute]:
            return "NULL::json"
        value = IDENTITY.get(field.attribute)
        if value is None:
            value = self.writer.parameter(None, field.attribute, Uuid())
        return self.one(selected, selected.only, field.target.collection, "id", value)

    def any_node(self, selected: Selected) -> str:
        type_name, _ = self.asked[selected.site]
        value = self.writer.parameter(selected.site, "id", Uuid())
        return self.one(selected, selected.of[type_name], fields.NODES[type_name].collection, "id", value)

    def any_nodes(self, selected: Selected) -> str:
        types = sorted({type_name for type_name, _ in self.asked[selected.site]})
        name = self.writer.name()
        row_id = column(name, "id", Uuid())
        cases = " ".join(
            f"WHEN {text(each)} THEN "
            + self.row(selected.of[each], fields.NODES[each].collection, "id", row_id)
            for each in types
        )
        if not types:
            return "'[]'::json"
        names = _sql(self.writer.parameter(selected.site, "types", ARRAY(Text())))
        ids = _sql(self.writer.parameter(selected.site, "ids", ARRAY(Uuid())))
        return (
            f"(SELECT coalesce(json_agg(CASE {name}.type {cases} END ORDER BY {name}.n), '[]'::json)"
            f" FROM unnest({names}, {ids}) WITH ORDINALITY {name}(type, id, n))"
        )

    def one(
        self, selected: Selected, of: Selection, collection: Collection, key: str, value: ColumnElement[Any]
    ) -> str:
        """The one row that a field leads to; where there must be one, its absence fails the statement."""
        found = self.row(of, collection, key, value)
        return f"coalesce({found}, {NOT_NULL}::json)" if is_non_null_type(selected.type) else found

    def row(self, of: Selection, collection: Collection, key: str, value: ColumnElement[Any]) -> str:
        """The row whose column `key` has this value, as an object; null if there is none."""
        rows = _Rows(self.writer.name(), collection, one_of(collection, self.permissions, key, value))
        shown = [(each.key, self.field(each, of, rows)) for each in of.fields]
        inner = self.writer.render(rows.select.with_only_columns(*_columns(rows), maintain_column_froms=True))
        return _object(shown, f"({inner}) {rows.name}")

    def connection(
        self, selected: Selected, field: fields.Listing, under: tuple[str, ColumnElement[Any]] | None
    ) -> str:
        return _Connection(self, selected, field, under).sql()

    def _prove(self, selected: Selected, within: Selection) -> None:
        """Make sure that no code answers the field that its declaration does not tell of."""
        field = selected.field
        owner = next((cls for cls in type(field).__mro__ if "get_result" in cls.__dict__), None)
        if owner not in KINDS and (owner is None or "asked" not in owner.__dict__ or not isinstance(field, fields.Declared)):
            raise Declined(f"{within.type_name}.{field.python_name} is answered by code" if field else "no field")


class _Connection:
    """One list: its page, and its count."""

    def __init__(
        self,
        objects: _Objects,
        selected: Selected,
        field: fields.Listing,
        under: tuple[str, ColumnElement[Any]] | None,
    ) -> None:
        assert selected.site is not None, "every list takes arguments"
        self.objects = objects
        self.writer = objects.writer
        self.selection = selected.only
        self.site: int = selected.site
        self.request: PageRequest = objects.asked[self.site]
        self.is_constant = not objects.tree.sites[self.site].has_variables
        self.collection = field.target.collection
        self.under = under
        self.page = _Rows(self.writer.name(), self.collection, self.listed())
        self.rows = self.writer.name()
        self.whole = self.writer.name()
        self.of_rows: dict[str, str] = {}
        """Expressions over a row, by the names that `rows` gives them."""
        self.of_whole: dict[str, str] = {}
        """Aggregates over the page, by the names that `whole` gives them."""
        wanted = {one.field.python_name for each in self.selection.named("page_info") for one in _declared(each.only)}
        self.needs_more = ("has_previous_page" if self.request.backwards else "has_next_page") in wanted
        """Whether a row beyond the page is looked for."""
        self.is_numbered = self.request.backwards or self.needs_more or bool(wanted & {"start_cursor", "end_cursor"})

    def sql(self) -> str:
        """The list as an object."""
        shown = [(each.key, self.part(each)) for each in self.selection.fields]
        return _object(shown, self.aggregates() if self.of_whole else "")

    def part(self, each: Selected) -> str:
        match each.field.python_name if each.field else "":
            case "":
                return f"{text(self.selection.type_name)}::text"
            case "nodes":
                return self.all(self.node(each.only))
            case "edges":
                return self.all(_object([(one.key, self.edge(one, each.only)) for one in each.only.fields]))
            case "page_info":
                return _object([(one.key, self.info(one, each.only)) for one in each.only.fields])
            case "total_count":
                return f"(SELECT count(*)::integer FROM ({self.counted()}) {self.writer.name()})"
        raise Declined(f"{self.selection.type_name}.{each.key} is answered by code")

    def edge(self, one: Selected, within: Selection) -> str:
        match one.field.python_name if one.field else "":
            case "":
                return f"{text(within.type_name)}::text"
            case "node":
                return self.node(one.only)
            case "cursor":
                return self.cursor()
        raise Declined(f"{within.type_name}.{one.key} is answered by code")

    def info(self, one: Selected, within: Selection) -> str:
        backwards, has_cursor = self.request.backwards, self.request.cursor is not None
        match one.field.python_name if one.field else "":
            case "":
                return f"{text(within.type_name)}::text"
            case "has_next_page":
                return _boolean(has_cursor) if backwards else self.more()
            case "has_previous_page":
                return self.more() if backwards else _boolean(has_cursor)
            case "start_cursor":
                return self.furthest_cursor() if backwards else self.nearest_cursor()
            case "end_cursor":
                return self.nearest_cursor() if backwards else self.furthest_cursor()
        raise Declined(f"{within.type_name}.{one.key} is answered by code")

    def node(self, of: Selection) -> str:
        return _object([(each.key, self.objects.field(each, of, self.page)) for each in of.fields])

    def cursor(self) -> str:
        sort, _, _ = order_keys(self.collection, self.request)
        return self.writer.render(cursor_of(self.page.add("=sort", sort), self.page.column("id")), self.site)

    def all(self, each: str) -> str:
        """A list of something of each row of the page."""
        order = ""
        if self.is_numbered:
            order = f" ORDER BY {self.rows}.n DESC" if self.request.backwards else f" ORDER BY {self.rows}.n"
        return self.aggregate(f"coalesce(json_agg({self.of_row(each)}{order}){self.on_page()}, '[]'::json)")

    def more(self) -> str:
        return self.aggregate(f"count(*) > {self.limit}")

    def nearest_cursor(self) -> str:
        return self.aggregate(f"max({self.of_row(self.cursor())}) FILTER (WHERE {self.rows}.n = 1)")

    def furthest_cursor(self) -> str:
        order = f" ORDER BY {self.rows}.n DESC"
        return self.aggregate(f"(array_agg({self.of_row(self.cursor())}{order}){self.on_page()})[1]")

    def on_page(self) -> str:
        return f" FILTER (WHERE {self.rows}.n <= {self.limit})" if self.needs_more else ""

    def of_row(self, expression: str) -> str:
        return f"{self.rows}.{self.of_rows.setdefault(expression, f'r{len(self.of_rows)}')}"

    def aggregate(self, expression: str) -> str:
        return f"{self.whole}.{self.of_whole.setdefault(expression, f'w{len(self.of_whole)}')}"

    @property
    def limit(self) -> str:
        """How many rows the page has."""
        if self.is_constant:
            return str(self.request.limit)
        return _sql(self.writer.parameter(self.site, "limit", Integer()))

    def listed(self) -> Any:
        filters = [name for name, _ in self.request.filters]
        return listed(self.collection, self.objects.permissions, filters, self.under)

    def counted(self) -> str:
        rows = self.listed()
        only_ids = rows.with_only_columns(rows.selected_columns["id"], maintain_column_froms=True)
        return self.writer.render(only_ids, self.site)

    def aggregates(self) -> str:
        wanted = ", ".join(f"{expression} AS {name}" for expression, name in self.of_whole.items())
        return f"(SELECT {wanted} FROM ({self.source()}) {self.rows}) {self.whole}"

    def source(self) -> str:
        """What is needed of each row of the page, in the order in which they are walked."""
        parts = [f"{expression} AS {name}" for expression, name in self.of_rows.items()]
        if self.is_numbered:
            sort, _, downwards = order_keys(self.collection, self.request)
            direction = " DESC" if downwards else ""
            keys = (self.page.add("=sort", sort), self.page.column("id"))
            order = ", ".join(f"{_sql(key)}{direction}" for key in keys)
            parts.append(f"row_number() OVER (ORDER BY {order}) AS n")
        return f"SELECT {', '.join(parts)} FROM ({self.paged()}) {self.page.name}"

    def paged(self) -> str:
        rows = self.page.select.with_only_columns(*_columns(self.page), maintain_column_froms=True)
        most = (self.request.limit if self.is_constant else MOST) + self.needs_more
        inner = self.writer.render(paged(rows, self.collection, self.request, literal_column(str(most))), self.site)
        if self.is_constant:
            return inner
        # Planned for the longest page, since a plan does not know the parameter, and read as far as is asked.
        return f"SELECT * FROM ({inner}) {self.writer.name()} LIMIT {self.limit} + {int(self.needs_more)}"


def _declared(selection: Selection) -> list[Any]:
    return [each for each in selection.fields if each.field is not None]


def _object(shown: Iterable[tuple[str, str]], source: str = "") -> str:
    listed_ = ", ".join(f"{value} AS {quoted(key)}" for key, value in shown)
    return f"(SELECT row_to_json({OBJECT}) FROM (SELECT {listed_}{f' FROM {source}' if source else ''}) {OBJECT})"


def _columns(rows: _Rows) -> list[ColumnElement[Any]]:
    """What is read of rows; something, even when nothing is needed but that they are there."""
    return list(rows.needed.values()) or [rows.select.selected_columns["id"]]


def _sql(element: ColumnElement[Any]) -> str:
    return str(element)


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def _cast(type_: TypeEngine[Any], shown: str) -> str:
    if isinstance(type_, ARRAY):
        return "text[]"
    return "integer" if shown.endswith("::integer") else "text"
