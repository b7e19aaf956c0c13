"""Which nodes are read from, and what a position is worth: as far as it can be said without a standby."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.requests import HTTPConnection

from atrium.http.consistency import HEADER_NAME, ConsistencyTokens
from atrium.http.operation_request import OperationRequest, ResponseHeaders
from atrium.logs import RequestRecord
from models.database import Database
from models.database.identity import Identity
from models.database.positions import LogPosition
from models.database.read_routing import Freshness, ReadRouter, RoutedTo, RoutingReason
from models.database.topology import DatabaseServer, Replica, ServerGroup, ServerStatus, backoff, unhealthy_reason
from tests.conftest import Urls
from tests.support.factories import World

KEY = b"k" * 32
POSITION = LogPosition(3, 0x5025BB0)
NOWHERE = "postgresql+asyncpg://nobody@127.0.0.1:1/nothing"
PRIMARY = ServerStatus(False, lsn=1000, timeline=2, mark=2, system=7, database=5, role="atrium_app")
STANDBY = PRIMARY._replace(is_replica=True, lsn=900, timeline=None)


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
        (None, "it does not answer"),
        (STANDBY._replace(system=8), "it belongs to another cluster"),
        (PRIMARY._replace(system=8), "it belongs to another cluster"),
        (STANDBY._replace(database=6), "it is another database"),
        (PRIMARY, "it is no replica"),
        (STANDBY._replace(mark=1), "it has not followed the primary to its timeline"),
        (STANDBY._replace(mark=3), "it has not followed the primary to its timeline"),
        (STANDBY._replace(role="postgres"), "it is entered as another role than the primary"),
        (STANDBY._replace(lsn=899), "it is too far behind"),
    ],
)
def test_only_a_recent_standby_of_the_same_database_is_read_from(state: ServerStatus | None, fault: str | None) -> None:
    assert unhealthy_reason(state, PRIMARY, 900) == fault


def test_without_the_primary_no_replica_can_be_judged() -> None:
    assert unhealthy_reason(STANDBY, None, 900) == "the primary does not answer"
    assert unhealthy_reason(STANDBY, PRIMARY, None) == "the primary does not answer"


def test_a_replica_that_does_not_answer_is_looked_at_ever_more_rarely() -> None:
    assert [backoff(1.0, failures) for failures in (0, 1, 2, 3, 10, 10_000)] == [1, 2, 4, 8, 30, 30]
    assert backoff(0.25, 1) == 0.5


def note_look(server: DatabaseServer, status: ServerStatus, at: float) -> None:
    """Have a server looked at, at a moment."""
    server.status, server.asked_at, server.answered_at = status, at, at + 0.01


@pytest.mark.parametrize("is_first", [True, False])
def test_a_replica_that_is_ahead_of_a_restored_primary_is_left_out(*, is_first: bool) -> None:
    """From the second look on, whichever of them is looked at first, also by a look with none at the primary before."""
    primary, replica = DatabaseServer("primary", Database(NOWHERE)), Replica("replica-1", Database(NOWHERE))
    ahead, found = STANDBY._replace(lsn=1001), []
    note_look(primary, PRIMARY, 0.5)
    for second in range(1, 5):
        if not is_first:
            note_look(primary, PRIMARY, second)
        for moment in (second + 0.1, second + 0.2):
            note_look(replica, ahead, moment)
            replica.update_health(primary, 900)
            found.append(replica.unhealthy_reason)
        if is_first:
            note_look(primary, PRIMARY, second + 0.3)
    seen = found.index("it is ahead of the primary, which must have been restored")
    assert seen <= 2
    assert set(found[seen:]) == {found[seen]}
    note_look(primary, PRIMARY._replace(lsn=2000), 6.0)
    note_look(replica, ahead, 6.1)
    replica.update_health(primary, 900)
    assert replica.unhealthy_reason is None


async def route_read(
    nodes: ServerGroup, who: Identity, demand: Freshness | None = None, **pinned: RoutingReason | None
) -> RoutedTo | None:
    route = ReadRouter(nodes, demand)
    route.operation_kind_reason = None
    for name, why in pinned.items():
        setattr(route, name, why)
    async with route.read(who) as session:
        assert not session.failed
    return route.routed_to


async def test_another_primary_is_no_replica(urls: Urls, world: World, primary: Database) -> None:
    reads = []
    nodes = ServerGroup(primary, [Database(urls.runtime)], observe=lambda *read: reads.append(read))
    await nodes.probe_all()
    assert nodes.replicas[0].unhealthy_reason == "it is no replica"
    assert await route_read(nodes, identity(world)) == RoutedTo("primary", RoutingReason.NO_REPLICA)
    assert reads == [("primary", "no_replica")]
    await nodes.stop()


async def test_an_address_where_nobody_listens_costs_a_fallback(urls: Urls, world: World, primary: Database) -> None:
    address = urls.runtime.replace(f":{urlsplit(urls.plain('runtime')).port}/", ":1/")
    nodes = ServerGroup(primary, [Database(address)])
    await nodes.probe_all()
    await nodes.probe_all()
    assert (nodes.replicas[0].unhealthy_reason, nodes.replicas[0].failures) == ("it does not answer", 2)
    assert await route_read(nodes, identity(world)) == RoutedTo("primary", RoutingReason.NO_REPLICA)
    nodes.replicas[0].unhealthy_reason = None  # as if it had just been well
    assert await route_read(nodes, identity(world)) == RoutedTo("primary", RoutingReason.LOST)
    assert nodes.replicas[0].unhealthy_reason == "it broke off"
    await nodes.stop()


async def test_a_position_of_another_timeline_leads_to_the_primary(urls: Urls, world: World, primary: Database) -> None:
    nodes = ServerGroup(primary, [Database(urls.runtime)])
    await nodes.probe_all()
    (replica,), timeline = nodes.replicas, (await primary.current_position()).timeline
    assert nodes.timeline == timeline
    for other in (timeline - 1, timeline + 1):
        replica.unhealthy_reason = None  # as if it were a standby, and well
        found = await route_read(nodes, identity(world), Freshness(LogPosition(other, 1)))
        assert found == RoutedTo("primary", RoutingReason.TIMELINE)
    nodes.timeline = timeline - 1  # before it has looked at a primary that was promoted
    assert await route_read(nodes, identity(world), Freshness(LogPosition(timeline, 1))) == RoutedTo(
        "primary", RoutingReason.NO_REPLICA
    )
    await nodes.stop()


async def test_a_promotion_takes_replicas_out_until_they_have_followed(primary: Database) -> None:
    nodes = ServerGroup(primary, [Database(NOWHERE)])
    await nodes.probe_all()
    (replica,), server = nodes.replicas, nodes._primary_server  # noqa: SLF001  # a promotion takes standbys
    assert server.status is not None
    # Others write to the log meanwhile, so it is far ahead.
    replica.status, replica.failures = server.status._replace(is_replica=True, timeline=None, lsn=2**62), 0
    replica.unhealthy_reason, nodes.timeline = None, server.status.mark - 1
    await nodes._probe_primary()  # noqa: SLF001  # it alone, as it may be at any moment
    assert nodes.replicas[0].unhealthy_reason is None
    replica.status = replica.status._replace(mark=server.status.mark - 1)
    nodes.timeline = server.status.mark - 1
    await nodes._probe_primary()  # noqa: SLF001  # likewise
    assert nodes.replicas[0].unhealthy_reason == "it has not followed the primary to its timeline"
    await nodes.stop()


async def test_the_primary_answers_whoever_asks_for_it(world: World, primary: Database) -> None:
    nodes, who = ServerGroup(primary), identity(world)
    assert await route_read(nodes, who, Freshness(primary_reason=RoutingReason.UNTRUSTED)) == RoutedTo(
        "primary", RoutingReason.UNTRUSTED
    )
    assert await route_read(nodes, who, primary_reason=RoutingReason.ASKED) == RoutedTo("primary", RoutingReason.ASKED)
    assert await route_read(nodes, who, operation_kind_reason=RoutingReason.SUBSCRIPTION) == RoutedTo(
        "primary", RoutingReason.SUBSCRIPTION
    )
    untold = ReadRouter(nodes)
    async with untold.read(who):
        assert untold.routed_to == RoutedTo("primary", RoutingReason.ASKED)
    async with untold.write(who):
        pass
    async with untold.read(who):
        assert untold.routed_to == RoutedTo("primary", RoutingReason.WRITE)


def nodes_of(cluster: int | None) -> ServerGroup:
    nodes = ServerGroup(
        Database("postgresql+asyncpg://nobody@127.0.0.1:1/none"), [Database("postgresql+asyncpg://x@y/z")]
    )
    nodes.system_identifier = cluster
    return nodes


def test_a_position_is_good_in_every_process_of_its_cluster_and_nowhere_else() -> None:
    sealed = ConsistencyTokens(KEY, nodes_of(7)).signed(POSITION)
    assert ConsistencyTokens(KEY, nodes_of(7)).verified_position(sealed) == POSITION
    assert ConsistencyTokens(b"o" * 32, nodes_of(7)).verified_position(sealed) is None
    assert ConsistencyTokens(KEY, nodes_of(8)).verified_position(sealed) is None
    assert ConsistencyTokens(KEY, nodes_of(None)).verified_position(sealed) is None
    assert ConsistencyTokens(KEY, nodes_of(None)).signed(POSITION) == "primary"


def forged_tokens(sealed: str) -> Iterator[str]:
    form, timeline, lsn, mac = sealed.split(".")
    position = f"{form}.{timeline}.{lsn}"
    yield from (f"{form}.{timeline}.{int(lsn, 16) + 1:x}.{mac}", f"{form}.{int(timeline, 16) + 1:x}.{lsn}.{mac}")
    yield from (f"0{sealed}", f"{position}.{mac[:-1]}", f"{position}.{mac}=", f"{lsn}.{mac}", f"{timeline}.{lsn}.{mac}")
    yield from (f"1.{timeline}.{lsn}.{mac}", f"{form}.0{timeline}.{lsn}.{mac}", f"{form}.{timeline}{lsn}.{mac}")
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
    yield from (sealed.upper(), f"-{sealed}", f"{form}.{timeline}.{'f' * 17}.{mac}")


def test_nothing_but_what_was_sealed_is_a_position() -> None:
    consistency = ConsistencyTokens(KEY, nodes_of(7))
    sealed = consistency.signed(POSITION)
    assert [text for text in forged_tokens(sealed) if consistency.verified_position(text) is not None] == []


def build_request(header: str | None = None, cookie: str | None = None, **params: object) -> OperationRequest:
    headers = [(HEADER_NAME.encode(), header.encode())] if header is not None else []
    if cookie is not None:
        headers.append((b"cookie", f"a=b; {HEADER_NAME}={cookie}".encode()))
    connection = HTTPConnection({"type": "http", "headers": headers, "path": "/graphql"})
    return OperationRequest(
        connection, RequestRecord("id", method="POST"), None if params else ResponseHeaders(), params
    )


def freshness_of(consistency: ConsistencyTokens, asked: OperationRequest) -> Freshness:
    demand: Any = consistency.build_read_router(asked, {})._freshness  # noqa: SLF001  # what it asks for, without asking anybody
    assert isinstance(demand, Freshness)
    return demand


def test_the_latest_position_counts_and_whatever_cannot_be_trusted_leads_to_the_primary() -> None:
    consistency = ConsistencyTokens(KEY, nodes_of(7))
    early, late = (consistency.signed(POSITION._replace(lsn=lsn)) for lsn in (100, 200))
    assert freshness_of(consistency, build_request()) == Freshness()
    assert (
        freshness_of(consistency, build_request(early))
        == freshness_of(consistency, build_request(cookie=early))
        == Freshness(POSITION._replace(lsn=100))
    )
    assert (
        freshness_of(consistency, build_request(early, late))
        == freshness_of(consistency, build_request(f"{late}, {early}"))
        == Freshness(POSITION._replace(lsn=200))
    )
    assert freshness_of(consistency, build_request(early, "forged")) == Freshness(
        primary_reason=RoutingReason.UNTRUSTED
    )
    lost = consistency.signed(POSITION._replace(timeline=2))
    assert freshness_of(consistency, build_request(early, lost)) == Freshness(primary_reason=RoutingReason.TIMELINE)
    assert freshness_of(consistency, build_request("primary")) == freshness_of(
        consistency, build_request(early, "primary")
    )
    assert freshness_of(consistency, build_request("primary")) == Freshness(primary_reason=RoutingReason.ASKED)
    assert freshness_of(consistency, build_request(other="socket")) == Freshness(newest=True)
    assert freshness_of(consistency, build_request(**{HEADER_NAME: "primary"})) == Freshness(
        primary_reason=RoutingReason.ASKED
    )
