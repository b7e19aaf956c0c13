"""What operations are tried on: things of a tenant, made by its owner role as a case needs them."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from models.base import new_id, now
from services import security
from tests.support.case_context import CaseBuilder, CaseContext, Identifier, global_id, secret_text, unused_email
from tests.support.factories import PASSWORD, create_person
from tests.support.order_helpers import take_order_number

INVITATION_LIFETIME = timedelta(days=1)


async def project(stage: CaseContext, **values: Any) -> Identifier:
    """A live project with two tasks, one of them a member's."""
    made = await stage.add("projects", name=await secret_text(stage), **values)
    for assignee in (None, stage.tenant.member.user_id):
        await _insert_task(stage, project_id=made, assignee_id=assignee)
    return global_id("Project", made)


async def deleted_project(stage: CaseContext) -> Identifier:
    """A project in the trash, with its tasks."""
    made = await project(stage, deleted_at=now())
    await stage.world.connection.execute(
        "UPDATE tasks SET deleted_at = p.deleted_at FROM projects p WHERE p.id = project_id AND p.id = $1",
        UUID(made.partition(":")[2]),
    )
    return made


async def text_in_archived_project(stage: CaseContext) -> str:
    """A text in the name of a project that is archived."""
    await project(stage, archived_at=now())
    return await secret_text(stage)


async def _insert_task(stage: CaseContext, **values: Any) -> UUID:
    given = {"title": await secret_text(stage), "description": await secret_text(stage), "due_date": now(), **values}
    return await stage.add("tasks", **given, created_by=stage.tenant.owner.user_id)


async def task(stage: CaseContext) -> Identifier:
    """A task in a project, assigned to a member."""
    made = await stage.add("projects", name=await secret_text(stage))
    return global_id("Task", await _insert_task(stage, project_id=made, assignee_id=stage.tenant.member.user_id))


async def audit_entry(stage: CaseContext) -> Identifier:
    """What the audit log says of a task that was made and then changed."""
    made = await task(stage)
    connection, row_id = stage.world.connection, UUID(made.partition(":")[2])
    await connection.execute("UPDATE tasks SET description = title || ', more' WHERE id = $1", row_id)
    found = "SELECT id FROM audit_log WHERE row_id = $1 AND action = 'UPDATE'"
    return global_id("AuditEntry", await connection.fetchval(found, row_id))


async def audit_author(stage: CaseContext) -> Identifier:
    """A member who changed something."""
    member_ = stage.tenant.member
    assert member_.member_id
    async with stage.world.connection.transaction():
        await stage.world.connection.execute("SELECT set_config('app.user_id', $1, true)", str(member_.user_id))
        await task(stage)
    return global_id("User", member_.member_id)


async def text_in_task(stage: CaseContext) -> str:
    """A text in the title of a task."""
    await task(stage)
    return await secret_text(stage)


async def product(stage: CaseContext) -> Identifier:
    """A product of which there is some."""
    return global_id("Product", await _insert_product(stage))


async def _insert_product(stage: CaseContext, **values: Any) -> UUID:
    given = {"sku": str(new_id()), "name": await secret_text(stage), "description": await secret_text(stage), **values}
    return await stage.add("products", **given, price_minor=500, currency="EUR", stock_quantity=10)


async def product_sku(stage: CaseContext) -> Identifier:
    """The number of a product."""
    made = Identifier(str(new_id()), lambda: str(new_id()))
    await _insert_product(stage, sku=made)
    return made


async def text_in_product(stage: CaseContext) -> str:
    """A text in the name of a product."""
    await _insert_product(stage)
    return await secret_text(stage)


@dataclass
class OrderIds:
    """An order of one product, and what goes with it, all of it as the events say."""

    order_id: UUID
    product_id: UUID
    item_id: UUID
    event_id: UUID


