"""The server: uvicorn's, which ends as `atrium.http.shutdown` says."""

import asyncio
from typing import Any

import uvicorn

from atrium.http.connections import SocketProtocol
from atrium.http.shutdown import Shutdown
from atrium.http.uvicorn_protocol import CoalescingHttpProtocol

__all__ = ["GraphQLServer"]

CANCEL_SECONDS = 2.0  # that cancelled requests have to be answered
IDLE_SECONDS = 1.0  # that a connection between two requests is kept for one that is on its way
CLOSE_HEADER = (b"connection", b"close")


class GraphQLServer(uvicorn.Server):
    """uvicorn's server, which tells streams and sockets that it ends."""

    def __init__(self, config: uvicorn.Config, shutdown: Shutdown) -> None:
        """Args: config: uvicorn's; shutdown: the application's."""
        config.timeout_graceful_shutdown = shutdown.seconds + CANCEL_SECONDS  # type: ignore[assignment]  # it may be a fraction
        super().__init__(config)
        self._shutdown = shutdown

    async def shutdown(self, sockets: list[Any] | None = None) -> None:
        """Stop listening, tell who is connected, and wait for what is under way."""
        for server in self.servers:
            server.close()
        self._announce_end()
        await asyncio.gather(self._shutdown.begin(), self._close_http_connections())
        for connection in list(self.server_state.connections):
            if isinstance(connection, SocketProtocol):
                connection.shutdown()
                connection.transport.abort()  # it was told, and does not read
        await super().shutdown(sockets)

    def _announce_end(self) -> None:
        """Have every answer from now on say that its connection ends with it."""
        state = self.server_state
        state.default_headers.append(CLOSE_HEADER)  # requests that are under way have this very list
        state.default_headers = [*state.default_headers]  # which the fast path has written already

    async def _close_http_connections(self) -> None:
        """Close connections between two requests, but not at once.

        A client that has just sent its next one would lose it, and may not send it again. Most clients that are busy
        get an answer meanwhile, which tells them to connect anew.
        """
        connections = [each for each in self.server_state.connections if isinstance(each, CoalescingHttpProtocol)]
        if connections:
            await asyncio.sleep(IDLE_SECONDS)
        for connection in self.server_state.connections & set(connections):
            connection.shutdown()
