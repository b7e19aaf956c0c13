"""Every filter is looked up in an index, and no order is sorted: with full tables, the planner left alone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import asyncpg
import pytest
from strawberry.types.base import StrawberryObjectDefinition

from graph import schema
from graph.fields.declared import NODE_TYPES
from graph.fields.relations import ConnectionField, ToMany
from graph.fields.statistics import StatisticsField
from models.base import table_of
from models.database import Database
from models.database.identity import Identity
from models.money import amount
from services import articles
from services.permissions import Actor
from services.queries import loading
from services.queries.collection import Collection, SortOrder
from services.queries.cursors import encode_cursor
from services.queries.filters import FilterKind, scalar_filter
from services.queries.loading import bind_values
from services.queries.page_request import PageRequest
from services.queries.statements import order_keys
from services.queries.statistics import Statistics, StatisticsRequest, StatsPeriod, load_statistics
from tests.conftest import Urls
from tests.support.derived_rows import unique_columns
from tests.support.derived_scale import columns_of, index_condition, selective_query
from tests.support.domain_cases import CASES_FILE, merged
from tests.support.large_dataset import insert_tenants, owner_identity
from tests.support.query_plans import Plan, PlanRecorder, record_plans

SCHEMA = schema.create_schema()
LISTS: dict[str, ConnectionField] = {
    f"{definition.name}.{field.python_name}": field
    for name in SCHEMA.graphql.type_map
    if isinstance(definition := SCHEMA.get_type_by_name(name), StrawberryObjectDefinition)
    for field in definition.fields
    if isinstance(field, ConnectionField)
}
ROOTS = {name: field.collection for name, field in LISTS.items() if not isinstance(field, ToMany)}
NESTED = {name: field for name, field in LISTS.items() if isinstance(field, ToMany)}

SELECTIVE: dict[str, Any] = merged("selective")
SHORT: dict[str, str] = merged("short_lists")

DIRECTION_PAIRS = list(product((False, True), (False, True)))
"""Descending or not, and backwards or not."""


@dataclass(frozen=True)
class LargeDatabase:
    """The full database, and who asks."""

    urls: Urls
    identity: Identity

    @property
    def actor(self) -> Actor:
        return Actor.of(self.identity)


@pytest.fixture(scope="module")
def ground(make_database: Callable[[], Awaitable[Urls]]) -> LargeDatabase:
    async def make() -> LargeDatabase:
        urls = await make_database()
        connection = await asyncpg.connect(urls.plain("superuser"))
        await insert_tenants(connection)
        identity = await owner_identity(connection, "acme")
        await connection.close()
        return LargeDatabase(urls, identity)

    return asyncio.run(make())


@pytest.fixture
async def planner(ground: LargeDatabase) -> AsyncIterator[PlanRecorder]:
    database = Database(ground.urls.runtime)
    async with record_plans(database, ground.identity) as planner:
        yield planner
    await database.close()


@pytest.fixture
async def superuser(ground: LargeDatabase) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(ground.urls.plain("superuser"))
    yield connection
    await connection.close()


async def plan_of(planner: PlanRecorder, ground: LargeDatabase, collection: Collection, request: PageRequest) -> Plan:
    planner.clear()
    await loading.load_page(planner.session, ground.actor, collection, request)
    return await planner.plan()


async def deep_cursor(planner: PlanRecorder, ground: LargeDatabase, collection: Collection, **options: Any) -> str:
    """The cursor of a row in the middle of a list."""
    request = PageRequest.of(collection, "list", **options)
    keys = [expression for expression, _ in order_keys(collection, request)]
    rows = collection.visible(ground.actor.permissions)
    values = {
        "tenant_id": ground.identity.tenant_id,
        "user_id": ground.identity.user_id,
        "fingerprint": request.fingerprint,
    }
    result = await planner.session.exec(rows.with_only_columns(encode_cursor(*keys)).order_by(*keys), params=values)
    cursors = result.scalars().all()
    return str(cursors[len(cursors) // 2])


BROAD = {"not", "is_null", "is_not_null", "is_false", "currency"}
"""Operators that find many rows: no index is worth its look."""

WALKED: dict[str, str] = {
    "Query.trash title starts_with": "the trash is short, and read from its newest",
    **dict.fromkeys(
        ("Query.invitations email in", "Query.projects name in"),
        "few rows: of a list of unknown length, PostgreSQL 15 expects a good part of them",
    ),
    "Query.audit_log table in": "one value in twenty rows: the newest twenty are sooner found in the list's own order",
}
"""Operators that an index would serve, where the planner rightly reads the list in its own order; each with why."""


def is_walked(name: str, key: str, operator: str, collection: Collection) -> bool:
    """Return whether the planner rightly reads the list in its own order, though an index would serve an operator.

    `in` may list many values of an enum, or many people: one value in twenty rows is sooner found so. And the unique
    texts of a list, such as numbers, often begin alike.
    """
    field = collection.filters[key]
    is_of_people = field.kind is FilterKind.ID and "memberships" in str(field.parameter("value"))
    if operator == "in" and (field.kind is FilterKind.CHOICE or is_of_people):
        return True
    unique = unique_columns(table_of(collection.model))
    return (operator == "starts_with" and key in unique) or f"{name} {key} {operator}" in WALKED


SERVED = [
    (name, key, operator)
    for name, collection in ROOTS.items()
    for key, field in collection.filters.items()
    for operator in field.operators
    if operator not in field.unindexed | BROAD and not is_walked(name, key, operator, collection)
]
"""Every operator of every filter that an index is to serve."""


def filter_of(collection: Collection, key: str, operator: str, value: Any) -> dict[str, Any]:
    """A filter with one operator."""
    field = collection.filters[key]
    if field.kind is FilterKind.VIEWER:
        return {key: True}
    if field.kind is FilterKind.MONEY:
        return {
            key: {"currency": "EUR", operator: [amount(value, "EUR")] if operator == "in" else amount(value, "EUR")}
        }
    if operator == "starts_with":
        value = value[:20]
    return {key: {operator: [value] if operator == "in" else True if operator == "is_null" else value}}


@pytest.mark.parametrize(("name", "key", "operator"), SERVED)
async def test_a_filter_is_looked_up_in_an_index(
    name: str, key: str, operator: str, planner: PlanRecorder, ground: LargeDatabase, superuser: asyncpg.Connection
) -> None:
    collection = ROOTS[name]
    field = collection.filters[key]
    value = None
    if operator not in {"is_null", "is_true"}:
        value = SELECTIVE.get(f"{name} {key} {operator}") or SELECTIVE.get(f"{name} {key}")
        value = value or selective_query(collection, key, operator)
        if isinstance(value, str) and value.startswith("SELECT"):
            value = await superuser.fetchval(value, ground.identity.tenant_id)
    request = PageRequest.of(collection, "list", filter=filter_of(collection, key, operator, value))
    plan = await plan_of(planner, ground, collection, request)
    assert index_condition(field, operator) in plan.conditions, (
        f"The operator {operator!r} of the filter {key!r} of {name} with the value {value!r} reaches no index: make one"
        f" that begins with tenant_id and its column, in the model and in the migration; or write a value that finds"
        f" few rows into `selective` of {CASES_FILE}; or give it `is_indexed=False`.\n{plan}"
    )


@pytest.mark.parametrize(
    ("name", "order"), [(name, key) for name, collection in ROOTS.items() for key in collection.orders]
)
async def test_an_order_is_read_from_an_index(
    name: str, order: str, planner: PlanRecorder, ground: LargeDatabase
) -> None:
    collection = ROOTS[name]
    if name in SHORT:
        await planner.never_sort()
    for descending, backwards in DIRECTION_PAIRS:
        size, place = ("last", "before") if backwards else ("first", "after")
        options: dict[str, Any] = {size: 20, "order": [(order, descending)]}
        plan = await plan_of(planner, ground, collection, PageRequest.of(collection, "list", **options))
        assert not plan.sorts, (
            f"The order {order!r} of {name} is sorted: make an index (tenant_id, its expression, id) in the model and"
            f" in the migration.\n{plan}"
        )
        cursor = await deep_cursor(planner, ground, collection, **options)
        request = PageRequest.of(collection, "list", **{**options, place: cursor})
        plan = await plan_of(planner, ground, collection, request)
        [key, _row_id] = order_keys(collection, request)
        columns = columns_of(key.expression)
        is_sought = "ROW(" in plan.conditions and all(column in plan.conditions for column in columns)
        assert is_sought and not plan.sorts, (  # noqa: PT018  # one thing: the page begins where the index is
            f"A later page of {name} by {order!r} does not begin in its index: sort by one column or expression that"
            f" row-level security lets an index condition hold, and index (tenant_id, it, id).\n{plan}"
        )


async def parents_of(superuser: asyncpg.Connection, field: ToMany, ground: LargeDatabase) -> list[Any]:
    """The keys of fifty rows that have something beneath them, if it says so in a column of its own."""
    collection = field.target.collection
    table, parent_table = (table_of(c.model).name for c in (collection, field.binding.collection))
    beneath = f"SELECT FROM {table} c WHERE c.tenant_id = $1 AND c.{field.column} = p.{field.key}"
    which = "true" if field.column in collection.join_conditions else f"EXISTS ({beneath})"
    here = "tenant_id = $1" if "tenant_id" in table_of(field.binding.collection.model).c else "true"
    query = f"SELECT {field.key} FROM {parent_table} p WHERE {here} AND {which} LIMIT 50"
    return [row[0] for row in await superuser.fetch(query, ground.identity.tenant_id)]


@pytest.mark.parametrize(
    ("name", "order"), [(name, key) for name, field in NESTED.items() for key in field.target.collection.orders]
)
async def test_a_nested_page_is_read_from_an_index(
    name: str, order: str, planner: PlanRecorder, ground: LargeDatabase, superuser: asyncpg.Connection
) -> None:
    field = NESTED[name]
    collection = field.target.collection
    parents = await parents_of(superuser, field, ground)
    assert len(parents) == 50, (
        f"{len(parents)} rows at scale have something in {name}, where 50 are needed: let `scale` of {CASES_FILE} make"
        f" {table_of(collection.model).name} whose {field.column} points at that many."
    )
    for descending, backwards in DIRECTION_PAIRS:
        size = "last" if backwards else "first"
        options: dict[str, Any] = {size: 5, "order": [(order, descending)]}
        request = PageRequest.of(collection, "list", **options)
        planner.clear()
        await loading.pages_by_parent(planner.session, ground.actor, collection, request, field.column, parents)
        plan = await planner.plan()
        (page,) = plan.pages
        # Where a parent's own row holds the ids, that row is looked up by its id.
        in_parent = field.column in collection.join_conditions and "anon_1.id" in page.conditions
        assert field.column in page.conditions or in_parent, (
            f"Index (tenant_id, {field.column}, …, id) of {table_of(collection.model).name} in the model and in the"
            f" migration, so that {name} is looked up by its parent.\n{plan}"
        )
        in_order = order == collection.default_order[0] and field.column not in collection.join_conditions
        # What is found through another table is sorted, parent by parent.
        assert not (in_order and page.sorts), (
            f"Index (tenant_id, {field.column}, {order}, id) of {table_of(collection.model).name} in the model and in"
            f" the migration: each page of {name} is sorted.\n{plan}"
        )


@pytest.mark.parametrize("filter_", [{}, {"language": {"eq": "GERMAN"}}, {"status": {"eq": "PUBLISHED"}}])
async def test_a_search_is_looked_up_in_its_index(
    filter_: dict[str, Any], planner: PlanRecorder, ground: LargeDatabase
) -> None:
    request = articles.parse_request("words many", filter_)
    planner.clear()
    await planner.session.exec(
        articles.page_statement(ground.actor, request), params=bind_values(ground.actor, request)
    )
    plan = await planner.plan()
    assert "@@" in plan.conditions, plan
    assert any(node.node.get("Index Name") == "articles_by_vector" for node in plan), plan
    assert not [n for n in plan if n.type == "Seq Scan" and n.node["Relation Name"] == "articles"], plan


async def test_what_has_no_index_is_seen(planner: PlanRecorder, ground: LargeDatabase) -> None:
    tasks = ROOTS["Query.tasks"]
    version = table_of(tasks.model).c.version
    by_version = replace(
        tasks,
        filters={"version": scalar_filter(version)},
        orders={"version": SortOrder.by(version)},
        default_order=("version", False),
    )
    plan = await plan_of(planner, ground, by_version, PageRequest.of(by_version, "list"))
    assert plan.sorts
    request = PageRequest.of(by_version, "list", filter={"version": {"eq": 7}})
    plan = await plan_of(planner, ground, by_version, request)
    assert index_condition(by_version.filters["version"], "eq") == "version"
    assert "version" not in plan.conditions


def test_every_list_and_every_filter_has_its_turn() -> None:
    filters = {f"{name} {key}" for name, collection in ROOTS.items() for key in collection.filters}
    operators = {" ".join(served) for served in SERVED}
    walked = {walked.rpartition(" ")[0] for walked in WALKED}
    unknown = set(SELECTIVE) - filters - operators | walked - filters | set(SHORT) - set(ROOTS)
    assert not unknown, f"Take {sorted(unknown)} out of {CASES_FILE}: there is no such list or filter."
    listed = [id(collection.filters) for collection in ROOTS.values()]
    filtered = {node.name: id(node.collection.filters) for node in NODE_TYPES.values() if node.collection.filters}
    missing = {name for name, of in filtered.items() if of not in listed}
    assert not missing, f"List {sorted(missing)} at the root, so that their filters are explained."


STATISTICS = {
    field.python_name: field.statistics
    for field in SCHEMA.get_type_by_name("Query").fields  # type: ignore[union-attr]  # it is an object type
    if isinstance(field, StatisticsField)
}


async def plan_of_statistics(
    planner: PlanRecorder, ground: LargeDatabase, statistics: Statistics, **options: Any
) -> Plan:
    planner.clear()
    request = StatisticsRequest.of(statistics, by=StatsPeriod.MONTH, **options)
    await load_statistics(planner.session, ground.actor, statistics, request)
    return await planner.plan()


@pytest.mark.parametrize("name", STATISTICS)
async def test_statistics_of_some_days_read_those_days_alone(
    name: str, planner: PlanRecorder, ground: LargeDatabase
) -> None:
    since = {"created_at": {"gte": datetime.now(UTC) - timedelta(days=1)}}
    plan = await plan_of_statistics(planner, ground, STATISTICS[name], filter=since)
    assert "tenant_id = " in plan.conditions, str(plan)
    assert "created_at >= " in plan.conditions, str(plan)


@pytest.mark.parametrize("name", STATISTICS)
async def test_statistics_read_their_rows_once(name: str, planner: PlanRecorder, ground: LargeDatabase) -> None:
    statistics = STATISTICS[name]
    plan = await plan_of_statistics(planner, ground, statistics)
    table = statistics.collection.model.__tablename__
    assert len([node for node in plan if node.node.get("Relation Name") == table]) == 1, str(plan)