async def _insert_order(stage: CaseContext, buyer: UUID | None = None, *further: str) -> OrderIds:
    buyer, product_id = buyer or stage.tenant.member.user_id, await _insert_product(stage)
    made, placed_at, text = OrderIds(new_id(), product_id, new_id(), new_id()), now(), await secret_text(stage)
    line = {"item_id": str(made.item_id), "product_id": str(product_id), "quantity": 2, "unit_price_minor": 500}
    number = await take_order_number(stage.world.connection, stage.tenant.tenant_id)
    payload = {"number": number, "user_id": str(buyer), "currency": "EUR", "shipping_address": text, "lines": [line]}
    event = {"stream_type": "order", "stream_id": made.order_id, "actor_id": buyer, "created_at": placed_at}
    event["payload"] = json.dumps(payload)
    await stage.add("events", **event, id=made.event_id, version=1, type="OrderPlaced")
    event["payload"] = json.dumps({"reason": text})
    for version, status in enumerate(further, 2):
        await stage.add("events", **event, version=version, type=f"Order{status.title()}")
    moments = {"created_at": placed_at, "updated_at": placed_at, "version": 1 + len(further)}
    order = {"id": made.order_id, "user_id": buyer, "status": ("PENDING", *further)[-1], "shipping_address": text}
    await stage.add("orders", **order, **moments, number=number, total_minor=1000, currency="EUR")
    prices = {"quantity": 2, "unit_price_minor": 500, "subtotal_minor": 1000, "currency": "EUR"}
    await stage.add("order_items", id=made.item_id, order_id=made.order_id, product_id=product_id, line=1, **prices)
    return made


async def order(stage: CaseContext) -> Identifier:
    """A member's order, which nobody has looked at yet."""
    return global_id("Order", (await _insert_order(stage)).order_id)


async def confirmed_order(stage: CaseContext) -> Identifier:
    """A member's order that was confirmed."""
    return global_id("Order", (await _insert_order(stage, None, "CONFIRMED")).order_id)


async def shipped_order(stage: CaseContext) -> Identifier:
    """A member's order that was shipped."""
    return global_id("Order", (await _insert_order(stage, None, "CONFIRMED", "SHIPPED")).order_id)


async def delivered_order(stage: CaseContext) -> Identifier:
    """A member's order that was delivered."""
    return global_id("Order", (await _insert_order(stage, None, "CONFIRMED", "SHIPPED", "DELIVERED")).order_id)


async def own_cancelled_order(stage: CaseContext) -> Identifier:
    """An order of whoever asks, if they ever belonged to the tenant, that was cancelled."""
    whose = stage.actor.user_id if stage.actor and stage.actor.member_id else None
    return global_id("Order", (await _insert_order(stage, whose, "CANCELLED")).order_id)


async def own_order(stage: CaseContext) -> Identifier:
    """An order of whoever asks, if they ever belonged to the tenant."""
    whose = stage.actor.user_id if stage.actor and stage.actor.member_id else None
    return global_id("Order", (await _insert_order(stage, whose)).order_id)


async def order_item(stage: CaseContext) -> Identifier:
    """The line of a member's order."""
    return global_id("OrderItem", (await _insert_order(stage)).item_id)


async def order_event(stage: CaseContext) -> Identifier:
    """What happened to a member's order."""
    return global_id("OrderEvent", (await _insert_order(stage)).event_id)


async def ordered_product(stage: CaseContext) -> Identifier:
    """A product that a member has ordered."""
    return global_id("Product", (await _insert_order(stage)).product_id)


async def buyer(stage: CaseContext) -> Identifier:
    """A new member, with an order."""
    made = await create_person(
        stage.world.app, stage.world.connection, unused_email(stage), stage.tenant.tenant_id, "member"
    )
    await _insert_order(stage, made.user_id)
    assert made.member_id is not None
    return global_id("User", made.member_id)


async def member(stage: CaseContext) -> Identifier:
    """A new member, with a task."""
    return await _create_member(stage, "member")


async def owner(stage: CaseContext) -> Identifier:
    """A new owner."""
    return await _create_member(stage, "owner")


