"""Many rows of every collection, with equal times, odd texts and nulls, to walk through."""

import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from models.base import new_id, now
from services import (
    accounts,
    api_keys,
    articles,
    audit,
    documents,
    invitations,
    orders,
    products,
    projects,
    sessions,
    tasks,
    tenants,
)
from services.queries.collection import Collection
from tests.support.factories import Person, World

EPOCH = datetime(2027, 1, 1, tzinfo=UTC)
WORDS = ("a", "A", "b", "B", "Ä", "ä", "é", "Z", "z", "ß", "Ж", "ж", "日", "😀", "a b", "_", "%", "'", "0", '"\\')


def word(chance: random.Random) -> str:
    return "".join(chance.choice(WORDS) for _ in range(chance.randint(1, 3)))


def moment(chance: random.Random, choices: int = 12) -> datetime:
    """One of few, so that many are equal; down to the microsecond."""
    return EPOCH + timedelta(hours=chance.randrange(choices), microseconds=chance.choice((0, 1, 500_000, 999_999)))


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


COLLECTION_CASES: dict[str, tuple[Collection, Callable[[World, random.Random], Awaitable[Person]], int]] = {
    "tasks.TASKS": (tasks.TASKS, some_tasks, 230),
    "api_keys.API_KEYS": (api_keys.API_KEYS, some_keys, 60),
    "articles.ARTICLES": (articles.ARTICLES, some_articles, 150),
    "projects.PROJECTS": (projects.PROJECTS, some_projects, 150),
    "documents.DOCUMENTS": (documents.DOCUMENTS, some_documents, 100),
    "documents.TRASH": (documents.TRASH, some_documents, 50),
    "documents.ALL_DOCUMENTS": (documents.ALL_DOCUMENTS, some_documents, 150),
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
    "invitations.RECEIVED_INVITATIONS": (invitations.RECEIVED_INVITATIONS, some_invitations, 30),
    "audit.AUDIT": (audit.AUDIT, some_entries, 0),
    "audit.FULL_LOG": (audit.FULL_LOG, some_entries, 0),
    "accounts.VIEWERS": (accounts.VIEWERS, nothing_more, 1),
}
"""By name: a collection, who makes its rows and gives whoever sees them, and how many those are (0: by chance)."""

KEY_COLUMNS = {
    "title": "title_key",
    "name": "name_key",
    "full_name": "name_key",
    "price": "price_minor",
    "total_amount": "total_minor",
}
"""The columns that orders stand for, where they have other names."""
