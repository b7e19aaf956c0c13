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

from graph.compiler.connections import ConnectionCompiler
from graph.compiler.derived_table import DerivedTable
from graph.compiler.json_text import JsonExpression
from graph.compiler.object_compiler import ObjectCompiler
from graph.compiler.selection import FieldSelection, SelectionSet
from graph.compiler.serialization import serialize
from graph.compiler.sql import column_ref, quote_literal
from graph.fields.match_fields import ArticleSearchField, MatchField
from graph.fields.relations import ToOne
from services.queries.article_search import ArticleSearchSource
from services.queries.statements import keyset_condition

__all__ = ["MatchRelation", "compile_match_field", "compile_search"]


def compile_search(objects: ObjectCompiler, selected: FieldSelection, field: ArticleSearchField) -> JsonExpression:
    """Compile a page of search results as a JSON object; null if nothing matches."""
    return _SearchCompiler(objects, selected, field).compile()


def compile_match_field(
    objects: ObjectCompiler, selected: FieldSelection, field: MatchField, rows: "MatchRelation"
) -> JsonExpression:
    """Compile an attribute of a search result."""
    value = rows.add(f"={field.expression}", rows.search_source.match_expressions[field.expression])
    if is_composite_type(get_named_type(selected.type)):
        return _compile_segments(objects, selected.child, rows.search_source, value)
    return serialize(str(value), value.type, selected.type)


class MatchRelation(DerivedTable):
    """Rows that were found."""

    def __init__(self, name: str, search_source: ArticleSearchSource, rows: Select[Any]) -> None:
        super().__init__(name, search_source.collection, rows)
        self.search_source = search_source


class _SearchCompiler(ConnectionCompiler):
    def __init__(self, objects: ObjectCompiler, selected: FieldSelection, field: ArticleSearchField) -> None:
        self.search_source = field.search_source
        super().__init__(objects, selected, field.search_source.collection, None)
        self.page = MatchRelation(self.page.alias, self.search_source, self.page.select)
        self.fetches_extra_row = False
        self.is_numbered = True

    def compile(self) -> JsonExpression:
        return JsonExpression.object_of(
            [(each.key, self.compile_field(each)) for each in self.selection.fields]
        ).selected_from(self.page_from())

    def compile_field(self, each: FieldSelection) -> JsonExpression:
        if not isinstance(each.field, MatchField):
            return super().compile_field(each)
        if is_composite_type(get_named_type(each.type)):
            return JsonExpression.object_of(
                [(one.key, self.compile_facet(one, each.child)) for one in each.child.fields]
            )
        value = self.search_source.result_expressions[each.field.expression]
        return serialize(f"({self.builder.render(value)})", value.type, each.type)

    def compile_facet(self, one: FieldSelection, within: SelectionSet) -> JsonExpression:
        if not isinstance(one.field, MatchField):
            return JsonExpression.constant(within.type_name)
        return self.project_page(
            _compile_rows(self.objects, one.child, self.search_source.facets[one.field.expression])
        )

    def compile_edge_field(self, one: FieldSelection, within: SelectionSet) -> JsonExpression:
        if not isinstance(one.field, MatchField):
            return super().compile_edge_field(one, within)
        return self.objects.compile_field(one, within, self.page)

    def select_rows(self) -> Select[Any]:
        return self.search_source.rows(self.objects.permissions)

    def sort_keys(self) -> list[ColumnElement[Any]]:
        return [self.page.add("=key", self.search_source.page.c.key), self.page.column("id")]

    def compile_count(self) -> JsonExpression:
        return self.project_page(
            JsonExpression.concat("count(*)::integer::text").selected_from(str(self.search_source.matched))
        )

    def compile_has_more(self) -> JsonExpression:
        beyond = select(func.count()).select_from(self.search_source.matched)
        if self.request.cursor:
            beyond = beyond.where(keyset_condition(self.search_source.matches, self.request))
        return self.project_page(
            JsonExpression.concat(f"(({self.builder.render(beyond, self.site)}) > {self.limit})::text")
        )

    def page_from(self) -> str:
        wanted = ", ".join(f"{expression} AS {name}" for expression, name in self.page_aggregates.items())
        matches = f"EXISTS (SELECT FROM {self.search_source.matched})"
        whole: Select[Any] = select(
            literal_column(f"{wanted} FROM ({self.row_select()}) {self.row_alias} HAVING {matches}")
        )
        parts = self.search_source.match_and_page_ctes(
            self.objects.permissions, self.request, literal_column(self.limit)
        )
        return f"({self.builder.render(whole.add_cte(*parts), self.site)}) {self.page_alias}"

    def page_select(self) -> str:
        return self.builder.render(self.page.projected(), self.site)


def _compile_segments(
    objects: ObjectCompiler, selection: SelectionSet, source: ArticleSearchSource, text: ColumnElement[Any]
) -> JsonExpression:
    """Compile the segments of a highlighted text as a JSON array.

    Where each has its text once, as nearly always, the whole text is escaped, and its marks are replaced by what stands
    between two segments. Empty ones are left out after that. An escaped text has no quotation mark that does not come
    after a backslash, so what begins with `{"` is no part of it.
    """
    names = [each.field.python_name if each.field else "" for each in selection.fields]
    if names.count("text") != 1:
        return _compile_rows(objects, selection, source.segments(text))
    (begin, end), (match_begin, match_end) = (_segment_ends(selection, match) for match in ("false", "true"))
    start, stop = source.marks
    escaped = _replace(f"to_json({text})::text", start, f'"{end},{match_begin}"')
    escaped = _replace(escaped, stop, f'"{match_end},{begin}"')
    whole = f"{quote_literal('[,' + begin)} || {escaped} || {quote_literal(end)}"
    filled = _replace(whole, f',{begin}""{end}', "")
    return JsonExpression.concat(_replace(filled, '[,{"', '[{"') + " || ']'").or_error()


def _replace(text: str, old: str, new: str) -> str:
    return f"replace({text}, {quote_literal(old)}, {quote_literal(new)})"


def _segment_ends(selection: SelectionSet, match: str) -> tuple[str, str]:
    """Return what stands before and after the text of a segment, as JSON."""
    values = {"text": "\0", "match": match, "": f'"{selection.type_name}"'}
    members = [f'"{each.key}":{values[each.field.python_name if each.field else ""]}' for each in selection.fields]
    before, _, after = f"{{{','.join(members)}}}".partition("\0")
    return before, after


def _compile_rows(objects: ObjectCompiler, selection: SelectionSet, rows: Select[Any]) -> JsonExpression:
    """Compile these rows, which are of no table, as a JSON array in their order."""
    name, writer = objects.builder.new_alias(), objects.builder

    def compile_field(each: FieldSelection) -> JsonExpression:
        if each.field is None:
            return JsonExpression.constant(selection.type_name)
        column_name = each.field.column if isinstance(each.field, ToOne) else each.field.python_name
        value: ColumnElement[Any] = column_ref(name, column_name, rows.selected_columns[column_name].type)
        if isinstance(each.field, ToOne):
            return objects.compile_one(each, each.field.target.collection, each.field.key, value)
        return serialize(str(value), value.type, each.type)

    row = JsonExpression.object_of((each.key, compile_field(each)) for each in selection.fields)
    return JsonExpression.list_of(row, f" ORDER BY {name}.place").selected_from(f"({writer.render(rows)}) {name}")
