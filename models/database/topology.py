"""The nodes: the primary and its replicas, how each of them is, and which replicas may be read from.

A process looks at every node once a second or more often. What it saw of the primary says how far a replica must be
to be recent enough, without a look at anybody's clock: a replica that has replayed the log as far as the primary's
reached ten seconds ago is at most ten seconds behind, also if it has lost its connection, or there was nothing to do.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple

import asyncpg

from models.database import Database
from models.database.pool import alone

__all__ = ["PRIMARY", "Node", "Nodes", "Replica", "State", "fault_of", "pause"]

PRIMARY = "primary"

LOOK_SECONDS = 2.0  # for one answer of a node
FAILURES_TO_ABORT = 2  # what a replica was asked before may still be answered after one failure
LOOKS = 4  # within the allowed lag, which is therefore known to a quarter
LONGEST_INTERVAL = 1.0
LONGEST_BACK_OFF = 30.0

LOOK = """
SELECT pg_is_in_recovery() AS is_replica,
    (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END - '0/0')::bigint
        AS position,
    s.system_identifier AS system, c.timeline_id AS timeline, d.oid AS database, current_user AS role
FROM pg_control_system() s, pg_control_checkpoint() c, pg_database d WHERE d.datname = current_database()
"""

log = logging.getLogger("atrium.nodes")


class State(NamedTuple):
    """What a node says of itself; positions are in bytes of the log."""

    is_replica: bool
    position: int
    system: int
    timeline: int
    database: int
    role: str


class Node:
    """A node that is looked at from time to time, by a connection of its own."""

    def __init__(self, name: str, database: Database) -> None:
        self.name = name
        self.database = database
        self.state: State | None = None
        """What it said when it last answered, which it was asked at `asked_at` and had said by `answered_at`."""
        self.asked_at = self.answered_at = 0.0
        self.failures = 0
        """How often it did not answer since."""
        self._connection: asyncpg.Connection | None = None
        self._turn = asyncio.Lock()

    async def look(self) -> None:
        """Ask it how it is."""
        async with self._turn:
            asked_at = time.monotonic()
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    if self._connection is None:
                        self._connection = await alone(self.database.engine.url, "atrium watch")
                    seen = await self._connection.fetchrow(LOOK)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):  # a TimeoutError is an OSError
                self.close()
                self.failures += 1
                return
            assert seen is not None, "it always answers with one row"
            self.state, self.failures = State(**seen), 0
            self.asked_at, self.answered_at = asked_at, time.monotonic()

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


class Replica(Node):
    """A replica, and what is wrong with it."""

    fault: str | None = "it was not looked at yet"
    _before = (0.0, 0)  # when it last answered, and how far it was then

    def judge(self, primary: Node, floor: int | None) -> None:
        """Decide whether it is used, by what was last seen of it and of the primary.

        `floor` is what it must have replayed to be recent enough; None when that is not known.
        """
        fault = fault_of(None if self.failures else self.state, primary.state, floor)
        answered_at, position = self._before
        if primary.state and answered_at < primary.asked_at and position > primary.state.position:
            fault = fault or "it is ahead of the primary, which must have been restored"
        if self.state:
            self._before = (self.answered_at, self.state.position)
        self._settle(fault)
        if self.failures >= FAILURES_TO_ABORT:
            self.database.abort()

    def trip(self) -> None:
        """Use it no more, until it was looked at again."""
        self._settle("it broke off")

    def _settle(self, fault: str | None) -> None:
        if fault != self.fault:
            if fault is None:
                log.info("%s is in use", self.name)
            else:
                log.warning("%s is not used: %s", self.name, fault)
        self.fault = fault


def fault_of(state: State | None, primary: State | None, floor: int | None) -> str | None:
    """Why a node in this state is no replica to read from; None if it is one.

    The same system identifier means the same initdb, and a copy that went its own way has a newer timeline. The same
    role by the same name has the same walls, since roles are the cluster's.
    """
    if state is None:
        return "it does not answer"
    if primary is None or floor is None:
        return "the primary does not answer"
    faults = {
        "it belongs to another cluster": state.system != primary.system,
        "it is another database": state.database != primary.database,
        "it is no replica": not state.is_replica,
        "it went its own way": state.timeline > primary.timeline,
        "it is entered as another role than the primary": state.role != primary.role,
        "it is too far behind": state.position < floor,
    }
    return next((fault for fault, holds in faults.items() if holds), None)


def pause(interval: float, failures: int) -> float:
    """Seconds until a replica is looked at again: twice as long after every time that it did not answer."""
    return min(interval * 2.0 ** min(failures, 30), max(interval, LONGEST_BACK_OFF))


class Nodes:
    """The primary and its replicas, as one process sees them."""

    def __init__(
        self,
        primary: Database,
        replicas: Sequence[Database] = (),
        *,
        max_lag: float = 10.0,
        observe: Callable[[str, str], None] = lambda _node, _why: None,
    ) -> None:
        """Prepare them; nothing connects yet, and until `start` or `look` the primary answers everything.

        Args:
            primary: where everything is written.
            replicas: where much can be read.
            max_lag: seconds that a replica may be behind for readers who wrote nothing lately.
            observe: told of each read, and why that node.
        """
        self.primary = primary
        self.replicas = tuple(Replica(f"replica-{number}", each) for number, each in enumerate(replicas, 1))
        self.observe = observe
        self.cluster: int | None = None
        """The cluster's own number, without which positions mean nothing; None until the primary was seen."""
        self._node = Node(PRIMARY, primary)
        self._max_lag = max_lag
        self._seen: deque[tuple[float, int]] = deque()  # when, and where the primary's log ended then or later
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def floor(self) -> int | None:
        """What a replica must have replayed to be no further behind than allowed; None when that is not known."""
        horizon = time.monotonic() - self._max_lag
        if not self._seen or self._seen[-1][0] < horizon:
            return None
        while len(self._seen) > 1 and self._seen[1][0] <= horizon:
            self._seen.popleft()
        return self._seen[0][1]

    def usable(self, preferred: int = 0) -> list[Replica]:
        """The replicas in use, beginning with the preferred one; a reader who stays with one sees no step back."""
        first = preferred % max(1, len(self.replicas))
        return [each for each in self.replicas[first:] + self.replicas[:first] if each.fault is None]

    def start(self) -> None:
        """Begin to look at the nodes, again and again; without replicas there is nothing to know."""
        if self.replicas:
            watches = [self._watch(replica, partial(self._look_at, replica)) for replica in self.replicas]
            watches.append(self._watch(self._node, self._look_at_primary))
            self._tasks = [asyncio.create_task(watch) for watch in watches]

    async def stop(self) -> None:
        """End it, and close all connections to replicas."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._node.close()
        for replica in self.replicas:
            replica.close()
            await replica.database.close()

    async def look(self) -> None:
        """Look at every node, once."""
        await self._look_at_primary()
        await asyncio.gather(*map(self._look_at, self.replicas))

    async def _look_at_primary(self) -> None:
        await self._node.look()
        state = self._node.state
        if state is None or self._node.failures:
            return
        if state.system != self.cluster:
            self.cluster = state.system
            self._seen.clear()
        self._seen.append((self._node.asked_at, state.position))

    async def _look_at(self, replica: Replica) -> None:
        if self._node.state is None:
            await self._look_at_primary()
        await replica.look()
        replica.judge(self._node, self.floor)

    async def _watch(self, node: Node, look: Callable[[], Awaitable[None]]) -> None:
        interval = min(LONGEST_INTERVAL, self._max_lag / LOOKS)
        while True:
            try:
                await look()
            except Exception:
                log.exception("looking at %s failed", node.name)
            await asyncio.sleep(interval if node is self._node else pause(interval, node.failures))
