"""The server: uvicorn's, which ends as `atrium.http.shutdown` says."""

import asyncio
import os
import socket
from collections.abc import Iterator
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
        self._announce_end()
        await self._stop_listening()
        await asyncio.gather(self._shutdown.begin(), self._close_http_connections())
        for connection in list(self.server_state.connections):
            if isinstance(connection, SocketProtocol):
                connection.shutdown()
                connection.transport.abort()  # it was told, and does not read
        await super().shutdown(sockets)

    async def _stop_listening(self) -> None:
        """Stop listening, and serve who has connected but was not accepted yet: the kernel would reset them.

        A proxy takes a reset connection for one on which its request was lost, and may not send that again.
        """
        loop, config = asyncio.get_running_loop(), self.config
        waiting = [peer for server in self.servers for listener in server.sockets for peer in _accept_all(listener)]
        for server in self.servers:
            server.close()

        def create_protocol() -> asyncio.Protocol:
            protocol = config.http_protocol_class
            made: asyncio.Protocol = protocol(  # type: ignore[call-arg]  # as uvicorn itself calls it
                config=config, server_state=self.server_state, app_state=self.lifespan.state
            )
            return made

        opening = (loop.connect_accepted_socket(create_protocol, peer, ssl=config.ssl) for peer in waiting)
        await asyncio.gather(*opening, return_exceptions=True)  # one that has gone meanwhile holds up nobody

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


def _accept_all(listener: Any) -> Iterator[socket.socket]:
    """Accept all connections that wait; an event loop's listeners do not let anybody else do so."""
    with socket.socket(fileno=os.dup(listener.fileno())) as own:
        while True:
            try:
                peer, _ = own.accept()
            except OSError:  # nobody is left
                return
            peer.setblocking(False)
            yield peer
