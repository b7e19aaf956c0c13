"""Bulk work, beneath HTTP: what each rule refuses, who may call it, what the walls allow, and who waits for whom."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError

from atrium import migrate
from models import Membership, Product, Role, Task, User
from models.base import new_id, row_class, table_of
from models.database import WriteSession, extend_context
from models.database.errors import SessionNotLive
from models.database.identity import Identity
from services import accounts, errors, members, orders, products, security, tasks, tenants
from services.members import IssuedInvitation, NewMember
from services.permissions import Actor
from services.products import StockReceipt
from services.writes.bulk import MAX_ROWS, Batch, RowChange
from tests.conftest import Urls
from tests.support.bulk_mutations import insert_product, insert_task
from tests.support.factories import PASSWORD, Person, World
from tests.support.service_client import CLIENT, CallerTransactions, ServiceClient, invalid_paths, wait_until_blocked

Result = TypeVar("Result")
WEEK = timedelta(days=7)


class RetriedTransactions(CallerTransactions):
    """Opens transactions in somebody's name; each is rolled back twice first, and run again."""

    async def write(
        self, work: Callable[[WriteSession], Awaitable[Result]], identity: Identity | None = None
    ) -> Result:
        async def fail(session: WriteSession) -> None:
            await work(session)
            raise ZeroDivisionError

        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                await super().write(fail, identity)
        return await super().write(work, identity)


async def create_members(
    rules: ServiceClient, person: Person, *given: NewMember, transactions: CallerTransactions | None = None
) -> list[Any]:
    transactions = transactions or rules.transactions(person)
    return await members.create_all(transactions, rules.auth, rules.actor(person), new_members=given, lifetime=WEEK)


def test_outcomes_stand_where_their_rows_stood() -> None:
    unreadable = errors.InvalidInput.of("things.1.id", "No id.")
    call = Batch[str, str]("things", ["a", unreadable, "b", "a", "c"])
    call.reject_duplicates("name", str)
    for index, row in call.pending_rows():
        with call.validating(index) as checks:
            if row == "b":
                checks.add_problem("name", "Not b.")
    call.finish_all({index: row.upper() for index, row in call.pending_rows()})
    first, second, third, fourth, fifth = call.outcomes()
    assert (first, second, fifth) == ("A", unreadable, "C")
    assert (invalid_paths(third), invalid_paths(fourth)) == (["things.2.name"], ["things.3.name"])


@pytest.mark.parametrize("size", [0, MAX_ROWS + 1])
def test_a_call_has_one_to_a_thousand_rows(size: int) -> None:
    with pytest.raises(errors.InvalidInput) as refusal:
        Batch[int, int]("things", range(size))
    assert invalid_paths(refusal.value) == ["things"]
    assert len(Batch[int, int]("things", range(1)).pending) == 1
    assert len(Batch[int, int]("things", range(MAX_ROWS)).pending) == MAX_ROWS


async def test_who_shuts_out_waits_for_whoever_changes_roles(rules: ServiceClient, world: World) -> None:
    acme, owner = world.acme, rules.actor(world.acme.owner)
    assert acme.member.member_id
    ids = [acme.member.member_id]
    async with rules.database.write(owner.identity) as session:
        await tenants.change_role(session, owner, id=ids[0], role=Role.OWNER)
        shutting = asyncio.create_task(rules.apply(acme.admin, members.set_active, ids=ids, is_active=False))
        await wait_until_blocked(world.connection)
    with pytest.raises(errors.Forbidden):
        await shutting
    assert await world.connection.fetchval("SELECT is_active FROM memberships WHERE id = $1", ids[0])


