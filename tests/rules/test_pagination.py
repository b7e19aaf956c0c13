"""Pages: however a list is walked, every row comes once, in one order, with nulls last both ways."""

import importlib
import json
import pkgutil
import random
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

import services
from models.base import new_id, now
from services import (
    accounts,
    api_keys,
    articles,
    audit,
    documents,
    invitations,
    orders,
    pagination,
    products,
    projects,
    sessions,
    tasks,
    tenants,
)
from services.errors import Forbidden, InvalidInput
from services.pagination import Collection, Page, PageRequest
from tests.factories import Person, World
from tests.units import Rules

SEED = 20270131
DAWN = datetime(2027, 1, 1, tzinfo=UTC)
WORDS = ("a", "A", "b", "B", "Ä", "ä", "é", "Z", "z", "ß", "Ж", "ж", "日", "😀", "a b", "_", "%", "'", "0", '"\\')


def word(chance: random.Random) -> str:
    return "".join(chance.choice(WORDS) for _ in range(chance.randint(1, 3)))


def moment(chance: random.Random, choices: int = 12) -> datetime:
    """One of few, so that many are equal; down to the microsecond."""
    return DAWN + timedelta(hours=chance.randrange(choices), microseconds=chance.choice((0, 1, 500_000, 999_999)))


async def some_tasks(world: World, chance: random.Random, count: int = 230) -> Person:
    acme = world.acme
    sql = (
        "INSERT INTO tasks (tenant_id, id, created_by, title, due_date, created_at, updated_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)"
    )
    rows = []
    for _ in range(count):
        due = None if chance.random() < 0.4 else moment(chance)
        times = (moment(chance), moment(chance))
        rows.append((acme.tenant_id, new_id(), acme.member.user_id, word(chance), due, *times))
    chance.shuffle(rows)
    await world.connection.executemany(sql, rows)
    return acme.member


async def some_documents(world: World, chance: random.Random) -> Person:
    """Of which a third is in the trash."""
    acme = world.acme
    for number in range(150):
        title, times = f"{word(chance)} {number}", {"created_at": moment(chance), "updated_at": moment(chance)}
        gone = {"deleted_at": moment(chance), "deleted_by": acme.member.user_id} if number % 3 == 0 else {}
        document = {"tenant_id": acme.tenant_id, "created_by": acme.member.user_id, "title": title}
        await world.add("documents", **document, **times, **gone)
    return acme.member


async def some_projects(world: World, chance: random.Random) -> Person:
    sql = "INSERT INTO projects (tenant_id, id, name, created_at, updated_at) VALUES ($1, $2, $3, $4, $5)"
    rows = [(world.acme.tenant_id, new_id(), word(chance), moment(chance), moment(chance)) for _ in range(150)]
    await world.connection.executemany(sql, rows)
    return world.acme.member


async def some_people(world: World, chance: random.Random) -> Person:
    people = [(new_id(), f"person-{number}@example.com", word(chance)) for number in range(150)]
    await world.connection.executemany("INSERT INTO users (id, email, full_name) VALUES ($1, $2, $3)", people)
    sql = (
        "INSERT INTO memberships (tenant_id, id, user_id, created_at, full_name, email) VALUES ($1, $2, $3, $4, '', '')"
    )
    rows = [(world.acme.tenant_id, new_id(), user_id, moment(chance)) for user_id, _, _ in people]
    await world.connection.executemany(sql, rows)
    return world.acme.member


async def many_tenants(world: World, chance: random.Random) -> Person:
    """Of which one person is a member."""
    for number in range(60):
        values = {"name": word(chance) + str(number), "slug": f"tenant-{number}", "created_at": moment(chance)}
        tenant_id = await world.add("tenants", **values)
        member = {"tenant_id": tenant_id, "user_id": world.outsider.user_id, "created_at": moment(chance)}
        await world.add("memberships", **member, full_name="", email="")
    return world.outsider


async def some_sessions(world: World, chance: random.Random) -> Person:
    fixed = {"user_id": world.outsider.user_id, "refresh_digest": "none", "expires_at": now() + timedelta(days=1)}
    for _ in range(60):
        await world.add("sessions", **fixed, created_at=moment(chance))
    return world.outsider


async def some_invitations(world: World, chance: random.Random) -> Person:
    for number in range(60):
        tenant = chance.choice((world.acme, world.acme, world.globex))
        fixed = {"tenant_id": tenant.tenant_id, "invited_by": tenant.owner.user_id, "role": "MEMBER", "digest": "none"}
        email = world.acme.admin.email if number % 2 else f"person-{number}@example.com"
        await world.add(
            "invitations", **fixed, email=email, created_at=moment(chance), expires_at=now() + timedelta(days=1)
        )
    return world.acme.admin


