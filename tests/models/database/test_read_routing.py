"""Which nodes are read from, and what a position is worth: as far as it can be said without a standby."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.requests import HTTPConnection

from atrium.http.consistency import NAME, Consistency
from atrium.http.operation_request import Call, Collected
from atrium.logs import RequestRecord
from models.database import Database
from models.database.identity import Identity
from models.database.read_routing import Demand, Route, Served, Why
from models.database.topology import Nodes, State, fault_of, pause
from tests.conftest import Urls
from tests.support.factories import World

KEY = b"k" * 32
PRIMARY = State(is_replica=False, position=1000, system=7, timeline=2, database=5, role="atrium_app")
STANDBY = PRIMARY._replace(is_replica=True, position=900)


@pytest.fixture
async def primary(urls: Urls) -> AsyncIterator[Database]:
    database = Database(urls.runtime)
    yield database
    await database.close()


def identity(world: World) -> Identity:
    return world.acme.member.identity


@pytest.mark.parametrize(
    ("state", "fault"),
    [
        (STANDBY, None),
        (STANDBY._replace(timeline=1), None),
        (None, "it does not answer"),
        (STANDBY._replace(system=8), "it belongs to another cluster"),
        (PRIMARY._replace(system=8), "it belongs to another cluster"),
        (STANDBY._replace(database=6), "it is another database"),
        (PRIMARY, "it is no replica"),
        (STANDBY._replace(timeline=3), "it went its own way"),
        (STANDBY._replace(role="postgres"), "it is entered as another role than the primary"),
        (STANDBY._replace(position=899), "it is too far behind"),
    ],
)
def test_only_a_recent_standby_of_the_same_database_is_read_from(state: State | None, fault: str | None) -> None:
    assert fault_of(state, PRIMARY, 900) == fault


def test_without_the_primary_no_replica_can_be_judged() -> None:
    assert fault_of(STANDBY, None, 900) == "the primary does not answer"
    assert fault_of(STANDBY, PRIMARY, None) == "the primary does not answer"


def test_a_replica_that_does_not_answer_is_looked_at_ever_more_rarely() -> None:
    assert [pause(1.0, failures) for failures in (0, 1, 2, 3, 10, 10_000)] == [1, 2, 4, 8, 30, 30]
    assert pause(0.25, 1) == 0.5


async def served(nodes: Nodes, who: Identity, demand: Demand | None = None, **pinned: Why | None) -> Served | None:
    route = Route(nodes, demand)
    route.kind = None
    for name, why in pinned.items():
        setattr(route, name, why)
    async with route.read(who) as session:
        assert not session.failed
    return route.served


async def test_another_primary_is_no_replica(urls: Urls, world: World, primary: Database) -> None:
    reads = []
    nodes = Nodes(primary, [Database(urls.runtime)], observe=lambda *read: reads.append(read))
    await nodes.look()
    assert nodes.replicas[0].fault == "it is no replica"
    assert await served(nodes, identity(world)) == Served("primary", Why.NO_REPLICA)
    assert reads == [("primary", "no_replica")]
    await nodes.stop()


async def test_an_address_where_nobody_listens_costs_a_fallback(urls: Urls, world: World, primary: Database) -> None:
    address = urls.runtime.replace(f":{urlsplit(urls.plain('runtime')).port}/", ":1/")
    nodes = Nodes(primary, [Database(address)])
    await nodes.look()
    await nodes.look()
    assert (nodes.replicas[0].fault, nodes.replicas[0].failures) == ("it does not answer", 2)
    assert await served(nodes, identity(world)) == Served("primary", Why.NO_REPLICA)
    nodes.replicas[0].fault = None  # as if it had just been well
    assert await served(nodes, identity(world)) == Served("primary", Why.LOST)
    assert nodes.replicas[0].fault == "it broke off"
    await nodes.stop()


async def test_the_primary_answers_whoever_asks_for_it(world: World, primary: Database) -> None:
    nodes, who = Nodes(primary), identity(world)
    assert await served(nodes, who, Demand(primary=Why.UNTRUSTED)) == Served("primary", Why.UNTRUSTED)
    assert await served(nodes, who, primary=Why.ASKED) == Served("primary", Why.ASKED)
    assert await served(nodes, who, kind=Why.SUBSCRIPTION) == Served("primary", Why.SUBSCRIPTION)
    untold = Route(nodes)
    async with untold.read(who):
        assert untold.served == Served("primary", Why.ASKED)
    async with untold.write(who):
        pass
    async with untold.read(who):
        assert untold.served == Served("primary", Why.WRITE)


def nodes_of(cluster: int | None) -> Nodes:
    nodes = Nodes(Database("postgresql+asyncpg://nobody@127.0.0.1:1/none"), [Database("postgresql+asyncpg://x@y/z")])
    nodes.cluster = cluster
    return nodes


def test_a_position_is_good_in_every_process_of_its_cluster_and_nowhere_else() -> None:
    sealed = Consistency(KEY, nodes_of(7)).sealed(0x5025BB0)
    assert Consistency(KEY, nodes_of(7)).position(sealed) == 0x5025BB0
    assert Consistency(b"o" * 32, nodes_of(7)).position(sealed) is None
    assert Consistency(KEY, nodes_of(8)).position(sealed) is None
    assert Consistency(KEY, nodes_of(None)).position(sealed) is None
    assert Consistency(KEY, nodes_of(None)).sealed(1) == "primary"


def forged(sealed: str) -> Iterator[str]:
    position, mac = sealed.split(".")
    yield from (f"{int(position, 16) + 1:x}.{mac}", f"0{sealed}", f"{position}.{mac[:-1]}", f"{position}.{mac}=")
    yield from (
        f"{position}.{mac.swapcase()}",
        position,
        f".{mac}",
        "",
        " ",
        "null",
        "0",
        "🦀",
        "f" * 4000,
        f"{sealed}\n",
    )
    yield from (sealed.upper(), f"-{sealed}", f"{'f' * 17}.{mac}")


def test_nothing_but_what_was_sealed_is_a_position() -> None:
    consistency = Consistency(KEY, nodes_of(7))
    sealed = consistency.sealed(0x5025BB0)
    assert [text for text in forged(sealed) if consistency.position(text) is not None] == []


def call(header: str | None = None, cookie: str | None = None, **params: object) -> Call:
    headers = [(NAME.encode(), header.encode())] if header is not None else []
    if cookie is not None:
        headers.append((b"cookie", f"a=b; {NAME}={cookie}".encode()))
    connection = HTTPConnection({"type": "http", "headers": headers, "path": "/graphql"})
    return Call(connection, RequestRecord("id", method="POST"), None if params else Collected(), params)


def demand_of(consistency: Consistency, asked: Call) -> Demand:
    demand: Any = consistency.route(asked, {})._demand  # noqa: SLF001  # what it asks for, without asking anybody
    assert isinstance(demand, Demand)
    return demand


def test_the_latest_position_counts_and_whatever_cannot_be_trusted_leads_to_the_primary() -> None:
    consistency = Consistency(KEY, nodes_of(7))
    early, late = consistency.sealed(100), consistency.sealed(200)
    assert demand_of(consistency, call()) == Demand()
    assert demand_of(consistency, call(early)) == demand_of(consistency, call(cookie=early)) == Demand(100)
    assert demand_of(consistency, call(early, late)) == demand_of(consistency, call(f"{late}, {early}")) == Demand(200)
    assert demand_of(consistency, call(early, "forged")) == Demand(primary=Why.UNTRUSTED)
    assert demand_of(consistency, call("primary")) == demand_of(consistency, call(early, "primary"))
    assert demand_of(consistency, call("primary")) == Demand(primary=Why.ASKED)
    assert demand_of(consistency, call(other="socket")) == Demand(newest=True)
    assert demand_of(consistency, call(**{NAME: "primary"})) == Demand(primary=Why.ASKED)
