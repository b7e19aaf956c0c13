"""Things to test with, made directly in the database as its owner, so that no rule under test is needed for it."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg

from models.base import new_id, now
from models.database.identity import Identity
from tests.support.client import App, Client

__all__ = [
    "PASSWORD",
    "PASSWORD_HASH",
    "Person",
    "Tenant",
    "World",
    "create_person",
    "create_world",
    "insert",
    "make_superuser",
]

PASSWORD = "Passw0rd!"
# argon2id of PASSWORD, made with the cost that Atrium uses
PASSWORD_HASH = "$argon2id$v=19$m=19456,t=2,p=1$A+A8xziH0Po/x/g/x3jvfQ$RvPJpwS31OhxILjtjB2LdBqe0i+pu/tkQDH+KZR/APE"


@dataclass
class Person:
    """Somebody, what they are called in their tenant, and their client."""

    user_id: UUID
    email: str
    client: Client
    member_id: UUID | None = None
    session_id: UUID | None = None
    tenant_id: UUID | None = None
    role: str | None = None

    @property
    def identity(self) -> Identity:
        """Who they are, where no token says so."""
        return Identity(self.tenant_id, self.user_id, self.role, self.session_id)

    @property
    def id(self) -> str:
        """The id by which their tenant knows them."""
        return f"User:{self.member_id}"


@dataclass
class Tenant:
    """A tenant, its people by role, and some things it owns."""

    tenant_id: UUID
    slug: str
    owner: Person
    admin: Person
    member: Person
    removed: Person
    """A member who is none any more, with a token from before."""

    @property
    def id(self) -> str:
        """The tenant's id."""
        return f"Tenant:{self.tenant_id}"


@dataclass
class World:
    """Two tenants, somebody who belongs to none, and nobody."""

    acme: Tenant
    globex: Tenant
    outsider: Person
    nobody: Client
    app: App
    connection: asyncpg.Connection = field(repr=False)

    async def add(self, table: str, **values: Any) -> UUID:
        """Insert a row as the owner role; gives its id."""
        return await insert(self.connection, table, **values)


async def make_superuser(connection: asyncpg.Connection, person: Person) -> None:
    """Make somebody a superuser, who has just logged in with their password."""
    await connection.execute("UPDATE users SET is_superuser = true WHERE id = $1", person.user_id)
    await connection.execute("UPDATE sessions SET authenticated_at = now() WHERE id = $1", person.session_id)


async def insert(connection: asyncpg.Connection, table: str, **values: Any) -> UUID:
    """Insert a row; gives its id, which is made if it is not among the values."""
    values = {"id": new_id(), **values}
    names, marks = ", ".join(values), ", ".join(f"${number}" for number in range(1, len(values) + 1))
    row_id: UUID = await connection.fetchval(
        f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING id", *values.values()
    )
    return row_id


async def create_world(app: App, connection: asyncpg.Connection) -> World:
    """Found the two tenants."""
    acme = await _create_tenant(app, connection, "acme")
    globex = await _create_tenant(app, connection, "globex")
    outsider = await create_person(app, connection, "outsider@example.com")
    return World(acme, globex, outsider, app.client_with(), app, connection)


async def _create_tenant(app: App, connection: asyncpg.Connection, slug: str) -> Tenant:
    tenant_id = await insert(connection, "tenants", name=slug.title(), slug=slug)
    people = {
        role: await create_person(app, connection, f"{role}@{slug}.example.com", tenant_id, role)
        for role in ("owner", "admin", "member", "removed")
    }
    ended = "UPDATE memberships SET ended_at = now() WHERE tenant_id = $1 AND id = $2"
    await connection.execute(ended, tenant_id, people["removed"].member_id)
    return Tenant(tenant_id, slug, **people)


async def create_person(
    app: App, connection: asyncpg.Connection, email: str, tenant_id: UUID | None = None, role: str = ""
) -> Person:
    user_id = await insert(
        connection, "users", email=email, full_name=email.partition("@")[0].title(), password_hash=PASSWORD_HASH
    )
    member_id, claimed = None, None
    if tenant_id is not None:
        claimed = "MEMBER" if role == "removed" else role.upper()
        member = {"tenant_id": tenant_id, "user_id": user_id, "role": claimed, "full_name": "", "email": ""}
        member_id = await insert(connection, "memberships", **member)
    session = {"user_id": user_id, "tenant_id": tenant_id, "refresh_digest": "none"}
    session_id = await insert(connection, "sessions", **session, expires_at=now() + timedelta(days=1))
    token, _ = app.components.auth.tokens.issue(
        user_id=user_id, tenant_id=tenant_id, role=claimed, session_id=session_id
    )
    return Person(user_id, email, app.client_with(token), member_id, session_id, tenant_id, claimed)
