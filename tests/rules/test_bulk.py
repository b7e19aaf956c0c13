"""Bulk work, beneath HTTP: what each rule refuses, who may call it, what the walls allow, and who waits for whom."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError

from atrium import migrate
from models import Membership, Product, Role, Task, User
from models.base import new_id, row_class, table_of
from models.database import Identity, WriteSession, assume
from services import accounts, errors, people, products, security, tasks, tenants
from services.access import Actor
from services.bulk import MOST, Call, Change
from services.people import Invited, Newcomer
from services.products import Arrival
from tests.conftest import Urls
from tests.factories import PASSWORD, Person, World
from tests.units import until_blocked

Result = TypeVar("Result")
WEEK = timedelta(days=7)


def actor_of(person: Person) -> Actor:
    return Actor.of(Identity(person.tenant_id, person.user_id, person.role, person.session_id))


class Units:
    """Opens transactions in one person's name; the first `rehearsals` of each are rolled back and run again."""

    def __init__(self, world: World, person: Person, rehearsals: int = 0) -> None:
        self.database, self.identity, self.rehearsals = world.app.parts.database, actor_of(person).identity, rehearsals

    async def write(
        self, work: Callable[[WriteSession], Awaitable[Result]], identity: Identity | None = None
    ) -> Result:
        for _ in range(self.rehearsals):
            with pytest.raises(ZeroDivisionError):
                await self._once(work, identity, fail=True)
        return await self._once(work, identity)

    async def _once(self, work: Any, identity: Identity | None, *, fail: bool = False) -> Any:
        async with self.database.write(identity or self.identity) as session:
            result = await work(session)
            if fail:
                raise ZeroDivisionError
        return result


async def create_all(world: World, person: Person, *given: Newcomer, rehearsals: int = 0) -> list[Any]:
    units = Units(world, person, rehearsals)
    return await people.create_all(units, world.app.parts.door, actor_of(person), people=given, lifetime=WEEK)


async def in_unit(world: World, person: Person, work: Callable[[WriteSession, Actor], Awaitable[Result]]) -> Result:
    return await Units(world, person).write(lambda session: work(session, actor_of(person)))


async def task(world: World, title: str) -> UUID:
    owned = {"tenant_id": world.acme.tenant_id, "created_by": world.acme.owner.user_id}
    return await world.add("tasks", title=title, **owned)


async def product(world: World, sku: str, stock: int = 5) -> UUID:
    price = {"price_minor": 100, "currency": "EUR"}
    return await world.add("products", tenant_id=world.acme.tenant_id, sku=sku, name=sku, stock_quantity=stock, **price)


async def blocked(world: World) -> None:
    """Wait until some transaction of this database waits for another."""
    waiting = """SELECT EXISTS (
        SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database()
    )"""
    async with asyncio.timeout(30):
        while not await world.connection.fetchval(waiting):
            await asyncio.sleep(0.01)


def paths(refusal: Any) -> list[str]:
    assert isinstance(refusal, errors.InvalidInput)
    return [problem.path for problem in refusal.problems]


def test_outcomes_stand_where_their_rows_stood() -> None:
    unreadable = errors.InvalidInput.of("things.1.id", "No id.")
    call = Call[str, str]("things", ["a", unreadable, "b", "a", "c"])
    call.refuse_repeated("name", str)
    for index, row in call.rows():
        with call.checking(index) as checks:
            if row == "b":
                checks.problem("name", "Not b.")
    call.end_all({index: row.upper() for index, row in call.rows()})
    first, second, third, fourth, fifth = call.outcomes()
    assert (first, second, fifth) == ("A", unreadable, "C")
    assert (paths(third), paths(fourth)) == (["things.2.name"], ["things.3.name"])


@pytest.mark.parametrize("size", [0, MOST + 1])
def test_a_call_has_one_to_a_thousand_rows(size: int) -> None:
    with pytest.raises(errors.InvalidInput) as refusal:
        Call[int, int]("things", range(size))
    assert paths(refusal.value) == ["things"]
    assert len(Call[int, int]("things", range(1)).open) == 1
    assert len(Call[int, int]("things", range(MOST)).open) == MOST


