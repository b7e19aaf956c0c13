"""Pages: however a list is walked, every row comes once, in one order, with nulls last both ways."""

import importlib
import json
import pkgutil
import random
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import partial
from typing import Any
from uuid import UUID

import pytest

import services
from models.base import new_id, table_of
from services import products, tasks, tenants
from services.errors import Forbidden, InvalidInput
from services.queries import loading
from services.queries.collection import Collection
from services.queries.loading import Page
from services.queries.page_request import PageRequest
from tests.support.bulk_fixtures import some_tasks
from tests.support.derived_rows import EPOCH
from tests.support.domain_cases import CASES_FILE, CollectionCase, merged
from tests.support.factories import Person, World
from tests.support.service_client import ServiceClient, walk_pages

SEED = 20270131
COLLECTION_CASES: dict[str, CollectionCase] = merged("collections")
SORT_COLUMNS: dict[str, str] = merged("sort_columns")


def sort_column(collection: Collection, order: str) -> str:
    """Return the column that an order goes by: the one of its name, or what the database keeps of that to sort by."""
    if order in SORT_COLUMNS:
        return SORT_COLUMNS[order]
    columns = table_of(collection.model).c
    found = [name for name in (f"{order}_key", f"{order}_minor", order) if name in columns]
    assert found, f"Write the column of the order {order!r} into `sort_columns` of {CASES_FILE}."
    return found[0]


def sorted_rows(rows: list[Any], column: str, *, descending: bool) -> list[Any]:
    """Rows as they should come: by value, then by id in the same direction, those without a value last."""

    def value(row: Any) -> Any:
        found = getattr(row, column)
        return found.encode() if isinstance(found, str) else found

    known = sorted((r for r in rows if value(r) is not None), key=lambda r: (value(r), r.id), reverse=descending)
    return known + sorted((r for r in rows if value(r) is None), key=lambda r: r.id, reverse=descending)


async def walk_collection(
    rules: ServiceClient, person: Person, collection: Collection, size: int, *, backwards: bool = False, **wanted: Any
) -> list[Any]:
    """All rows of a list in its order, read page by page from one end to the other."""
    return await walk_pages(partial(rules.page, person, collection, **wanted), size, backwards=backwards)


def test_every_collection_has_a_case() -> None:
    found = set()
    for module_info in pkgutil.iter_modules(services.__path__):
        module = importlib.import_module(f"services.{module_info.name}")
        found |= {f"{module_info.name}.{n}" for n, value in vars(module).items() if isinstance(value, Collection)}
    missing, unknown = found - set(COLLECTION_CASES), set(COLLECTION_CASES) - found
    assert not missing, f"Write what makes many rows of {sorted(missing)} into `collections` of {CASES_FILE}."
    assert not unknown, f"Take {sorted(unknown)} out of `collections` of {CASES_FILE}: there is no such collection."


@pytest.mark.parametrize("name", COLLECTION_CASES)
def test_a_list_is_sorted_by_its_default_order_as_by_that_order_without_a_direction(name: str) -> None:
    collection = COLLECTION_CASES[name].collection
    order, descending = collection.default_order
    asked = PageRequest.of(collection, "a list", order=[(order, None)])
    assert asked == PageRequest.of(collection, "a list")
    assert asked.order == ((order, descending),)


