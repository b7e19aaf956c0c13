"""How answers leave: head and body in one piece.

uvicorn writes them one after the other, and uvloop hands each to the system at once: two calls and two packets for an
answer that fits into one.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["CoalescingHttpProtocol", "CoalescingTransport"]

RESPONSE_START = b"HTTP/1.1 "
MAX_COALESCED_BYTES = 65_536  # bytes; to copy more would cost more than it saves


class CoalescingTransport:
    """A transport that keeps a head back until what follows it, or until the loop's next turn."""

    __slots__ = ("_head", "_loop", "_transport", "is_closing")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""
        self.is_closing = transport.is_closing  # asked with every answer

    def write(self, data: bytes) -> None:
        """Send something, a head soon."""
        if self._head:
            head, self._head = self._head, b""
            if len(data) <= MAX_COALESCED_BYTES:
                data = head + data
            else:
                self._transport.write(head)
        elif data.startswith(RESPONSE_START):
            self._head = data
            self._loop.call_soon(self.flush)
            return
        self._transport.write(data)

    def flush(self) -> None:
        """Send a head that is kept back."""
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)

    def close(self) -> None:
        """Close the connection, once all is sent."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        """Whatever else the transport can."""
        return getattr(self._transport, name)

    def unwrap(self) -> asyncio.Transport:
        """The transport itself, with nothing kept back."""
        self.flush()
        return self._transport


class CoalescingHttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol on such a transport. A WebSocket gets the transport itself."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to serve a connection."""
        super().connection_made(cast("asyncio.Transport", CoalescingTransport(transport, self.loop)))

    def handle_websocket_upgrade(self) -> None:
        """Go on as a WebSocket."""
        self.transport = cast("CoalescingTransport", self.transport).unwrap()
        super().handle_websocket_upgrade()
