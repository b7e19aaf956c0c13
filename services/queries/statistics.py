"""Statistics: how many rows of a list there are, and the sum of their amounts, by what they have in common.

A `Statistics` says once by what the rows of a collection can be grouped. The statement starts from what the list itself
starts from: what the caller may see, and the list's filter. Amounts are added up within one currency alone, so the
currency is part of every group that has an amount.
"""

from collections.abc import Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    Integer,
    Numeric,
    Select,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    select,
)

from models.database import ReadSession
from services.errors import InvalidInput
from services.permissions import Actor, Permission
from services.queries.collection import Collection
from services.queries.filter_parsing import AllOf, FieldCondition, Filter, parse_filter
from services.queries.loading import bind_values
from services.queries.statements import select_list

__all__ = [
    "MAX_GROUPS",
    "GroupStatistics",
    "Statistics",
    "StatisticsRequest",
    "StatsPeriod",
    "Totals",
    "load_statistics",
    "select_groups",
]

MAX_GROUPS = 1_000


class StatsPeriod(StrEnum):
    """Length of the periods by which statistics are grouped."""

    DAY = "day"
    """Days, from midnight to midnight in the time zone."""
    WEEK = "week"
    """Weeks of ISO 8601, which begin on Monday."""
    MONTH = "month"
    """Months of the calendar."""


DAYS = {StatsPeriod.DAY: 1, StatsPeriod.WEEK: 7, StatsPeriod.MONTH: 28}
"""How many days a period has at least."""


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """By what the rows of a collection can be grouped, and which amount of them can be added up."""

    collection: Collection
    keys: Mapping[str, Any]
    """By name, what rows can have in common: columns."""
    dates: Mapping[str, Any]
    """By name, columns with points in time, of which periods are made; the first is taken when nothing else is said."""
    minor: Any = None
    """The column of an amount in minor units; None if the rows have no amount."""
    currency: Any = None
    """The column of its currency."""


@dataclass(frozen=True, slots=True)
class StatisticsRequest:
    """Which statistics are wanted; checked."""

    filter: Filter
    group_by: tuple[str, ...]
    by: StatsPeriod | None
    date: str
    time_zone: str

    @classmethod
    def of(
        cls,
        statistics: Statistics,
        *,
        filter: Mapping[str, Any] | None = None,
        group_by: Sequence[str] = (),
        by: StatsPeriod | None = None,
        date: str | None = None,
        time_zone: str | None = None,
    ) -> "StatisticsRequest":
        """Check what a client asks for.

        Args:
            statistics: what there is to ask for.
            filter: what the rows must meet; see `services.queries.filter_parsing.parse_filter`.
            group_by: names of keys.
            by: the length of the periods by which the rows are grouped; None for no periods.
            date: the name of the date that says in which period a row is.
            time_zone: the name of the time zone, by the IANA time zone database, in which days begin at midnight.

        Raises:
            InvalidInput: a key that is named twice, an unknown time zone, bounds of the filter that are more than
                1,000 periods apart, or what `parse_filter` refuses.
        """
        if len(set(group_by)) < len(group_by):
            raise InvalidInput.of("group_by", "This names one key twice.")
        time_zone = "UTC" if time_zone is None else time_zone
        if time_zone not in _time_zones():
            raise InvalidInput.of("time_zone", "There is no such time zone; one is called `Europe/Berlin`.")
        date = date or next(iter(statistics.dates))
        parsed = parse_filter(statistics.collection, filter)
        if by is not None and _days_between_bounds(parsed, date) // DAYS[by] > MAX_GROUPS:
            raise too_many_groups("by")
        return cls(parsed, tuple(group_by), by, date, time_zone)

    def plan_key(self) -> Hashable:
        """Return what decides how the statement reads; it holds no value that can be a parameter."""
        return self.filter.condition, self.group_by, self.by, self.date

    def value(self, name: str) -> Any:
        """Return the value of a bind by its name."""
        return self.time_zone if name == "time_zone" else self.filter.value(name)

    def binds(self) -> dict[str, Any]:
        """Return the values of all binds but the caller's."""
        zone = {} if self.by is None else {"time_zone": self.time_zone}
        return {**self.filter.binds(), **zone}


class GroupStatistics:
    """A group of rows: its columns by their names."""

    is_past = False

    def __init__(self, columns: Mapping[str, Any]) -> None:
        vars(self).update(columns)
        if "sum_minor" in columns:  # a Decimal, whose exponent says nothing
            self.sum_minor = int(columns["sum_minor"])

    @property
    def key(self) -> "GroupStatistics":
        """Return what says what the rows of the group have in common: the group itself."""
        return self


@dataclass(frozen=True, slots=True)
class Totals:
    """All groups, and how many rows there are in them."""

    row_count: int
    groups: Sequence[GroupStatistics]


