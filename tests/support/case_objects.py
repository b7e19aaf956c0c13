"""What operations are tried on: things of a tenant, made by its owner role as a case needs them."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from models.base import new_id, now
from services import security
from tests.support.case_context import Maker, Name, Stage, address, named, secret
from tests.support.factories import PASSWORD, person

OFFERED = timedelta(days=1)


async def project(stage: Stage, **values: Any) -> Name:
    """A live project with two tasks, one of them a member's."""
    made = await stage.add("projects", name=await secret(stage), **values)
    for assignee in (None, stage.tenant.member.user_id):
        await _task(stage, project_id=made, assignee_id=assignee)
    return named("Project", made)


async def trashed(stage: Stage) -> Name:
    """A project in the trash, with its tasks."""
    made = await project(stage, deleted_at=now())
    await stage.world.connection.execute(
        "UPDATE tasks SET deleted_at = p.deleted_at FROM projects p WHERE p.id = project_id AND p.id = $1",
        UUID(made.partition(":")[2]),
    )
    return made


async def archived(stage: Stage) -> str:
    """A text in the name of a project that is archived."""
    await project(stage, archived_at=now())
    return await secret(stage)


async def _task(stage: Stage, **values: Any) -> UUID:
    given = {"title": await secret(stage), "description": await secret(stage), "due_date": now(), **values}
    return await stage.add("tasks", **given, created_by=stage.tenant.owner.user_id)


async def task(stage: Stage) -> Name:
    """A task in a project, assigned to a member."""
    made = await stage.add("projects", name=await secret(stage))
    return named("Task", await _task(stage, project_id=made, assignee_id=stage.tenant.member.user_id))


async def entry(stage: Stage) -> Name:
    """What the audit log says of a task that was made and then changed."""
    made = await task(stage)
    connection, row_id = stage.world.connection, UUID(made.partition(":")[2])
    await connection.execute("UPDATE tasks SET description = title || ', more' WHERE id = $1", row_id)
    found = "SELECT id FROM audit_log WHERE row_id = $1 AND action = 'UPDATE'"
    return named("AuditEntry", await connection.fetchval(found, row_id))


async def author(stage: Stage) -> Name:
    """A member who changed something."""
    member_ = stage.tenant.member
    assert member_.member_id
    async with stage.world.connection.transaction():
        await stage.world.connection.execute("SELECT set_config('app.user_id', $1, true)", str(member_.user_id))
        await task(stage)
    return named("User", member_.member_id)


async def noted(stage: Stage) -> str:
    """A text in the title of a task."""
    await task(stage)
    return await secret(stage)


async def product(stage: Stage) -> Name:
    """A product of which there is some."""
    return named("Product", await _product(stage))


async def _product(stage: Stage, **values: Any) -> UUID:
    given = {"sku": str(new_id()), "name": await secret(stage), "description": await secret(stage), **values}
    return await stage.add("products", **given, price_minor=500, currency="EUR", stock_quantity=10)


async def sku(stage: Stage) -> Name:
    """The number of a product."""
    made = Name(str(new_id()), lambda: str(new_id()))
    await _product(stage, sku=made)
    return made


async def sold(stage: Stage) -> str:
    """A text in the name of a product."""
    await _product(stage)
    return await secret(stage)


@dataclass
class Ordered:
    """An order of one product, and what goes with it, all of it as the events say."""

    order_id: UUID
    product_id: UUID
    item_id: UUID
    event_id: UUID


async def _ordered(stage: Stage, buyer: UUID | None = None, *further: str) -> Ordered:
    buyer, product_id = buyer or stage.tenant.member.user_id, await _product(stage)
    made, placed_at, text = Ordered(new_id(), product_id, new_id(), new_id()), now(), await secret(stage)
    line = {"item_id": str(made.item_id), "product_id": str(product_id), "quantity": 2, "unit_price_minor": 500}
    payload = {"user_id": str(buyer), "currency": "EUR", "shipping_address": text, "lines": [line]}
    event = {"stream_type": "order", "stream_id": made.order_id, "actor_id": buyer, "created_at": placed_at}
    event["payload"] = json.dumps(payload)
    await stage.add("events", **event, id=made.event_id, version=1, type="OrderPlaced")
    event["payload"] = json.dumps({"reason": text})
    for version, status in enumerate(further, 2):
        await stage.add("events", **event, version=version, type=f"Order{status.title()}")
    moments = {"created_at": placed_at, "updated_at": placed_at, "version": 1 + len(further)}
    order = {"id": made.order_id, "user_id": buyer, "status": ("PENDING", *further)[-1], "shipping_address": text}
    await stage.add("orders", **order, **moments, total_minor=1000, currency="EUR")
    prices = {"quantity": 2, "unit_price_minor": 500, "subtotal_minor": 1000, "currency": "EUR"}
    await stage.add("order_items", id=made.item_id, order_id=made.order_id, product_id=product_id, line=1, **prices)
    return made