@pytest.mark.parametrize("who", ["outsider", "member"])
async def test_each_rule_asks_who_may(rules: ServiceClient, world: World, who: str) -> None:
    person = world.outsider if who == "outsider" else world.acme.member
    change = [RowChange(new_id(), {"title": "x"})]
    calls: dict[Callable[..., Awaitable[Any]], dict[str, Any]] = {
        members.set_active: {"ids": [new_id()], "is_active": True},
        products.update_all: {"rows": change},
        products.restock_all: {"rows": [StockReceipt(new_id(), 1)]},
        tasks.update_all: {"rows": change},
        tasks.create_all: {"rows": [{"title": "x"}]},
        tasks.delete_all: {"rows": [new_id()]},
        orders.confirm_all: {"rows": [RowChange(new_id(), {})]},
    }
    refused = set()
    for rule, given in calls.items():
        try:
            await rules.apply(person, rule, **given)
        except errors.Forbidden:
            refused.add(rule)
    newcomer = NewMember("a@example.com", "A")
    with pytest.raises(errors.Forbidden):
        await create_members(rules, person, newcomer)
    of_members = {tasks.update_all, tasks.create_all, tasks.delete_all}
    assert refused == (set(calls) if who == "outsider" else set(calls) - of_members)
    with pytest.raises(errors.Unauthenticated):
        await members.create_all(rules.transactions(person), rules.auth, Actor(), new_members=[newcomer], lifetime=WEEK)