async def test_who_shuts_out_waits_for_whoever_changes_roles(world: World) -> None:
    acme, owner, admin = world.acme, actor_of(world.acme.owner), actor_of(world.acme.admin)
    assert acme.member.member_id
    ids = [acme.member.member_id]
    async with world.app.parts.database.write(owner.identity) as session:
        await tenants.change_role(session, owner, id=ids[0], role=Role.OWNER)
        shutting = asyncio.create_task(
            in_unit(world, acme.admin, lambda s, _: people.set_active(s, admin, ids=ids, is_active=False))
        )
        await until_blocked(world.connection)
    with pytest.raises(errors.Forbidden):
        await shutting
    assert await world.connection.fetchval("SELECT is_active FROM memberships WHERE id = $1", ids[0])


@pytest.mark.parametrize("who", ["outsider", "member"])
async def test_each_rule_asks_who_may(world: World, who: str) -> None:
    person = world.outsider if who == "outsider" else world.acme.member
    change = [Change(new_id(), {"title": "x"})]
    calls: dict[str, Callable[[WriteSession, Actor], Awaitable[Any]]] = {
        "set_active": lambda s, a: people.set_active(s, a, ids=[new_id()], is_active=True),
        "products": lambda s, a: products.change_all(s, a, rows=change),
        "restock": lambda s, a: products.restock_all(s, a, rows=[Arrival(new_id(), 1)]),
        "tasks": lambda s, a: tasks.change_all(s, a, rows=change),
    }
    refused = set()
    for name, work in calls.items():
        try:
            await in_unit(world, person, work)
        except errors.Forbidden:
            refused.add(name)
    with pytest.raises(errors.Forbidden):
        await create_all(world, person, Newcomer("a@example.com", "A"))
    assert refused == (set(calls) if who == "outsider" else set(calls) - {"tasks"})
    with pytest.raises(errors.Unauthenticated):
        await people.create_all(
            Units(world, person), world.app.parts.door, Actor(), people=[Newcomer("a@example.com", "A")], lifetime=WEEK
        )


