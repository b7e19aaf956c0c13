"""How the endpoint answers: media types, status codes, and one shape for every error.

An error is `{"message", "extensions": {"code", "requestId"}}` in the `errors` of a GraphQL answer, whether it
comes from a resolver or from a request that never reached GraphQL. The status follows the GraphQL-over-HTTP
specification: with `application/json` a well-formed request gets 200, whatever became of it; with
`application/graphql-response+json` an answer without `data` gets the status of its first error.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
from graphql import GraphQLError
from starlette.responses import Response

from atrium.logs import RequestOutcome
from graph.fields.errors import STATUS, error_code

JSON_MEDIA_TYPE = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
EVENT_STREAM = "text/event-stream"
LONGEST_ACCEPT = 1_000  # characters
UNACCEPTED = (0.0, 0)

OK = 200
INTERNAL_MESSAGE = "Something went wrong on our side."

_logger = logging.getLogger(__name__)
_CODES = {status: code for code, status in reversed(list(STATUS.items()))}
_UNKNOWN_STATUS = STATUS["BAD_REQUEST"]
_CHALLENGE = (b"www-authenticate", b"Bearer")
_HEADERS = {
    kind: ((b"content-type", f"{kind}; charset=utf-8".encode()), (b"cache-control", b"no-store"))
    for kind in (JSON_MEDIA_TYPE, GRAPHQL_JSON)
}


class RequestRefused(Exception):
    """The request is answered with an error of this code instead of being executed.

    `code` is one of `STATUS`, which says the status too. The message is shown to the client.
    """

    def __init__(
        self,
        code: str,
        message: str,
        headers: Mapping[str, str] | None = None,
        *,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Make it.

        Args:
            code: one of `STATUS`.
            message: one sentence, shown to the client.
            headers: of its HTTP answer.
            details: what else a program may want to know; it is among the error's extensions.
        """
        super().__init__(message)
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
        self.details = dict(details or {})

    @classmethod
    def from_status(cls, status: int, message: str, headers: Mapping[str, str] | None = None) -> "RequestRefused":
        """Return the refusal that an HTTP status stands for."""
        return cls(_CODES.get(status, "BAD_REQUEST"), message, headers)

    @classmethod
    def internal(cls) -> "RequestRefused":
        """Return the error that says nothing of an internal fault."""
        return cls("INTERNAL", INTERNAL_MESSAGE)

    @property
    def status(self) -> int:
        """Return the HTTP status of this refusal."""
        return STATUS.get(self.code, _UNKNOWN_STATUS)

    def to_error(self, request_id: str) -> dict[str, Any]:
        """Return this refusal as an error of a GraphQL answer."""
        return {"message": self.message, "extensions": {"code": self.code, "requestId": request_id, **self.details}}

    def to_response(self, request_id: str, accept: str | None = None) -> Response:
        """Return the answer to a request that was refused, in the media type it accepts."""
        return build_response(
            {"errors": [self.to_error(request_id)]},
            status=self.status,
            media_type=negotiate_media_type(accept),
            headers=self.headers,
        )


def encode_json(data: object) -> bytes:
    """Return data as JSON in UTF-8; an `orjson.Fragment` in it is passed through as it is."""
    return orjson.dumps(data)


class RawResponse(Response):
    """An HTTP answer whose headers are written already."""

    def __init__(self, body: bytes, status: int, raw_headers: list[tuple[bytes, bytes]]) -> None:
        self.body = body
        self.status_code = status
        self.raw_headers = raw_headers
        self.background = None


def build_response(
    payload: Mapping[str, Any], *, status: int, media_type: str, headers: Mapping[str, str] | None = None
) -> RawResponse:
    """Return an HTTP answer with this GraphQL payload; a 401 says how to authenticate."""
    body = encode_json(payload)
    raw = [*_HEADERS[media_type], (b"content-length", b"%d" % len(body))]
    if status == STATUS["UNAUTHENTICATED"]:
        raw.append(_CHALLENGE)
    if headers:
        raw += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    return RawResponse(body, status, raw)


