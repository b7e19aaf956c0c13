"""How the endpoint answers: media types, status codes, and one shape for every error.

An error is `{"message", "extensions": {"code", "requestId"}}` in the `errors` of a GraphQL answer, whether it
comes from a resolver or from a request that never reached GraphQL. The status follows the first edition of GraphQL over
HTTP: 2xx where there is `data`, else that of the first error's code; or, by setting, the drafts before it.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from graphql import GraphQLError
from starlette.responses import Response

from atrium.http.negotiation import GRAPHQL_JSON, JSON_MEDIA_TYPE, OK, Accepted, Edition, negotiate
from atrium.logs import RequestOutcome, RequestRecord
from graph.fields.errors import STATUS, error_code

UNPROCESSABLE = 422
INTERNAL_MESSAGE = "Something went wrong on our side."

_logger = logging.getLogger(__name__)
_CODES = {status: code for code, status in reversed(list(STATUS.items()))}
_UNKNOWN_STATUS = STATUS["BAD_REQUEST"]
_LEGACY_STATUSES = {UNPROCESSABLE: STATUS["BAD_REQUEST"]}
_RETRIED = frozenset({STATUS["RATE_LIMITED"], STATUS["SERVICE_UNAVAILABLE"]})
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
        status: int | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Make it.

        Args:
            code: one of `STATUS`.
            message: one sentence, shown to the client.
            headers: of its HTTP answer.
            status: of its HTTP answer, where it is not the code's.
            details: what else a program may want to know; it is among the error's extensions.
        """
        super().__init__(message)
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
        self.status = STATUS.get(code, _UNKNOWN_STATUS) if status is None else status
        self.details = dict(details or {})

    @classmethod
    def from_status(cls, status: int, message: str, headers: Mapping[str, str] | None = None) -> "RequestRefused":
        """Return the refusal that an HTTP status stands for."""
        return cls(_CODES.get(status, "BAD_REQUEST"), message, headers)

    @classmethod
    def internal(cls) -> "RequestRefused":
        """Return the error that says nothing of an internal fault."""
        return cls("INTERNAL", INTERNAL_MESSAGE)

    def to_error(self, request_id: str) -> dict[str, Any]:
        """Return this refusal as an error of a GraphQL answer."""
        return {"message": self.message, "extensions": {"code": self.code, "requestId": request_id, **self.details}}

    def to_response(self, request_id: str, *, status: int, media_type: str) -> "RawResponse":
        """Return the answer to a request that was refused."""
        payload = {"errors": [self.to_error(request_id)]}
        return build_response(payload, status=status, media_type=media_type, headers=self.headers)


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
    """Return an HTTP answer with this payload; a 401 says how to authenticate, a 429 and a 503 when to try again."""
    body = encode_json(payload)
    raw = [*_HEADERS[media_type], (b"content-length", b"%d" % len(body))]
    if status == STATUS["UNAUTHENTICATED"]:
        raw.append(_CHALLENGE)
    if status in _RETRIED and (seconds := payload["errors"][0]["extensions"].get("retryAfter")) is not None:
        raw.append((b"retry-after", b"%d" % math.ceil(seconds)))
    if headers:
        raw += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    return RawResponse(body, status, raw)


class Responder:
    """Answers GraphQL requests, with the statuses and media types of one edition of GraphQL over HTTP."""

    def __init__(self, edition: Edition) -> None:
        """Args: edition: which one."""
        self._edition: Edition = edition
        self._statuses = _LEGACY_STATUSES if edition == "legacy" else {}

    def negotiate(self, accept: str | None) -> Accepted:
        """Return what an `Accept` header comes to."""
        return negotiate(accept, self._edition)

    def answer(self, payload: Mapping[str, Any], chosen: Accepted) -> RawResponse:
        """Return the answer to a well-formed request: 2xx with data, else the status of its first error's code."""
        if "data" in payload:
            status = chosen.partial_status if "errors" in payload else OK
            return build_response(payload, status=status, media_type=chosen.media_type)
        status = STATUS.get(payload["errors"][0]["extensions"]["code"], _UNKNOWN_STATUS)
        status = OK if chosen.hides_refusals else self._statuses.get(status, status)
        return build_response(payload, status=status, media_type=chosen.refusal_media_type)

    def refuse(self, refusal: RequestRefused, request_id: str, accept: str | None = None) -> RawResponse:
        """Return the answer to a request that was refused before it came to GraphQL."""
        status, media_type = self._statuses.get(refusal.status, refusal.status), self.negotiate(accept)
        return refusal.to_response(request_id, status=status, media_type=media_type.refusal_media_type)


def refuse_outside_graphql(refusal: RequestRefused, request_id: str, _accept: str | None = None) -> RawResponse:
    """Return the answer to a refused request for something else than GraphQL."""
    return refusal.to_response(request_id, status=refusal.status, media_type=JSON_MEDIA_TYPE)


def is_request_error(data: object, errors: Sequence[GraphQLError]) -> bool:
    """Return whether nothing was executed: no data, and no error that belongs to a field."""
    return data is None and all(error.path is None for error in errors)


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


def note_errors(record: RequestRecord, errors: Sequence[Mapping[str, Any]], *, refused: bool = False) -> None:
    """Note in its record how an operation is counted that is answered with these errors, and the code of a fault."""
    codes = [error["extensions"]["code"] for error in errors]
    record.outcome = _classify_outcome(codes, refused=refused)
    record.error_code = next((code for code in codes if is_fault(code)), record.error_code)


def is_fault(code: str) -> bool:
    """Return whether an error of this code is a fault of the server, and none of whoever asked."""
    return STATUS.get(code, _UNKNOWN_STATUS) >= STATUS["INTERNAL"]


def _classify_outcome(codes: Sequence[str], *, refused: bool) -> RequestOutcome:
    if "INTERNAL" in codes:
        return "internal"
    if "TIMEOUT" in codes:
        return "timeout"
    if refused:
        return "refused"
    return "unavailable" if "SERVICE_UNAVAILABLE" in codes else "error"
