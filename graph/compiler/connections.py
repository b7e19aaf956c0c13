"""Lists: a page of rows, where it stands in its list, and how many rows there are.

    (SELECT '{"nodes":' || t4.w0 || … || '}' FROM (
        SELECT '[' || coalesce(string_agg(t3.r0, ',' …), '') || ']' AS w0, (count(*) > 50)::text AS w1, … FROM (
            SELECT (…) AS r0, row_number() OVER (ORDER BY …) AS n FROM (SELECT … LIMIT 51) t2) t3) t4)

`t2` are the rows that the services select, `t3` what is shown of each, `t4` what is shown of all of them. Rows are
numbered only where that matters: to find a row beyond the page, the ends of a page, or to turn it round.
"""

from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, literal_column

from graph.compiler.derived_table import DerivedTable
from graph.compiler.json_text import JsonExpression, JsonLiteral
from graph.compiler.object_compiler import ObjectCompiler
from graph.compiler.plan_arguments import PageArguments
from graph.compiler.selection import FieldSelection, SelectionSet, Unsupported
from graph.fields.relations import ConnectionField
from services.queries.collection import Collection
from services.queries.cursors import encode_cursor
from services.queries.page_request import MAX_PAGE_SIZE
from services.queries.statements import apply_page, order_keys, select_list

__all__ = ["ConnectionCompiler", "compile_connection"]


def compile_connection(
    objects: ObjectCompiler,
    selected: FieldSelection,
    field: ConnectionField,
    parent_key: tuple[str, ColumnElement[Any]] | None,
) -> JsonExpression:
    """Compile a connection as a JSON object; `parent_key` is the column that references the parent, and its value."""
    return ConnectionCompiler(objects, selected, field.collection, parent_key).compile()


