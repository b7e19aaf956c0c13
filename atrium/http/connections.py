"""What a connection may take before its requests are read: bytes, headers, time, and how many an address has.

Nobody has to log in to open a connection, so all of it is bounded here. What is refused at this level gets the same
coded answer as any other refusal, and one line in the log.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.protocol import State

from atrium.http.middleware import SECURITY_HEADERS, Network, Refuse, choose_request_id, is_trusted
from atrium.http.responses import RequestRefused, refuse_outside_graphql
from atrium.http.shutdown import CLIENT_CLOSE_SECONDS
from atrium.logs import RequestRecord, log_request

__all__ = ["ConnectionCounter", "ConnectionLimits", "SocketProtocol", "refused_bytes"]

SWITCHING_PROTOCOLS = 101
HOST = re.compile(rb"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]*")
UNKNOWN_ADDRESS = ""  # the address of a peer that has none, such as one at a Unix socket


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The bounds of one connection; those of a head count its request line too."""

    header_bytes: int = 16_384
    header_count: int = 100
    header_seconds: float = 10.0
    keep_alive_seconds: float = 5.0


class ConnectionCounter:
    """Counts the open connections of each address; those of trusted proxies are not counted, since they are many's."""

    def __init__(self, most: int, trusted: Sequence[Network] = ()) -> None:
        """Args: most: connections of one address; trusted: the networks of proxies."""
        self.most = most
        self._trusted = trusted
        self._open: Counter[str] = Counter()

    def open(self, address: str) -> bool:
        """Count a connection; gives whether there may be so many."""
        self._open[address] += 1
        return self._open[address] <= self.most or is_trusted(address, self._trusted)

    def close(self, address: str) -> None:
        """Count a connection no longer."""
        self._open[address] -= 1
        if self._open[address] <= 0:
            del self._open[address]


def refused_bytes(
    refusal: RequestRefused, address: str, *, refuse: Refuse, method: str = "", path: str = ""
) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Return the status, headers and body that refuse a connection, and log that it was refused."""
    record = RequestRecord(choose_request_id(None), method=method, path=path, client_address=address or None)
    answer = refuse(refusal, record.request_id, None)
    record.status, record.outcome = answer.status_code, "refused"
    record.finish()
    log_request(record)
    headers = [*answer.raw_headers, (b"x-request-id", record.request_id.encode()), *SECURITY_HEADERS]
    return answer.status_code, [*headers, (b"connection", b"close")], bytes(answer.body)


class SocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol of WebSockets, which refuses handshakes with a coded answer."""

    def __init__(self, *args: Any, counter: ConnectionCounter, **options: Any) -> None:
        """Args: counter: where the connection was counted when it was opened."""
        super().__init__(*args, **options)
        self._counter = counter
        self.conn.reject = self._reject  # type: ignore[method-assign,assignment]  # the library asks it for every refusal

    @property
    def address(self) -> str:
        """Return the peer's address."""
        return self.client[0] if self.client else UNKNOWN_ADDRESS

    def data_received(self, data: bytes) -> None:
        """Read what arrived; a handshake that the library gave up is answered, which uvicorn forgets."""
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self.handshake_initiated = True
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    def handle_connect(self, event: Request) -> None:
        """Begin the handshake."""
        super().handle_connect(event)
        if self.response.status_code == SWITCHING_PROTOCOLS:
            self.scope["state"]["abort"] = self.transport.abort

    def keepalive_timeout(self) -> None:
        """End a connection whose client does not answer; whoever does not read either is broken off."""
        super().keepalive_timeout()
        self.loop.call_later(CLIENT_CLOSE_SECONDS, self.transport.abort)

    def shutdown(self) -> None:
        """Close it with 1012, unless it is being closed already, which the library takes for a fault."""
        if self.handshake_complete and self.conn.state is not State.OPEN:
            self.stop_keepalive()
            self.transport.close()
        else:
            super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the connection no longer."""
        super().connection_lost(exc)
        self._counter.close(self.address)

    def _reject(self, status: int, _text: str) -> Response:
        refusal = RequestRefused.from_status(int(status), "This is no WebSocket that is served here.")
        request = getattr(self, "request", None)
        path = request.path.partition("?")[0] if request is not None else ""
        refuse = refuse_outside_graphql
        found, headers, body = refused_bytes(refusal, self.address, refuse=refuse, method="WEBSOCKET", path=path)
        named = Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers])
        return Response(found, HTTPStatus(found).phrase, named, body)
