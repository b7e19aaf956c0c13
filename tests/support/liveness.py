"""Whether the rows of the liveness check are what the tables say, and the changes that could make them differ."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from migrations.atrium_enter import API_KEY_CHECK, ENTER_FUNCTION
from models.base import new_id, now
from tests.support.factories import insert

__all__ = [
    "CHANGES",
    "ENTER_BY_TABLES",
    "Gate",
    "Universe",
    "Verdicts",
    "compare_verdicts",
    "create_universe",
    "differences",
    "is_let_in",
    "open_gate",
    "random_transaction",
]

LIVE_ROLE = """
    (SELECT {1} FROM memberships m, tenants t WHERE t.id = m.tenant_id AND t.is_active AND NOT m.is_former
        AND m.is_active AND m.tenant_id = {0}.tenant_id AND m.user_id = {0}.{2})
"""
ACTIVE = "(SELECT u.id FROM users u WHERE u.is_active AND u.id = {0})"

TABLES = {
    "live_sessions": f"""
        SELECT s.id, s.tenant_id, {ACTIVE.format("s.user_id")}, {LIVE_ROLE.format("s", "m.role", "user_id")},
            s.expires_at
        FROM sessions s WHERE s.revoked_at IS NULL
    """,
    "live_api_keys": f"""
        SELECT k.id, k.tenant_id, {ACTIVE.format("k.created_by")}, {
        LIVE_ROLE.format(
            "k",
            "CASE WHEN strpos('MEMBER ADMIN OWNER', k.role) <= strpos('MEMBER ADMIN OWNER', m.role) THEN k.role END",
            "created_by",
        )
    }, coalesce(k.expires_at, 'infinity')
        FROM api_keys k WHERE k.revoked_at IS NULL
    """,
}
DIFFERENCES = " UNION ALL ".join(
    f"SELECT '{name} lacks', x::text FROM ({said} EXCEPT {kept}) x"
    f" UNION ALL SELECT '{name} has', x::text FROM ({kept} EXCEPT {said}) x"
    for name, said in TABLES.items()
    for kept in [f"SELECT id, tenant_id, user_id, role, expires_at FROM {name}"]
)


async def differences(connection: asyncpg.Connection) -> list[tuple[str, str]]:
    """Return where the rows and the tables differ, in one snapshot."""
    return [tuple(row) for row in await connection.fetch(DIFFERENCES)]


ENTER_BY_TABLES = ENTER_FUNCTION.replace("FUNCTION atrium_enter", "FUNCTION enter_by_tables").format(
    parameters=", operation text, api_key uuid",
    variables="",
    settings="",
    machines=API_KEY_CHECK.format(unknown=""),
    people=" AND api_key IS NULL",
)
"""The liveness check as it asks the tables alone."""


async def is_let_in(connection: asyncpg.Connection, *claims: Any) -> bool:
    """Return whether somebody is let in who claims a tenant, an account, a role, a session and an API key."""
    entered = "SELECT count(*) = 1 FROM atrium_enter($1, $2, $3, $4, NULL, NULL, NULL, NULL, $5)"
    let_in: bool = await connection.fetchval(entered, *claims)
    return let_in


CLAIMS = """
    SELECT t.id AS tenant, s.user_id AS member, r.claimed AS role, s.id AS session, NULL::uuid AS key
    FROM sessions s, (SELECT id FROM tenants UNION ALL SELECT NULL) t,
        unnest(ARRAY['MEMBER', 'ADMIN', 'OWNER']) r (claimed)
    UNION ALL
    SELECT t.id, u.id, r.claimed, NULL, k.id
    FROM api_keys k, tenants t, users u, unnest(ARRAY['MEMBER', 'ADMIN', 'OWNER']) r (claimed)
"""
LET_IN = "(SELECT count(*) = 1 FROM {0}(c.tenant, c.member, c.role, c.session, NULL, NULL, NULL, NULL, c.key))"
VERDICTS = f"""
    SELECT count(*) FILTER (WHERE kept AND said), count(*) FILTER (WHERE NOT (kept OR said)),
        count(*) FILTER (WHERE kept <> said)
    FROM (
        SELECT {LET_IN.format("atrium_enter")} AS kept, {LET_IN.format("enter_by_tables")} AS said FROM ({CLAIMS}) c
    ) v
