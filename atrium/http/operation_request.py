"""What the HTTP layer hands to the builder of an operation's context."""

import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import Response

from atrium.http.middleware import get_header
from atrium.logs import RequestRecord
from models.database.timeouts import TimeoutScope
from models.timings import OperationTimings

COST_HEADER = "atrium-cost"
SQL_HEADER = "atrium-sql"
NO_TEXT = "no text"  # stands for a parameter that is none; it is no token
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Setback:
    """Why a request goes the long way after it began on the fast path."""

    declined: str | None = None
    """Why the compiler leaves the operation to the reference executor."""
    refusal: Exception | None = None
    """What the operation fails with."""
    has_expired: bool = False
    """Whether the time is over that a request may take."""
    started: float = 0.0
    """When the request arrived, by the clock of its record."""
    statements: int = 0
    """How many statements it took so far."""
    timings: OperationTimings | None = None
    """How long these took, where anybody will look at it."""

    def resume(self, scope: TimeoutScope) -> None:
        """Go on within a time limit.

        Raises:
            TimeoutError: it was over before.
        """
        if self.has_expired:
            scope.has_expired = True
            raise TimeoutError


class ResponseHeaders(Response):
    """Headers and cookies for an answer that is yet to be made."""

    def __init__(self) -> None:
        self.status_code = 200
        self.raw_headers = []
        self.background = None


@dataclass(frozen=True, slots=True)
class OperationRequest:
    """One operation about to run: where it came from, and where its traces and headers go.

    `record` is filled in by whoever runs the operation. `response` collects headers and cookies for an HTTP
    answer; there is none on a WebSocket, whose `params` are the payload of `connection_init`. `streams` is true for an
    answer in an event stream, whose headers many clients cannot read; `connects` for no operation, but a
    `connection_init`, whose client is to be recognised. Within `long_work` it has the time of what takes long on
    purpose, and is cancelled when its client goes.
    """

    connection: HTTPConnection
    record: RequestRecord
    response: Response | None = None
    params: Mapping[str, object] = field(default_factory=dict)
    streams: bool = False
    connects: bool = False
    long_work: Callable[[], AbstractAsyncContextManager[None]] = nullcontext

    @property
    def authorization(self) -> str | None:
        """Return the `Authorization` header; on a WebSocket, where browsers cannot set one, also the parameter."""
        if given := get_header(self.connection.scope, b"authorization"):
            return given
        named = (value for name, value in self.params.items() if name.lower() == "authorization")
        value = next(named, None)
        return value if value is None or isinstance(value, str) else NO_TEXT

    @property
    def setback(self) -> Setback | None:
        """Return why a request takes the long way that began on the fast path."""
        found: Setback | None = self.connection.scope["state"].get("setback")
        return found

    @property
    def wants_cost(self) -> bool:
        """Return whether the client asks what its operations cost: by the header `Atrium-Cost`, or the parameter."""
        return self._asks_for(COST_HEADER)

    @property
    def wants_sql(self) -> bool:
        """Return whether the client asks for the statements of its operations, which development tells, likewise."""
        return self._asks_for(SQL_HEADER)

    def _asks_for(self, header: str) -> bool:
        asked: object = get_header(self.connection.scope, header.encode())
        if asked is None:
            asked = next((value for name, value in self.params.items() if name.lower() == header), None)
        return asked is not None and str(asked).lower() not in {"", "0", "false"}


def bearer_token(authorization: str) -> str | None:
    """Return the token of an `Authorization` header; None where it has another scheme, or none.

    Schemes are compared without regard to case (RFC 9110, 11.1).
    """
    found = _BEARER.fullmatch(authorization.strip())
    return found[1] if found else None


# Builds the context of one operation; raises RequestRefused to have it answered with an error instead. On a
# WebSocket it is also asked once at `connection_init`, when `expires_at` (a datetime with a time zone) of the
# context it returns, if it has one, sets the end of the connection.
ContextGetter = Callable[[OperationRequest], Awaitable[Any]]

TokenCheck = Callable[[OperationRequest], Awaitable[bool]]
"""Tells whether a request comes with a valid token."""
