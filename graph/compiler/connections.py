"""Lists: a page of rows, where it stands in its list, and how many rows there are.

    (SELECT '{"nodes":' || t4.w0 || … || '}' FROM (
        SELECT '[' || coalesce(string_agg(t3.r0, ',' …), '') || ']' AS w0, (count(*) > 50)::text AS w1, … FROM (
            SELECT (…) AS r0, row_number() OVER (ORDER BY …) AS n FROM (SELECT … LIMIT 51) t2) t3) t4)

`t2` are the rows that the services select, `t3` what is shown of each, `t4` what is shown of all of them. Rows are
numbered only where that matters: to find a row beyond the page, the ends of a page, or to turn it round.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Integer, Select, literal_column

from graph.compiler.derived_table import Rows
from graph.compiler.json_text import Json, Letters
from graph.compiler.selection import Declined, Selected, Selection, Tree
from graph.compiler.sql import Writer
from graph.fields.declared import Listing
from services.permissions import Permission
from services.queries.collection import MOST, Collection, PageRequest
from services.queries.cursors import cursor_of
from services.queries.statements import listed, order_keys, paged

__all__ = ["Connection", "Objects", "connection"]


class Objects(Protocol):
    """What writes the objects in a list."""

    tree: Tree
    permissions: AbstractSet[Permission]
    asked: Sequence[Any]
    writer: Writer

    def object_of(self, of: Selection, rows: Rows | None) -> Json:
        """What is shown of something, as an object."""

    def field(self, selected: Selected, within: Selection, rows: Rows | None) -> Json:
        """One field of an object."""

    def one(self, selected: Selected, collection: Collection, key: str, value: ColumnElement[Any]) -> Json:
        """The one row that a field leads to."""


def connection(
    objects: Objects, selected: Selected, field: Listing, under: tuple[str, ColumnElement[Any]] | None
) -> Json:
    """A list as an object; `under` is the column that holds a parent's key, and that key."""
    return Connection(objects, selected, field.collection, under).shown()


