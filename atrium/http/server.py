"""The server: uvicorn's, which ends as `atrium.http.shutdown` says."""

from typing import Any

import uvicorn

from atrium.http.connections import SocketProtocol
from atrium.http.shutdown import Shutdown
from atrium.http.uvicorn_protocol import CoalescingHttpProtocol

__all__ = ["GraphQLServer"]

CANCEL_SECONDS = 2.0  # that cancelled requests have to be answered


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
        for connection in list(self.server_state.connections):
            if isinstance(connection, CoalescingHttpProtocol):
                connection.shutdown()
        await self._shutdown.begin()
        for connection in list(self.server_state.connections):
            if isinstance(connection, SocketProtocol):
                connection.shutdown()
                connection.transport.abort()  # it was told, and does not read
        await super().shutdown(sockets)