@dataclass(frozen=True, slots=True)
class Accepted:
    """What an `Accept` header comes to here."""

    media_type: str
    """The type of JSON that is preferred."""
    streams: bool
    """Whether an event stream is accepted, by its name."""
    prefers_stream: bool
    """Whether an event stream is preferred to JSON."""


@lru_cache(maxsize=256)
def _accepted(accept: str) -> Accepted:
    ranges = [_media_range(part) for part in accept.lower().split(",")]
    ranks = {kind: _rank(kind, ranges) for kind in (JSON_MEDIA_TYPE, GRAPHQL_JSON, EVENT_STREAM)}
    streams = any(name == EVENT_STREAM and quality > 0 for name, quality in ranges)
    if not streams:
        del ranks[EVENT_STREAM]
    first, *others = sorted(ranks, key=lambda kind: ranks[kind])
    prefers_stream = first == EVENT_STREAM
    best = others[0] if prefers_stream else first
    return Accepted(best if ranks[best] != UNACCEPTED else JSON_MEDIA_TYPE, streams, prefers_stream)


def accepted(accept: str | None) -> Accepted:
    """Return what to answer with: the supported type of the highest quality value, and of equal ones the first.

    An `Accept` that allows nothing of it is disregarded, as the specification lets a server do; one that is longer than
    any client's too.
    """
    return _accepted(accept) if accept and len(accept) <= LONGEST_ACCEPT else ANYTHING


def negotiate_media_type(accept: str | None) -> str:
    """Return the media type of an answer in JSON."""
    return accepted(accept).media_type


def _rank(kind: str, ranges: Sequence[tuple[str, float]]) -> tuple[float, int]:
    """Return the rank of a type by the most specific range that includes it, the least being the best."""
    for pattern in (kind, f"{kind.partition('/')[0]}/*", "*/*"):
        for place, (name, quality) in enumerate(ranges):
            if name == pattern:
                return (-quality, place) if quality > 0 else UNACCEPTED
    return UNACCEPTED


def _media_range(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip() for piece in part.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                quality = float(parameter[2:])
            except ValueError:
                quality = 0.0
            return name, quality if 0 <= quality <= 1 else 0.0
    return name, 1.0


ANYTHING = Accepted(JSON_MEDIA_TYPE, streams=False, prefers_stream=False)


def is_request_error(data: object, errors: Sequence[GraphQLError]) -> bool:
    """Return whether nothing was executed: no data, and no error that belongs to a field."""
    return data is None and all(error.path is None for error in errors)


def status_of(errors: Sequence[Any]) -> int:
    """Return the status of an answer without data: that of its first error's code, else 400."""
    return STATUS.get(errors[0]["extensions"]["code"], _UNKNOWN_STATUS)


def retry_after(payload: Mapping[str, Any]) -> int | None:
    """Return after how many seconds to send an operation again that was refused for its rate; None for others."""
    if "data" in payload:
        return None
    extensions = payload["errors"][0]["extensions"]
    seconds: int | None = extensions.get("retryAfter") if extensions["code"] == "RATE_LIMITED" else None
    return seconds


def format_error(error: GraphQLError, request_id: str) -> dict[str, Any]:
    """Return an error as it is sent, with a code and the request's id.

    An error that carries a code is sent as it is. Of the others, what was not meant for clients is replaced and logged.
    """
    shown: dict[str, Any] = dict(error.formatted)
    extensions = dict(shown.get("extensions") or {})
    if "code" not in extensions:
        extensions["code"] = error_code(error)
        if extensions["code"] == "INTERNAL":
            shown["message"] = INTERNAL_MESSAGE
            cause = error.original_error or error
            _logger.error("unexpected error", exc_info=cause, extra={"fields": {"request_id": request_id}})
    extensions.setdefault("requestId", request_id)
    shown["extensions"] = extensions
    return shown


def classify_outcome(errors: Sequence[Mapping[str, Any]], *, refused: bool = False) -> RequestOutcome:
    """Return how an answer with these errors is counted."""
    codes = {error["extensions"]["code"] for error in errors}
    if "INTERNAL" in codes:
        return "internal"
    if "TIMEOUT" in codes:
        return "timeout"
    return "refused" if refused else "error"