async def test_who_is_no_longer_let_in_costs_no_hash(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = []
    monkeypatch.setattr(world.app.components.auth.passwords, "hash_all", hashed.append)
    ended = "UPDATE sessions SET revoked_at = now() WHERE id = $1"
    await world.connection.execute(ended, world.acme.owner.session_id)
    client = world.acme.owner.client
    query = "mutation($u: [CreateUserInput!]!) { createUsers(input: {users: $u}) { __typename } }"
    users = [{"email": "a@example.com", "fullName": "A", "password": PASSWORD}]
    assert await client.error_codes(query, u=users) == ["UNAUTHENTICATED"]
    assert hashed == []


async def test_what_cannot_be_stored_is_refused_row_by_row(rules: ServiceClient, world: World) -> None:
    added = await create_members(
        rules,
        world.acme.owner,
        NewMember("nul@example.com", "a\0b"),
        NewMember("n\0l@example.com", "N"),
        NewMember("half@example.com", "\ud800"),
        NewMember("weak@example.com", "W", f"{PASSWORD}\0"),
        NewMember("fine@example.com", "F"),
    )
    found = [invalid_paths(refusal) for refusal in added[:4]]
    assert found == [["users.0.full_name"], ["users.1.email"], ["users.2.full_name"], ["users.3.password"]]
    assert isinstance(added[4], IssuedInvitation)

    ids = [await insert_task(world, "t0"), await insert_task(world, "t1")]
    rows = [RowChange(ids[0], {"title": "a\0"}), RowChange(ids[1], {"description": "\0"})]
    changed = await rules.apply(world.acme.owner, tasks.update_all, rows=rows)
    assert [invalid_paths(refusal) for refusal in changed] == [["tasks.0.title"], ["tasks.1.description"]]

    shelf = [await insert_product(world, "p0")]
    more = [RowChange(shelf[0], {"sku": "\0", "name": "\0", "description": "\0"})]
    priced = await rules.apply(world.acme.owner, products.update_all, rows=more)
    assert invalid_paths(priced[0]) == ["products.0.sku", "products.0.name", "products.0.description"]
    assert await world.connection.fetchval("SELECT max(version) FROM tasks") == 1
    assert await world.connection.fetchval("SELECT max(version) FROM products") == 1


async def test_a_transaction_that_runs_again_begins_anew(rules: ServiceClient, world: World) -> None:
    given = [
        NewMember("a@example.com", "A", PASSWORD),
        NewMember("b@example.com", "B"),
        NewMember(world.acme.member.email, "M", PASSWORD),
    ]
    owner = world.acme.owner
    added = await create_members(
        rules, owner, *given, transactions=RetriedTransactions(rules.database, rules.identity(owner))
    )
    assert isinstance(added[0], row_class(Membership))
    assert isinstance(added[1], IssuedInvitation)
    assert isinstance(added[2], errors.AlreadyExists)
    assert await world.connection.fetchval("SELECT count(*) FROM users WHERE email = 'a@example.com'") == 1
    assert await world.connection.fetchval("SELECT count(*) FROM invitations") == 1


async def test_an_account_that_appears_meanwhile_is_left_alone(rules: ServiceClient, world: World) -> None:
    async with rules.database.write(CLIENT) as session:
        row_id = new_id()
        await extend_context(session, user_id=row_id)
        taken = {"id": row_id, "email": "late@example.com", "full_name": "Their own", "password_hash": "theirs"}
        await session.exec(insert(User).values(**taken))
        adding = asyncio.create_task(
            create_members(rules, world.acme.owner, NewMember("late@example.com", "Late", PASSWORD))
        )
        await wait_until_blocked(world.connection)
    (outcome,) = await adding
    assert isinstance(outcome, IssuedInvitation)
    rows = await world.connection.fetch("SELECT full_name, password_hash FROM users WHERE email = 'late@example.com'")
    assert [tuple(row) for row in rows] == [("Their own", "theirs")]


async def test_two_owners_who_shut_each_other_out_take_turns(rules: ServiceClient, world: World) -> None:
    owner, admin = world.acme.owner, world.acme.admin
    assert owner.member_id
    assert admin.member_id
    await world.connection.execute("UPDATE memberships SET role = 'OWNER' WHERE id = $1", admin.member_id)
    first, second = rules.actor(owner), Actor.of(replace(rules.identity(admin), role="OWNER"))
    async with rules.database.write(second.identity) as theirs:
        async with rules.database.write(first.identity) as mine:
            assert await members.set_active(mine, first, ids=[admin.member_id], is_active=False) == 1
            other = asyncio.create_task(members.set_active(theirs, second, ids=[owner.member_id], is_active=False))
            await wait_until_blocked(world.connection)
        with pytest.raises(SessionNotLive):
            await other
    active = "SELECT count(*) FROM memberships WHERE role = 'OWNER' AND is_active AND tenant_id = $1"
    assert await world.connection.fetchval(active, world.acme.tenant_id) == 1


async def test_a_number_that_is_taken_meanwhile_is_refused_and_the_rest_goes_on(
    rules: ServiceClient, world: World
) -> None:
    ids = [await insert_product(world, "p0"), await insert_product(world, "p1")]
    async with rules.database.write(rules.identity(world.acme.owner)) as session:
        values = {"tenant_id": world.acme.tenant_id, "id": new_id(), "sku": "New", "name": "x"}
        await session.exec(insert(table_of(Product)).values(**values, price_minor=1, currency="EUR"))
        rows = [RowChange(ids[0], {"sku": "new"}), RowChange(ids[1], {"sku": "other"})]
        changing = asyncio.create_task(rules.apply(world.acme.admin, products.update_all, rows=rows))
        await wait_until_blocked(world.connection)
    first, second = await changing
    assert isinstance(first, errors.AlreadyExists)
    assert first.field == "products.0.sku"
    assert (second.sku, second.version) == ("other", 2)  # type: ignore[union-attr]  # it was not refused


async def test_a_version_is_decided_under_the_lock(rules: ServiceClient, world: World) -> None:
    task_id = await insert_task(world, "t")
    rows = [RowChange(task_id, {"title": "late"}, expected_version=1)]
    async with rules.database.write(rules.identity(world.acme.owner)) as session:
        await session.exec(text(f"UPDATE tasks SET title = 'early' WHERE id = '{task_id}'"))
        changing = asyncio.create_task(rules.apply(world.acme.member, tasks.update_all, rows=rows))
        await wait_until_blocked(world.connection)
    (outcome,) = await changing
    assert isinstance(outcome, errors.VersionConflict)
    assert (outcome.model, outcome.version) == (Task, 2)
    assert await world.connection.fetchval("SELECT title FROM tasks") == "early"


async def test_accounts_are_made_only_as_announced(rules: ServiceClient, world: World) -> None:
    database, identity = rules.database, rules.identity(world.acme.owner)
    announced, other = new_id(), new_id()

    async def make(row_id: UUID, announcing: list[UUID]) -> set[UUID]:
        async with database.write(identity) as session:
            await extend_context(session, creating=announcing)
            await session.exec(insert(User).values(id=row_id, email=f"{row_id}@example.com", full_name="x"))
            return set((await session.exec(select(table_of(User).c.id))).scalars())

    for row_id, announcing in ((announced, []), (other, [announced])):
        with pytest.raises(DBAPIError, match="row-level security"):
            await make(row_id, announcing)
    assert await make(announced, [announced, other]) == {world.acme.owner.user_id, announced}
    async with database.write(identity) as session:
        assert set((await session.exec(select(table_of(User).c.id))).scalars()) == {world.acme.owner.user_id}


async def test_owners_are_made_by_owners(rules: ServiceClient, world: World) -> None:
    with pytest.raises(errors.Forbidden):
        await create_members(rules, world.acme.admin, NewMember("a@example.com", "A", role=Role.OWNER))
    assert await world.connection.fetchval("SELECT count(*) FROM invitations") == 0


@dataclass
class SlowHashes:
    """Hashes that take until they are let go, one by one."""

    begun: list[str] = field(default_factory=list)
    gate: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    running: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def hash_now(self, password: str) -> str:
        """In place of the real one."""
        with self.lock:
            self.begun.append(password)
            self.running += 1
            self.most = max(self.most, self.running)
        assert self.gate.acquire(timeout=30)
        with self.lock:
            self.running -= 1
        return password.upper()

    async def until_begun(self, count: int) -> None:
        """Wait until so many have begun."""
        async with asyncio.timeout(30):
            while len(self.begun) < count:
                await asyncio.sleep(0.005)


@pytest.mark.parametrize("workers", [1, 2, 4])
async def test_many_hashes_leave_a_worker_for_logins(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    passwords, slow = security.Passwords(workers=workers), SlowHashes()
    monkeypatch.setattr(passwords, "hash_now", slow.hash_now)
    batch = max(1, workers - 1)
    given = [[f"{caller}{number}" for number in range(7)] for caller in "ab"]
    callers = [asyncio.create_task(passwords.hash_all(each)) for each in given]
    await slow.until_begun(batch)
    logins = [asyncio.create_task(passwords.hash(f"login {number}")) for number in range(workers + 3)]
    if workers > 1:
        await slow.until_begun(workers)
        assert sorted(slow.begun[:batch]) == given[0][:batch]
        assert slow.begun[batch:] == ["login 0"], "one worker was free"
    else:
        await asyncio.sleep(0)  # they are in the queue now
    slow.gate.release(100)
    assert await asyncio.gather(*callers) == [[p.upper() for p in each] for each in given]
    assert await asyncio.gather(*logins) == [f"LOGIN {number}" for number in range(workers + 3)]
    assert slow.most == workers
    after = slow.begun[batch : batch + 4]
    assert all(password.startswith("login") for password in after), "who logs in goes first"
    assert min(slow.begun.index(p) for p in given[1]) < max(slow.begun.index(p) for p in given[0]), "callers take turns"
    passwords.close()


async def test_many_hashes_end_with_who_wanted_them(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords, slow = security.Passwords(workers=2), SlowHashes()
    monkeypatch.setattr(passwords, "hash_now", slow.hash_now)
    wanted = asyncio.create_task(passwords.hash_all([str(number) for number in range(9)]))
    await slow.until_begun(1)
    wanted.cancel()
    with pytest.raises(asyncio.CancelledError):
        await wanted
    slow.gate.release(100)
    assert await passwords.hash_all(["another"]) == ["ANOTHER"]
    assert slow.begun == ["0", "another"]
    passwords.close()


async def test_the_migration_keeps_the_keys_both_ways(world: World, urls: Urls) -> None:
    outcome = new_id()
    key = {"tenant_id": world.acme.tenant_id, "user_id": world.acme.owner.user_id, "mutation": "m", "key": "k"}
    names = ", ".join(key)
    sql = f"INSERT INTO idempotency_keys ({names}, input_digest, outcome_ids) VALUES ($1, $2, $3, $4, 'd', $5)"
    await world.connection.execute(sql, *key.values(), [outcome])
    await asyncio.to_thread(migrate.downgrade, urls.owner, urls.runtime, "0006")
    assert await world.connection.fetchval("SELECT outcome_id FROM idempotency_keys") == outcome
    await asyncio.to_thread(migrate.upgrade, urls.owner, urls.runtime)
    assert await world.connection.fetchval("SELECT outcome_ids FROM idempotency_keys") == [outcome]
    await asyncio.to_thread(migrate.require_no_differences, urls.owner, urls.runtime)


async def test_a_registration_still_makes_its_own_account(rules: ServiceClient, world: World) -> None:
    given = {"email": "new@example.com", "full_name": "New", "password": PASSWORD}
    opened = await accounts.register(rules.transactions(world.outsider), rules.auth, CLIENT, **given)
    assert opened.identity.user_id is not None
