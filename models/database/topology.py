"""The nodes: the primary and its replicas, how each of them is, and which replicas may be read from.

A process looks at every node once a second or more often. What it saw of the primary says how far a replica must be
to be recent enough, without a look at anybody's clock: a replica that has replayed the log as far as the primary's
reached ten seconds ago is at most ten seconds behind, also if it has lost its connection, or there was nothing to do.

After a promotion that holds for the new primary's timeline only: a replica of the old one may have replayed further
than the point where the new one begins, and shows writes that are lost in place of those that have come since. Nobody
but a superuser may ask a replica for its timeline. So the number is written on the primary, and a replica is read from
when it shows the same number.
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
from models.database.errors import DRIVER_ERRORS
from models.database.hosts import Address, driver_address, has_several_hosts
from models.database.pool import connect_dedicated
from models.database.positions import CURRENT_TIMELINE, SET_MARK_STATEMENT

__all__ = ["PRIMARY", "DatabaseServer", "Replica", "ServerGroup", "ServerStatus", "backoff", "unhealthy_reason"]

PRIMARY = "primary"

PROBE_TIMEOUT_SECONDS = 2.0  # for one answer of a node
FAILURES_TO_ABORT = 2  # what a replica was asked before may still be answered after one failure
PROBES_PER_LAG = 4  # within the allowed lag, which is therefore known to a quarter
MAX_PROBE_INTERVAL = 1.0
MAX_BACKOFF = 30.0

STATUS_QUERY = f"""
SELECT pg_is_in_recovery() AS is_replica,
    (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END - '0/0')::bigint
        AS lsn,
    CASE WHEN NOT pg_is_in_recovery() THEN {CURRENT_TIMELINE} END AS timeline,
    m.last_value AS mark, s.system_identifier AS system, d.oid AS database, current_user AS role