async def order(stage: Stage) -> Name:
    """A member's order, which nobody has looked at yet."""
    return named("Order", (await _ordered(stage)).order_id)


async def confirmed(stage: Stage) -> Name:
    """A member's order that was confirmed."""
    return named("Order", (await _ordered(stage, None, "CONFIRMED")).order_id)


async def shipped(stage: Stage) -> Name:
    """A member's order that was shipped."""
    return named("Order", (await _ordered(stage, None, "CONFIRMED", "SHIPPED")).order_id)


async def own_order(stage: Stage) -> Name:
    """An order of whoever asks, if they ever belonged to the tenant."""
    whose = stage.actor.user_id if stage.actor and stage.actor.member_id else None
    return named("Order", (await _ordered(stage, whose)).order_id)


async def order_item(stage: Stage) -> Name:
    """The line of a member's order."""
    return named("OrderItem", (await _ordered(stage)).item_id)


async def order_event(stage: Stage) -> Name:
    """What happened to a member's order."""
    return named("OrderEvent", (await _ordered(stage)).event_id)


async def bought(stage: Stage) -> Name:
    """A product that a member has ordered."""
    return named("Product", (await _ordered(stage)).product_id)


async def buyer(stage: Stage) -> Name:
    """A new member, with an order."""
    made = await person(stage.world.app, stage.world.connection, address(stage), stage.tenant.tenant_id, "member")
    await _ordered(stage, made.user_id)
    assert made.member_id is not None
    return named("User", made.member_id)


async def member(stage: Stage) -> Name:
    """A new member, with a task."""
    return await _member(stage, "member")


async def owner(stage: Stage) -> Name:
    """A new owner."""
    return await _member(stage, "owner")


async def _member(stage: Stage, role: str) -> Name:
    made = await person(stage.world.app, stage.world.connection, address(stage), stage.tenant.tenant_id, role)
    await _task(stage, assignee_id=made.user_id)
    assert made.member_id is not None
    return named("User", made.member_id)


async def new_address(stage: Stage) -> str:
    """The same, as a case gives it."""
    return address(stage)


async def known_address(stage: Stage) -> Name:
    """A new member's e-mail address."""
    email_ = address(stage)
    await person(stage.world.app, stage.world.connection, email_, stage.tenant.tenant_id, "member")
    return Name(email_, lambda: address(stage))


async def new_name(stage: Stage) -> str:
    """A name, or another text, that nothing has."""
    return f"{stage.tenant.slug} {new_id()}"


async def new_slug(stage: Stage) -> str:
    """A slug that no tenant has."""
    return f"{stage.tenant.slug}-{new_id()}"


async def invitation(stage: Stage) -> Name:
    """An open invitation to somebody."""
    return named("Invitation", (await _invited(stage, stage.tenant.tenant_id, address(stage))).id)


async def invited_elsewhere(stage: Stage) -> Name:
    """The token of an invitation to another tenant, for whoever asks."""
    founded_now = await stage.world.add("tenants", name=str(new_id()), slug=str(new_id()))
    founder = stage.tenant.owner
    await stage.world.add(
        "memberships", tenant_id=founded_now, user_id=founder.user_id, role="OWNER", full_name="", email=""
    )
    return await _token(stage, founded_now)


async def invited_here(stage: Stage) -> Name:
    """The token of an invitation to this tenant, for whoever asks."""
    return await _token(stage, stage.tenant.tenant_id)


async def _token(stage: Stage, tenant_id: UUID) -> Name:
    to = stage.actor.email if stage.actor else address(stage)
    made = await _invited(stage, tenant_id, to)
    return Name(made.text, lambda: security.OpaqueToken.make("inv", new_id(), new_id()).text)