async def _create_member(stage: CaseContext, role: str) -> Identifier:
    made = await create_person(
        stage.world.app, stage.world.connection, unused_email(stage), stage.tenant.tenant_id, role
    )
    await _insert_task(stage, assignee_id=made.user_id)
    assert made.member_id is not None
    return global_id("User", made.member_id)


async def new_email(stage: CaseContext) -> str:
    """The same, as a case gives it."""
    return unused_email(stage)


async def member_email(stage: CaseContext) -> Identifier:
    """A new member's e-mail address."""
    email_ = unused_email(stage)
    await create_person(stage.world.app, stage.world.connection, email_, stage.tenant.tenant_id, "member")
    return Identifier(email_, lambda: unused_email(stage))


async def new_name(stage: CaseContext) -> str:
    """A name, or another text, that nothing has."""
    return f"{stage.tenant.slug} {new_id()}"


async def new_slug(stage: CaseContext) -> str:
    """A slug that no tenant has."""
    return f"{stage.tenant.slug}-{new_id()}"


async def invitation(stage: CaseContext) -> Identifier:
    """An open invitation to somebody."""
    return global_id("Invitation", (await _insert_invitation(stage, stage.tenant.tenant_id, unused_email(stage))).id)


async def invitation_token_elsewhere(stage: CaseContext) -> Identifier:
    """The token of an invitation to another tenant, for whoever asks."""
    founded_now = await stage.world.add("tenants", name=str(new_id()), slug=str(new_id()))
    founder = stage.tenant.owner
    await stage.world.add(
        "memberships", tenant_id=founded_now, user_id=founder.user_id, role="OWNER", full_name="", email=""
    )
    return await _invitation_token(stage, founded_now)


async def invitation_token_here(stage: CaseContext) -> Identifier:
    """The token of an invitation to this tenant, for whoever asks."""
    return await _invitation_token(stage, stage.tenant.tenant_id)


async def _invitation_token(stage: CaseContext, tenant_id: UUID) -> Identifier:
    to = stage.actor.email if stage.actor else unused_email(stage)
    made = await _insert_invitation(stage, tenant_id, to)
    return Identifier(made.text, lambda: security.OpaqueToken.make("inv", new_id(), new_id()).text)


async def _insert_invitation(stage: CaseContext, tenant_id: UUID, email: str) -> security.OpaqueToken:
    token = security.OpaqueToken.make("inv", tenant_id, new_id())
    by = stage.tenant.owner.user_id
    row = {"id": token.id, "tenant_id": tenant_id, "email": email, "role": "MEMBER", "digest": token.digest}
    await stage.world.add("invitations", **row, invited_by=by, expires_at=now() + INVITATION_LIFETIME)
    return token


async def login_session(stage: CaseContext) -> Identifier:
    """Another session of whoever asks."""
    return global_id("LoginSession", (await _insert_session(stage)).id)


async def security_event(stage: CaseContext) -> Identifier:
    """Something that happened to the account of whoever asks."""
    account = stage.actor.user_id if stage.actor else stage.tenant.owner.user_id
    newest = "SELECT id FROM account_events WHERE user_id = $1 ORDER BY created_at DESC LIMIT 1"
    return global_id("SecurityEvent", await stage.world.connection.fetchval(newest, account))


async def refresh_token(stage: CaseContext) -> str:
    """What another session of whoever asks is renewed with."""
    return (await _insert_session(stage)).text


async def _insert_session(stage: CaseContext) -> security.OpaqueToken:
    if stage.actor is None:
        return security.OpaqueToken.make("rt", stage.tenant.owner.user_id, new_id())
    token = security.OpaqueToken.make("rt", stage.actor.user_id, new_id())
    row = {
        "id": token.id,
        "user_id": token.owner,
        "refresh_digest": token.digest,
        "expires_at": now() + INVITATION_LIFETIME,
    }
    await stage.add("sessions", **row)
    return token


async def api_key(stage: CaseContext) -> Identifier:
    """An API key that an owner made."""
    return await _insert_api_key(stage, stage.tenant.owner.user_id)