class Connection:
    """One list: its page, and its count. What it is read from can be told anew."""

    def __init__(
        self,
        objects: Objects,
        selected: Selected,
        collection: Collection,
        under: tuple[str, ColumnElement[Any]] | None,
    ) -> None:
        assert selected.site is not None, "every list takes arguments"
        self.objects = objects
        self.writer = objects.writer
        self.selection = selected.only
        self.site: int = selected.site
        self.request: PageRequest = objects.asked[self.site]
        self.is_constant = not objects.tree.sites[self.site].has_variables
        self.collection = collection
        self.under = under
        self.page = Rows(self.writer.name(), self.collection, self.listed())
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

    def shown(self) -> Json:
        """The list as an object."""
        shown = Json.object_of([(each.key, self.part(each)) for each in self.selection.fields])
        return shown.read_from(self.aggregates()) if self.of_whole else shown

    def part(self, each: Selected) -> Json:
        """One field of the list."""
        match each.field.python_name if each.field else "":
            case "":
                return Json.name(self.selection.type_name)
            case "nodes":
                return self.all(self.objects.object_of(each.only, self.page))
            case "edges":
                return self.all(Json.object_of([(one.key, self.edge(one, each.only)) for one in each.only.fields]))
            case "page_info":
                return Json.object_of([(one.key, self.info(one, each.only)) for one in each.only.fields])
            case "total_count":
                return self.count()
        raise Declined(f"{self.selection.type_name}.{each.key} is answered by code")

    def edge(self, one: Selected, within: Selection) -> Json:
        """One field of an edge."""
        match one.field.python_name if one.field else "":
            case "":
                return Json.name(within.type_name)
            case "node":
                return self.objects.object_of(one.only, self.page)
            case "cursor":
                return Json.string(self.cursor()).or_fail()
        raise Declined(f"{within.type_name}.{one.key} is answered by code")

    def info(self, one: Selected, within: Selection) -> Json:
        """One field of what is said of the page."""
        backwards, has_cursor = self.request.backwards, self.request.cursor is not None
        match one.field.python_name if one.field else "":
            case "":
                return Json.name(within.type_name)
            case "has_next_page":
                return _constant(has_cursor) if backwards else self.more()
            case "has_previous_page":
                return self.more() if backwards else _constant(has_cursor)
            case "start_cursor":
                return self.furthest_cursor() if backwards else self.nearest_cursor()
            case "end_cursor":
                return self.nearest_cursor() if backwards else self.furthest_cursor()
        raise Declined(f"{within.type_name}.{one.key} is answered by code")

    def cursor(self) -> str:
        """A row's cursor, which is Base64."""
        return f"({self.writer.render(cursor_of(*self.keys()), self.site)})"

    def keys(self) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
        """What the page is sorted by."""
        sort, _, _ = order_keys(self.collection, self.request)
        return self.page.add("=sort", sort), self.page.column("id")

    def all(self, each: Json) -> Json:
        """A list of something of each row of the page."""
        order = ""
        if self.is_numbered:
            order = f" ORDER BY {self.rows}.n DESC" if self.request.backwards else f" ORDER BY {self.rows}.n"
        return self.aggregate(Json.list_of(Json.of(self.of_row(each.sql())), order, self.on_page()))

    def more(self) -> Json:
        """Whether there are rows beyond the page."""
        return self.aggregate(Json.of(f"(count(*) > {self.limit})::text"))

    def nearest_cursor(self) -> Json:
        """The cursor of the first row that is walked."""
        first = f"max({self.of_row(self.cursor())}) FILTER (WHERE {self.rows}.n = 1)"
        return self.aggregate(Json.string(first).or_null())

    def furthest_cursor(self) -> Json:
        """The cursor of the last row that is walked."""
        order = f" ORDER BY {self.rows}.n DESC"
        last = f"(array_agg({self.of_row(self.cursor())}{order}){self.on_page()})[1]"
        return self.aggregate(Json.string(last).or_null())

    def on_page(self) -> str:
        """What leaves out a row beyond the page."""
        return f" FILTER (WHERE {self.rows}.n <= {self.limit})" if self.needs_more else ""

    def of_row(self, expression: str) -> str:
        """Something of a row, by the name that it has outside."""
        return f"{self.rows}.{self.of_rows.setdefault(expression, f'r{len(self.of_rows)}')}"

    def aggregate(self, shown: Json) -> Json:
        """Something of the whole page, by the name that it has outside."""
        return Json.of(f"{self.whole}.{self.of_whole.setdefault(shown.sql(), f'w{len(self.of_whole)}')}")

    @property
    def limit(self) -> str:
        """How many rows the page has."""
        if self.is_constant:
            return str(self.request.limit)
        return str(self.writer.parameter(self.site, "limit", Integer()))

    def listed(self) -> Select[Any]:
        """The rows, as the services select them."""
        filters = [name for name, _ in self.request.filters]
        return listed(self.collection, self.objects.permissions, filters, self.under)

    def count(self) -> Json:
        """How many rows there are."""
        rows = self.listed()
        only_ids = rows.with_only_columns(rows.selected_columns["id"], maintain_column_froms=True)
        of = f"({self.writer.render(only_ids, self.site)}) {self.writer.name()}"
        return Json.of("count(*)::integer::text").read_from(of)

    def aggregates(self) -> str:
        """What is shown of all rows of the page, as a table of one row."""
        wanted = ", ".join(f"{expression} AS {name}" for expression, name in self.of_whole.items())
        return f"(SELECT {wanted} FROM ({self.source()}) {self.rows}) {self.whole}"

    def source(self) -> str:
        """What is needed of each row of the page, in the order in which they are walked."""
        parts = [f"{expression} AS {name}" for expression, name in self.of_rows.items()]
        if self.is_numbered:
            direction = " DESC" if self.request.descending != self.request.backwards else ""
            order = ", ".join(f"{key!s}{direction}" for key in self.keys())
            parts.append(f"row_number() OVER (ORDER BY {order}) AS n")
        return f"SELECT {', '.join(parts)} FROM ({self.paged()}) {self.page.name}"

    def paged(self) -> str:
        """The rows of the page, with what is needed of them."""
        most = (self.request.limit if self.is_constant else MOST) + self.needs_more
        page = paged(self.page.narrowed(), self.collection, self.request, literal_column(str(most)))
        inner = self.writer.render(page, self.site)
        if self.is_constant:
            return inner
        # Planned for the longest page, since a plan does not know the parameter, and read as far as is asked.
        return f"SELECT * FROM ({inner}) {self.writer.name()} LIMIT {self.limit} + {int(self.needs_more)}"


def _declared(selection: Selection) -> list[Any]:
    return [each for each in selection.fields if each.field is not None]


def _constant(value: object) -> Json:
    return Json.of(Letters("true" if value else "false"))
