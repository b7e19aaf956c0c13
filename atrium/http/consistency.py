"""How a reader's position travels, so that nobody's next click is older than their last one.

An answer to a request that wrote carries, as a header and as a cookie of the same name, where the database's log ended
after it. The next request presents it: a browser by itself, another client in the header, and any process honours it.
It is signed, and bound to the cluster and its timeline; whatever cannot be trusted has the primary answer, also a token
of another form: processes of two releases may serve beside each other. The cookie needs to last no longer than a
replica may be behind. A header may list several positions, of which the latest counts, and the word `primary` asks for
the primary. What was written over a WebSocket or in an event stream has its position among the `extensions` of its
answer.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator, MutableMapping
from typing import Any

from starlette.responses import Response

from atrium.http.operation_request import OperationRequest
from models.database.positions import LogPosition
from models.database.read_routing import Freshness, ReadRouter, RoutingReason
from models.database.topology import ServerGroup

__all__ = ["HEADER_NAME", "ConsistencyTokens"]

HEADER_NAME = "atrium-consistency"
PRIMARY_TOKEN = "primary"  # noqa: S105  # no secret
COOKIE_SECONDS = 60
MAC_BYTES = 16

FORM = "2"  # the first one named no timeline, and had no number of its own

_TOKEN = re.compile(rf"({FORM}\.([0-9a-f]{{1,8}})\.([0-9a-f]{{1,16}}))\.([A-Za-z0-9_-]{{22}})")


class ConsistencyTokens:
    """Reads the positions that requests present, and writes those that answers carry."""

    def __init__(self, key: bytes, servers: ServerGroup) -> None:
        """Args: key: the secret that signs positions; servers: what there is to read from."""
        self._key = key
        self._servers = servers

    def build_read_router(self, request: OperationRequest, extensions: MutableMapping[str, Any]) -> ReadRouter:
        """Return the read router of an operation.

        `extensions` of the answer get the position where its headers cannot be read, or there are none.
        """
        if not self._servers.replicas:
            return ReadRouter(self._servers)
        streamed = request.response is None or request.streams

        def on_write(position: LogPosition | None) -> None:
            text = PRIMARY_TOKEN if position is None else self.signed(position)
            if request.response is not None:
                _set_headers(request.response, text)
            if streamed:
                extensions[HEADER_NAME] = text

        return ReadRouter(self._servers, self._required_freshness(request), on_write=on_write)

    def signed(self, position: LogPosition) -> str:
        """Return a position as a signed token."""
        if self._servers.system_identifier is None:
            return PRIMARY_TOKEN  # nobody knows yet whose position it is
        text = f"{FORM}.{position.timeline:x}.{position.lsn:x}"
        return f"{text}.{self._mac(text)}"

    def verified_position(self, text: str) -> LogPosition | None:
        """Return the position of a token; None unless it was signed here, for this cluster."""
        found = _TOKEN.fullmatch(text)
        if found is None or self._servers.system_identifier is None:
            return None
        if not hmac.compare_digest(self._mac(found[1]), found[4]):
            return None
        return LogPosition(int(found[2], 16), int(found[3], 16))

    def _required_freshness(self, request: OperationRequest) -> Freshness:
        presented = set(_presented_tokens(request))
        if PRIMARY_TOKEN in presented:
            return Freshness(primary_reason=RoutingReason.ASKED)
        if request.response is None:
            # A socket hears nothing of what its owner writes elsewhere, so it sees all that there is.
            return Freshness(newest=True)
        positions = [position for text in presented if (position := self.verified_position(text)) is not None]
        if len(positions) < len(presented):
            return Freshness(primary_reason=RoutingReason.UNTRUSTED)
        if len({position.timeline for position in positions}) > 1:
            return Freshness(primary_reason=RoutingReason.TIMELINE)  # one of them at least has been left
        return Freshness(max(positions, default=None))

    def _mac(self, text: str) -> str:
        mac = hmac.digest(self._key, f"{self._servers.system_identifier} {text}".encode(), hashlib.sha256)[:MAC_BYTES]
        return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def _presented_tokens(request: OperationRequest) -> Iterator[str]:
    connection = request.connection
    for given in (
        connection.headers.get(HEADER_NAME),
        connection.cookies.get(HEADER_NAME),
        request.params.get(HEADER_NAME),
    ):
        if given is not None:
            yield from (text.strip() for text in str(given).split(","))


def _set_headers(response: Response, text: str) -> None:
    """Put it into an answer, in place of what was put there before."""
    cookie = f"{HEADER_NAME}={text}; Max-Age={COOKIE_SECONDS}; Path=/; HttpOnly; SameSite=Lax".encode()
    ours, cookie_of_ours = HEADER_NAME.encode(), f"{HEADER_NAME}=".encode()
    others = [
        (name, value)
        for name, value in response.raw_headers
        if name != ours and not (name == b"set-cookie" and value.startswith(cookie_of_ours))
    ]
    response.raw_headers = [*others, (ours, text.encode()), (b"set-cookie", cookie)]
