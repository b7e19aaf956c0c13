"""Statistics: both executors count alike, and as a model in plain Python does over the rows of the list itself."""

import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from graphql import GraphQLEnumType

from graph.compiler import CompiledResult
from services.queries.statistics import MAX_GROUPS
from tests.conftest import Urls
from tests.support.differential import BothExecutors, comparable_answer, run_both
from tests.support.graph_schema import SCHEMA

Row = dict[str, Any]

GROUP = "totalCount groups { period count key { %s } %s }"
AMOUNT = "sum { amount currency } min { amount currency } max { amount currency }"

DOMAINS: Mapping[str, tuple[Mapping[str, tuple[str, str]], tuple[str, ...], str]] = {
    "task": (
        {
            "STATUS": ("status", "status"),
            "ASSIGNEE": ("assignee", "assignee { id }"),
            "CREATOR": ("creator", "creator { id }"),
            "PROJECT": ("project", "project { id }"),
        },
        ("CREATED_AT", "UPDATED_AT", "DUE_DATE"),
        "",
    ),
    "order": (
        {"STATUS": ("status", "status"), "USER": ("user", "user { id }")},
        ("CREATED_AT", "UPDATED_AT"),
        "totalAmount",
    ),
    "article": (
        {
            "STATUS": ("status", "status"),
            "LANGUAGE": ("language", "language"),
            "AUTHOR": ("author", "author { id }"),
        },
        ("CREATED_AT", "UPDATED_AT", "PUBLISHED_AT"),
        "",
    ),
    "document": (
        {"PROJECT": ("project", "project { id }"), "CREATOR": ("creator", "creator { id }")},
        ("CREATED_AT", "UPDATED_AT"),
        "",
    ),
    "product": (
        {"IS_ACTIVE": ("isActive", "isActive")},
        ("CREATED_AT", "UPDATED_AT"),
        "price",
    ),
}
"""By type, how each key is selected and from what of a row, the dates, and the amount."""

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland")

MOMENTS = [
    "2026-03-28T22:59:59Z",
    "2026-03-28T23:00:00Z",
    "2026-03-29T00:59:59Z",
    "2026-03-29T01:00:00Z",
    "2026-03-29T21:59:59Z",
    "2026-03-29T22:00:00Z",
    "2026-10-24T22:00:00Z",
    "2026-10-25T00:30:00Z",
    "2026-10-25T01:30:00Z",
    "2026-10-25T22:59:59Z",
    "2026-10-25T23:00:00Z",
    "2026-12-31T23:30:00Z",
    "2027-01-01T00:30:00Z",
    "2026-11-01T05:30:00Z",
    "2026-11-01T06:30:00Z",
]
"""Around the changes of the clock, midnights, and the turn of the year."""


@pytest.fixture
async def executors(urls: Urls, owner_connection: asyncpg.Connection) -> AsyncIterator[BothExecutors]:
    async with run_both(urls, owner_connection) as found:
        acme = found.world.acme
        for number, moment in enumerate(MOMENTS):
            at = datetime.fromisoformat(moment)
            await found.world.add(
                "tasks",
                tenant_id=acme.tenant_id,
                title=f"at {number}",
                created_by=acme.owner.user_id,
                created_at=at,
                due_date=at,
            )
        yield found


def test_every_statistics_is_tried_by_all_that_it_offers() -> None:
    """So is each key, which a group must show."""
    offered = {name: set(type_.values) for name, type_ in SCHEMA.type_map.items() if isinstance(type_, GraphQLEnumType)}
    shown = {name: set(getattr(type_, "fields", ())) for name, type_ in SCHEMA.type_map.items()}
    assert {name for name in shown if name.endswith("Stats")} == {f"{domain.capitalize()}Stats" for domain in DOMAINS}
    for domain, (keys, dates, amount) in DOMAINS.items():
        name = f"{domain.capitalize()}Stats"
        assert offered[f"{name}GroupBy"] == set(keys)
        assert offered[f"{name}Date"] == set(dates)
        assert shown[f"{name}GroupKey"] == {key for key, _ in keys.values()}
        assert shown[f"{name}Group"] == {"key", "period", "count", *(("sum", "min", "max") if amount else ())}


async def ask_both(executors: BothExecutors, name: str, query: str) -> tuple[dict[str, Any], CompiledResult]:
    """What both answer, and what the compiler did."""
    who = next(person for person in executors.people if person.name == name)
    executors.compiled_results.clear()
    compiled = await comparable_answer(who.compiled, {"query": query})
    assert compiled == await comparable_answer(who.reference, {"query": query}), query
    return compiled, executors.compiled_results[0]


async def list_rows(executors: BothExecutors, name: str, domain: str) -> list[Row]:
    """All rows of a list, with everything that its statistics look at."""
    keys, dates, amount = DOMAINS[domain]
    shown = " ".join([*(text for _, text in keys.values()), *map(_camel, dates)])
    money = f"{amount} {{ amount currency }}" if amount else ""
    who = next(person for person in executors.people if person.name == name)
    rows: list[Row] = []
    after = "null"
    while True:
        page = f"first: 100, after: {after}"
        found = (
            await who.reference.run(
                f"{{ {domain}s({page}) {{ nodes {{ {shown} {money} }} pageInfo {{ hasNextPage endCursor }} }} }}"
            )
        )[f"{domain}s"]
        rows += found["nodes"]
        if not found["pageInfo"]["hasNextPage"]:
            return rows
        after = f'"{found["pageInfo"]["endCursor"]}"'