def too_many_groups(path: str) -> InvalidInput:
    """Return the refusal of statistics with more groups than an answer may have."""
    return InvalidInput.of(path, f"That makes more than {MAX_GROUPS:,} groups: take longer periods, or a filter.")


def select_groups(
    statistics: Statistics, permissions: AbstractSet[Permission], request: StatisticsRequest
) -> Select[Any]:
    """Select the groups, with the column `place` that says their order; one more than there may be.

    The keys that are not grouped by are null. The binds are those of `StatisticsRequest.binds`.

    Raises:
        Unauthenticated, Forbidden: these permissions let one see nothing of the collection, or not filter like that.
    """
    visible = select_list(statistics.collection, permissions, request.filter.condition)
    shown: dict[str, Any] = {name: statistics.keys[name] for name in request.group_by}
    if request.by is not None:
        shown["period"] = _period_expression(statistics.dates[request.date], request.by)
    if statistics.minor is not None:
        shown |= {"currency": statistics.currency, "minor": statistics.minor}
    columns = [value.label(name) for name, value in shown.items()]
    # Fenced by OFFSET, so that a period is computed once for each row and grouped by its name.
    rows = visible.with_only_columns(*(columns or [literal_column("1").label("one")]), maintain_column_froms=True)
    each = rows.offset(literal_column("0")).subquery("each")
    keys = [column for column in each.c if column.name not in {"minor", "one"}]
    order = sorted(keys, key=lambda column: column.name != "period")
    place = func.row_number().over(order_by=[_sort_key(column).nulls_last() for column in order] or None)
    absent = [cast(None, _type_of(key)).label(name) for name, key in statistics.keys.items() if name not in shown]
    if request.by is None:
        absent.append(cast(None, Date).label("period"))
    groups: Select[Any] = select(
        *keys, *absent, *_aggregates(each, has_amount=statistics.minor is not None), place.label("place")
    )
    return (
        groups.select_from(each)
        .group_by(*keys)
        .having(func.count() > literal_column("0"))
        .order_by(literal_column("place"))
        .limit(literal_column(str(MAX_GROUPS + 1)))
    )


async def load_statistics(
    session: ReadSession, actor: Actor, statistics: Statistics, request: StatisticsRequest
) -> Totals:
    """Count, by group, what the actor sees of a collection.

    Raises:
        InvalidInput: there are more than 1,000 groups.
    """
    statement = select_groups(statistics, actor.permissions, request)
    result = await session.exec(statement, params={**bind_values(actor), **request.binds()})
    groups = [GroupStatistics(row) for row in result.mappings()]
    if len(groups) > MAX_GROUPS:
        raise too_many_groups("by" if request.by is not None else "group_by")
    return Totals(sum(group.count for group in groups), groups)  # type: ignore[attr-defined]  # a column


def _aggregates(each: Any, *, has_amount: bool) -> list[ColumnElement[Any]]:
    count = cast(func.count(), Integer).label("count")
    if not has_amount:
        return [count]
    minor = each.c.minor
    total = func.sum(minor, type_=Numeric()).label("sum_minor")
    least, most = (aggregate(minor, type_=BigInteger()) for aggregate in (func.min, func.max))
    return [count, total, least.label("min_minor"), most.label("max_minor")]


def _period_expression(date: Any, by: StatsPeriod) -> ColumnElement[Any]:
    """Return the first day of the period that a point in time is in, by the calendar of the bind `time_zone`."""
    local = func.timezone(bindparam("time_zone", type_=Text()), date)
    # Weeks begin on Monday, as in ISO 8601.
    return cast(func.date_trunc(literal_column(f"'{by.value}'"), local), Date)


def _sort_key(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return what groups are sorted by: texts whatever the database's language."""
    return column.collate("C") if isinstance(column.type, Text) else column


def _type_of(key: Any) -> Any:
    return getattr(key, "type", None)


def _days_between_bounds(parsed: Filter, date: str) -> int:
    """Return how many days the filter's bounds of a date are apart, at the most; 0 if it has not both."""
    condition = parsed.condition
    bounds: dict[str, list[datetime]] = {"g": [], "l": []}
    for each in condition.conditions if isinstance(condition, AllOf) else (condition,):
        if isinstance(each, FieldCondition) and each.field == date and each.operator in {"gt", "gte", "lt", "lte"}:
            assert each.bind is not None, "a comparison has a value"
            bounds[each.operator[0]].append(parsed.values[each.bind])
    if not bounds["g"] or not bounds["l"]:
        return 0
    return max(min(bounds["l"]) - max(bounds["g"]), timedelta()).days


@cache
def _time_zones() -> frozenset[str]:
    """Return the names of the IANA time zone database."""
    return frozenset(available_timezones() | {"UTC"}) - {"localtime", "Factory"}
