"""How a reader's position travels, so that nobody's next click is older than their last one.

An answer to a request that wrote carries, as a header and as a cookie of the same name, where the database's log ended
after it. The next request presents it: a browser by itself, another client in the header, and any process honours it.
It is signed, and bound to the cluster; whatever cannot be trusted has the primary answer. The cookie needs to last no
longer than a replica may be behind. A header may list several positions, of which the latest counts, and the word
`primary` asks for the primary. What was written over a WebSocket or in an event stream has its position among the
`extensions` of its answer.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator, MutableMapping
from typing import Any

from starlette.responses import Response

from atrium.http.operation_request import Call
from models.database.read_routing import Demand, Route, Why
from models.database.topology import Nodes

__all__ = ["NAME", "Consistency"]

NAME = "atrium-consistency"
PRIMARY = "primary"
COOKIE_SECONDS = 60
MAC_BYTES = 16

_TOKEN = re.compile(r"([0-9a-f]{1,16})\.([A-Za-z0-9_-]{22})")
_STREAM = "text/event-stream"


class Consistency:
    """Reads the positions that requests present, and writes those that answers carry."""

    def __init__(self, key: bytes, nodes: Nodes) -> None:
        """Args: key: the secret that signs positions; nodes: what there is to read from."""
        self._key = key
        self._nodes = nodes

    def route(self, call: Call, extensions: MutableMapping[str, Any]) -> Route:
        """The way of an operation to its node.

        `extensions` of the answer get the position where its headers leave too early, or there are none.
        """
        if not self._nodes.replicas:
            return Route(self._nodes)
        streamed = call.response is None or _STREAM in call.connection.headers.get("accept", "")

        def wrote(position: int | None) -> None:
            text = PRIMARY if position is None else self.sealed(position)
            if call.response is not None:
                _carry(call.response, text)
            if streamed:
                extensions[NAME] = text

        if streamed and call.response is not None and call.record.method == "POST":
            _carry(call.response, PRIMARY)  # it is not known yet what, if anything, will be written
        return Route(self._nodes, self._demand(call), wrote=wrote)

    def sealed(self, position: int) -> str:
        """A position as it travels."""
        if self._nodes.cluster is None:
            return PRIMARY  # nobody knows yet whose position it is
        text = f"{position:x}"
        return f"{text}.{self._mac(text)}"

    def position(self, text: str) -> int | None:
        """The position that travelled; None unless it was sealed here, for this cluster."""
        found = _TOKEN.fullmatch(text)
        if found is None or self._nodes.cluster is None:
            return None
        return int(found[1], 16) if hmac.compare_digest(self._mac(found[1]), found[2]) else None

    def _demand(self, call: Call) -> Demand:
        presented = set(_presented(call))
        if PRIMARY in presented:
            return Demand(primary=Why.ASKED)
        if call.response is None:
            # A socket hears nothing of what its owner writes elsewhere, so it sees all that there is.
            return Demand(newest=True)
        positions = [self.position(text) for text in presented]
        if None in positions:
            return Demand(primary=Why.UNTRUSTED)
        return Demand(position=max((position for position in positions if position is not None), default=0))

    def _mac(self, text: str) -> str:
        mac = hmac.digest(self._key, f"{self._nodes.cluster} {text}".encode(), hashlib.sha256)[:MAC_BYTES]
        return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def _presented(call: Call) -> Iterator[str]:
    connection = call.connection
    for given in (connection.headers.get(NAME), connection.cookies.get(NAME), call.params.get(NAME)):
        if given is not None:
            yield from (text.strip() for text in str(given).split(","))


def _carry(response: Response, text: str) -> None:
    """Put it into an answer, in place of what was put there before."""
    cookie = f"{NAME}={text}; Max-Age={COOKIE_SECONDS}; Path=/; HttpOnly; SameSite=Lax".encode()
    ours, cookie_of_ours = NAME.encode(), f"{NAME}=".encode()
    others = [
        (name, value)
        for name, value in response.raw_headers
        if name != ours and not (name == b"set-cookie" and value.startswith(cookie_of_ours))
    ]
    response.raw_headers = [*others, (ours, text.encode()), (b"set-cookie", cookie)]
