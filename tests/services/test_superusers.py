"""Superusers: who is let in to what, who may be suspended, and what the log says of it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from models import ManagedAccount, SuperuserActType
from models.base import new_id
from models.database import Database, WriteSession
from models.database.errors import LoginTooOld, NotSuperuser, SuperuserRefused
from models.database.identity import Identity
from services import superusers
from services.errors import Forbidden, IllegalTransition, NotFound
from services.permissions import Actor, Permission
from services.queries.collection import Collection
from tests.conftest import Urls
from tests.support.factories import Person, World, create_person, make_superuser
from tests.support.service_client import ServiceClient, wait_until_blocked

EXPIRES = datetime(2999, 1, 1, tzinfo=UTC)
LISTS = {
    "accounts": superusers.MANAGED_ACCOUNTS,
    "tenants": superusers.MANAGED_TENANTS,
    "events": superusers.ACCOUNT_EVENTS,
    "acts": superusers.ACTS,
}


@pytest.fixture
async def root(world: World) -> Person:
    """A superuser, who belongs to no tenant and has just logged in."""
    person = await create_person(world.app, world.connection, "root@example.com")
    await make_superuser(world.connection, person)
    return person


@pytest.fixture
async def operator(urls: Urls) -> AsyncIterator[Database]:
    """The database as the owner role."""
    database = Database(urls.owner)
    yield database
    await database.close()


async def suspend(rules: ServiceClient, person: Person, account_id: UUID, *, active: bool = False) -> ManagedAccount:
    return await rules.apply(person, superusers.suspend_or_resume_account, id=account_id, active=active)


async def is_active(world: World, person: Person) -> bool:
    return bool(await world.connection.fetchval("SELECT is_active FROM users WHERE id = $1", person.user_id))


async def test_a_superuser_sees_all_accounts_and_tenants(rules: ServiceClient, world: World, root: Person) -> None:
    accounts = await rules.rows(root, superusers.MANAGED_ACCOUNTS, first=100)
    assert len(accounts) == await world.connection.fetchval("SELECT count(*) FROM users") > 8
    assert {"password_hash"}.isdisjoint(accounts[0]._fields)
    assert {row.slug for row in await rules.rows(root, superusers.MANAGED_TENANTS)} == {"acme", "globex"}


async def test_accounts_and_tenants_are_found_by_what_they_are_called(
    rules: ServiceClient, world: World, root: Person
) -> None:
    async def found(collection: Collection, **filter: Any) -> set[str]:
        rows = await rules.rows(root, collection, first=100, filter=filter)
        return {getattr(row, "email", None) or row.slug for row in rows}

    await world.add("users", email="x@y.example", full_name="Ada Lovelace")
    assert await found(superusers.MANAGED_ACCOUNTS, text={"contains": "LOVE"}) == {"x@y.example"}
    assert await found(superusers.MANAGED_ACCOUNTS, text={"contains": "@Y.example"}) == {"x@y.example"}
    assert await found(superusers.MANAGED_ACCOUNTS, text={"contains": "100%"}) == set()
    assert await found(superusers.MANAGED_ACCOUNTS, is_superuser={"eq": True}) == {"root@example.com"}
    await suspend(rules, root, world.outsider.user_id)
    assert await found(superusers.MANAGED_ACCOUNTS, is_active={"eq": False}) == {"outsider@example.com"}
    assert await found(superusers.MANAGED_TENANTS, text={"contains": "Glob"}) == {"globex"}
    assert await found(superusers.MANAGED_TENANTS, is_active={"eq": False}) == set()


@pytest.mark.parametrize("name", LISTS)
async def test_everybody_else_is_refused_by_the_statement_itself(
    rules: ServiceClient, world: World, root: Person, name: str
) -> None:
    for person in (world.acme.owner, world.outsider):
        with pytest.raises(NotSuperuser):
            await rules.rows(person, LISTS[name])
    await rules.rows(root, LISTS[name])
    async with rules.database.write(rules.identity(root)) as session:  # who has come in already
        await world.connection.execute("UPDATE users SET is_superuser = false WHERE id = $1", root.user_id)
        with pytest.raises(NotSuperuser):
            await session.exec(LISTS[name].visible(rules.actor(root).permissions))


@pytest.mark.parametrize("name", LISTS)
async def test_a_login_is_good_for_15_minutes(rules: ServiceClient, world: World, root: Person, name: str) -> None:
    authenticated = "UPDATE sessions SET authenticated_at = now() - $2::interval WHERE id = $1"
    await world.connection.execute(authenticated, root.session_id, timedelta(minutes=14, seconds=50))
    await rules.rows(root, LISTS[name])
    await world.connection.execute(authenticated, root.session_id, timedelta(minutes=15))
    with pytest.raises(LoginTooOld):
        await rules.rows(root, LISTS[name])
    with pytest.raises(LoginTooOld):
        await suspend(rules, root, world.outsider.user_id)
    await world.connection.execute("UPDATE sessions SET authenticated_at = NULL WHERE id = $1", root.session_id)
    with pytest.raises(LoginTooOld):  # as `atrium token` makes them
        await rules.rows(root, LISTS[name])
    assert await is_active(world, world.outsider)


@pytest.mark.parametrize(
    "see", [superusers.visible_managed_accounts, superusers.visible_acts, superusers.visible_managed_tenants]
)
def test_no_key_asks_in_its_makers_name(see: Any) -> None:
    machine = Actor.of(Identity(new_id(), new_id(), "OWNER", None, api_key_id=new_id()))
    with pytest.raises(Forbidden):
        see(machine.permissions)


async def test_a_key_has_no_login_for_the_database_either(rules: ServiceClient, world: World) -> None:
    acme, owner = world.acme, world.acme.owner
    await make_superuser(world.connection, owner)
    key = {"tenant_id": acme.tenant_id, "created_by": owner.user_id, "name": "x", "role": "OWNER", "digest": "none"}
    key_id = await world.add("api_keys", **key)
    identity = Identity(acme.tenant_id, owner.user_id, "OWNER", None, api_key_id=key_id)
    async with rules.database.read(identity) as session:
        with pytest.raises(NotSuperuser):
            await session.exec(superusers.visible_managed_accounts(frozenset(Permission)))


async def test_suspended_people_are_out_at_once_and_come_back(rules: ServiceClient, world: World, root: Person) -> None:
    member = world.acme.member
    assert (await suspend(rules, root, member.user_id)).is_active is False
    assert not await rules.is_live(rules.identity(member))
    assert (await suspend(rules, root, member.user_id)).is_active is False
    assert (await suspend(rules, root, member.user_id, active=True)).is_active
    assert await rules.is_live(rules.identity(member))


async def test_a_suspended_tenant_is_out_at_once_and_comes_back(
    rules: ServiceClient, world: World, root: Person
) -> None:
    for active in (False, True):
        given = {"id": world.acme.tenant_id, "active": active}
        assert (await rules.apply(root, superusers.suspend_or_resume_tenant, **given)).is_active is active
        assert await rules.is_live(rules.identity(world.acme.owner)) is active
        assert await rules.is_live(rules.identity(world.globex.owner))


async def test_nobody_else_suspends_anybody(rules: ServiceClient, world: World) -> None:
    for person in (world.acme.owner, world.outsider):
        for rule in (superusers.suspend_or_resume_account, superusers.suspend_or_resume_tenant):
            for target in (world.globex.owner.user_id, world.acme.tenant_id, new_id()):
                with pytest.raises(NotSuperuser):
                    await rules.apply(person, rule, id=target, active=False)
    assert await world.connection.fetchval("SELECT count(*) FROM superuser_acts") == 0
    assert await world.connection.fetchval("SELECT bool_and(is_active) FROM users")


async def test_what_there_is_not_is_not_found(rules: ServiceClient, root: Person) -> None:
    for rule in (superusers.suspend_or_resume_account, superusers.suspend_or_resume_tenant):
        with pytest.raises(NotFound):
            await rules.apply(root, rule, id=new_id(), active=False)


async def test_nobody_suspends_themselves(rules: ServiceClient, world: World, root: Person) -> None:
    for superuser_count in (1, 2):
        with pytest.raises(IllegalTransition, match="your own account"):
            await suspend(rules, root, root.user_id)
        if superuser_count == 1:
            await make_superuser(world.connection, world.outsider)
    assert await is_active(world, root)


async def test_two_who_suspend_each_other_do_not_both_succeed(rules: ServiceClient, world: World, root: Person) -> None:
    other = world.outsider
    await make_superuser(world.connection, other)
    actor = rules.actor(root)
    async with rules.database.write(actor.identity) as session:
        await superusers.suspend_or_resume_account(session, actor, id=other.user_id, active=False)
        back = asyncio.create_task(suspend(rules, other, root.user_id))
        await wait_until_blocked(world.connection)
    with pytest.raises(SuperuserRefused):
        await back
    assert (await is_active(world, root), await is_active(world, other)) == (True, False)


async def test_who_is_revoked_while_they_wait_suspends_nobody(
    rules: ServiceClient, world: World, root: Person, operator: Database
) -> None:
    await make_superuser(world.connection, world.acme.owner)
    async with operator.installation_transaction() as session:
        await superusers.grant_or_revoke(session, root.user_id, is_superuser=False)
        late = asyncio.create_task(suspend(rules, root, world.outsider.user_id))
        await wait_until_blocked(world.connection)
    with pytest.raises(NotSuperuser):
        await late
    assert await is_active(world, world.outsider)


async def operate(operator: Database, work: Any, *given: Any, **options: Any) -> Any:
    async with operator.installation_transaction() as session:
        return await work(session, *given, **options)


async def test_operators_need_no_login_and_spare_the_last_superuser(
    world: World, root: Person, operator: Database
) -> None:
    assert await operate(operator, superusers.account_by_email, "root@example.com") == root.user_id
    assert await operate(operator, superusers.account_by_email, "nobody@example.com") is None
    assert await operate(operator, superusers.tenant_by_slug, "acme") == world.acme.tenant_id
    with pytest.raises(IllegalTransition, match="last superuser cannot be suspended"):
        await operate(operator, superusers.suspend_or_resume, "account", root.user_id, active=False)
    with pytest.raises(IllegalTransition, match="last superuser cannot be revoked"):
        await operate(operator, superusers.grant_or_revoke, root.user_id, is_superuser=False)
    await operate(operator, superusers.grant_or_revoke, world.outsider.user_id, is_superuser=True)
    await operate(operator, superusers.suspend_or_resume, "account", root.user_id, active=False)
    with pytest.raises(IllegalTransition):  # the other one is suspended
        await operate(operator, superusers.grant_or_revoke, world.outsider.user_id, is_superuser=False)
    await operate(operator, superusers.suspend_or_resume, "account", root.user_id, active=True)
    await operate(operator, superusers.grant_or_revoke, world.outsider.user_id, is_superuser=False)
    assert await world.connection.fetchval("SELECT count(*) FROM users WHERE is_superuser") == 1


async def test_revoking_who_is_none_changes_nothing(world: World, operator: Database) -> None:
    await operate(operator, superusers.grant_or_revoke, world.outsider.user_id, is_superuser=False)
    assert await world.connection.fetchval("SELECT count(*) FROM superuser_acts") == 0


async def test_two_operators_leave_one_superuser(world: World, root: Person, operator: Database) -> None:
    await make_superuser(world.connection, world.outsider)

    async def revoke(person: Person) -> None:
        await operate(operator, superusers.grant_or_revoke, person.user_id, is_superuser=False)

    async with operator.installation_transaction() as session:
        await superusers.grant_or_revoke(session, root.user_id, is_superuser=False)
        late = asyncio.create_task(revoke(world.outsider))
        await wait_until_blocked(world.connection)
    with pytest.raises(IllegalTransition):
        await late


async def test_the_log_says_who_did_what_to_whom(
    rules: ServiceClient, world: World, root: Person, operator: Database
) -> None:
    await suspend(rules, root, world.acme.member.user_id)
    await suspend(rules, root, world.acme.member.user_id)  # changes nothing
    await rules.apply(root, superusers.suspend_or_resume_tenant, id=world.acme.tenant_id, active=False)
    await operate(operator, superusers.suspend_or_resume, "tenant", world.acme.tenant_id, active=True)
    await operate(operator, superusers.suspend_or_resume, "account", world.acme.member.user_id, active=True)
    await operate(operator, superusers.grant_or_revoke, world.outsider.user_id, is_superuser=True)
    await operate(operator, superusers.grant_or_revoke, world.outsider.user_id, is_superuser=False)
    acts = [row for row in reversed(await rules.rows(root, superusers.ACTS)) if row.account_id != root.user_id]
    member, acme, outsider = world.acme.member.user_id, world.acme.tenant_id, world.outsider.user_id
    assert [(act.type, act.actor_id, act.account_id, act.target_tenant_id) for act in acts] == [
        (SuperuserActType.ACCOUNT_SUSPENDED, root.user_id, member, None),
        (SuperuserActType.TENANT_SUSPENDED, root.user_id, None, acme),
        (SuperuserActType.TENANT_RESUMED, None, None, acme),
        (SuperuserActType.ACCOUNT_RESUMED, None, member, None),
        (SuperuserActType.SUPERUSER_GRANTED, None, outsider, None),
        (SuperuserActType.SUPERUSER_REVOKED, None, outsider, None),
    ]


async def test_the_account_log_is_read_of_all_and_of_one(rules: ServiceClient, world: World, root: Person) -> None:
    await suspend(rules, root, world.acme.member.user_id)
    of_all = await rules.rows(root, superusers.ACCOUNT_EVENTS, first=100)
    assert len(of_all) == await world.connection.fetchval("SELECT count(*) FROM account_events") > 10
    given = {"account_id": {"eq": world.acme.member.user_id}}
    of_one = await rules.rows(root, superusers.ACCOUNT_EVENTS, filter=given)
    assert [event.type for event in of_one] == ["SUSPENDED", "LOGGED_IN", "REGISTERED"]
    assert {event.user_id for event in of_one} == {world.acme.member.user_id}


async def test_a_suspended_persons_invitations_are_revoked(rules: ServiceClient, world: World, root: Person) -> None:
    offer = {"invited_by": world.acme.admin.user_id, "role": "MEMBER", "digest": "none", "email": "x@example.com"}
    invitation = {**offer, "tenant_id": world.acme.tenant_id, "expires_at": EXPIRES}
    await world.add("invitations", **invitation)
    await suspend(rules, root, world.acme.admin.user_id)
    assert await world.connection.fetchval("SELECT count(*) FROM invitations WHERE revoked_at IS NULL") == 0
    entries = await world.connection.fetch("SELECT ip FROM audit_log WHERE table_name = 'invitations'")
    assert {entry["ip"] or None for entry in entries} == {None}


async def test_nobody_makes_themselves_a_superuser(world: World, urls: Urls) -> None:
    member = world.acme.member
    runtime = await asyncpg.connect(urls.plain("runtime"))
    entered = "SELECT 1 FROM atrium_enter($1, $2, 'MEMBER', $3, '', '', '')"
    new = "INSERT INTO users (id, email, full_name, is_superuser) VALUES ($1, 'x@example.com', 'x', true)"
    for statement in ("UPDATE users SET is_superuser = true WHERE id = $1", new):
        transaction = runtime.transaction()
        await transaction.start()
        await runtime.fetchval(entered, member.tenant_id, member.user_id, member.session_id)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await runtime.execute(statement, member.user_id)
        await transaction.rollback()
    await runtime.close()
    assert await world.connection.fetchval("SELECT count(*) FROM users WHERE is_superuser") == 0


async def test_a_superuser_of_no_tenant_reads_and_writes_nothing_of_any(
    rules: ServiceClient, world: World, root: Person
) -> None:
    for tenant in (world.acme, world.globex):
        await world.add("projects", tenant_id=tenant.tenant_id, name="Secret")
    names = await world.connection.fetch(
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v')"
        f" AND has_table_privilege('{rules.database.engine.url.username}', c.oid, 'SELECT') AND c.relname <> 'sessions'"
    )
    assert len(names) > 15

    async def count(session: WriteSession, table: str) -> int:
        return int((await session.exec(text(f"SELECT count(*) FROM {table}"))).scalar_one())

    async with rules.database.write(rules.identity(root)) as session:
        assert {table: await count(session, table) for (table,) in names} == {table: 0 for (table,) in names}
        assert await count(session, "users") == 1
        assert await count(session, "tenants") == 0
        assert await count(session, "sessions") == 1
        renamed = await session.exec(text("UPDATE tenants SET name = 'x'"))
        assert renamed.rowcount == 0
