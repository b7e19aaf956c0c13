"""Statistics of lists: one field at the root that counts what the list holds, by group.

    task_stats: TaskStats = statistics_field(tasks.TASK_STATISTICS, filter=TaskFilter)

The type of the answer has `total_count` and `groups`; a group has `key`, `period`, `count` and, where there is an
amount, `sum`, `min` and `max`. Each attribute of the key is declared as that of a row would be.
"""

from enum import Enum
from functools import cached_property
from typing import Any

import strawberry
from strawberry.types.arguments import StrawberryArgument
from strawberry.utils.str_converters import to_camel_case

from graph.fields.declared import DeclaredField, argument, with_attributes
from graph.fields.descriptions import enum
from graph.fields.filtering import to_filter
from graph.fields.inputs import given_or_none
from services.queries.statistics import MAX_GROUPS, Statistics, StatisticsRequest, StatsPeriod, load_statistics

__all__ = ["StatisticsField", "statistics_field"]

enum(StatsPeriod)


class StatisticsField(DeclaredField, compilable=True):
    """How many rows of a list there are, by group."""

    statistics: Statistics
    filter_type: type
    name_prefix: str
    plural: str

    @property  # type: ignore[misc]  # nobody sets them, though Strawberry's can be
    def arguments(self) -> list[StrawberryArgument]:
        """Return the filter, and what is grouped by."""
        return self._built_arguments

    @cached_property
    def _built_arguments(self) -> list[StrawberryArgument]:
        statistics, plural = self.statistics, self.plural
        keys = _enum(f"{self.name_prefix}StatsGroupBy", statistics.keys, f"What {plural} in statistics are grouped by.")
        for value in keys.__strawberry_definition__.values:
            value.description = f"Group {plural} by {value.value.removesuffix('_id').replace('_', ' ')}."
        dates = _enum(f"{self.name_prefix}StatsDate", statistics.dates, f"Dates that say in which period {plural} are.")
        for value in dates.__strawberry_definition__.values:
            value.description = f"Take the period of {plural} from their `{to_camel_case(value.value)}`."
        first = next(iter(statistics.dates)).upper()
        return [
            argument("filter", self.filter_type, f"Conditions that the counted {plural} must meet, as in their list."),
            argument(
                "group_by",
                list[keys],  # type: ignore[valid-type]  # made here
                f"What the {plural} of a group have in common; omit it for one group of all.",
            ),
            argument(
                "by",
                StatsPeriod,
                f"Length of the periods by which the {plural} are grouped, besides `groupBy`; null for no periods. "
                f"More than {MAX_GROUPS:,} groups are refused.",
            ),
            argument(
                "by_field", dates, f"Date that says in which period one of the {plural} is; {first} if omitted or null."
            ),
            argument(
                "time_zone",
                str,
                f"Time zone by whose calendar the periods of {plural} begin, as the IANA time zone database calls it, "
                "such as `Europe/Berlin`; `UTC` if omitted or null.",
            ),
        ]

    def parse_arguments(self, kwargs: dict[str, Any]) -> StatisticsRequest:
        """Return the statistics that the arguments ask for."""
        wanted, by, date = (kwargs.get(name) or None for name in ("filter", "by", "by_field"))
        return StatisticsRequest.of(
            self.statistics,
            filter=to_filter(wanted) if wanted else None,
            group_by=[each.value for each in kwargs.get("group_by") or ()],
            by=by,
            date=date.value if date else None,
            time_zone=given_or_none(kwargs.get("time_zone")),
        )

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Count."""
        return self._load(info.context, self.parse_arguments(kwargs))

    async def _load(self, context: Any, request: StatisticsRequest) -> Any:
        found = await load_statistics(await context.read(), context.actor, self.statistics, request)
        result: Any = self.type
        return result(total_count=found.row_count, groups=found.groups)


def statistics_field(statistics: Statistics, *, filter: type) -> Any:
    """Declare the statistics of a list: by what it is grouped, and the input type by which it is filtered."""
    model = statistics.collection.model
    plural = str(model.__tablename__).replace("_", " ")
    return with_attributes(
        StatisticsField(), statistics=statistics, filter_type=filter, name_prefix=model.__name__, plural=plural
    )


def _enum(name: str, values: Any, description: str) -> Any:
    members = {value.upper().removesuffix("_ID"): value for value in values}
    made: Any = Enum(name, members)  # type: ignore[misc]  # made from the statistics
    return strawberry.enum(made, description=description)
