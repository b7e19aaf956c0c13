"""What was found: a page of all that matches, with what is said of each match.

    (SELECT '{"nodes":' || t4.w0 || … || '}' FROM (WITH matched AS (…), page AS (…)
        SELECT '[' || string_agg(t3.r0, ',' ORDER BY t3.n) || ']' AS w0, (SELECT count(*) FROM matched) AS w1, … FROM (
            SELECT (…) AS r0, row_number() OVER (ORDER BY …) AS n FROM (SELECT … FROM articles, page …) t2) t3
        HAVING EXISTS (SELECT FROM matched)) t4)

It is a list (see `lists`) but for this: the services say what matches once, before the page and its count are taken of
that; a row beyond the page is not read, since whatever is said of a match may be dear; and where nothing matches it is
null. To answer that may take another try, so that the whole statement comes to nothing, and the reference executor
begins anew.
"""

from typing import Any

from graphql import get_named_type, is_composite_type
from sqlalchemy import ColumnElement, Select, func, literal_column, select

from graph.compiler.connections import Connection, Objects
from graph.compiler.derived_table import Rows
from graph.compiler.json_text import Json
from graph.compiler.selection import Selected, Selection
from graph.compiler.serialization import printed
from graph.compiler.sql import column
from graph.fields.declared import One
from graph.fields.match_fields import Said, Search
from services.queries.search_source import Finding
from services.queries.statements import seek

__all__ = ["FoundRows", "found", "said"]


def found(objects: Objects, selected: Selected, field: Search) -> Json:
    """A page of what matches as an object; null if nothing does."""
    return _Found(objects, selected, field).shown()


def said(objects: Objects, selected: Selected, field: Said, rows: "FoundRows") -> Json:
    """What a match says of its row."""
    value = rows.add(f"={field.said}", rows.finding.said[field.said])
    if is_composite_type(get_named_type(selected.type)):
        return _each(objects, selected.only, rows.finding.pieces(value))
    return printed(str(value), value.type, selected.type)


class FoundRows(Rows):
    """Rows that were found."""

    def __init__(self, name: str, finding: Finding, rows: Select[Any]) -> None:
        super().__init__(name, finding.collection, rows)
        self.finding = finding


class _Found(Connection):
    def __init__(self, objects: Objects, selected: Selected, field: Search) -> None:
        self.finding = field.of
        super().__init__(objects, selected, field.of.collection, None)
        self.page = FoundRows(self.page.name, self.finding, self.page.select)
        self.needs_more = False
        self.is_numbered = True

    def shown(self) -> Json:
        return Json.object_of([(each.key, self.part(each)) for each in self.selection.fields]).read_from(
            self.aggregates()
        )

    def part(self, each: Selected) -> Json:
        if not isinstance(each.field, Said):
            return super().part(each)
        if is_composite_type(get_named_type(each.type)):
            return Json.object_of([(one.key, self.tally(one, each.only)) for one in each.only.fields])
        value = self.finding.of_all[each.field.said]
        return printed(f"({self.writer.render(value)})", value.type, each.type)

    def tally(self, one: Selected, within: Selection) -> Json:
        if not isinstance(one.field, Said):
            return Json.name(within.type_name)
        return self.aggregate(_each(self.objects, one.only, self.finding.tallies[one.field.said]))

    def edge(self, one: Selected, within: Selection) -> Json:
        if not isinstance(one.field, Said):
            return super().edge(one, within)
        return self.objects.field(one, within, self.page)

    def listed(self) -> Select[Any]:
        return self.finding.rows(self.objects.permissions)

    def keys(self) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
        return self.page.add("=key", self.finding.page.c.key), self.page.column("id")

    def count(self) -> Json:
        return self.aggregate(Json.of("count(*)::integer::text").read_from(str(self.finding.matched)))

    def more(self) -> Json:
        beyond = select(func.count()).select_from(self.finding.matched)
        if self.request.cursor:
            beyond = beyond.where(seek(self.finding.matches, self.request))
        return self.aggregate(Json.of(f"(({self.writer.render(beyond, self.site)}) > {self.limit})::text"))

    def aggregates(self) -> str:
        wanted = ", ".join(f"{expression} AS {name}" for expression, name in self.of_whole.items())
        matches = f"EXISTS (SELECT FROM {self.finding.matched})"
        whole: Select[Any] = select(literal_column(f"{wanted} FROM ({self.source()}) {self.rows} HAVING {matches}"))
        parts = self.finding.parts(self.objects.permissions, self.request, literal_column(self.limit))
        return f"({self.writer.render(whole.add_cte(*parts), self.site)}) {self.whole}"

    def paged(self) -> str:
        return self.writer.render(self.page.narrowed(), self.site)


def _each(objects: Objects, of: Selection, rows: Select[Any]) -> Json:
    """A list of these rows, which are nobody's table, in their order."""
    name, writer = objects.writer.name(), objects.writer

    def shown(each: Selected) -> Json:
        if each.field is None:
            return Json.name(of.type_name)
        called = each.field.column if isinstance(each.field, One) else each.field.python_name
        value: ColumnElement[Any] = column(name, called, rows.selected_columns[called].type)
        if isinstance(each.field, One):
            return objects.one(each, each.field.target.collection, each.field.key, value)
        return printed(str(value), value.type, each.type)

    row = Json.object_of((each.key, shown(each)) for each in of.fields)
    return Json.list_of(row, f" ORDER BY {name}.place").read_from(f"({writer.render(rows)}) {name}")
