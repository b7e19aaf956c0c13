"""How requests come in, within bounds; and how answers leave, head and body in one piece.

uvicorn writes them one after the other, and uvloop hands each to the system at once: two calls and two packets for an
answer that fits into one.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from atrium.http.connections import HOST, UNKNOWN_ADDRESS, ConnectionCounter, ConnectionLimits, refused_bytes
from atrium.http.middleware import Refuse
from atrium.http.responses import RequestRefused

__all__ = ["CoalescingHttpProtocol", "CoalescingTransport"]

RESPONSE_START = b"HTTP/1.1 "
MAX_COALESCED_BYTES = 65_536  # bytes; to copy more would cost more than it saves
LINGER_SECONDS = 1.0  # for which a client that is still sending may read its last answer
DEFAULT_LIMITS = ConnectionLimits()


class CoalescingTransport:
    """A transport that keeps a head back until what follows it, or until the loop's next turn."""

    __slots__ = ("_head", "_loop", "_transport", "is_closing", "linger")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""
        self.is_closing = transport.is_closing  # asked with every answer
        self.linger: Callable[[], bool] | None = None
        """What is asked before it is closed whether it ends by itself."""

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
        if self.linger is None or not self.linger():
            self._transport.close()

    def __getattr__(self, name: str) -> Any:
        """Whatever else the transport can."""
        return getattr(self._transport, name)

    def unwrap(self) -> asyncio.Transport:
        """Return the transport itself, with nothing kept back."""
        self.flush()
        return self._transport


class CoalescingHttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol on such a transport, within bounds. A WebSocket gets the transport itself.

    The parser keeps what it has not finished, and bounds nothing. So it is fed no more than a head may have, until it
    finishes something: a head, a piece of a body, a message. Trailers and what else surrounds the chunks of a body are
    bounded by that too. Clients whose heads arrive in one piece cost no timer.
    """

    def __init__(
        self,
        *args: Any,
        limits: ConnectionLimits = DEFAULT_LIMITS,
        counter: ConnectionCounter,
        refuse: Refuse,
        **options: Any,
    ) -> None:
        """Make it.

        Args:
            args: the library's.
            limits: the bounds of a connection.
            counter: how many connections addresses have.
            refuse: makes the answer to a request that is refused.
            options: the library's.
        """
        super().__init__(*args, **options)
        self._refuse_request = refuse
        self.timeout_keep_alive = limits.keep_alive_seconds  # type: ignore[assignment]  # a number for the loop
        self._limits = limits
        self._counter = counter
        self._unfinished = 0
        """Bytes that the parser was fed since it last finished something."""
        self._unread = b""
        """What arrived behind requests that wait for the answer to another."""
        self._reads_head = False
        """Whether what is unfinished is the head of a request."""
        self._refusal: RequestRefused | None = None
        self._timer: asyncio.TimerHandle | None = None
        """Runs while the parser has something unfinished, and until the first byte."""
        self._discards = False
        """Whether what arrives is thrown away, since the last answer is given."""

    @property
    def _address(self) -> str:
        return self.client[0] if self.client else UNKNOWN_ADDRESS

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to serve a connection."""
        joined = CoalescingTransport(transport, self.loop)
        joined.linger = self._lingers
        super().connection_made(cast("asyncio.Transport", joined))
        seconds = self._limits.header_seconds
        if not self._counter.open(self._address):
            self._refusal = RequestRefused("TOO_MANY_CONNECTIONS", "Too many connections from this address.")
            seconds = min(seconds, LINGER_SECONDS)
        self._timer = self.loop.call_later(seconds, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the connection no longer."""
        self._stop_timer()
        self._counter.close(self._address)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser what arrived, in pieces that are no larger than what may be unfinished.

        While requests wait for the answer to another, what follows them is not looked at.
        """
        if self._refusal is not None and not self._discards:
            self._refuse(self._refusal)
        if self._unread:
            data, self._unread = self._unread + data, b""
        start, end, limit = 0, len(data), self._limits.header_bytes
        while start < end and not self._discards:
            if self.pipeline:
                self._unread = data[start:]
                self.flow.pause_reading()
                return
            piece = data[start : start + limit - self._unfinished]
            start += len(piece)
            self._unfinished += len(piece)
            self._feed(piece)
            if self._unfinished >= limit and not self._discards:
                self._refuse(self._too_large(limit))
        if self._unfinished and self._timer is None and not self._discards:
            self._timer = self.loop.call_later(self._limits.header_seconds, self._give_up)

    def _feed(self, piece: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserError:
            self._refuse(self._refusal or RequestRefused("BAD_REQUEST", "This is not an HTTP request."))
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self._discards = True  # what follows is the WebSocket's
                self.handle_websocket_upgrade()

    def handle_websocket_upgrade(self) -> None:
        """Go on as a WebSocket, which counts as this connection."""
        self._stop_timer()
        self.transport = cast("CoalescingTransport", self.transport).unwrap()
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        """Begin to read a request."""
        super().on_message_begin()
        self._reads_head = True

    def on_headers_complete(self) -> None:
        """Begin to serve a request.

        Raises:
            ValueError: it is refused; the parser gives up then.
        """
        self._unfinished, self._reads_head = 0, False
        if self._timer is not None:
            self._stop_timer()
        self._refusal = self._fault_of_head()
        if self._refusal is not None:
            raise ValueError(self._refusal.message)
        super().on_headers_complete()
        self.scope["state"]["abort"] = self._abort
        if not self.parser.should_upgrade():
            self.headers = []  # where trailers go: a request's headers were checked, and they were not

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        self._unfinished = 0
        if self._timer is not None:
            self._stop_timer()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Take the end of a request."""
        self._unfinished = 0
        if self._timer is not None:
            self._stop_timer()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request, and read more only when none is left that waits."""
        if self._discards:
            return
        super().on_response_complete()
        if self.pipeline:
            self.flow.pause_reading()
        elif self._unread:
            self.data_received(b"")

    def _abort(self) -> None:
        """Break the connection off, for a client that does not read what ends its stream."""
        self.transport.abort()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fault_of_head(self) -> RequestRefused | None:
        headers = self.headers
        if len(headers) > self._limits.header_count:
            return RequestRefused("HEADERS_TOO_LARGE", f"There are more than {self._limits.header_count} headers.")
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1 and not (not hosts and self.parser.get_http_version() == "1.0"):
            return RequestRefused("BAD_REQUEST", "There must be one Host header.")
        if hosts and not HOST.fullmatch(hosts[0]):
            return RequestRefused("BAD_REQUEST", "The Host header names no host.")
        return None

    def _too_large(self, limit: int) -> RequestRefused:
        """Return the refusal of a head, or of trailers, by what takes up most of it."""
        if self._reads_head and len(self.url) > limit // 2:
            return RequestRefused("URI_TOO_LONG", f"The URI and the headers have more than {limit} bytes; send a POST.")
        return RequestRefused("HEADERS_TOO_LARGE", f"The headers have more than {limit} bytes.")

    def _give_up(self) -> None:
        self._timer = None
        if not self._unfinished:
            self.transport.close()  # it never said anything
        else:
            seconds = self._limits.header_seconds
            self._refuse(RequestRefused("REQUEST_TIMEOUT", f"The request was not sent within {seconds:g} seconds."))

    def _refuse(self, refusal: RequestRefused) -> None:
        """Answer with a refusal and end the connection; in the midst of other answers, just end it."""
        self._stop_timer()
        self._unset_keepalive_if_required()
        self._discards = True
        transport = cast("CoalescingTransport", self.transport).unwrap()
        path = getattr(self, "url", b"").partition(b"?")[0].decode("latin-1")
        status, headers, body = refused_bytes(
            refusal, self._address, refuse=self._refuse_request, method="HTTP", path=path
        )
        if (
            self.cycle is not None
            and not self.cycle.response_complete
            and (self.pipeline or self.cycle.response_started)
        ):
            transport.close()
            return
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        head = [STATUS_LINE[status]]
        head += [b"%s: %s\r\n" % pair for pair in (*self.server_state.default_headers, *headers)]
        transport.write(b"".join([*head, b"\r\n", body]))
        self._end()

    def _end(self) -> None:
        """End the connection after its last answer.

        Whoever closes while there is something to read makes the system throw away what was just sent. So the answer
        ends first, and what still arrives is thrown away for a moment.
        """
        transport = cast("CoalescingTransport", self.transport).unwrap()
        self.flow.resume_reading()
        if transport.can_write_eof():
            transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, transport.close)

    def _lingers(self) -> bool:
        """Return whether the connection, which is to be closed, is ended after what still arrives was thrown away."""
        cycle = self.cycle
        if self._discards or cycle is None or not cycle.response_complete or not cycle.more_body:
            return False
        self._discards = True
        self._unset_keepalive_if_required()
        self._end()
        return True