@pytest.mark.parametrize("name", COLLECTION_CASES)
async def test_every_order_visits_every_row_once_both_ways(rules: ServiceClient, world: World, name: str) -> None:
    collection, count = COLLECTION_CASES[name].collection, COLLECTION_CASES[name].count
    chance = random.Random(SEED)  # to be repeatable
    person = await COLLECTION_CASES[name].make(world, chance)
    for order in collection.orders:
        for descending in (False, True):
            wanted: dict[str, Any] = {"order": [(order, descending)]}
            size = chance.randint(1 + count // 20, 100)
            rows = await walk_collection(rules, person, collection, size, **wanted)
            assert len({row.id for row in rows}) == len(rows) == (count or len(rows)) > 0
            assert rows == sorted_rows(rows, sort_column(collection, order), descending=descending)
            size = chance.randint(1 + count // 20, 100)
            assert await walk_collection(rules, person, collection, size, backwards=True, **wanted) == rows


async def test_nulls_come_last_both_ways(rules: ServiceClient, world: World) -> None:
    chance = random.Random(SEED)  # to be repeatable
    person = await some_tasks(world, chance, 60)
    for descending in (False, True):
        rows = await walk_collection(rules, person, tasks.TASKS, 7, order=[("due_date", descending)])
        nulls = [row.due_date is None for row in rows]
        assert 10 < sum(nulls) < 50
        assert nulls == sorted(nulls)


async def test_rows_that_come_and_go_in_between_repeat_and_hide_none(rules: ServiceClient, world: World) -> None:
    chance = random.Random(SEED)  # to be repeatable
    person = await some_tasks(world, chance, 60)
    for order in ([("created_at", True)], [("due_date", False)], [("title", True), ("created_at", False)]):
        before = {row.id for row in await walk_collection(rules, person, tasks.TASKS, 100)}
        seen: list[Any] = []
        cursor = None
        while cursor is not None or not seen:
            assert len(seen) < 1000, "the walk does not end"
            page = await rules.page(person, tasks.TASKS, first=15, after=cursor, order=order)
            seen += [edge.node.id for edge in page.edges]
            cursor = page.edges[-1].cursor if page.has_next_page else None
            await some_tasks(world, chance, 4)
            await world.connection.execute("DELETE FROM tasks WHERE id = $1", page.edges[-1].node.id)
        assert len(set(seen)) == len(seen)
        assert before <= set(seen)


async def test_the_count_is_that_of_the_whole_list(rules: ServiceClient, world: World) -> None:
    person = await some_tasks(world, random.Random(SEED), 40)  # to be repeatable
    actor = rules.actor(person)
    filter_: dict[str, Any]
    filters = ({}, {"text": {"contains": "a"}}, {"due_date": {"gte": EPOCH}}, {"status": {"eq": "DONE"}})
    for filter_ in filters:
        rows = await walk_collection(rules, person, tasks.TASKS, 7, filter=filter_)
        request = PageRequest.of(tasks.TASKS, "a list", first=1, filter=filter_)
        async with rules.database.read(actor.identity) as session:
            assert await loading.count_rows(session, actor, tasks.TASKS, request) == len(rows)
    guarded = PageRequest.of(tenants.USERS, "a list", filter={"email": {"eq": "x"}})
    async with rules.database.read(actor.identity) as session:
        with pytest.raises(Forbidden):
            await loading.count_rows(session, actor, tenants.USERS, guarded)


async def scatter_tasks(world: World, chance: random.Random) -> tuple[Person, list[UUID], list[UUID]]:
    """Tasks of some projects and some people, of which one each has none."""
    person = await some_tasks(world, chance, 120)
    acme = world.acme
    parents = [await world.add("projects", tenant_id=acme.tenant_id, name=f"{n}") for n in range(5)]
    people = [acme.owner.user_id, acme.admin.user_id, acme.member.user_id, acme.removed.user_id]
    for row in await world.connection.fetch("SELECT id FROM tasks"):
        given = (row["id"], chance.choice([None, *parents[1:]]), chance.choice([None, *people[1:]]))
        await world.connection.execute("UPDATE tasks SET project_id = $2, assignee_id = $3 WHERE id = $1", *given)
    return person, parents, people


async def test_a_nested_page_is_the_same_page_of_its_parent_alone(rules: ServiceClient, world: World) -> None:
    chance = random.Random(SEED)  # to be repeatable
    person, parents, people = await scatter_tasks(world, chance)
    actor, shuffled = rules.actor(person), chance.sample(parents, len(parents))

    async def nested(column: str, ids: list[UUID], **wanted: Any) -> tuple[dict[UUID, Page], dict[UUID, int]]:
        request = PageRequest.of(tasks.TASKS, "a list", **wanted)
        async with rules.database.read(actor.identity) as session:
            before = session.statements
            pages = await loading.pages_by_parent(session, actor, tasks.TASKS, request, column, ids)
            counts = await loading.counts_by_parent(session, actor, tasks.TASKS, request, column, ids)
            assert session.statements - before == 2
        assert list(pages) == ids
        assert counts.keys() == set(ids)
        return pages, counts

    for column, ids in (("project_id", shuffled), ("assignee_id", people)):
        for order in tasks.TASKS.orders:
            wanted: dict[str, Any] = {"order": [(order, chance.random() < 0.5)]}
            wanted["filter"] = chance.choice([{}, {"text": {"contains": "a"}}])
            rows = await walk_collection(rules, person, tasks.TASKS, 100, **wanted)
            pages, counts = await nested(column, ids, first=6, **wanted)
            middle = pages[ids[-1]].edges[-1].cursor
            after, _ = await nested(column, ids, first=6, after=middle, **wanted)
            before, _ = await nested(column, ids, last=6, before=middle, **wanted)
            place = rows.index(pages[ids[-1]].edges[-1].node)
            for parent in ids:
                mine = [row for row in rows if getattr(row, column) == parent]
                assert counts[parent] == len(mine)
                assert [edge.node for edge in pages[parent].edges] == mine[:6]
                assert pages[parent].has_next_page == (len(mine) > 6)
                behind = [row for row in mine if rows.index(row) > place]
                assert [edge.node for edge in after[parent].edges] == behind[:6]
                ahead = [row for row in mine if rows.index(row) < place]
                assert [edge.node for edge in before[parent].edges] == ahead[-6:]


def test_a_page_has_0_to_100_rows_and_goes_one_way() -> None:
    of = PageRequest.of
    wrong: list[dict[str, Any]] = [
        {"first": -1},
        {"first": 101},
        {"last": -1},
        {"last": 101},
        {"first": 1, "last": 1},
        {"last": 1, "after": "x"},
        {"before": "x"},
        {"first": 1, "before": "x"},
    ]
    for wanted in wrong:
        with pytest.raises(InvalidInput):
            of(tasks.TASKS, "a list", **wanted)
    assert (of(tasks.TASKS, "a list").limit, of(tasks.TASKS, "a list", last=100).limit) == (20, 100)


async def test_a_cursor_is_good_for_its_own_list_order_and_filter(rules: ServiceClient, world: World) -> None:
    person = await some_tasks(world, random.Random(SEED), 5)  # to be repeatable
    own: dict[str, Any] = {"order": [("title", False)], "filter": {"status": {"eq": "TODO"}}}
    cursor = (await rules.page(person, tasks.TASKS, first=1, **own)).edges[0].cursor
    other: dict[str, Any]
    for other in (
        {"order": [("title", True)]},
        {"order": [("created_at", False)]},
        {"filter": {"status": {"eq": "DONE"}}},
        {"filter": {}},
        {"filter": {"status": {"eq": "TODO"}, "text": {"contains": "a"}}},
    ):
        with pytest.raises(InvalidInput, match="does not belong"):
            await rules.page(person, tasks.TASKS, first=1, after=cursor, **{**own, **other})
    with pytest.raises(InvalidInput, match="does not belong"):
        PageRequest.of(tasks.TASKS, "another list", after=cursor, **own)
    assert await rules.rows(person, tasks.TASKS, last=1, before=cursor, **own) == []
    assert len(await rules.rows(person, tasks.TASKS, after=cursor, **own)) == 4


async def test_what_is_made_up_is_no_cursor(rules: ServiceClient, world: World) -> None:
    person = await some_tasks(world, random.Random(SEED), 5)  # to be repeatable
    row_id = str(new_id())
    for order in ("created_at", "due_date", "title"):
        request = PageRequest.of(tasks.TASKS, "a list", order=[(order, False)])
        parts: list[Any] = [
            [request.fingerprint, 1, row_id],
            [request.fingerprint, None, row_id],
            [request.fingerprint, "\0", row_id],
            [request.fingerprint, "2027-01-01 00:00:00+00", "x"],
            [request.fingerprint, "2027-01-01 00:00:00+00", None],
            [request.fingerprint, "2027-01-01 00:00:00+00"],
            ["", "2027-01-01 00:00:00+00", row_id],
            {},
            1,
            None,
        ]
        made_up = [urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts]
        for text in ("", "x", "=", "é", "\0", "[" * 100_000, *made_up):
            with pytest.raises(InvalidInput):
                PageRequest.of(tasks.TASKS, "a list", order=[(order, False)], after=text)
        for key in ("x", "\ud800", "NaN", "xinfinity", "-infinity", "2027-W01-1", "0001-01-01T00:00:00+23:59", "now"):
            forged = urlsafe_b64encode(json.dumps([request.fingerprint, key, row_id]).encode()).decode()
            try:
                page = await rules.page(person, tasks.TASKS, order=[(order, False)], after=forged)
            except InvalidInput:
                continue
            assert len(page.edges) <= 5


async def test_a_number_in_a_cursor_is_one_to_postgresql_too(rules: ServiceClient, world: World) -> None:
    order = [("price", False)]
    request = PageRequest.of(products.PRODUCTS, "a list", order=order)
    for key in ("1_0", "\u0661\u0662", " 7 ", "+7"):
        forged = urlsafe_b64encode(json.dumps([request.fingerprint, key, str(new_id())]).encode()).decode()
        page = await rules.page(world.acme.owner, products.PRODUCTS, order=order, after=forged)
        assert page.edges == []


async def test_a_cursor_holds_its_place_alone(rules: ServiceClient, world: World) -> None:
    person = await some_tasks(world, random.Random(SEED), 1)  # to be repeatable
    [edge] = (await rules.page(person, tasks.TASKS)).edges
    assert edge.cursor.isascii()
    assert not set(edge.cursor) & set("+/=\n ")
    parts = json.loads(urlsafe_b64decode(edge.cursor + "=" * (-len(edge.cursor) % 4)))
    assert parts[2] == str(edge.node.id)
    assert len(parts) == 3
