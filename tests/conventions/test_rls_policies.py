"""Every policy of the runtime role, word for word: what it lets one reach of a table, and what one may write there."""

from dataclasses import dataclass

import asyncpg
import pytest

from atrium.embedded.server import OWNER_ROLE, RUNTIME_ROLE

USER = "(SELECT nullif(current_setting('app.user_id', true), '')::uuid)"
TENANT = "(SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)"
PRESENTED = "(SELECT nullif(current_setting('app.presented', true), '')::uuid)"
EMAIL = "(SELECT nullif(current_setting('app.email', true), ''))"
CREATED = "(SELECT string_to_array(nullif(current_setting('app.creating', true), ''), ',')::uuid[])::uuid[]"

POLICIES = """
    SELECT polrelid::regclass::text AS table, polname, polcmd::text, polpermissive, polroles::regrole[]::text AS roles,
        pg_get_expr(polqual, polrelid) AS using, pg_get_expr(polwithcheck, polrelid) AS check
    FROM pg_policy WHERE polroles <> ARRAY['{owner}'::regrole]::oid[]
"""


@dataclass(frozen=True)
class Policy:
    """What a policy says."""

    using: str
    """Which rows one reaches."""
    check: str
    """Which rows one writes."""


OWN_TENANT = Policy(f"tenant_id = {TENANT}", f"tenant_id = {TENANT}")
"""The policy of every table that is not named below."""

OTHERS = {
    # People see their own memberships in other tenants too, to choose one.
    "memberships": Policy(f"tenant_id = {TENANT} OR user_id = {USER}", OWN_TENANT.check),
    # Whoever holds an invitation's token, or is invited, belongs to another tenant or to none.
    "invitations": Policy(
        f"tenant_id = {TENANT} OR id = {PRESENTED} OR email = (SELECT u.email FROM users u WHERE u.id = {USER})",
        OWN_TENANT.check,
    ),
    # Whoever holds a key's text is known to no tenant yet.
    "api_keys": Policy(f"tenant_id = {TENANT} OR id = {PRESENTED}", OWN_TENANT.check),
    # Within the tenant, a person's own keys.
    "idempotency_keys": Policy(*(f"tenant_id = {TENANT} AND user_id = {USER}",) * 2),
    # The tenant entered, and those that one belongs to.
    "tenants": Policy(
        f"id = {TENANT} OR id IN (SELECT m.tenant_id FROM memberships m WHERE m.user_id = {USER})", f"id = {TENANT}"
    ),
    # One's own account, the one that is being logged in to, and those that are being made.
    "users": Policy(f"id = {USER} OR email = {EMAIL} OR id = ANY ({CREATED})", f"id = {USER} OR id = ANY ({CREATED})"),
    # One's own sessions and tokens, and the one whose token is in hand.
    "sessions": Policy(*(f"user_id = {USER} OR id = {PRESENTED}",) * 2),
    "mailed_tokens": Policy(*(f"user_id = {USER} OR id = {PRESENTED}",) * 2),
    # One's own log.
    "account_events": Policy(*(f"user_id = {USER}",) * 2),
    # Documents of the whole installation, which are nobody's data; the owner alone writes them.
    "trusted_documents": Policy("true", "false"),
}


async def policies(connection: asyncpg.Connection) -> dict[str, asyncpg.Record]:
    found = await connection.fetch(POLICIES.format(owner=OWNER_ROLE))
    by_table = {row["table"]: row for row in found}
    assert len(by_table) == len(found), "a table has one policy for the runtime role"
    return by_table


async def as_postgresql_prints(connection: asyncpg.Connection, table: str, policy: Policy) -> tuple[str, str]:
    """The expressions of a policy, read and printed by PostgreSQL as it prints those that there are."""
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(f"DROP POLICY wall ON {table}")
    await connection.execute(
        f"CREATE POLICY wall ON {table} TO {RUNTIME_ROLE} USING ({policy.using}) WITH CHECK ({policy.check})"
    )
    row = (await policies(connection))[table]
    await transaction.rollback()
    return row["using"], row["check"]


async def test_every_policy_says_what_is_written_here(owner_connection: asyncpg.Connection) -> None:
    found = await policies(owner_connection)
    assert OTHERS.keys() < found.keys(), "a table that is named here is gone"
    for table, row in found.items():
        kind = (row["polname"], row["polcmd"], row["polpermissive"], row["roles"])
        assert kind == ("wall", "*", True, f"{{{RUNTIME_ROLE}}}"), (
            f"Make the policy of {table} by migrations.rls.enable_rls."
        )
        expected = await as_postgresql_prints(owner_connection, table, OTHERS.get(table, OWN_TENANT))
        advice = f"the policy of {table} changed: write what it is to say into OTHERS in this file"
        assert (row["using"], row["check"]) == expected, advice


@pytest.mark.parametrize("table", ["users", "sessions", "feed", "tasks", "mailed_tokens"])
@pytest.mark.parametrize("way", ["USING", "WITH CHECK"])
async def test_a_policy_that_is_opened_is_noticed(owner_connection: asyncpg.Connection, table: str, way: str) -> None:
    await owner_connection.execute(f"ALTER POLICY wall ON {table} {way} ({USER} IS NOT NULL)")
    with pytest.raises(AssertionError, match=f"the policy of {table} changed"):
        await test_every_policy_says_what_is_written_here(owner_connection)
