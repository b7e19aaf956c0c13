"""How the process ends: whoever is connected is told, and what is under way gets some time.

SIGTERM stops the listening. Idle connections are closed after a moment, event streams end with SERVICE_UNAVAILABLE,
sockets are closed with 1012 once their queries and mutations are answered, for which they have some seconds; neither
all at once, since their clients connect anew. Requests have `ATRIUM_SHUTDOWN_SECONDS`; what is not answered by then is
cancelled, and answered with SERVICE_UNAVAILABLE.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable

from atrium.http.responses import RequestRefused
from models.database.pipeline import StatementPipeline
from models.database.timeouts import SharedTimeout

__all__ = ["CLIENT_CLOSE_SECONDS", "SERVICE_RESTART", "SOCKET_SECONDS", "Shutdown"]

SOCKET_SECONDS = 3.0  # that queries and mutations on a socket have
CLIENT_CLOSE_SECONDS = 1.0  # that a client has to take what closes its stream or socket
RETRY_AFTER_SECONDS = 5
ENDS_PER_SECOND = 1000  # of sockets and streams, since whoever was there comes back at once
MAX_SPREAD_SECONDS = 1.0  # over which they are closed
SERVICE_RESTART = 1012


class Shutdown:
    """Whether the process is ending, and who has to be told; one for each application."""

    def __init__(self, seconds: float) -> None:
        """Args: seconds: how long requests may take that are under way."""
        self.seconds = seconds
        self.has_begun = asyncio.Event()
        self.is_late = False
        """Whether the time of the requests is over."""
        self.sockets: set[Callable[[], Awaitable[None]]] = set()
        """What ends each open socket."""
        self.streams = 0
        """How many event streams are open."""
        self._bounded: list[SharedTimeout | StatementPipeline] = []

    def bound(self, bounded: SharedTimeout | StatementPipeline) -> None:
        """Have what is within a time limit, or pipelined, broken off when the time of the requests is over."""
        self._bounded.append(bounded)

    @staticmethod
    def refusal() -> RequestRefused:
        """Return what whoever is broken off is told."""
        return RequestRefused(
            "SERVICE_UNAVAILABLE",
            "The server is restarting; try again in a moment.",
            {"connection": "close"},
            details={"retryAfter": RETRY_AFTER_SECONDS},
        )

    def draw_delay(self) -> float:
        """Return the seconds after which a socket or a stream is to end, at random: the more are open, the longer."""
        longest = min(MAX_SPREAD_SECONDS, (len(self.sockets) + self.streams) / ENDS_PER_SECOND)
        return random.uniform(0, longest)  # noqa: S311  # no secret

    async def begin(self) -> None:
        """Tell streams and sockets; returns when the sockets are closed, after some seconds at most."""
        self.has_begun.set()
        asyncio.get_running_loop().call_later(self.seconds, self._break_off)
        ending = [asyncio.ensure_future(end()) for end in list(self.sockets)]
        if ending:
            _, late = await asyncio.wait(ending, timeout=SOCKET_SECONDS + CLIENT_CLOSE_SECONDS)
            for task in late:
                task.cancel()

    def _break_off(self) -> None:
        self.is_late = True
        for each in self._bounded:
            each.expire_all()
