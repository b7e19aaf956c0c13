"""Time that many share: limits, and iterations of the event loop."""

import asyncio
import time
from collections import deque
from types import TracebackType
from typing import Self

__all__ = ["Pacer", "SharedTimeout", "TimeoutScope"]

SECONDS_PER_TASK = 0.002  # of CPU in an iteration, for which one more task is let through; much more than one takes
MAX_FACTOR = 8  # how many times the minimum are let through at most


class SharedTimeout:
    """A limit that many tasks share: `asyncio.timeout` with one timer for all of them.

    Every request would set a timer and take it back. Since the limit is the same for all, whoever began first ends
    first, and only for them there is one.

        with limit.within() as stay:
            …              TimeoutError, if this takes longer
            stay.lift()    from here on it may
    """

    def __init__(self, seconds: float) -> None:
        """Args: seconds: how long each may take."""
        self.seconds = seconds
        self._scopes: dict[TimeoutScope, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def scope(self) -> "TimeoutScope":
        """Return a scope with this time limit, for the task that enters it."""
        return TimeoutScope(self)

    def add(self, scope: "TimeoutScope", loop: asyncio.AbstractEventLoop) -> None:
        """Count a stay, from now on."""
        scope.ends = loop.time() + self.seconds
        self._scopes[scope] = None
        if self._timer is None:
            self._timer = loop.call_at(scope.ends, self._on_timer, loop)

    def remove(self, scope: "TimeoutScope") -> None:
        """Count a stay no longer."""
        self._scopes.pop(scope, None)

    def expire_all(self) -> None:
        """Break all of them off at once."""
        for stay in list(self._scopes):
            del self._scopes[stay]
            stay.expire()

    def _on_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        for scope in list(self._scopes):
            if scope.ends > loop.time():
                self._timer = loop.call_at(scope.ends, self._on_timer, loop)
                return
            del self._scopes[scope]
            scope.expire()


class TimeoutScope:
    """What one task does within a limit."""

    __slots__ = ("_before", "_limit", "_reason", "_task", "ends", "has_expired")

    def __init__(self, limit: SharedTimeout) -> None:
        self._limit = limit
        self.ends = 0.0
        self.has_expired = False
        self._reason: Exception | None = None

    def __enter__(self) -> Self:
        """Begin."""
        task = asyncio.current_task()
        assert task is not None, "only tasks can be broken off"
        self._task, self._before = task, task.cancelling()
        self._limit.add(self, task.get_loop())
        return self

    def disarm(self) -> None:
        """Take as long as it may from here on."""
        self._limit.remove(self)

    @property
    def seconds(self) -> float:
        """Return how long the task may take."""
        return self._limit.seconds

    def move_to(self, limit: SharedTimeout) -> SharedTimeout:
        """Begin anew within another limit, unless it is over; return the one before."""
        before = self._limit
        if not self.has_expired and self._reason is None:
            before.remove(self)
            self._limit = limit
            limit.add(self, self._task.get_loop())
        return before

    def fail(self, reason: Exception) -> None:
        """Cancel the task for another reason than its time, which is raised where the scope ends."""
        if not self.has_expired and self._reason is None:
            self._reason = reason
            self._limit.remove(self)
            self._task.cancel()

    def expire(self) -> None:
        """Cancel the task."""
        if self._reason is None:
            self.has_expired = True
            self._task.cancel()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """End.

        Raises:
            TimeoutError: it was broken off here, and by nobody else; or the reason that it failed for.
        """
        self._limit.remove(self)
        reason = TimeoutError() if self.has_expired else self._reason
        if reason is not None and self._task.uncancel() <= self._before and kind is asyncio.CancelledError:
            raise reason from error


class Pacer:
    """Lets a few tasks through in each iteration of the event loop, in the order in which they come.

    What many tasks do at the same time is so spread over many iterations, and whoever comes in between does not wait
    for all of them. Where iterations are long for other reasons, more are let through. They are measured in CPU time,
    since a process that has to wait for a core is not to make its iterations longer still.
    """

    def __init__(self, minimum: int) -> None:
        """Args: minimum: how many in an iteration, however short."""
        self._minimum = self._allowed = minimum
        self._passed = 0
        self._began_at = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_scheduled = False

    async def wait(self) -> None:
        """Wait to be let through."""
        loop = asyncio.get_running_loop()
        if not self._is_scheduled:
            self._is_scheduled, self._allowed, self._began_at = True, self._minimum, time.thread_time()
            loop.call_soon(self._begin_iteration, loop)
        if self._passed < self._allowed and not self._waiting:
            self._passed += 1
            return
        future = loop.create_future()
        self._waiting.append(future)
        await future

    def _begin_iteration(self, loop: asyncio.AbstractEventLoop) -> None:
        now = time.thread_time()
        took, self._began_at = now - self._began_at, now
        self._allowed = min(max(self._minimum, int(took / SECONDS_PER_TASK)), self._minimum * MAX_FACTOR)
        self._passed = 0
        while self._waiting and self._passed < self._allowed:
            future = self._waiting.popleft()
            if not future.done():  # else its task was cancelled
                future.set_result(None)
                self._passed += 1
        self._is_scheduled = self._passed > 0
        if self._is_scheduled:
            loop.call_soon(self._begin_iteration, loop)
