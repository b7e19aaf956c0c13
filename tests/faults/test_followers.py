"""Many followers at once: all get everything once and in order, and nobody else notices."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
import websockets

from atrium import http
from models.database.identity import Identity
from services.errors import RateLimited, Unavailable
from services.eventlog import fanout
from tests.conftest import Urls
from tests.support.client import listen, run_app
from tests.support.factories import Person, World, create_world
from tests.support.order_helpers import ORDER_FIELDS, TRANSITION_FIELDS, create_product
from tests.support.subscription_client import collect_subscription

TASK_CHANGED = "subscription { taskChanged { cursor action task { id title creator { fullName } } } }"
ALL_CHANGES = "subscription($after: String) { taskChanged(after: $after) { task { title } } }"
WRITTEN = "... on Task { id }"
SOCKETS, EACH, BURST, WRITERS = 3, 40, 50, 5
KILL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name = 'atrium feed reader'"
)


@dataclass
class Socket:
    """A socket, and what came by it, by subscription."""

    connection: websockets.ClientConnection
    changes: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    refusals: list[dict[str, Any]] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def subscribe(self, count: int, query: str = TASK_CHANGED) -> None:
        for number in range(count):
            self.changes[str(number)] = []
            message = {"type": "subscribe", "id": str(number), "payload": {"query": query}}
            await self.connection.send(json.dumps(message))

    async def collect(self) -> None:
        async for text in self.connection:
            message = json.loads(text)
            payload = message.get("payload")
            if message["type"] == "next" and "errors" not in payload:
                self.changes[message["id"]] += payload["data"].values()
            elif message["type"] in {"next", "error"}:
                self.refusals += payload if message["type"] == "error" else payload["errors"]
            self.came.set()

    async def until_all_have(self, count: int) -> None:
        """Wait until as many changes have come by each subscription."""
        while any(len(changes) < count for changes in self.changes.values()):
            assert not self.refusals
            self.came.clear()
            await self.came.wait()


@asynccontextmanager
async def sockets(world: World, *people: Person) -> AsyncIterator[list[Socket]]:
    """A socket for each of these."""
    async with (
        listen(world.app.fastapi, **http.uvicorn_options(world.app.components.settings)) as port,
        AsyncExitStack() as stack,
    ):
        opened = []
        for person in people:
            protocol = websockets.Subprotocol("graphql-transport-ws")
            url = f"ws://127.0.0.1:{port}/graphql"
            connection = await stack.enter_async_context(
                websockets.connect(url, subprotocols=[protocol], compression=None, max_queue=None)
            )
            payload = {"Authorization": f"Bearer {person.client.token}"}
            await connection.send(json.dumps({"type": "connection_init", "payload": payload}))
            await connection.recv()
            opened.append(Socket(connection))
            stack.callback(asyncio.create_task(opened[-1].collect()).cancel)
        yield opened


async def until_open(world: World, count: int) -> None:
    """Wait until so many subscriptions are open; nothing announces it."""
    async with asyncio.timeout(30):
        while world.app.components.feed.fanout.subscriptions != count:
            await asyncio.sleep(0.01)


async def test_all_followers_get_everything_in_order_while_others_ask(world: World) -> None:
    acme, create = world.acme, world.acme.admin.client.mutate
    asked: list[dict[str, Any]] = []

    async def ask() -> None:
        while True:
            asked.append(await world.globex.member.client.run("{ tasks { totalCount } }"))

    async def write(numbers: range) -> None:
        for number in numbers:
            await create("createTask", WRITTEN, title=f"Plan {number}")

    async with sockets(world, acme.member, acme.admin, acme.owner) as opened:
        for socket in opened:
            await socket.subscribe(EACH)
        await until_open(world, SOCKETS * EACH)
        asking = asyncio.create_task(ask())
        async with asyncio.timeout(120):
            await create("createTask", WRITTEN, title="Plan")
            await asyncio.gather(*(socket.until_all_have(1) for socket in opened))
            await asyncio.gather(*(write(range(first, BURST, WRITERS)) for first in range(WRITERS)))
            await asyncio.gather(*(socket.until_all_have(1 + BURST) for socket in opened))
        assert not asking.done(), "a query of another tenant failed"
        asking.cancel()
        followers = [changes for socket in opened for changes in socket.changes.values()]
        cursors = [int(change["cursor"]) for change in followers[0]]
        assert cursors == sorted(set(cursors))
        assert len({change["task"]["id"] for change in followers[0]}) == 1 + BURST
        assert all(changes == followers[0] for changes in followers)
        assert asked
        database = world.app.components.feed.fanout.database
        assert len(database.autocommit_connections) + database.engine.pool.checkedin() <= 2  # type: ignore[attr-defined]  # a queue's


async def test_one_read_serves_a_tenant_and_role(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    database, entered = world.app.components.feed.fanout.database, list[Identity]()
    read = database.read

    def counted(identity: Identity, **options: Any) -> Any:
        entered.append(identity)
        return read(identity, **options)

    async with sockets(world, world.acme.member) as [socket]:
        await socket.subscribe(EACH)
        await until_open(world, EACH)
        monkeypatch.setattr(database, "read", counted)
        await world.acme.admin.client.mutate("createTask", WRITTEN, title="Plan")
        async with asyncio.timeout(30):
            await socket.until_all_have(1)
    # The entries, and what is shown of them. A look behind the last one comes after each.
    assert len(entered) <= 6


async def test_who_follows_their_own_orders_sees_no_others(world: World) -> None:
    query = "subscription { orderEvents { cursor event { type order { id user { fullName } } } } }"
    tea = await create_product(world, "tea", stock=100)
    item = [{"productId": tea["id"], "quantity": 1}]
    second = await world.connection.fetchval(
        "INSERT INTO memberships (tenant_id, id, user_id, role, full_name, email)"
        " VALUES ($1, gen_random_uuid(), $2, 'MEMBER', 'Other', '') RETURNING user_id",
        world.acme.tenant_id,
        world.outsider.user_id,
    )
    token, _ = world.app.components.auth.tokens.issue(
        user_id=second, tenant_id=world.acme.tenant_id, role="MEMBER", session_id=world.outsider.session_id
    )
    other = Person(second, "", world.app.client_with(token))
    async with sockets(world, world.acme.member, other, world.acme.admin) as opened:
        for socket in opened:
            await socket.subscribe(5, query)
        await until_open(world, 15)
        orders = [
            (await buyer.client.mutate("placeOrder", ORDER_FIELDS, items=item, shippingAddress="x"))["id"]
            for buyer in [world.acme.member, other, world.acme.member]
        ]
        await world.acme.admin.client.mutate("confirmOrder", TRANSITION_FIELDS, id=orders[1])
        async with asyncio.timeout(30):
            await asyncio.gather(
                *(socket.until_all_have(count) for socket, count in zip(opened, (2, 2, 4), strict=True))
            )
        seen = [[change["event"]["order"]["id"] for change in socket.changes["4"]] for socket in opened]
    assert seen == [[orders[0], orders[2]], [orders[1], orders[1]], [orders[0], orders[1], orders[2], orders[1]]]


async def test_what_is_shown_of_a_row_depends_on_who_follows(world: World) -> None:
    query = "subscription { taskChanged { cursor task { id creator { id email } } } }"
    async with sockets(world, world.acme.member, world.acme.admin) as opened:
        for socket in opened:
            await socket.subscribe(3, query)
        await until_open(world, 6)
        await world.acme.owner.client.mutate("createTask", WRITTEN, title="Plan")
        async with asyncio.timeout(30):
            await asyncio.gather(*(socket.until_all_have(1) for socket in opened))
    member, admin = ([each["task"]["creator"]["email"] for [each] in s.changes.values()] for s in opened)
    assert (member, admin) == ([None] * 3, [world.acme.owner.email] * 3)


async def test_those_who_are_no_longer_let_in_end_and_the_others_go_on(world: World) -> None:
    acme = world.acme
    async with sockets(world, acme.member, acme.admin) as [gone, kept]:
        for socket in (gone, kept):
            await socket.subscribe(10)
        await until_open(world, 20)
        ended = "UPDATE memberships SET ended_at = now() WHERE tenant_id = $1 AND user_id = $2"
        await world.connection.execute(ended, acme.tenant_id, acme.member.user_id)
        await acme.owner.client.mutate("createTask", WRITTEN, title="Secret")
        async with asyncio.timeout(30):
            await kept.until_all_have(1)
        await until_open(world, 10)
        async with asyncio.timeout(30):
            while len(gone.refusals) < 10:
                gone.came.clear()
                await gone.came.wait()
    assert {error["extensions"]["code"] for error in gone.refusals} == {"UNAUTHENTICATED"}
    assert not any(gone.changes.values())


async def test_followers_outlive_their_connections(world: World, urls: Urls) -> None:
    superuser = await asyncpg.connect(urls.plain("superuser"))
    async with sockets(world, world.acme.member) as [socket]:
        await socket.subscribe(20)
        await until_open(world, 20)
        for number in range(1, 6):
            await superuser.execute(KILL)
            await world.acme.admin.client.mutate("createTask", WRITTEN, title=f"Plan {number}")
            await superuser.execute(KILL)
        async with asyncio.timeout(30):
            await socket.until_all_have(5)
    await superuser.close()
    assert all(len(changes) == 5 for changes in socket.changes.values())


async def test_a_session_has_so_many_subscriptions(urls: Urls, owner_connection: asyncpg.Connection) -> None:
    async with run_app(urls, subscriptions_per_session=2) as app:
        world = await create_world(app, owner_connection)
        async with sockets(world, world.acme.member, world.acme.member, world.acme.admin) as opened:
            for socket in opened[:2]:
                await socket.subscribe(2)
            await opened[2].subscribe(2)
            await until_open(world, 4)
            async with asyncio.timeout(30):
                while len([error for socket in opened for error in socket.refusals]) < 2:
                    await asyncio.sleep(0.01)
        refusals = [error["extensions"] for socket in opened for error in socket.refusals]
        assert {refusal["code"] for refusal in refusals} == {RateLimited.code}
        assert all(refusal["retryAfter"] > 0 for refusal in refusals)
        assert not opened[2].refusals


async def test_too_many_at_once_are_told_when_to_come_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "MAX_OPENING", 0)
    async with sockets(world, world.acme.member) as [socket]:
        await socket.subscribe(1)
        async with asyncio.timeout(30):
            await socket.came.wait()
        [refusal] = socket.refusals
        assert refusal["extensions"]["code"] == Unavailable.code
        assert refusal["extensions"]["retryAfter"] in range(1, 4)
        monkeypatch.undo()
        await socket.subscribe(1)
        await until_open(world, 1)


async def test_a_slow_follower_holds_nobody_up(world: World) -> None:
    async with sockets(world, world.acme.member) as [socket]:
        await socket.subscribe(1)
        await until_open(world, 1)
        slow = asyncio.create_task(collect_subscription(world, world.acme.member, ALL_CHANGES, 3, after="0"))
        for number in range(3):
            await world.acme.admin.client.mutate("createTask", WRITTEN, title=f"Plan {number}")
        async with asyncio.timeout(30):
            await socket.until_all_have(3)
        assert [change["task"]["title"] for change in await slow] == ["Plan 0", "Plan 1", "Plan 2"]