async def some_products(world: World, chance: random.Random) -> Person:
    for _ in range(90):
        await world.add("products", **product(world, chance))
    return world.acme.member


def product(world: World, chance: random.Random) -> dict[str, Any]:
    given = {"tenant_id": world.acme.tenant_id, "id": new_id(), "sku": str(new_id()), "name": word(chance)}
    given |= {"price_minor": chance.randrange(9), "currency": "EUR", "stock_quantity": chance.randrange(4)}
    return {**given, "created_at": moment(chance), "updated_at": moment(chance)}


async def some_orders(world: World, chance: random.Random) -> Person:
    """With two lines and one event each, half of them somebody else's."""
    acme, sold = world.acme, product(world, chance)
    await world.add("products", **sold)
    for number in range(120):
        buyer = acme.member if number % 2 else acme.admin
        fixed = {"tenant_id": acme.tenant_id, "currency": "EUR"}
        times = {"created_at": moment(chance), "updated_at": moment(chance), "version": 1}
        order = {"id": new_id(), "user_id": buyer.user_id, "status": "PENDING", "shipping_address": "x", **times}
        await world.add("orders", **fixed, **order, total_minor=chance.randrange(9))
        for line in (1, 2):
            item = {"order_id": order["id"], "product_id": sold["id"], "line": line, "quantity": 1}
            await world.add("order_items", **fixed, **item, unit_price_minor=1, subtotal_minor=1)
        event = {"stream_type": "order", "stream_id": order["id"], "version": 1, "type": "OrderPlaced"}
        event |= {"tenant_id": acme.tenant_id, "payload": "{}", "created_at": times["created_at"]}
        await world.add("events", **event)
    return acme.member


async def some_articles(world: World, chance: random.Random) -> Person:
    acme = world.acme
    sql = (
        "INSERT INTO articles (tenant_id, id, author_id, title, content, status, created_at, updated_at)"
        " VALUES ($1, $2, $3, $4, '', 'PUBLISHED', $5, $6)"
    )
    rows = [
        (acme.tenant_id, new_id(), acme.owner.user_id, word(chance), moment(chance), moment(chance)) for _ in range(150)
    ]
    await world.connection.executemany(sql, rows)
    return acme.member


async def some_keys(world: World, chance: random.Random) -> Person:
    acme = world.acme
    fixed = {"tenant_id": acme.tenant_id, "created_by": acme.owner.user_id, "role": "MEMBER", "digest": "none"}
    for _ in range(60):
        await world.add("api_keys", **fixed, name=word(chance), created_at=moment(chance))
    return acme.owner


async def nothing_more(world: World, _chance: random.Random) -> Person:
    """For lists that have one row whatever happens."""
    return world.acme.member


async def some_entries(world: World, chance: random.Random) -> Person:
    await some_invitations(world, chance)
    return world.acme.owner


CASES: dict[str, tuple[Collection, Callable[[World, random.Random], Awaitable[Person]], int]] = {
    "tasks.TASKS": (tasks.TASKS, some_tasks, 230),
    "api_keys.API_KEYS": (api_keys.API_KEYS, some_keys, 60),
    "articles.ARTICLES": (articles.ARTICLES, some_articles, 150),
    "projects.PROJECTS": (projects.PROJECTS, some_projects, 150),
    "documents.DOCUMENTS": (documents.DOCUMENTS, some_documents, 100),
    "documents.TRASH": (documents.TRASH, some_documents, 50),
    "documents.EVERY": (documents.EVERY, some_documents, 150),
    "tenants.USERS": (tenants.USERS, some_people, 153),
    "tenants.MEMBERSHIPS": (tenants.MEMBERSHIPS, many_tenants, 60),
    "tenants.OWN_TENANTS": (tenants.OWN_TENANTS, many_tenants, 60),
    "tenants.TENANTS": (tenants.TENANTS, nothing_more, 1),
    "products.PRODUCTS": (products.PRODUCTS, some_products, 90),
    "orders.ORDERS": (orders.ORDERS, some_orders, 60),
    "orders.ITEMS": (orders.ITEMS, some_orders, 120),
    "orders.EVENTS": (orders.EVENTS, some_orders, 60),
    "sessions.SESSIONS": (sessions.SESSIONS, some_sessions, 61),
    "invitations.INVITATIONS": (invitations.INVITATIONS, some_invitations, 0),
    "invitations.RECEIVED": (invitations.RECEIVED, some_invitations, 30),
    "audit.AUDIT": (audit.AUDIT, some_entries, 0),
    "audit.LOG": (audit.LOG, some_entries, 0),
    "accounts.VIEWERS": (accounts.VIEWERS, nothing_more, 1),
}
"""By name: a collection, who makes its rows and gives whoever sees them, and how many those are (0: by chance)."""