def _camel(name: str) -> str:
    first, *others = name.lower().split("_")
    return first + "".join(map(str.capitalize, others))


def first_day(moment: str | None, by: str, zone: str) -> str | None:
    """The first day of a period, by the clock on a wall in that zone."""
    if moment is None:
        return None
    day = datetime.fromisoformat(moment).astimezone(ZoneInfo(zone)).date()
    begins: dict[str, Callable[[date], date]] = {
        "DAY": lambda day: day,
        "WEEK": lambda day: day - timedelta(days=day.weekday()),
        "MONTH": lambda day: day.replace(day=1),
    }
    return begins[by](day).isoformat()


def count_in_python(
    rows: list[Row], domain: str, group_by: tuple[str, ...], by: str | None, date_name: str, zone: str
) -> dict[str, Row]:
    """The groups, by all that tells one from another."""
    keys, _, amount = DOMAINS[domain]
    groups: dict[str, Row] = {}
    for row in rows:
        key = {keys[name][0]: row[keys[name][0]] if name in group_by else None for name in keys}
        period = first_day(row[_camel(date_name)], by, zone) if by else None
        currency = row[amount]["currency"] if amount else None
        group = groups.setdefault(str((period, key, currency)), {"period": period, "key": key, "amounts": []})
        group["amounts"].append(Decimal(row[amount]["amount"]) if amount else None)
    for group in groups.values():
        amounts = group.pop("amounts")
        group["count"] = len(amounts)
        if amount:
            group |= {"sum": sum(amounts), "min": min(amounts), "max": max(amounts)}
    return groups


def as_model(group: Row) -> tuple[str, Row]:
    """A group as the model has it, with what tells it from others."""
    currency = group["sum"]["currency"] if "sum" in group else None
    amounts: Row = {name: Decimal(group[name]["amount"]) for name in ("sum", "min", "max") if name in group}
    return str((group["period"], group["key"], currency)), {**group, **amounts}


async def check(
    executors: BothExecutors,
    name: str,
    domain: str,
    rows: list[Row],
    grouping: tuple[tuple[str, ...], str | None, str, str],
) -> None:
    group_by, by, date_name, zone = grouping
    keys, _, amount = DOMAINS[domain]
    given = [f"groupBy: [{', '.join(group_by)}]", f'timeZone: "{zone}"', f"byField: {date_name}"]
    given += [f"by: {by}"] if by else []
    shown = GROUP % (" ".join(text for _, text in keys.values()), AMOUNT if amount else "")
    query = f"{{ {domain}Stats({', '.join(given)}) {{ {shown} }} }}"
    answer, executor = await ask_both(executors, name, query)
    assert executor.declined is None, query
    found = answer["data"][f"{domain}Stats"]
    expected = count_in_python(rows, domain, group_by, by, date_name, zone)
    assert found["totalCount"] == len(rows)
    assert dict(map(as_model, found["groups"])) == expected, query
    periods = [group["period"] for group in found["groups"]]
    assert periods == sorted(periods, key=lambda period: (period is None, period)), query


@pytest.mark.parametrize("domain", DOMAINS)
async def test_every_key_and_period_counts_as_the_model(executors: BothExecutors, domain: str) -> None:
    keys, dates, _ = DOMAINS[domain]
    groupings = [(), *((key,) for key in keys), tuple(keys)]
    for name in ("owner", "admin", "member"):
        rows = await list_rows(executors, name, domain)
        assert rows
        zones = itertools.cycle(ZONES)
        for group_by, by, date_name in itertools.product(groupings, (None, "DAY", "WEEK", "MONTH"), dates):
            await check(executors, name, domain, rows, (group_by, by, date_name, next(zones)))


@pytest.mark.parametrize("zone", ZONES)
async def test_days_begin_at_midnight_by_the_clock(executors: BothExecutors, zone: str) -> None:
    rows = await list_rows(executors, "owner", "task")
    for by in ("DAY", "WEEK", "MONTH"):
        await check(executors, "owner", "task", rows, ((), by, "DUE_DATE", zone))


@pytest.mark.parametrize("shown", ["groups {}", "groups { __typename }", "totalCount", "__typename"])
@pytest.mark.parametrize("domain", DOMAINS)
async def test_groups_of_which_nothing_is_asked_are_compiled(executors: BothExecutors, domain: str, shown: str) -> None:
    for given in ("", "(by: DAY)", '(filter: {createdAt: {lt: "2000-01-01T00:00:00Z"}})'):
        _, executor = await ask_both(executors, "owner", f"{{ {domain}Stats{given} {{ {shown} }} }}")
        assert executor.declined is None, (given, executor.declined)