"""


class Verdicts(NamedTuple):
    """How many claims the two checks agree to let in or to refuse, and of how many they do not agree."""

    let_in: int
    refused: int
    different: int


async def compare_verdicts(connection: asyncpg.Connection) -> Verdicts:
    """Have both checks judge what any session and any API key could claim."""
    return Verdicts(*await connection.fetchrow(VERDICTS))


@dataclass(frozen=True)
class Universe:
    """A person who belongs to two tenants, with sessions and API keys."""

    tenant: UUID
    other: UUID
    user: UUID
    session: UUID
    elsewhere: UUID
    """A session in the other tenant."""
    revoked: UUID
    """A session that was revoked."""
    key: UUID
    revoked_key: UUID

    async def change(self, connection: asyncpg.Connection, statement: str) -> None:
        """Run a statement that names what is in here, or nothing."""
        named = {name: f"'{each}'::uuid" for name, each in asdict(self).items()}
        if statement:
            await connection.execute(statement.format(**named, new=f"'{new_id()}'::uuid"))


async def create_universe(connection: asyncpg.Connection) -> Universe:
    """Make one, as a member of the first tenant and an admin of the other."""
    tenant, other = [
        await insert(connection, "tenants", name=str(each), slug=each.hex) for each in (new_id(), new_id())
    ]
    user = await insert(connection, "users", email=f"{new_id().hex}@example.com", full_name="Somebody")
    made = []
    for tenant_id, role in ((tenant, "ADMIN"), (other, "MEMBER")):
        await insert(connection, "memberships", tenant_id=tenant_id, user_id=user, role=role, full_name="", email="")
    later = {"expires_at": now() + timedelta(days=1)}
    for tenant_id, ended in ((tenant, None), (other, None), (tenant, now())):
        session = {"user_id": user, "tenant_id": tenant_id, "refresh_digest": "", "revoked_at": ended}
        made.append(await insert(connection, "sessions", **session, **later))
    for ended in (None, now()):
        key = {"tenant_id": tenant, "created_by": user, "name": "Robot", "role": "ADMIN", "digest": ""}
        made.append(await insert(connection, "api_keys", **key, revoked_at=ended, **later))
    return Universe(tenant, other, user, *made)


NEW_SESSION = """
    INSERT INTO sessions (id, user_id, tenant_id, refresh_digest, expires_at)
    VALUES ({{new}}, {{user}}, {0}, '', now() + interval '1 hour')
"""
NEW_KEY = """
    INSERT INTO api_keys (tenant_id, id, name, role, digest, created_by)
    SELECT tenant_id, {new}, 'New', 'MEMBER', '', user_id
    FROM memberships WHERE tenant_id = {tenant} AND user_id = {user}
"""
NEW_MEMBER = """
    INSERT INTO memberships (tenant_id, id, user_id, full_name, email) VALUES ({other}, {new}, {user}, '', '')
    ON CONFLICT DO NOTHING
"""
LESS_MEMBER = """
    DELETE FROM memberships m WHERE tenant_id = {other} AND user_id = {user}
        AND NOT EXISTS (SELECT FROM api_keys k WHERE k.tenant_id = m.tenant_id AND k.created_by = m.user_id)
"""
OTHER_TENANT = """
    UPDATE sessions SET tenant_id = CASE tenant_id WHEN {tenant} THEN {other} ELSE {tenant} END WHERE user_id = {user}
"""
OTHER_ROLE = """
    UPDATE api_keys SET role = CASE role WHEN 'ADMIN' THEN 'MEMBER' ELSE 'ADMIN' END, expires_at = NULL
    WHERE created_by = {user}