KEYS = {
    "title": "title_key",
    "name": "name_key",
    "full_name": "name_key",
    "price": "price_minor",
    "total_amount": "total_minor",
}
"""The columns that orders stand for, where they have other names."""


def in_order(rows: list[Any], order: str, *, descending: bool) -> list[Any]:
    """Rows as they should come: by value, then by id in the same direction, those without a value last."""
    column = KEYS.get(order, order)

    def value(row: Any) -> Any:
        found = getattr(row, column)
        return found.encode() if isinstance(found, str) else found

    known = sorted((r for r in rows if value(r) is not None), key=lambda r: (value(r), r.id), reverse=descending)
    return known + sorted((r for r in rows if value(r) is None), key=lambda r: r.id, reverse=descending)


async def walk(
    rules: Rules, person: Person, collection: Collection, size: int, *, backwards: bool = False, **wanted: Any
) -> list[Any]:
    """All rows of a list in its order, read page by page from one end to the other."""
    found: list[Any] = []
    cursor = None
    while True:
        paging = {"last": size, "before": cursor} if backwards else {"first": size, "after": cursor}
        page = await rules.page(person, collection, **paging, **wanted)
        rows = [edge.node for edge in page.edges]
        found = rows + found if backwards else found + rows
        behind, ahead = page.has_previous_page, page.has_next_page
        more, came = (behind, ahead) if backwards else (ahead, behind)
        assert came == (cursor is not None)
        if not more:
            return found
        assert len(rows) == size
        cursor = page.edges[0 if backwards else -1].cursor


def test_every_collection_has_a_case() -> None:
    found = set()
    for module_info in pkgutil.iter_modules(services.__path__):
        module = importlib.import_module(f"services.{module_info.name}")
        found |= {f"{module_info.name}.{n}" for n, value in vars(module).items() if isinstance(value, Collection)}
    assert found == set(CASES)