async def test_a_filter_counts_what_its_list_holds(executors: BothExecutors) -> None:
    conditions = '{or: [{status: {in: [DONE]}}, {assigneeId: {isNull: true}}], not: {title: {contains: "at 1"}}}'
    query = (
        f"{{ taskStats(filter: {conditions}, groupBy: STATUS) {{ totalCount groups {{ count key {{ status }} }} }} "
        f"tasks(filter: {conditions}, first: 100) {{ totalCount nodes {{ status }} }} }}"
    )
    for name in ("owner", "member"):
        answer, executor = await ask_both(executors, name, query)
        assert executor.declined is None
        stats, listed = answer["data"]["taskStats"], answer["data"]["tasks"]
        counts = {group["key"]["status"]: group["count"] for group in stats["groups"]}
        statuses = [node["status"] for node in listed["nodes"]]
        assert counts == {status: statuses.count(status) for status in statuses}
        assert stats["totalCount"] == listed["totalCount"] == len(statuses) > 0


async def test_what_nothing_meets_has_no_group(executors: BothExecutors) -> None:
    query = (
        '{ taskStats(filter: {title: {eq: "no such title"}}) { totalCount groups { count } } '
        'orderStats(filter: {createdAt: {lt: "2000-01-01T00:00:00Z"}}, by: DAY) { totalCount groups { count } } }'
    )
    answer, executor = await ask_both(executors, "owner", query)
    assert executor.declined is None
    nothing = {"totalCount": 0, "groups": []}
    assert answer["data"] == {"taskStats": nothing, "orderStats": nothing}


async def test_a_round_sum_is_written_with_all_its_digits(executors: BothExecutors) -> None:
    world = executors.world
    await world.connection.execute("UPDATE orders SET total_minor = 1000000, currency = 'EUR'")
    answer, executor = await ask_both(executors, "owner", "{ orderStats { groups { count sum { amount currency } } } }")
    assert executor.declined is None
    (group,) = answer["data"]["orderStats"]["groups"]
    assert group["sum"] == {"amount": f"{group['count'] * 10_000}.00", "currency": "EUR"}


async def test_members_count_their_own_orders_alone(executors: BothExecutors) -> None:
    query = "{ orderStats(groupBy: [USER]) { totalCount groups { key { user { fullName } } } } }"
    answer, _ = await ask_both(executors, "member", query)
    names = {group["key"]["user"]["fullName"] for group in answer["data"]["orderStats"]["groups"]}
    assert names == {"Member"}
    everybody, _ = await ask_both(executors, "owner", query)
    assert everybody["data"]["orderStats"]["totalCount"] > answer["data"]["orderStats"]["totalCount"] > 0


@pytest.mark.parametrize(("name", "code"), [("removed", "UNAUTHENTICATED"), ("outsider", "FORBIDDEN")])
async def test_who_sees_no_list_sees_no_statistics(executors: BothExecutors, name: str, code: str) -> None:
    for domain in DOMAINS:
        answer, _ = await ask_both(executors, name, f"{{ {domain}Stats {{ totalCount }} }}")
        assert [error["extensions"]["code"] for error in answer["errors"]] == [code]


@pytest.mark.parametrize(
    "arguments",
    [
        'by: DAY, timeZone: "Europe/Atlantis"',
        'timeZone: ""',
        'by: DAY, timeZone: "+01:00"',
        'by: DAY, timeZone: "UTC+3"',
        'by: DAY, timeZone: "europe/berlin"',
        "groupBy: [STATUS, STATUS]",
        'by: DAY, filter: {createdAt: {gte: "2016-01-01T00:00:00Z", lt: "2026-01-01T00:00:00Z"}}',
        'by: WEEK, byField: DUE_DATE, filter: {dueDate: {gt: "1990-01-01T00:00:00Z", lte: "2026-01-01T00:00:00Z"}}',
        "filter: {status: {in: []}}",
    ],
)
async def test_bad_input_is_coded(executors: BothExecutors, arguments: str) -> None:
    answer, _ = await ask_both(executors, "owner", f"{{ taskStats({arguments}) {{ totalCount }} viewer {{ email }} }}")
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]
    assert answer["data"] is None


@pytest.mark.parametrize("rows", [MAX_GROUPS, MAX_GROUPS + 1])
async def test_more_groups_than_an_answer_may_have_are_refused(executors: BothExecutors, rows: int) -> None:
    world = executors.world
    await world.connection.execute("DELETE FROM tasks WHERE tenant_id = $1", world.acme.tenant_id)
    await world.connection.execute(
        "INSERT INTO tasks (tenant_id, id, title, created_by, due_date) SELECT $1, gen_random_uuid(), 't', $2,"
        " timestamptz '2026-01-01' + n * interval '1 day' FROM generate_series(1, $3) n",
        world.acme.tenant_id,
        world.acme.owner.user_id,
        rows,
    )
    for shown in ("totalCount", "groups { period }"):
        query = f"{{ taskStats(by: DAY, byField: DUE_DATE) {{ {shown} }} }}"
        answer, executor = await ask_both(executors, "owner", query)
        if rows > MAX_GROUPS:
            assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]
        else:
            assert executor.declined is None
            assert "errors" not in answer
