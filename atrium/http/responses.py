"""How the endpoint answers: media types, status codes, and one shape for every error.

An error is `{"message", "extensions": {"code", "requestId"}}` in the `errors` of a GraphQL answer, whether it
comes from a resolver or from a request that never reached GraphQL. The status follows the GraphQL-over-HTTP
specification: with `application/json` a well-formed request gets 200, whatever became of it; with
`application/graphql-response+json` an answer without `data` gets the status of its first error.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson
from graphql import GraphQLError, GraphQLSyntaxError
from starlette.responses import Response
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

from atrium.logs import RequestOutcome

JSON_MEDIA_TYPE = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"

OK = 200
STATUS = {
    "BAD_REQUEST": 400,
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "PAYLOAD_TOO_LARGE": 413,
    "URI_TOO_LONG": 414,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "RATE_LIMITED": 429,
    "INTERNAL": 500,
    "SERVICE_UNAVAILABLE": 503,
    "TIMEOUT": 504,
}
INTERNAL_MESSAGE = "Something went wrong on our side."

_CODES = {status: code for code, status in STATUS.items()}
_UNKNOWN_STATUS = STATUS["BAD_REQUEST"]
_CHALLENGE = (b"www-authenticate", b"Bearer")
_HEADERS = {
    kind: ((b"content-type", f"{kind}; charset=utf-8".encode()), (b"cache-control", b"no-store"))
    for kind in (JSON_MEDIA_TYPE, GRAPHQL_JSON)
}
_REQUEST_ERRORS = (MissingQueryError, CannotGetOperationTypeError, InvalidOperationTypeError)


class RequestRefused(Exception):
    """The request is answered with an error of this code instead of being executed.

    `code` is one of `STATUS`, which says the status too. The message is shown to the client.
    """

    def __init__(self, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    @classmethod
    def from_status(cls, status: int, message: str, headers: Mapping[str, str] | None = None) -> "RequestRefused":
        """The refusal that an HTTP status stands for."""
        return cls(_CODES.get(status, "BAD_REQUEST"), message, headers)

    @classmethod
    def internal(cls) -> "RequestRefused":
        """The refusal that says nothing of a fault of ours."""
        return cls("INTERNAL", INTERNAL_MESSAGE)

    @property
    def status(self) -> int:
        """The HTTP status of this refusal."""
        return STATUS.get(self.code, _UNKNOWN_STATUS)

    def to_error(self, request_id: str) -> dict[str, Any]:
        """This refusal as an error of a GraphQL answer."""
        return {"message": self.message, "extensions": {"code": self.code, "requestId": request_id}}

    def to_response(self, request_id: str, accept: str | None = None) -> Response:
        """The answer to a request that was refused, in the media type it accepts."""
        return build_response(
            {"errors": [self.to_error(request_id)]},
            status=self.status,
            media_type=negotiate_media_type(accept),
            headers=self.headers,
        )


def encode_json(data: object) -> bytes:
    """Data as JSON in UTF-8; an `orjson.Fragment` in it is passed through as it is."""
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
    """An HTTP answer with this GraphQL payload; a 401 says how to authenticate."""
    body = encode_json(payload)
    raw = [*_HEADERS[media_type], (b"content-length", b"%d" % len(body))]
    if status == STATUS["UNAUTHENTICATED"]:
        raw.append(_CHALLENGE)
    if headers:
        raw += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    return RawResponse(body, status, raw)


@lru_cache(maxsize=256)
def negotiate_media_type(accept: str | None) -> str:
    """The media type to answer with: the GraphQL one if it is asked for and not ranked lower, else JSON.

    An `Accept` that allows neither is disregarded, as the specification lets a server do.
    """
    if not accept or GRAPHQL_JSON not in accept.lower():
        return JSON_MEDIA_TYPE
    weights = dict(map(_parse_weight, accept.lower().split(",")))
    wanted = weights.get(GRAPHQL_JSON, 0.0)
    return GRAPHQL_JSON if wanted > 0 and wanted >= weights.get(JSON_MEDIA_TYPE, 0.0) else JSON_MEDIA_TYPE


def _parse_weight(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip() for piece in part.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return name, float(parameter[2:])
            except ValueError:
                return name, 0.0
    return name, 1.0


def is_request_error(data: object, errors: Sequence[GraphQLError]) -> bool:
    """Whether nothing was executed: no data, and no error that belongs to a field."""
    return data is None and all(error.path is None for error in errors)


def status_of(errors: Sequence[Any]) -> int:
    """The status of an answer without data: that of its first error's code, else 400."""
    return STATUS.get(errors[0]["extensions"]["code"], _UNKNOWN_STATUS)


def format_error(error: GraphQLError, request_id: str) -> dict[str, Any]:
    """An error as it is sent, with a code and the request's id.

    An error that carries a code is sent as it is. Of the others, those about the document get the code of their
    stage; what is left was not meant for clients and is replaced.
    """
    shown: dict[str, Any] = dict(error.formatted)
    extensions = dict(shown.get("extensions") or {})
    if "code" not in extensions:
        extensions["code"] = _default_code(error)
        if extensions["code"] == "INTERNAL":
            shown["message"] = INTERNAL_MESSAGE
    extensions.setdefault("requestId", request_id)
    shown["extensions"] = extensions
    return shown


def classify_outcome(errors: Sequence[Mapping[str, Any]], *, refused: bool = False) -> RequestOutcome:
    """How an answer with these errors is counted."""
    if any(error["extensions"]["code"] == "INTERNAL" for error in errors):
        return "internal"
    return "refused" if refused else "error"


def _default_code(error: GraphQLError) -> str:
    if isinstance(error, GraphQLSyntaxError):
        return "GRAPHQL_PARSE_FAILED"
    if error.path is not None:
        return "INTERNAL"
    foreign = error.original_error is not None and not isinstance(error.original_error, GraphQLError)
    if foreign and not error.locations and not isinstance(error.original_error, _REQUEST_ERRORS):
        return "INTERNAL"
    return "GRAPHQL_VALIDATION_FAILED"
