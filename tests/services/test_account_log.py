"""The account log: what happens to an account is recorded, whoever does it, and its person sees it."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from atrium import admin as atrium_admin
from services import account_recovery, accounts, members, security, sessions
from services.errors import InvalidToken
from services.members import NewMember
from tests.conftest import Urls
from tests.support.factories import PASSWORD, World
from tests.support.mailbox import sent_emails, token_from_email
from tests.support.service_client import CLIENT, ServiceClient

NEXT = "An0ther-one!"
LOG = "{ viewer { securityEvents { totalCount nodes { id eventType email operation ip userAgent createdAt } } } }"


async def log(world: World, email: str) -> list[tuple[str, str | None, str | None]]:
    """What happened to an account by its present address, from where and by what; the oldest first."""
    found = """
        SELECT e.type, e.ip, e.user_agent FROM account_events e JOIN users u ON u.id = e.user_id
        WHERE u.email = $1 ORDER BY e.created_at, e.type
    """
    return [tuple(row) for row in await world.connection.fetch(found, email)]


def seen(*types: str, origin: Any = CLIENT) -> list[tuple[str, str | None, str | None]]:
    return [(type_, origin and origin.ip, origin and origin.user_agent) for type_ in types]


async def test_everything_that_happens_to_an_account_is_recorded(
    rules: ServiceClient, world: World, urls: Urls
) -> None:
    transactions, auth, email = rules.transactions(), rules.auth, "new@example.com"
    await accounts.register(transactions, auth, CLIENT, email=email, full_name="New", password=PASSWORD)
    assert await log(world, email) == seen("REGISTERED", "LOGGED_IN")
    await account_recovery.verify_email(transactions, auth, CLIENT, token=token_from_email(sent_emails(world)[-1]))
    await rules.login(email)
    await account_recovery.request_password_reset(transactions, auth, CLIENT, email=email)
    await account_recovery.reset_password(
        transactions, auth, CLIENT, token=token_from_email(sent_emails(world)[-1]), new_password=NEXT
    )
    expected = seen("REGISTERED", "LOGGED_IN", "EMAIL_VERIFIED", "LOGGED_IN")
    assert (await log(world, email))[:4] == expected
    ended = (await log(world, email))[4:]
    assert sorted(ended) == sorted(seen("PASSWORD_CHANGED", "SESSION_ENDED", "SESSION_ENDED"))
    for active in (False, True):
        await atrium_admin.set_account_active(urls.owner, email=email, tenant=None, active=active)
    assert (await log(world, email))[7:] == seen("SUSPENDED", "RESUMED", origin=None)


async def test_a_changed_address_and_password_and_a_stolen_token_are_recorded(
    rules: ServiceClient, world: World
) -> None:
    member = world.acme.member
    before = len(await log(world, member.email))
    transactions, actor = rules.transactions(member), rules.actor(member)
    await account_recovery.request_email_change(
        transactions, rules.auth, actor, email="now@example.com", password=PASSWORD
    )
    await account_recovery.verify_email(
        rules.transactions(), rules.auth, CLIENT, token=token_from_email(sent_emails(world)[-1])
    )
    await accounts.change_password(transactions, rules.auth, actor, current_password=PASSWORD, new_password=NEXT)
    opened = await rules.login("now@example.com", NEXT)
    for _ in range(2):
        renewed = await sessions.refresh(
            rules.transactions(), rules.auth, CLIENT, refresh_token=str(opened.refresh_token)
        )
    await sessions.refresh(rules.transactions(), rules.auth, CLIENT, refresh_token=str(renewed.refresh_token))
    with pytest.raises(InvalidToken):
        await sessions.refresh(rules.transactions(), rules.auth, CLIENT, refresh_token=str(opened.refresh_token))
    types = [entry[0] for entry in await log(world, "now@example.com")][before:]
    assert types == ["EMAIL_CHANGED", "PASSWORD_CHANGED", "LOGGED_IN", "SESSION_ENDED"]


async def test_a_hash_that_is_made_anew_by_a_login_is_no_new_password(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    before = await log(world, member.email)
    cheaper = security.Passwords(passes=1)
    cheap = await cheaper.hash(PASSWORD)
    cheaper.close()
    await world.connection.execute("ALTER TABLE users DISABLE TRIGGER log_account_event")
    await world.connection.execute("UPDATE users SET password_hash = $1 WHERE id = $2", cheap, member.user_id)
    await world.connection.execute("ALTER TABLE users ENABLE TRIGGER log_account_event")
    await rules.login(member.email)
    stored = "SELECT password_hash FROM users WHERE id = $1"
    assert await world.connection.fetchval(stored, member.user_id) != cheap
    assert (await log(world, member.email))[len(before) :] == seen("LOGGED_IN")


async def test_from_where_somebody_else_did_it_is_not_said(rules: ServiceClient, world: World) -> None:
    admin, email = world.acme.admin, "made@example.com"
    given = [NewMember(email, "Made", PASSWORD)]
    lifetime = rules.auth.invitation_lifetime
    await members.create_all(
        rules.transactions(admin), rules.auth, rules.actor(admin), new_members=given, lifetime=lifetime
    )
    assert await log(world, email) == [("REGISTERED", None, None)]


async def test_the_person_sees_their_own_and_nobody_elses(world: World) -> None:
    client = world.acme.member.client
    await client.mutate("changePassword", "__typename", currentPassword=PASSWORD, newPassword=NEXT)
    events = (await client.run(LOG))["viewer"]["securityEvents"]
    newest = events["nodes"][0]
    assert (newest["eventType"], newest["operation"], newest["ip"]) == (
        "PASSWORD_CHANGED",
        "changePassword",
        "127.0.0.1",
    )
    assert {event["email"] for event in events["nodes"]} == {world.acme.member.email}
    assert events["totalCount"] == 3
    node = "query($id: ID!) { node(id: $id) { id } }"
    assert (await client.run(node, id=newest["id"]))["node"] == {"id": newest["id"]}
    for other in (world.acme.owner, world.globex.member, world.outsider):
        assert (await other.client.run(node, id=newest["id"]))["node"] is None
    moments = [event["createdAt"] for event in events["nodes"]]
    assert moments == sorted(moments, reverse=True)


async def test_the_role_that_serves_can_only_read_it(rules: ServiceClient, world: World) -> None:
    for statement in (
        "INSERT INTO account_events SELECT * FROM account_events",
        "UPDATE account_events SET type = 'LOGGED_IN'",
        "DELETE FROM account_events",
    ):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with rules.database.write(rules.identity(world.acme.owner)) as session:
                await session.exec(text(statement))


async def test_operators_read_it_by_the_command_line(urls: Urls, world: World, tmp_path: Path) -> None:
    await world.acme.member.client.mutate("changePassword", "__typename", currentPassword=PASSWORD, newPassword=NEXT)
    settings = {"DATABASE_URL": urls.runtime, "DATABASE_OWNER_URL": urls.owner, "DATA_DIR": str(tmp_path)}
    environment = os.environ | {f"ATRIUM_{name}": value for name, value in settings.items()}

    async def printed(email: str, *options: str) -> tuple[str, int | None]:
        command = (sys.executable, "-m", "atrium", "account-log", "--email", email, *options)
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        output, _ = await process.communicate()
        return output.decode(), process.returncode

    output, code = await printed("MEMBER@acme.example.com", "--last", "2")
    entries = [json.loads(line) for line in output.splitlines()]
    assert code == 0
    assert [entry["type"] for entry in entries] == ["PASSWORD_CHANGED", "LOGGED_IN"]
    assert entries[0]["operation"] == "changePassword"
    assert entries[0]["request_id"]
    output, code = await printed("nobody@example.com")
    assert code == 1
    assert "There is no account nobody@example.com." in output


async def test_it_ends_with_the_account(world: World, owner_connection: asyncpg.Connection) -> None:
    await owner_connection.execute("DELETE FROM users WHERE id = $1", world.outsider.user_id)
    left = "SELECT count(*) FROM account_events WHERE user_id = $1"
    assert await owner_connection.fetchval(left, world.outsider.user_id) == 0
