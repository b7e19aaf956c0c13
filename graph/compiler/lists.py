"""Lists: a page of rows as `json_agg`, where it stands in its list, and how many rows there are.

    (SELECT row_to_json(…) FROM (SELECT t4.w0 AS "nodes", … FROM (
        SELECT json_agg(t3.r0 …) AS w0, count(*) > 50 AS w1, … FROM (
            SELECT (…) AS r0, row_number() OVER (ORDER BY …) AS n FROM (SELECT … LIMIT 51) t2) t3) t4) …)

`t2` are the rows that the services select, `t3` what is shown of each, `t4` what is shown of all of them. Rows are
numbered only where that matters: to find a row beyond the page, the ends of a page, or to turn it round.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Integer, Select, literal_column

from graph.compiler.rows import Rows, as_object
from graph.compiler.sql import Writer, text
from graph.compiler.tree import Declined, Selected, Selection, Tree
from graph.fields import Listing
from services.access import Permission
from services.cursors import cursor_of
from services.pagination import MOST, Collection, PageRequest
from services.selects import listed, order_keys, paged

__all__ = ["Connection", "Objects", "connection"]


class Objects(Protocol):
    """What writes the objects in a list."""

    tree: Tree
    permissions: AbstractSet[Permission]
    asked: Sequence[Any]
    writer: Writer

    def field(self, selected: Selected, within: Selection, rows: Rows | None) -> str:
        """One field of an object."""

    def one(self, selected: Selected, collection: Collection, key: str, value: ColumnElement[Any]) -> str:
        """The one row that a field leads to."""


def connection(
    objects: Objects, selected: Selected, field: Listing, under: tuple[str, ColumnElement[Any]] | None
) -> str:
    """A list as an object; `under` is the column that holds a parent's key, and that key."""
    return Connection(objects, selected, field.collection, under).sql()


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

    def sql(self) -> str:
        """The list as an object."""
        shown = [(each.key, self.part(each)) for each in self.selection.fields]
        return as_object(shown, self.aggregates() if self.of_whole else "")

    def part(self, each: Selected) -> str:
        """One field of the list."""
        match each.field.python_name if each.field else "":
            case "":
                return f"{text(self.selection.type_name)}::text"
            case "nodes":
                return self.all(self.node(each.only))
            case "edges":
                return self.all(as_object([(one.key, self.edge(one, each.only)) for one in each.only.fields]))
            case "page_info":
                return as_object([(one.key, self.info(one, each.only)) for one in each.only.fields])
            case "total_count":
                return self.count()
        raise Declined(f"{self.selection.type_name}.{each.key} is answered by code")

    def edge(self, one: Selected, within: Selection) -> str:
        """One field of an edge."""
        match one.field.python_name if one.field else "":
            case "":
                return f"{text(within.type_name)}::text"
            case "node":
                return self.node(one.only)
            case "cursor":
                return self.cursor()
        raise Declined(f"{within.type_name}.{one.key} is answered by code")

    def info(self, one: Selected, within: Selection) -> str:
        """One field of what is said of the page."""
        backwards, has_cursor = self.request.backwards, self.request.cursor is not None
        match one.field.python_name if one.field else "":
            case "":
                return f"{text(within.type_name)}::text"
            case "has_next_page":
                return _constant(has_cursor) if backwards else self.more()
            case "has_previous_page":
                return self.more() if backwards else _constant(has_cursor)
            case "start_cursor":
                return self.furthest_cursor() if backwards else self.nearest_cursor()
            case "end_cursor":
                return self.nearest_cursor() if backwards else self.furthest_cursor()
        raise Declined(f"{within.type_name}.{one.key} is answered by code")

    def node(self, of: Selection) -> str:
        """A row as an object."""
        return as_object([(each.key, self.objects.field(each, of, self.page)) for each in of.fields])

    def cursor(self) -> str:
        """A row's cursor."""
        return self.writer.render(cursor_of(*self.keys()), self.site)

    def keys(self) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
        """What the page is sorted by."""
        sort, _, _ = order_keys(self.collection, self.request)
        return self.page.add("=sort", sort), self.page.column("id")

    def all(self, each: str) -> str:
        """A list of something of each row of the page."""
        order = ""
        if self.is_numbered:
            order = f" ORDER BY {self.rows}.n DESC" if self.request.backwards else f" ORDER BY {self.rows}.n"
        return self.aggregate(f"coalesce(json_agg({self.of_row(each)}{order}){self.on_page()}, '[]'::json)")

    def more(self) -> str:
        """Whether there are rows beyond the page."""
        return self.aggregate(f"count(*) > {self.limit}")

    def nearest_cursor(self) -> str:
        """The cursor of the first row that is walked."""
        return self.aggregate(f"max({self.of_row(self.cursor())}) FILTER (WHERE {self.rows}.n = 1)")

    def furthest_cursor(self) -> str:
        """The cursor of the last row that is walked."""
        order = f" ORDER BY {self.rows}.n DESC"
        return self.aggregate(f"(array_agg({self.of_row(self.cursor())}{order}){self.on_page()})[1]")

    def on_page(self) -> str:
        """What leaves out a row beyond the page."""
        return f" FILTER (WHERE {self.rows}.n <= {self.limit})" if self.needs_more else ""

    def of_row(self, expression: str) -> str:
        """Something of a row, by the name that it has outside."""
        return f"{self.rows}.{self.of_rows.setdefault(expression, f'r{len(self.of_rows)}')}"

    def aggregate(self, expression: str) -> str:
        """Something of the whole page, by the name that it has outside."""
        return f"{self.whole}.{self.of_whole.setdefault(expression, f'w{len(self.of_whole)}')}"

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

    def count(self) -> str:
        """How many rows there are."""
        rows = self.listed()
        only_ids = rows.with_only_columns(rows.selected_columns["id"], maintain_column_froms=True)
        return f"(SELECT count(*)::integer FROM ({self.writer.render(only_ids, self.site)}) {self.writer.name()})"

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


def _constant(value: object) -> str:
    return "true" if value else "false"