async def test_who_is_no_longer_let_in_costs_no_hash(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = []
    monkeypatch.setattr(world.app.parts.door.passwords, "hash_all", hashed.append)
    ended = "UPDATE sessions SET revoked_at = now() WHERE id = $1"
    await world.connection.execute(ended, world.acme.owner.session_id)
    client = world.acme.owner.client
    query = "mutation($u: [CreateUserInput!]!) { createUsers(input: {users: $u}) { __typename } }"
    users = [{"email": "a@example.com", "fullName": "A", "password": PASSWORD}]
    assert await client.codes(query, u=users) == ["UNAUTHENTICATED"]
    assert hashed == []


async def test_what_cannot_be_stored_is_refused_row_by_row(world: World) -> None:
    added = await create_all(
        world,
        world.acme.owner,
        Newcomer("nul@example.com", "a\0b"),
        Newcomer("n\0l@example.com", "N"),
        Newcomer("half@example.com", "\ud800"),
        Newcomer("weak@example.com", "W", f"{PASSWORD}\0"),
        Newcomer("fine@example.com", "F"),
    )
    found = [paths(refusal) for refusal in added[:4]]
    assert found == [["users.0.full_name"], ["users.1.email"], ["users.2.full_name"], ["users.3.password"]]
    assert isinstance(added[4], Invited)

    ids = [await task(world, "t0"), await task(world, "t1")]
    rows = [Change(ids[0], {"title": "a\0"}), Change(ids[1], {"description": "\0"})]
    changed = await in_unit(world, world.acme.owner, lambda s, a: tasks.change_all(s, a, rows=rows))
    assert [paths(refusal) for refusal in changed] == [["tasks.0.title"], ["tasks.1.description"]]

    shelf = [await product(world, "p0")]
    more = [Change(shelf[0], {"sku": "\0", "name": "\0", "description": "\0"})]
    priced = await in_unit(world, world.acme.owner, lambda s, a: products.change_all(s, a, rows=more))
    assert paths(priced[0]) == ["products.0.sku", "products.0.name", "products.0.description"]
    assert await world.connection.fetchval("SELECT max(version) FROM tasks") == 1
    assert await world.connection.fetchval("SELECT max(version) FROM products") == 1


async def test_a_transaction_that_runs_again_begins_anew(world: World) -> None:
    given = [
        Newcomer("a@example.com", "A", PASSWORD),
        Newcomer("b@example.com", "B"),
        Newcomer(world.acme.member.email, "M", PASSWORD),
    ]
    added = await create_all(world, world.acme.owner, *given, rehearsals=2)
    assert isinstance(added[0], row_class(Membership))
    assert isinstance(added[1], Invited)
    assert isinstance(added[2], errors.AlreadyExists)
    assert await world.connection.fetchval("SELECT count(*) FROM users WHERE email = 'a@example.com'") == 1
    assert await world.connection.fetchval("SELECT count(*) FROM invitations") == 1


async def test_an_account_that_appears_meanwhile_is_left_alone(world: World) -> None:
    origin = actor_of(world.outsider).identity.origin()
    parts = world.app.parts
    async with parts.database.write(origin) as session:
        row_id = new_id()
        await assume(session, user_id=row_id)
        taken = {"id": row_id, "email": "late@example.com", "full_name": "Their own", "password_hash": "theirs"}
        await session.exec(insert(User).values(**taken))
        adding = asyncio.create_task(
            create_all(world, world.acme.owner, Newcomer("late@example.com", "Late", PASSWORD))
        )
        await blocked(world)
    (outcome,) = await adding
    assert isinstance(outcome, Invited)
    rows = await world.connection.fetch("SELECT full_name, password_hash FROM users WHERE email = 'late@example.com'")
    assert [tuple(row) for row in rows] == [("Their own", "theirs")]


async def test_two_owners_who_shut_each_other_out_take_turns(world: World) -> None:
    owner, admin = world.acme.owner, world.acme.admin
    await world.connection.execute("UPDATE memberships SET role = 'OWNER' WHERE id = $1", admin.member_id)
    second = replace(admin, role="OWNER")
    database = world.app.parts.database
    async with database.write(actor_of(second).identity) as theirs:
        async with database.write(actor_of(owner).identity) as mine:
            assert await people.set_active(mine, actor_of(owner), ids=[second.member_id], is_active=False) == 1  # type: ignore[list-item]  # members have an id
            other = asyncio.create_task(
                people.set_active(theirs, actor_of(second), ids=[owner.member_id], is_active=False)  # type: ignore[list-item]  # members have an id
            )
            await blocked(world)
        with pytest.raises(errors.IllegalTransition):
            await other
    active = "SELECT count(*) FROM memberships WHERE role = 'OWNER' AND is_active AND tenant_id = $1"
    assert await world.connection.fetchval(active, world.acme.tenant_id) == 1


async def test_a_number_that_is_taken_meanwhile_is_refused_and_the_rest_goes_on(world: World) -> None:
    ids = [await product(world, "p0"), await product(world, "p1")]
    async with world.app.parts.database.write(actor_of(world.acme.owner).identity) as session:
        values = {"tenant_id": world.acme.tenant_id, "id": new_id(), "sku": "New", "name": "x"}
        await session.exec(insert(table_of(Product)).values(**values, price_minor=1, currency="EUR"))
        rows = [Change(ids[0], {"sku": "new"}), Change(ids[1], {"sku": "other"})]
        changing = asyncio.create_task(
            in_unit(world, world.acme.admin, lambda s, a: products.change_all(s, a, rows=rows))
        )
        await blocked(world)
    first, second = await changing
    assert isinstance(first, errors.AlreadyExists)
    assert first.field == "products.0.sku"
    assert (second.sku, second.version) == ("other", 2)  # type: ignore[union-attr]  # it was not refused


async def test_a_version_is_decided_under_the_lock(world: World) -> None:
    task_id = await task(world, "t")
    rows = [Change(task_id, {"title": "late"}, expected_version=1)]
    async with world.app.parts.database.write(actor_of(world.acme.owner).identity) as session:
        await session.exec(text(f"UPDATE tasks SET title = 'early' WHERE id = '{task_id}'"))
        changing = asyncio.create_task(
            in_unit(world, world.acme.member, lambda s, a: tasks.change_all(s, a, rows=rows))
        )
        await blocked(world)
    (outcome,) = await changing
    assert isinstance(outcome, errors.VersionConflict)
    assert (outcome.model, outcome.version) == (Task, 2)
    assert await world.connection.fetchval("SELECT title FROM tasks") == "early"


async def test_accounts_are_made_only_as_announced(world: World) -> None:
    database, identity = world.app.parts.database, actor_of(world.acme.owner).identity
    announced, other = new_id(), new_id()

    async def make(row_id: UUID, announcing: list[UUID]) -> set[UUID]:
        async with database.write(identity) as session:
            await assume(session, creating=announcing)
            await session.exec(insert(User).values(id=row_id, email=f"{row_id}@example.com", full_name="x"))
            return set((await session.exec(select(table_of(User).c.id))).scalars())

    for row_id, announcing in ((announced, []), (other, [announced])):
        with pytest.raises(DBAPIError, match="row-level security"):
            await make(row_id, announcing)
    assert await make(announced, [announced, other]) == {world.acme.owner.user_id, announced}
    async with database.write(identity) as session:
        assert set((await session.exec(select(table_of(User).c.id))).scalars()) == {world.acme.owner.user_id}


async def test_owners_are_made_by_owners(world: World) -> None:
    with pytest.raises(errors.Forbidden):
        await create_all(world, world.acme.admin, Newcomer("a@example.com", "A", role=Role.OWNER))
    assert await world.connection.fetchval("SELECT count(*) FROM invitations") == 0


@pytest.fixture
def passwords() -> Iterator[security.Passwords]:
    made = security.Passwords(workers=2, waiting=2)
    yield made
    made.close()


async def test_many_hashes_leave_room_for_a_login(
    passwords: security.Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, gate, most, done = threading.Semaphore(0), threading.Semaphore(0), 0, []
    counting, running = threading.Lock(), 0

    def hash_now(password: str) -> str:
        nonlocal running, most
        with counting:
            running += 1
            most = max(most, running)
        started.release()
        gate.acquire()
        with counting:
            running -= 1
            done.append(password)
        return password.upper()

    monkeypatch.setattr(passwords, "hash_now", hash_now)
    given = [[f"{caller}{number}" for number in range(7)] for caller in "ab"]
    callers = [asyncio.create_task(passwords.hash_all(each)) for each in given]
    for _ in range(2):
        await asyncio.to_thread(started.acquire)
    logins = [asyncio.create_task(passwords.hash(f"login {number}")) for number in range(2)]
    await asyncio.sleep(0)  # they are in the queue now
    gate.release(100)
    assert await asyncio.gather(*callers) == [[p.upper() for p in each] for each in given]
    assert await asyncio.gather(*logins) == ["LOGIN 0", "LOGIN 1"]
    assert most == 2
    assert max(done.index("login 0"), done.index("login 1")) < 6
    assert min(done.index(p) for p in given[1]) < max(done.index(p) for p in given[0])


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
    await asyncio.to_thread(migrate.check, urls.owner, urls.runtime)


async def test_a_registration_still_makes_its_own_account(world: World) -> None:
    origin = actor_of(world.outsider).identity.origin()
    given = {"email": "new@example.com", "full_name": "New", "password": PASSWORD}
    opened = await accounts.register(Units(world, world.outsider), world.app.parts.door, origin, **given)
    assert opened.identity.user_id is not None