class ConnectionCompiler:
    """One list: its page, and its count. What it is read from can be told anew."""

    def __init__(
        self,
        objects: ObjectCompiler,
        selected: FieldSelection,
        collection: Collection,
        parent_key: tuple[str, ColumnElement[Any]] | None,
    ) -> None:
        self.objects = objects
        self.builder = objects.builder
        self.selection = selected.child
        self.request = objects.arguments_of(selected, PageArguments).request
        assert selected.site is not None, "every list takes arguments"
        self.site: int = selected.site
        self.is_constant = not objects.tree.sites[self.site].has_variables
        self.collection = collection
        self.parent_key = parent_key
        self.page = DerivedTable(self.builder.new_alias(), self.collection, self.select_rows())
        self.row_alias = self.builder.new_alias()
        self.page_alias = self.builder.new_alias()
        self.row_expressions: dict[str, str] = {}
        """Expressions over a row, by the names that `row_alias` gives them."""
        self.page_aggregates: dict[str, str] = {}
        """Aggregates over the page, by the names that `page_alias` gives them."""
        wanted = {
            one.field.python_name
            for each in self.selection.fields_named("page_info")
            for one in _declared_fields(each.child)
        }
        self.fetches_extra_row = ("has_previous_page" if self.request.backwards else "has_next_page") in wanted
        """Whether a row beyond the page is looked for."""
        self.is_numbered = (
            self.request.backwards or self.fetches_extra_row or bool(wanted & {"start_cursor", "end_cursor"})
        )

    def compile(self) -> JsonExpression:
        """Compile the connection as a JSON object."""
        value = JsonExpression.object_of([(each.key, self.compile_field(each)) for each in self.selection.fields])
        return value.selected_from(self.page_from()) if self.page_aggregates else value

    def compile_field(self, each: FieldSelection) -> JsonExpression:
        """Compile one field of the connection."""
        match each.field.python_name if each.field else "":
            case "":
                return JsonExpression.constant(self.selection.type_name)
            case "nodes":
                return self.compile_list(self.objects.compile_object(each.child, self.page))
            case "edges":
                return self.compile_list(
                    JsonExpression.object_of(
                        [(one.key, self.compile_edge_field(one, each.child)) for one in each.child.fields]
                    )
                )
            case "page_info":
                return JsonExpression.object_of(
                    [(one.key, self.compile_page_info_field(one, each.child)) for one in each.child.fields]
                )
            case "total_count":
                return self.compile_count()
        raise Unsupported(f"{self.selection.type_name}.{each.key} has a Python resolver")

    def compile_edge_field(self, one: FieldSelection, within: SelectionSet) -> JsonExpression:
        """Compile one field of an edge."""
        match one.field.python_name if one.field else "":
            case "":
                return JsonExpression.constant(within.type_name)
            case "node":
                return self.objects.compile_object(one.child, self.page)
            case "cursor":
                return JsonExpression.string(self.cursor_expression()).or_error()
        raise Unsupported(f"{within.type_name}.{one.key} has a Python resolver")

    def compile_page_info_field(self, one: FieldSelection, within: SelectionSet) -> JsonExpression:
        """Compile one field of `pageInfo`."""
        backwards, has_cursor = self.request.backwards, self.request.cursor is not None
        match one.field.python_name if one.field else "":
            case "":
                return JsonExpression.constant(within.type_name)
            case "has_next_page":
                return _boolean_literal(has_cursor) if backwards else self.compile_has_more()
            case "has_previous_page":
                return self.compile_has_more() if backwards else _boolean_literal(has_cursor)
            case "start_cursor":
                return self.last_row_cursor() if backwards else self.first_row_cursor()
            case "end_cursor":
                return self.first_row_cursor() if backwards else self.last_row_cursor()
        raise Unsupported(f"{within.type_name}.{one.key} has a Python resolver")

    def cursor_expression(self) -> str:
        """Return the expression of a row's cursor, which is base64url."""
        return f"({self.builder.render(encode_cursor(*self.sort_keys()), self.site)})"

    def sort_keys(self) -> list[ColumnElement[Any]]:
        """Return what the page is sorted by, the id last."""
        keys = order_keys(self.collection, self.request)[:-1]
        sorts = [self.page.add(f"=sort{number}", key.expression) for number, key in enumerate(keys)]
        return [*sorts, self.page.column("id")]

    def compile_list(self, each: JsonExpression) -> JsonExpression:
        """Compile a JSON array with one element for each row of the page."""
        order = ""
        if self.is_numbered:
            order = f" ORDER BY {self.row_alias}.n DESC" if self.request.backwards else f" ORDER BY {self.row_alias}.n"
        return self.project_page(
            JsonExpression.list_of(JsonExpression.concat(self.project_row(each.to_sql())), order, self.page_filter())
        )

    def compile_has_more(self) -> JsonExpression:
        """Return whether there are rows beyond the page."""
        return self.project_page(JsonExpression.concat(f"(count(*) > {self.limit})::text"))

    def first_row_cursor(self) -> JsonExpression:
        """Return the cursor of the first row in reading order."""
        within = f" AND {self.limit} > 0" if self.fetches_extra_row else ""  # an empty page begins nowhere
        first = f"max({self.project_row(self.cursor_expression())}) FILTER (WHERE {self.row_alias}.n = 1{within})"
        return self.project_page(JsonExpression.string(first).or_null())

    def last_row_cursor(self) -> JsonExpression:
        """Return the cursor of the last row in reading order."""
        order = f" ORDER BY {self.row_alias}.n DESC"
        last = f"(array_agg({self.project_row(self.cursor_expression())}{order}){self.page_filter()})[1]"
        return self.project_page(JsonExpression.string(last).or_null())

    def page_filter(self) -> str:
        """Return the FILTER clause that excludes the extra row beyond the page."""
        return f" FILTER (WHERE {self.row_alias}.n <= {self.limit})" if self.fetches_extra_row else ""

    def project_row(self, expression: str) -> str:
        """Return a row's expression by the name that it has outside the row's select."""
        return f"{self.row_alias}.{self.row_expressions.setdefault(expression, f'r{len(self.row_expressions)}')}"

    def project_page(self, value: JsonExpression) -> JsonExpression:
        """Return an aggregate of the page by the name that it has outside the page's select."""
        return JsonExpression.concat(
            f"{self.page_alias}.{self.page_aggregates.setdefault(value.to_sql(), f'w{len(self.page_aggregates)}')}"
        )

    @property
    def limit(self) -> str:
        """Return the page size as SQL."""
        if self.is_constant:
            return str(self.request.limit)
        return str(self.builder.parameter(self.site, "limit", Integer()))

    def select_rows(self) -> Select[Any]:
        """Select the rows as the services do."""
        condition = self.request.filter.condition
        return select_list(self.collection, self.objects.permissions, condition, self.parent_key)

    def compile_count(self) -> JsonExpression:
        """Compile `totalCount`."""
        rows = self.select_rows()
        only_ids = rows.with_only_columns(rows.selected_columns["id"], maintain_column_froms=True)
        of = f"({self.builder.render(only_ids, self.site)}) {self.builder.new_alias()}"
        return JsonExpression.concat("count(*)::integer::text").selected_from(of)

    def page_from(self) -> str:
        """Return the FROM item with the aggregates of the page, one row."""
        wanted = ", ".join(f"{expression} AS {name}" for expression, name in self.page_aggregates.items())
        return f"(SELECT {wanted} FROM ({self.row_select()}) {self.row_alias}) {self.page_alias}"

    def row_select(self) -> str:
        """Return the select of what is needed of each row, in reading order."""
        parts = [f"{expression} AS {name}" for expression, name in self.row_expressions.items()]
        if self.is_numbered:
            downwards = [descending != self.request.backwards for _, descending in self.request.order]
            directions = [" DESC" if each else "" for each in (*downwards, downwards[-1])]
            order = ", ".join(map("{}{}".format, self.sort_keys(), directions))
            parts.append(f"row_number() OVER (ORDER BY {order}) AS n")
        return f"SELECT {', '.join(parts)} FROM ({self.page_select()}) {self.page.alias}"

    def page_select(self) -> str:
        """Return the select of the page's rows, with what is needed of them."""
        most = (self.request.limit if self.is_constant else MAX_PAGE_SIZE) + self.fetches_extra_row
        page = apply_page(self.page.projected(), self.collection, self.request, literal_column(str(most)))
        inner = self.builder.render(page, self.site)
        if self.is_constant:
            return inner
        # Planned for the longest page, since a plan does not know the parameter, and read as far as is asked.
        return f"SELECT * FROM ({inner}) {self.builder.new_alias()} LIMIT {self.limit} + {int(self.fetches_extra_row)}"


def _declared_fields(selection: SelectionSet) -> list[Any]:
    return [each for each in selection.fields if each.field is not None]


def _boolean_literal(value: object) -> JsonExpression:
    return JsonExpression.concat(JsonLiteral("true" if value else "false"))
