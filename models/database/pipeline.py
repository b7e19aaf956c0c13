"""Pipelined statements: sent to a connection of the driver without it, several at a time, and answered by a callback.

A statement that enters by itself and yields one text needs neither a task nor the driver: its Bind, Execute and Sync
are written here, and its text is taken from what arrives. Only what the driver has prepared is run this way, on a
connection that it has opened, and what fails is run once more by the driver, who says why. So errors are worded in one
place, and nothing has to be right here but success.

Statements that have been short so far share a connection: up to `DEPTH` are in flight, each with a Sync of its own, so
that none fails with another. Searches, updates and whatever is not known yet have one for themselves. Who waits gets
their turn in the order of the limiter, where the queue here waits like anybody else (docs/decisions/0045).
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from models.database.errors import ConnectionLost, PoolTimeout
from models.database.limiter import Slot
from models.database.partitions import CLOSE_SECONDS, PartitionedPool
from models.database.pool import CANCEL_GRACE_SECONDS, AutocommitConnection
from models.database.wire import NotPipelined, PipelinedConnection, StatementResult, StatementRun

__all__ = ["StatementPipeline"]

DEPTH = 4  # statements in flight on one connection
SWEEP_SECONDS = 0.1  # between two looks at what takes too long
STALLED_SECONDS = 0.05  # that the first statement in flight has taken, after which no other joins it
OVERDUE_SECONDS = 1.0  # after which those behind it are run elsewhere

log = logging.getLogger("atrium.pipeline")


class StatementPipeline:
    """Runs statements on the connections of a pool that are at hand."""

    def __init__(self, pool: PartitionedPool, wait: float | None, on_commit: Callable[[], None]) -> None:
        """Args: pool: where the connections are; wait: seconds that a statement waits; on_commit: told of updates."""
        self._pool = pool
        self._limiter = pool.limiter
        self._wait = float("inf") if wait is None else wait
        self._on_commit = on_commit
        self._queue: deque[StatementRun] = deque()
        self._waiting: Slot | None = None
        """The place of the queue in that of the limiter, while anything waits."""
        self._connections: dict[PipelinedConnection, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._drained: asyncio.Event | None = None
        """Set once nothing is in flight; there is one while the pipeline is closed."""

    def submit(self, run: StatementRun) -> bool:
        """Begin to run a statement, whose `on_result` is called once; return False where the driver has to run it."""
        if self._drained is not None:
            return False
        if not self._queue:
            slot = self._limiter.try_acquire(run.tenant_id)
            if slot is not None:
                connection = self._open(slot)
                if connection is None or not connection.has_prepared(run):
                    self._put_back(slot, connection)
                    return False
                connection.send([run])
                self._watch()
                return True
            found = self._find_shared(run)
            if found is not None:
                found.send([run])
                return True
        run.waits_until = min(run.ends_at, time.monotonic() + self._wait)
        self._queue.append(run)
        self._wait_for_turn()
        self._watch()
        return True

    async def close(self) -> None:
        """Begin nothing any more, and wait a moment for what is in flight."""
        self._drained = asyncio.Event()
        while self._queue:
            _report(self._queue.popleft(), None, NotPipelined())
        self._wait_for_turn()
        if self._connections:
            await self._wait_until_drained(self._drained)
            for connection in list(self._connections):
                connection.terminate()
            await self._wait_until_drained(self._drained)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_SECONDS)
        if self._timer is not None:
            self._timer.cancel()

    @staticmethod
    async def _wait_until_drained(drained: asyncio.Event) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await drained.wait()

    def expire_all(self) -> None:
        """Break everything off at once."""
        in_flight = [run for connection in self._connections for run in connection.in_flight]
        for run in (*self._queue, *in_flight):
            run.ends_at = run.waits_until = 0.0
        if self._timer is not None:
            self._timer.cancel()
            self._sweep()

    # --- connections ---

    def _open(self, slot: Slot) -> PipelinedConnection | None:
        """Return a connection for a slot, if there is one at hand that needs no look."""
        partition = self._pool.partition_of(slot)
        idle = partition.autocommit_connections.take_fresh()
        if idle is None:
            return None
        connection = PipelinedConnection(slot, idle, self._on_results, self._on_lost)
        self._connections[connection] = None
        return connection

    def _put_back(self, slot: Slot, connection: PipelinedConnection | None) -> None:
        """End the use of a slot, and of the connection that it had."""
        if connection is not None:
            del self._connections[connection]
            idle = connection.give_up()
            self._pool.partition_of(slot).autocommit_connections.put_fresh(idle)
        self._limiter.release(slot)
        self._note_drained()

    def _find_shared(self, run: StatementRun) -> PipelinedConnection | None:
        """Return the connection with the fewest statements in flight that this one may join."""
        if not run.is_shared:
            return None
        found, now = None, time.monotonic()
        for connection in self._connections:
            count = len(connection.in_flight)
            if (
                count < (DEPTH if found is None else len(found.in_flight))
                and connection.may_share()
                and now - connection.began_at < STALLED_SECONDS
                and connection.has_prepared(run)
                and self._limiter.next_after(connection.slot) is None
            ):
                found = connection
        return found

    def _feed(self, connection: PipelinedConnection) -> None:
        """Have a connection run what waits, as far as it is the queue's turn; give it back if nothing is in flight."""
        runs: list[StatementRun] = []
        while self._queue and connection.is_usable and self._is_next(connection.slot):
            run, count = self._queue[0], len(connection.in_flight) + len(runs)
            if count and not (run.is_shared and count < DEPTH and connection.may_share(runs)):
                break
            self._queue.popleft()
            if connection.has_prepared(run):
                runs.append(run)
            else:
                _report(run, None, NotPipelined())
        if runs:
            connection.send(runs)
        self._wait_for_turn(anew=bool(runs))
        if not connection.in_flight:
            self._end(connection)

    def _is_next(self, slot: Slot) -> bool:
        following = self._limiter.next_after(slot)
        return following is None or following is self._waiting

    def _end(self, connection: PipelinedConnection) -> None:
        """Give back a connection on which nothing is in flight, unless it is about to be lost."""
        if connection.is_usable:
            self._put_back(connection.slot, connection)
        elif connection.cancelled_at is not None:
            del self._connections[connection]
            self._start(self._give_back_cancelled(connection))

    async def _give_back_cancelled(self, connection: PipelinedConnection) -> None:
        """Give back a connection once no cancel request can reach it any more."""
        is_alone = await connection.wait_for_cancel()
        idle = connection.give_up()
        await self._put(connection.slot, idle, is_good=is_alone and await idle.is_alive())

    async def _put(self, slot: Slot, idle: AutocommitConnection, *, is_good: bool) -> None:
        """End the use of a connection that may have to be closed, and of its slot."""
        try:
            await self._pool.partition_of(slot).autocommit_connections.put(idle, is_good=is_good)
        finally:
            self._limiter.release(slot)
            self._note_drained()

    # --- results ---

    def _on_results(self, connection: PipelinedConnection, results: Sequence[StatementResult]) -> None:
        """Take what a connection has answered; the next statements are on their way before anybody is told."""
        self._feed(connection)
        for run, value, error in results:
            if run.is_update and value is not None:
                self._on_commit()
            _report(run, value, error)

    def _on_lost(self, connection: PipelinedConnection) -> None:
        """Have what was in flight on a lost connection fail."""
        if connection not in self._connections:
            return  # it was given back before
        del self._connections[connection]
        stack = self._pool.partition_of(connection.slot).autocommit_connections
        stack.suspect_idle()
        self._start(self._put(connection.slot, connection.give_up(), is_good=False))
        while connection.in_flight:
            _report(connection.in_flight.popleft(), None, ConnectionLost())

    # --- the queue ---

    def _wait_for_turn(self, *, anew: bool = False) -> None:
        """Have a place in the limiter's queue while anything waits here; `anew` behind all others."""
        if self._waiting is not None and not self._queue:
            self._limiter.leave_queue(self._waiting)
            self._waiting = None
        elif self._queue and self._waiting is None:
            self._waiting = slot = Slot(self._queue[0].tenant_id, general_only=False)
            self._limiter.join_queue(slot)
            slot.ready.add_done_callback(partial(self._on_turn, slot))
        elif self._waiting is not None and anew and not self._waiting.ready.done():
            self._waiting.tenant_id = self._queue[0].tenant_id
            self._limiter.join_queue(self._waiting)

    def _on_turn(self, slot: Slot, _ready: asyncio.Future[None]) -> None:
        if slot is not self._waiting:
            return  # it was left
        self._waiting = None
        self._limiter.accept_turn()
        connection = self._open(slot)
        if connection is not None:
            self._feed(connection)
            return
        self._put_back(slot, None)
        if self._queue:
            _report(self._queue.popleft(), None, NotPipelined())  # the driver opens one, or looks at those that idled
        self._wait_for_turn()

    # --- what takes too long ---

    def _watch(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        """Give up what has waited or run for too long."""
        self._timer, now = None, time.monotonic()
        while self._queue and self._queue[0].waits_until <= now:
            run = self._queue.popleft()
            _report(run, None, TimeoutError() if run.ends_at <= now else PoolTimeout())
        self._wait_for_turn()
        for connection in list(self._connections):
            self._sweep_connection(connection, now)
        if self._queue or self._connections:
            self._watch()

    def _sweep_connection(self, connection: PipelinedConnection, now: float) -> None:
        is_overdue = now - connection.began_at > OVERDUE_SECONDS
        for number, run in enumerate(list(connection.in_flight)):
            if run.ends_at <= now:
                _report(run, None, TimeoutError())
            elif number and is_overdue:
                _report(run, None, NotPipelined())
        if connection.in_flight and connection.in_flight[0].is_reported:  # nobody waits for it any more
            if connection.cancelled_at is None:
                connection.cancel(now)
            elif now - connection.cancelled_at > CANCEL_GRACE_SECONDS:
                connection.terminate()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _note_drained(self) -> None:
        if self._drained is not None and not self._connections:
            self._drained.set()


def _report(run: StatementRun, value: bytes | None, error: Exception | None) -> None:
    """Tell who asked, once."""
    if run.is_reported:
        return
    run.is_reported = True
    try:
        run.on_result(value, error)
    except Exception:
        log.exception("a result could not be handed over")
