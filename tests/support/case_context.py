"""Where operations are tried: a tenant, somebody who is about to ask, and what the database looked like before."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

import asyncpg

from models.base import new_id, now
from services import security
from tests.support.client import Client
from tests.support.factories import Person, Tenant, World, create_person, make_superuser
from tests.support.pg_catalog import table_names


class Identifier(str):
    """What names something of a tenant's: an id, a slug, a token, a cursor; and how to name nothing likewise."""

    __slots__ = ("unknown",)
    unknown: Callable[[], str]

    def __new__(cls, text: str, unknown: Callable[[], str]) -> Self:
        """Name something; `unknown` gives something of the same form that there is not."""
        made = super().__new__(cls, text)
        made.unknown = unknown
        return made

    def other_spellings(self) -> list[str]:
        """Return the global id with its UUID in the other forms that are read as UUIDs elsewhere."""
        type_name, _, row_id = self.partition(":")
        forms = (row_id.upper(), row_id.replace("-", ""), f"{{{row_id}}}", f"urn:uuid:{row_id}", f"{row_id[:-1]}\uff11")
        return [f"{type_name}:{form}" for form in forms]


@dataclass
class CaseContext:
    """Where a case makes its things: the tenant, and who is about to ask. Nobody has no person behind them."""

    world: World
    tenant: Tenant
    actor: Person | None
    changed_document_id: UUID | None = None
    """The document that `changed_document` made."""

    @property
    def client(self) -> Client:
        """Whoever asks."""
        return self.actor.client if self.actor else self.world.nobody

    async def add(self, table: str, **values: Any) -> UUID:
        """Insert a row into the tenant."""
        return await self.world.add(table, tenant_id=self.tenant.tenant_id, **values)


async def enter_as(world: World, tenant: Tenant, role: str) -> CaseContext:
    """A stage on which somebody new is about to ask: an owner, admin or member, one removed, outsider, or nobody.

    A superuser belongs to no tenant, and has just logged in with their password.
    """
    stage = CaseContext(world, tenant, None)
    if role == "nobody":
        return stage
    belonging = () if role in {"outsider", "superuser"} else (tenant.tenant_id, role)
    actor = stage.actor = await create_person(world.app, world.connection, unused_email(stage), *belonging)
    if role == "superuser":
        await make_superuser(world.connection, actor)
    if role == "removed":
        await world.connection.execute("UPDATE memberships SET ended_at = now() WHERE id = $1", actor.member_id)
    return stage


async def use_api_key(stage: CaseContext, role: str) -> UUID:
    """Whoever is about to ask does so by an API key of theirs with this role, which was used just now; gives its id."""
    assert stage.actor is not None
    token = security.OpaqueToken.make("key", stage.tenant.tenant_id, new_id())
    made = {"id": token.id, "name": "A machine", "role": role, "digest": token.digest, "last_used_at": now()}
    await stage.add("api_keys", **made, created_by=stage.actor.user_id)
    stage.actor.client = stage.world.app.client_with(token.text)
    return token.id


CaseBuilder = Callable[[CaseContext], Awaitable[Any]]


TABLES_WITHOUT_OWNER = {"alembic_version", "throttles", "trusted_documents"}
"""Tables whose rows nobody owns."""

BACKGROUND_TABLES = {
    "unsealed": "the sealer takes what was written out of it, at any time",
    "feed": "and puts it in here; what is in it is in the events",
}
"""Tables that change while nobody does anything."""

TENANT_CONDITIONS = {
    "tenants": "id = $1",
    "users": "id IN (SELECT user_id FROM memberships WHERE tenant_id = $1)",
    "sessions": "user_id IN (SELECT user_id FROM memberships WHERE tenant_id = $1)",
    "account_events": "user_id IN (SELECT user_id FROM memberships WHERE tenant_id = $1)",
    "mailed_tokens": "user_id IN (SELECT user_id FROM memberships WHERE tenant_id = $1)",
    "superuser_acts": "target_tenant_id = $1 OR account_id IN (SELECT user_id FROM memberships WHERE tenant_id = $1)",
}
"""Which rows are a tenant's, where it is not in their key."""


async def table_digests(connection: asyncpg.Connection, tenant_id: UUID | None = None) -> dict[str, str]:
    """By table, how many rows it has and which transactions wrote them, or of one tenant's; a change moves one or both.

    Of what changes by itself there is none.
    """
    digest = "format('%s rows of %s', count(*), sum(t.xmin::text::bigint))"
    queries = [
        f"SELECT '{table}', {digest} FROM {table} t"
        f" WHERE {TENANT_CONDITIONS.get(table, 'tenant_id = $1') if tenant_id else 'true'}"
        for table in sorted(await table_names(connection) - {*TABLES_WITHOUT_OWNER, *BACKGROUND_TABLES})
    ]
    given = (tenant_id,) if tenant_id else ()
    return dict(await connection.fetch(" UNION ALL ".join(queries), *given))


def global_id(type_name: str, row_id: UUID) -> Identifier:
    """A thing's id, and one of the same type that there is not."""
    return Identifier(f"{type_name}:{row_id}", lambda: f"{type_name}:{new_id()}")


async def secret_text(stage: CaseContext) -> str:
    """A text that gives away which tenant it is of."""
    return f"{stage.tenant.slug} secret"


def unused_email(stage: CaseContext) -> str:
    """An e-mail address that nobody has."""
    return f"{new_id()}@{stage.tenant.slug}.example.com"