@pytest.mark.parametrize("name", CASES)
async def test_every_order_visits_every_row_once_both_ways(rules: Rules, world: World, name: str) -> None:
    collection, make, count = CASES[name]
    chance = random.Random(SEED)  # to be repeatable
    person = await make(world, chance)
    for order in collection.orders:
        for descending in (False, True):
            wanted: dict[str, Any] = {"order": (order, descending)}
            size = chance.randint(1 + count // 20, 100)
            rows = await walk(rules, person, collection, size, **wanted)
            assert len({row.id for row in rows}) == len(rows) == (count or len(rows)) > 0
            assert rows == in_order(rows, order, descending=descending)
            size = chance.randint(1 + count // 20, 100)
            assert await walk(rules, person, collection, size, backwards=True, **wanted) == rows


async def test_nulls_come_last_both_ways(rules: Rules, world: World) -> None:
    chance = random.Random(SEED)  # to be repeatable
    person = await some_tasks(world, chance, 60)
    for descending in (False, True):
        rows = await walk(rules, person, tasks.TASKS, 7, order=("due_date", descending))
        nulls = [row.due_date is None for row in rows]
        assert 10 < sum(nulls) < 50
        assert nulls == sorted(nulls)


async def test_rows_that_come_and_go_in_between_repeat_and_hide_none(rules: Rules, world: World) -> None:
    chance = random.Random(SEED)  # to be repeatable
    person = await some_tasks(world, chance, 60)
    for order in (("created_at", True), ("due_date", False), ("title", True)):
        before = {row.id for row in await walk(rules, person, tasks.TASKS, 100)}
        seen: list[Any] = []
        cursor = None
        while cursor is not None or not seen:
            page = await rules.page(person, tasks.TASKS, first=15, after=cursor, order=order)
            seen += [edge.node.id for edge in page.edges]
            cursor = page.edges[-1].cursor if page.has_next_page else None
            await some_tasks(world, chance, 4)
            await world.connection.execute("DELETE FROM tasks WHERE id = $1", page.edges[-1].node.id)
        assert len(set(seen)) == len(seen)
        assert before <= set(seen)


async def test_the_count_is_that_of_the_whole_list(rules: Rules, world: World) -> None:
    person = await some_tasks(world, random.Random(SEED), 40)  # to be repeatable
    actor = rules.actor(person)
    filters: dict[str, Any]
    for filters in ({}, {"text": "a"}, {"due_from": DAWN}, {"status": "DONE"}):
        rows = await walk(rules, person, tasks.TASKS, 7, filters=filters)
        request = PageRequest.of(tasks.TASKS, "a list", first=1, filters=filters)
        async with rules.database.read(actor.identity) as session:
            assert await pagination.count(session, actor, tasks.TASKS, request) == len(rows)
    guarded = PageRequest.of(tenants.USERS, "a list", filters={"email": "x"})
    async with rules.database.read(actor.identity) as session:
        with pytest.raises(Forbidden):
            await pagination.count(session, actor, tenants.USERS, guarded)


async def scattered(world: World, chance: random.Random) -> tuple[Person, list[UUID], list[UUID]]:
    """Tasks of some projects and some people, of which one each has none."""
    person = await some_tasks(world, chance, 120)
    acme = world.acme
    parents = [await world.add("projects", tenant_id=acme.tenant_id, name=f"{n}") for n in range(5)]
    people = [acme.owner.user_id, acme.admin.user_id, acme.member.user_id, acme.removed.user_id]
    for row in await world.connection.fetch("SELECT id FROM tasks"):
        given = (row["id"], chance.choice([None, *parents[1:]]), chance.choice([None, *people[1:]]))
        await world.connection.execute("UPDATE tasks SET project_id = $2, assignee_id = $3 WHERE id = $1", *given)
    return person, parents, people


async def test_a_nested_page_is_the_same_page_of_its_parent_alone(rules: Rules, world: World) -> None:
    chance = random.Random(SEED)  # to be repeatable
    person, parents, people = await scattered(world, chance)
    actor, shuffled = rules.actor(person), chance.sample(parents, len(parents))

    async def nested(column: str, ids: list[UUID], **wanted: Any) -> tuple[dict[UUID, Page], dict[UUID, int]]:
        request = PageRequest.of(tasks.TASKS, "a list", **wanted)
        async with rules.database.read(actor.identity) as session:
            before = session.statements
            pages = await pagination.related(session, actor, tasks.TASKS, request, column, ids)
            counts = await pagination.counts(session, actor, tasks.TASKS, request, column, ids)
            assert session.statements - before == 2
        assert list(pages) == ids
        assert counts.keys() == set(ids)
        return pages, counts

    for column, ids in (("project_id", shuffled), ("assignee_id", people)):
        for order in tasks.TASKS.orders:
            wanted: dict[str, Any] = {"order": (order, chance.random() < 0.5)}
            wanted["filters"] = chance.choice([{}, {"text": "a"}])
            rows = await walk(rules, person, tasks.TASKS, 100, **wanted)
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


def test_a_page_has_1_to_100_rows_and_goes_one_way() -> None:
    of = PageRequest.of
    wrong: list[dict[str, Any]] = [
        {"first": 0},
        {"first": -1},
        {"first": 101},
        {"last": 0},
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


async def test_a_cursor_is_good_for_its_own_list_order_and_filter(rules: Rules, world: World) -> None:
    person = await some_tasks(world, random.Random(SEED), 5)  # to be repeatable
    own: dict[str, Any] = {"order": ("title", False), "filters": {"status": "TODO"}}
    cursor = (await rules.page(person, tasks.TASKS, first=1, **own)).edges[0].cursor
    other: dict[str, Any]
    for other in (
        {"order": ("title", True)},
        {"order": ("created_at", False)},
        {"filters": {"status": "DONE"}},
        {"filters": {}},
        {"filters": {"status": "TODO", "text": "a"}},
    ):
        with pytest.raises(InvalidInput, match="does not belong"):
            await rules.page(person, tasks.TASKS, first=1, after=cursor, **{**own, **other})
    with pytest.raises(InvalidInput, match="does not belong"):
        PageRequest.of(tasks.TASKS, "another list", after=cursor, **own)
    assert await rules.listed(person, tasks.TASKS, last=1, before=cursor, **own) == []
    assert len(await rules.listed(person, tasks.TASKS, after=cursor, **own)) == 4


async def test_what_is_made_up_is_no_cursor(rules: Rules, world: World) -> None:
    person = await some_tasks(world, random.Random(SEED), 5)  # to be repeatable
    row_id = str(new_id())
    for order in ("created_at", "due_date", "title"):
        request = PageRequest.of(tasks.TASKS, "a list", order=(order, False))
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
                PageRequest.of(tasks.TASKS, "a list", order=(order, False), after=text)
        for key in ("x", "\ud800", "NaN", "xinfinity", "-infinity", "2027-W01-1", "0001-01-01T00:00:00+23:59", "now"):
            forged = urlsafe_b64encode(json.dumps([request.fingerprint, key, row_id]).encode()).decode()
            try:
                page = await rules.page(person, tasks.TASKS, order=(order, False), after=forged)
            except InvalidInput:
                continue
            assert len(page.edges) <= 5


async def test_a_cursor_holds_its_place_alone(rules: Rules, world: World) -> None:
    person = await some_tasks(world, random.Random(SEED), 1)  # to be repeatable
    [edge] = (await rules.page(person, tasks.TASKS)).edges
    assert edge.cursor.isascii()
    assert not set(edge.cursor) & set("+/=\n ")
    parts = json.loads(urlsafe_b64decode(edge.cursor + "=" * (-len(edge.cursor) % 4)))
    assert parts[2] == str(edge.node.id)
    assert len(parts) == 3