async def _invited(stage: Stage, tenant_id: UUID, email: str) -> security.OpaqueToken:
    token = security.OpaqueToken.make("inv", tenant_id, new_id())
    by = stage.tenant.owner.user_id
    row = {"id": token.id, "tenant_id": tenant_id, "email": email, "role": "MEMBER", "digest": token.digest}
    await stage.world.add("invitations", **row, invited_by=by, expires_at=now() + OFFERED)
    return token


async def session(stage: Stage) -> Name:
    """Another session of whoever asks."""
    return named("LoginSession", (await _opened(stage)).id)


async def refresh_token(stage: Stage) -> str:
    """What another session of whoever asks is renewed with."""
    return (await _opened(stage)).text


async def _opened(stage: Stage) -> security.OpaqueToken:
    if stage.actor is None:
        return security.OpaqueToken.make("rt", stage.tenant.owner.user_id, new_id())
    token = security.OpaqueToken.make("rt", stage.actor.user_id, new_id())
    row = {"id": token.id, "user_id": token.owner, "refresh_digest": token.digest, "expires_at": now() + OFFERED}
    await stage.add("sessions", **row)
    return token


async def api_key(stage: Stage) -> Name:
    """An API key that an owner made."""
    return await _api_key(stage, stage.tenant.owner.user_id)


async def own_key(stage: Stage) -> Name:
    """An API key that whoever asks made, if they ever belonged to the tenant."""
    belongs = stage.actor and stage.actor.member_id
    return await _api_key(stage, stage.actor.user_id if stage.actor and belongs else stage.tenant.owner.user_id)


async def _api_key(stage: Stage, made_by: UUID) -> Name:
    token = security.OpaqueToken.make("key", stage.tenant.tenant_id, new_id())
    made = {"id": token.id, "name": await secret(stage), "role": "MEMBER", "digest": token.digest}
    await stage.add("api_keys", **made, created_by=made_by)
    return named("ApiKey", token.id)


def mailed(kind: str) -> Maker:
    """A token that was mailed to whoever asks; for another address, if that is what it proves."""

    async def make(stage: Stage) -> str:
        whose = stage.actor.user_id if stage.actor else new_id()
        token = security.OpaqueToken.make(kind, whose, new_id())
        if stage.actor:
            to = address(stage) if kind == "change" else stage.actor.email
            row = {"id": token.id, "user_id": whose, "kind": kind, "email": to, "digest": token.digest}
            await stage.world.add("mailed_tokens", **row, expires_at=now() + OFFERED)
        return token.text

    return make


async def tenant(stage: Stage) -> Name:
    """The tenant."""
    return named("Tenant", stage.tenant.tenant_id)


async def slug(stage: Stage) -> Name:
    """The tenant's slug."""
    return Name(stage.tenant.slug, lambda: f"none-{new_id()}")


async def email(stage: Stage) -> str:
    """The address of whoever asks."""
    return stage.actor.email if stage.actor else address(stage)


async def password(stage: Stage) -> str:
    """The password of whoever asks, and of everybody else."""
    assert stage
    return PASSWORD


async def alone(stage: Stage) -> dict[str, Any]:
    """Whoever asks is the only owner, if they are one; nothing is given."""
    others = "UPDATE memberships SET role = 'ADMIN' WHERE tenant_id = $1 AND role = 'OWNER' AND user_id <> $2"
    if stage.actor:
        await stage.world.connection.execute(others, stage.tenant.tenant_id, stage.actor.user_id)
    return {}


def cursor_in(listing: str, maker: Maker) -> Maker:
    """The cursor of the first row of one of the actor's lists, of which this maker makes two."""

    async def make(stage: Stage) -> Name:
        for _ in range(2):
            await maker(stage)
        answer = await stage.client.send(f"{{ {listing}(first: 1) {{ pageInfo {{ endCursor }} }} }}")
        found = (answer.get("data") or {}).get(listing, {}).get("pageInfo", {}).get("endCursor", "")
        return Name(found, lambda: forged(found))

    return make


def forged(cursor: str) -> str:
    """The same place in the same list, of a row that there is not."""
    mark, key, _row_id = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    return urlsafe_b64encode(json.dumps([mark, key, str(new_id())]).encode()).decode().rstrip("=")
