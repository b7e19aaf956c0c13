"""Statistics: the groups of a list's rows, and how many rows there are in all of them.

    (SELECT '{"totalCount":' || coalesce(sum(t1.count), 0) || ',"groups":[' || string_agg(…, ',' ORDER BY t1.place)
        || ']}' || CASE WHEN count(*) > 1000 THEN <fails> ELSE '' END
     FROM (SELECT status, count(*) AS count, … FROM (SELECT … FROM tasks …) each GROUP BY status …) t1)

The groups are what the services select. More of them than an answer may have fail the statement, and the reference
executor says so.
"""

from typing import Any

from graph.compiler.derived_table import ColumnFacts, DerivedTable
from graph.compiler.json_text import JsonExpression
from graph.compiler.object_compiler import ObjectCompiler
from graph.compiler.plan_arguments import StatisticsArguments
from graph.compiler.selection import FieldSelection, SelectionSet, Unsupported
from graph.compiler.sql import RAISE_ERROR
from graph.fields.statistics import StatisticsField
from models.money import DECIMALS
from services.queries.statistics import MAX_GROUPS, select_groups

__all__ = ["compile_statistics"]

FILLED_COLUMNS = {"count", "sum_minor", "min_minor", "max_minor"}
"""Columns of a group that have a value: it has a row."""


class GroupTable(DerivedTable):
    """Groups, as the outer select reads them."""

    def column_facts(self, name: str) -> ColumnFacts:
        """Return what holds for a column: a currency stands in a column with a CHECK."""
        if name == "currency":
            return ColumnFacts(never_null=True, choices=frozenset(DECIMALS))
        return ColumnFacts(never_null=name in FILLED_COLUMNS)


def compile_statistics(
    objects: ObjectCompiler, selected: FieldSelection, field: StatisticsField, _rows: DerivedTable | None
) -> JsonExpression:
    """Compile the statistics of a list as a JSON object."""
    request = objects.arguments_of(selected, StatisticsArguments).request
    select = select_groups(field.statistics, objects.permissions, request)
    groups = GroupTable(objects.builder.new_alias(), field.statistics.collection, select.subquery("groups").select())
    shown = [(each.key, _compile_field(objects, each, selected.child, groups)) for each in selected.child.fields]
    too_many = f"CASE WHEN count(*) > {MAX_GROUPS} THEN {RAISE_ERROR} ELSE '' END"
    value = JsonExpression.concat(JsonExpression.object_of(shown), too_many)
    return value.selected_from(f"({objects.builder.render(groups.projected(), selected.site)}) {groups.alias}")


def _compile_field(
    objects: ObjectCompiler, each: FieldSelection, within: SelectionSet, groups: GroupTable
) -> JsonExpression:
    match each.field.python_name if each.field else "":
        case "":
            return JsonExpression.constant(within.type_name)
        case "total_count":
            return JsonExpression.concat(f"coalesce(sum({groups.column('count')}), 0)::integer::text")
        case "groups":
            items = [(one.key, _compile_group_field(objects, one, each.child, groups)) for one in each.child.fields]
            return JsonExpression.list_of(JsonExpression.object_of(items), f" ORDER BY {groups.column('place')}")
    raise Unsupported(f"{within.type_name}.{each.name} has a Python resolver")


def _compile_group_field(
    objects: ObjectCompiler, one: FieldSelection, within: SelectionSet, groups: GroupTable
) -> JsonExpression:
    field: Any = one.field
    if field is not None and field.python_name == "key":
        return objects.compile_object(one.child, groups)
    return objects.compile_field(one, within, groups)