"""
MEMBER = "UPDATE memberships SET {0} WHERE tenant_id = {{{1}}} AND user_id = {{user}}"

CHANGES: dict[str, tuple[str, str]] = {
    "log in": ("", NEW_SESSION.format("{tenant}")),
    "log in to no tenant": ("", NEW_SESSION.format("NULL")),
    "refresh": ("", "UPDATE sessions SET expires_at = expires_at + interval '1 day' WHERE user_id = {user}"),
    "change the tenant": ("", OTHER_TENANT),
    "revoke": ("", "UPDATE sessions SET revoked_at = now() WHERE user_id = {user} AND revoked_at IS NULL"),
    "restore a session": ("", "UPDATE sessions SET revoked_at = NULL WHERE user_id = {user}"),
    "purge": ("", "DELETE FROM sessions WHERE user_id = {user}"),
    "demote": ("", MEMBER.format("role = 'MEMBER'", "tenant")),
    "promote": ("", MEMBER.format("role = 'OWNER'", "other")),
    "remove": ("", MEMBER.format("ended_at = now()", "tenant")),
    "take back in": (MEMBER.format("ended_at = now()", "other"), MEMBER.format("ended_at = NULL", "other")),
    "deactivate": ("", MEMBER.format("is_active = false", "tenant")),
    "activate": (MEMBER.format("is_active = false", "tenant"), MEMBER.format("is_active = true", "tenant")),
    "delete the membership": ("", LESS_MEMBER),
    "join": (LESS_MEMBER, NEW_MEMBER),
    "suspend the tenant": ("", "UPDATE tenants SET is_active = false WHERE id = {tenant}"),
    "suspend the other tenant": ("", "UPDATE tenants SET is_active = false WHERE id = {other}"),
    "resume the tenant": (
        "UPDATE tenants SET is_active = false WHERE id = {tenant}",
        "UPDATE tenants SET is_active = true WHERE id = {tenant}",
    ),
    "suspend the account": ("", "UPDATE users SET is_active = false WHERE id = {user}"),
    "resume the account": (
        "UPDATE users SET is_active = false WHERE id = {user}",
        "UPDATE users SET is_active = true WHERE id = {user}",
    ),
    "make a key": ("", NEW_KEY),
    "change a key": ("", OTHER_ROLE),
    "revoke a key": ("", "UPDATE api_keys SET revoked_at = now() WHERE created_by = {user}"),
    "restore a key": ("", "UPDATE api_keys SET revoked_at = NULL WHERE created_by = {user}"),
}
"""What changes who is let in: what must be so before, and the change."""

GATE = 4711


@dataclass
class Gate:
    """Holds whoever has looked at the tables and is about to write a row that follows, while it is closed."""

    connection: asyncpg.Connection

    async def close(self) -> None:
        """Hold who comes from now on."""
        await self.connection.execute(f"SELECT pg_advisory_lock({GATE})")

    async def open(self) -> None:
        """Let them all on."""
        await self.connection.execute(f"SELECT pg_advisory_unlock({GATE})")

    async def wait(self, who: asyncpg.Connection, task: asyncio.Task[Any]) -> bool:
        """Wait until somebody's statement waits for a lock, here or elsewhere, or is done; says whether it waits."""
        waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = $1 AND NOT granted)"
        while not task.done():
            if await self.connection.fetchval(waits, who.get_server_pid()):  # PostgreSQL announces it in no way
                return True
        return False


@asynccontextmanager
async def open_gate(url: str, events: Sequence[str] = ("INSERT", "UPDATE", "DELETE")) -> AsyncIterator[Gate]:
    """Build the gate, which is open at first; `url` is the owner's."""
    connection = await asyncpg.connect(url)
    await connection.execute(f"""
        CREATE FUNCTION meet() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            PERFORM pg_advisory_lock_shared({GATE});
            PERFORM pg_advisory_unlock_shared({GATE});
            RETURN coalesce(NEW, OLD);
        END $$;
    """)
    for table in TABLES:
        event = " OR ".join(events)
        await connection.execute(f"CREATE TRIGGER meet BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION meet()")
    try:
        yield Gate(connection)
    finally:
        await connection.close()


def random_transaction(universes: Sequence[Universe], chance: Random) -> list[tuple[Universe, str]]:
    """Return the statements of a transaction: one to three changes, in either tenant.

    What gives access back comes more often, or soon nobody would have any.
    """
    known = [each for pair in CHANGES.values() for each in pair if each]
    weights = [6 if "= true" in each or "= NULL" in each else 1 for each in known]
    chosen = []
    for what in chance.choices(known, weights, k=chance.randint(1, 3)):
        where = chance.choice(universes)
        swapped = replace(where, tenant=where.other, other=where.tenant)
        chosen.append((chance.choice([where, swapped]), what))
    return chosen