FROM pg_control_system() s, timeline_mark m, pg_database d WHERE d.datname = current_database()
"""  # noqa: S608  # an expression of ours

log = logging.getLogger("atrium.nodes")


class ServerStatus(NamedTuple):
    """What a node says of itself; positions are in bytes of the log."""

    is_replica: bool
    lsn: int
    timeline: int | None
    """On which it writes; None of a replica."""
    mark: int
    """The timeline that is written in it."""
    system: int
    database: int
    role: str


class DatabaseServer:
    """A node that is looked at from time to time, by a connection of its own."""

    def __init__(self, name: str, database: Database) -> None:
        self.name = name
        self.database = database
        self.status: ServerStatus | None = None
        """What it said when it last answered, which it was asked at `asked_at` and had said by `answered_at`."""
        self.asked_at = self.answered_at = 0.0
        self.failures = 0
        """How often it did not answer since."""
        self._connection: asyncpg.Connection | None = None
        self._turn = asyncio.Lock()

    async def probe(self) -> None:
        """Ask it how it is."""
        async with self._turn:
            asked_at = time.monotonic()
            try:
                async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
                    if self._connection is None:
                        self._connection = await connect_dedicated(
                            self.database.engine.url, "atrium watch", prepares=not self.database.transaction_pooling
                        )
                    row = await self._connection.fetchrow(STATUS_QUERY)
                    assert row is not None, "it always answers with one row"
                    status = ServerStatus(**row)
                    if status.timeline not in {None, status.mark}:
                        await self._connection.execute(SET_MARK_STATEMENT, status.timeline)
            except DRIVER_ERRORS:
                self.close()
                self.failures += 1
                return
            self.status, self.failures = status, 0
            self.asked_at, self.answered_at = asked_at, time.monotonic()

    @property
    def address(self) -> Address | None:
        """Return where its connection leads to; None while there is none."""
        return driver_address(self._connection) if self._connection is not None else None

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


class Replica(DatabaseServer):
    """A replica, and what is wrong with it."""

    unhealthy_reason: str | None = "it was not looked at yet"
    _previous = (0.0, 0)  # when it answered, and how far it was then: to be compared with a later look at the primary
    _is_ahead = False  # as that comparison said

    def update_health(self, primary: DatabaseServer, min_lsn: int | None) -> None:
        """Decide whether the replica is used, by its last status and the primary's.

        `min_lsn` is what it must have replayed to be recent enough; None when that is not known.
        """
        fault = unhealthy_reason(None if self.failures else self.status, primary.status, min_lsn)
        answered_at, lsn = self._previous
        if primary.status and answered_at < primary.asked_at:
            self._is_ahead = lsn > primary.status.lsn
            if self.status:
                self._previous = (self.answered_at, self.status.lsn)
        if self._is_ahead:
            fault = fault or "it is ahead of the primary, which must have been restored"
        self._set_health(fault)
        if self.failures >= FAILURES_TO_ABORT:
            self.database.abort()

    def mark_failed(self) -> None:
        """Use it no more, until it was looked at again."""
        self._set_health("it broke off")

    def _set_health(self, fault: str | None) -> None:
        if fault != self.unhealthy_reason:
            if fault is None:
                log.info("%s is in use", self.name)
            else:
                log.warning("%s is not used: %s", self.name, fault)
        self.unhealthy_reason = fault


def unhealthy_reason(status: ServerStatus | None, primary: ServerStatus | None, min_lsn: int | None) -> str | None:
    """Return why a server cannot be read from as a replica; None if it can.

    The same system identifier means the same initdb, and a copy that has not followed the primary to its timeline, or
    went its own way, shows another one. The same role by the same name has the same policies, since roles are the
    cluster's.
    """
    if status is None:
        return "it does not answer"
    if primary is None or min_lsn is None:
        return "the primary does not answer"
    faults = {
        "it belongs to another cluster": status.system != primary.system,
        "it is another database": status.database != primary.database,
        "it is no replica": not status.is_replica,
        "it has not followed the primary to its timeline": status.mark != primary.timeline,
        "it is entered as another role than the primary": status.role != primary.role,
        "it is too far behind": status.lsn < min_lsn,
    }
    return next((fault for fault, holds in faults.items() if holds), None)


def backoff(interval: float, failures: int) -> float:
    """Return the seconds until a replica is probed again: doubled after each failure."""
    return min(interval * 2.0 ** min(failures, 30), max(interval, MAX_BACKOFF))


class ServerGroup:
    """The primary and its replicas, as one process sees them."""

    def __init__(
        self,
        primary: Database,
        replicas: Sequence[Database] = (),
        *,
        max_lag: float = 10.0,
        observe: Callable[[str, str], None] = lambda _node, _why: None,
    ) -> None:
        """Prepare them; nothing connects yet, and until `start` or `probe` the primary answers everything.

        Args:
            primary: where everything is written.
            replicas: where much can be read.
            max_lag: seconds that a replica may be behind for readers who wrote nothing lately.
            observe: told of each read, and why that node.
        """
        self.primary = primary
        self.replicas = tuple(Replica(f"replica-{number}", each) for number, each in enumerate(replicas, 1))
        self.observe = observe
        self.system_identifier: int | None = None
        """The cluster's own number, without which positions mean nothing; None until the primary was seen."""
        self.timeline: int | None = None
        """The timeline of the primary when it was last looked at, to which the replicas in use have followed it."""
        self._primary_server = DatabaseServer(PRIMARY, primary)
        self._max_lag = max_lag
        self._lsn_history: deque[tuple[float, int]] = deque()  # when, and where the primary's log ended then or later
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def min_lsn(self) -> int | None:
        """Return the position that a replica must have replayed to lag no more than allowed; None if unknown."""
        horizon = time.monotonic() - self._max_lag
        if not self._lsn_history or self._lsn_history[-1][0] < horizon:
            return None
        while len(self._lsn_history) > 1 and self._lsn_history[1][0] <= horizon:
            self._lsn_history.popleft()
        return self._lsn_history[0][1]

    def healthy_replicas(self, preferred: int = 0) -> list[Replica]:
        """Return the replicas in use, beginning with the preferred one, so that a reader sees no step back."""
        first = preferred % max(1, len(self.replicas))
        return [each for each in self.replicas[first:] + self.replicas[:first] if each.unhealthy_reason is None]

    def start(self) -> None:
        """Begin to look at the nodes, again and again; with one server alone there is nothing to know."""
        if self.replicas or has_several_hosts(self.primary.engine.url):
            watches = [self._watch(replica, partial(self._probe_replica, replica)) for replica in self.replicas]
            watches.append(self._watch(self._primary_server, self._probe_primary))
            self._tasks = [asyncio.create_task(watch) for watch in watches]

    async def stop(self) -> None:
        """End it, and close all connections to replicas."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._primary_server.close()
        for replica in self.replicas:
            replica.close()
            await replica.database.close()

    async def probe_all(self) -> None:
        """Probe every server once."""
        await self._probe_primary()
        await asyncio.gather(*map(self._probe_replica, self.replicas))

    async def _probe_primary(self) -> None:
        await self._primary_server.probe()
        status = self._primary_server.status
        if status is None or self._primary_server.failures:
            return
        is_another = (status.system, status.timeline) != (self.system_identifier, self.timeline)
        if is_another:
            if self.timeline is not None:
                # The others lead to a server that is no primary any more, or silent.
                self.primary.abort(spared=self._primary_server.address)
            self.system_identifier, self.timeline = status.system, status.timeline
            self._lsn_history.clear()
        self._lsn_history.append((self._primary_server.asked_at, status.lsn))
        if is_another:
            for replica in self.healthy_replicas():
                replica.update_health(self._primary_server, self.min_lsn)

    async def _probe_replica(self, replica: Replica) -> None:
        if self._primary_server.status is None:
            await self._probe_primary()
        await replica.probe()
        replica.update_health(self._primary_server, self.min_lsn)

    async def _watch(self, server: DatabaseServer, probe: Callable[[], Awaitable[None]]) -> None:
        interval = min(MAX_PROBE_INTERVAL, self._max_lag / PROBES_PER_LAG)
        while True:
            try:
                await probe()
            except Exception:
                log.exception("looking at %s failed", server.name)
            await asyncio.sleep(interval if server is self._primary_server else backoff(interval, server.failures))
