"""Things to test with, made directly in the database as its owner, so that no rule under test is needed for it."""

from collections.abc import Sequence
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
    (row_id,) = await _insert_all(connection, table, [values])
    return row_id


async def _insert_all(connection: asyncpg.Connection, table: str, rows: Sequence[dict[str, Any]]) -> list[UUID]:
    complete = [{"id": new_id(), **values} for values in rows]
    names, marks = ", ".join(complete[0]), ", ".join(f"${number}" for number in range(1, len(complete[0]) + 1))
    statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"
    await connection.executemany(statement, [tuple(values.values()) for values in complete])
    return [values["id"] for values in complete]


async def create_world(app: App, connection: asyncpg.Connection) -> World:
    """Found the two tenants."""
    slugs, roles = ("acme", "globex"), ("owner", "admin", "member", "removed")
    tenant_ids = await _insert_all(connection, "tenants", [{"name": slug.title(), "slug": slug} for slug in slugs])
    members = [
        (f"{role}@{slug}.example.com", tenant_id, role)
        for slug, tenant_id in zip(slugs, tenant_ids, strict=True)
        for role in roles
    ]
    *people, outsider = await _create_people(app, connection, [*members, ("outsider@example.com", None, "")])
    removed = [person.member_id for person, (_, _, role) in zip(people, members, strict=True) if role == "removed"]
    await connection.execute("UPDATE memberships SET ended_at = now() WHERE id = ANY($1)", removed)
    by_tenant = [people[: len(roles)], people[len(roles) :]]
    acme, globex = (
        Tenant(tenant_id, slug, **dict(zip(roles, theirs, strict=True)))
        for tenant_id, slug, theirs in zip(tenant_ids, slugs, by_tenant, strict=True)
    )
    return World(acme, globex, outsider, app.client_with(), app, connection)


async def create_person(
    app: App, connection: asyncpg.Connection, email: str, tenant_id: UUID | None = None, role: str = ""
) -> Person:
    """Make an account with a login, and a member if a tenant is given."""
    (person,) = await _create_people(app, connection, [(email, tenant_id, role)])
    return person


async def _create_people(
    app: App, connection: asyncpg.Connection, wanted: Sequence[tuple[str, UUID | None, str]]
) -> list[Person]:
    """Make people of these e-mail addresses, tenants and roles; whoever is removed was a member."""
    users = [
        {"email": email, "full_name": email.partition("@")[0].title(), "password_hash": PASSWORD_HASH}
        for email, _, _ in wanted
    ]
    people = [
        Person(user_id, email, app.client_with(), tenant_id=tenant_id, role=_claimed(tenant_id, role))
        for user_id, (email, tenant_id, role) in zip(await _insert_all(connection, "users", users), wanted, strict=True)
    ]
    if members := [person for person in people if person.tenant_id]:
        rows = [
            {"tenant_id": each.tenant_id, "user_id": each.user_id, "role": each.role, "full_name": "", "email": ""}
            for each in members
        ]
        for member, member_id in zip(members, await _insert_all(connection, "memberships", rows), strict=True):
            member.member_id = member_id
    expires_at = now() + timedelta(days=1)
    sessions = [
        {"user_id": each.user_id, "tenant_id": each.tenant_id, "refresh_digest": "none", "expires_at": expires_at}
        for each in people
    ]
    for person, session_id in zip(people, await _insert_all(connection, "sessions", sessions), strict=True):
        token, _ = app.components.auth.tokens.issue(
            user_id=person.user_id, tenant_id=person.tenant_id, role=person.role, session_id=session_id
        )
        person.session_id, person.client = session_id, app.client_with(token)
    return people


def _claimed(tenant_id: UUID | None, role: str) -> str | None:
    if tenant_id is None:
        return None
    return "MEMBER" if role == "removed" else role.upper()
