"""Many rows to walk through, with equal times, odd texts and nulls, where they do not follow from the model alone."""

import random
from datetime import timedelta
from typing import Any

from models.base import new_id, now
from tests.support.derived_rows import moment, word
from tests.support.factories import Person, World


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
    """To one person from thirty tenants, and from one tenant to thirty people: an address has one in a tenant."""
    owner = world.acme.owner.user_id
    fixed = {"invited_by": owner, "role": "MEMBER", "digest": "none", "expires_at": now() + timedelta(days=1)}
    for number in range(60):
        tenant_id, email = world.acme.tenant_id, f"person-{number}@example.com"
        if number % 2:
            tenant_id = await world.add("tenants", name=f"Host {number}", slug=f"host-{number}")
            member = {"tenant_id": tenant_id, "user_id": owner, "role": "OWNER", "full_name": "", "email": ""}
            await world.add("memberships", **member)
            email = world.acme.admin.email
        await world.add("invitations", **fixed, tenant_id=tenant_id, email=email, created_at=moment(chance))
    return world.acme.admin


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
        await world.add("orders", **fixed, **order, number=number, total_minor=chance.randrange(9))
        for line in (1, 2):
            item = {"order_id": order["id"], "product_id": sold["id"], "line": line, "quantity": 1}
            await world.add("order_items", **fixed, **item, unit_price_minor=1, subtotal_minor=1)
        event = {"stream_type": "order", "stream_id": order["id"], "version": 1, "type": "OrderPlaced"}
        event |= {"tenant_id": acme.tenant_id, "payload": "{}", "created_at": times["created_at"]}
        await world.add("events", **event)
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