async def own_key(stage: CaseContext) -> Identifier:
    """An API key that whoever asks made, if they ever belonged to the tenant."""
    belongs = stage.actor and stage.actor.member_id
    return await _insert_api_key(stage, stage.actor.user_id if stage.actor and belongs else stage.tenant.owner.user_id)


async def _insert_api_key(stage: CaseContext, made_by: UUID) -> Identifier:
    token = security.OpaqueToken.make("key", stage.tenant.tenant_id, new_id())
    made = {"id": token.id, "name": await secret_text(stage), "role": "MEMBER", "digest": token.digest}
    await stage.add("api_keys", **made, created_by=made_by)
    return global_id("ApiKey", token.id)


def email_token(kind: str) -> CaseBuilder:
    """A token that was mailed to whoever asks; for another address, if that is what it proves."""

    async def make(stage: CaseContext) -> str:
        whose = stage.actor.user_id if stage.actor else new_id()
        token = security.OpaqueToken.make(kind, whose, new_id())
        if stage.actor:
            to = unused_email(stage) if kind == "change" else stage.actor.email
            row = {"id": token.id, "user_id": whose, "kind": kind, "email": to, "digest": token.digest}
            await stage.world.add("mailed_tokens", **row, expires_at=now() + INVITATION_LIFETIME)
        return token.text

    return make


async def tenant(stage: CaseContext) -> Identifier:
    """The tenant."""
    return global_id("Tenant", stage.tenant.tenant_id)


async def slug(stage: CaseContext) -> Identifier:
    """The tenant's slug."""
    return Identifier(stage.tenant.slug, lambda: f"none-{new_id()}")


async def email(stage: CaseContext) -> str:
    """The address of whoever asks."""
    return stage.actor.email if stage.actor else unused_email(stage)


async def password(stage: CaseContext) -> str:
    """The password of whoever asks, and of everybody else."""
    assert stage
    return PASSWORD


async def sole_owner(stage: CaseContext) -> dict[str, Any]:
    """Whoever asks is the only owner, if they are one; nothing is given."""
    others = "UPDATE memberships SET role = 'ADMIN' WHERE tenant_id = $1 AND role = 'OWNER' AND user_id <> $2"
    if stage.actor:
        await stage.world.connection.execute(others, stage.tenant.tenant_id, stage.actor.user_id)
    return {}


def first_cursor(listing: str, maker: CaseBuilder) -> CaseBuilder:
    """The cursor of the first row of one of the actor's lists, of which this maker makes two."""

    async def make(stage: CaseContext) -> Identifier:
        for _ in range(2):
            await maker(stage)
        answer = await stage.client.send(f"{{ {listing}(first: 1) {{ pageInfo {{ endCursor }} }} }}")
        found = (answer.get("data") or {}).get(listing, {}).get("pageInfo", {}).get("endCursor", "")
        return Identifier(found, lambda: forge_cursor(found))

    return make


def forge_cursor(cursor: str) -> str:
    """The same place in the same list, of a row that there is not."""
    mark, key, _row_id = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    return urlsafe_b64encode(json.dumps([mark, key, str(new_id())]).encode()).decode().rstrip("=")


async def account(stage: CaseContext) -> Identifier:
    """Somebody's account."""
    email = unused_email(stage)
    return global_id("Account", await stage.world.add("users", email=email, full_name="Somebody"))


async def suspended_account(stage: CaseContext) -> Identifier:
    """An account that was suspended."""
    email = unused_email(stage)
    return global_id("Account", await stage.world.add("users", email=email, full_name="Somebody", is_active=False))


async def other_tenant(stage: CaseContext) -> Identifier:
    """A tenant that nobody belongs to."""
    name = await new_slug(stage)
    return global_id("Tenant", await stage.world.add("tenants", name=name, slug=name))


async def suspended_tenant(stage: CaseContext) -> Identifier:
    """A tenant that was suspended."""
    name = await new_slug(stage)
    return global_id("Tenant", await stage.world.add("tenants", name=name, slug=name, is_active=False))
