"""What comes in: a bounded body, strict JSON, and the one operation it describes.

Whatever is wrong with a request is found here, before GraphQL sees it, and refused with a code. JSON is decoded
by orjson, which knows no NaN, no infinite numbers, no bad UTF-8 and no half surrogate pairs; what it lets pass
and PostgreSQL or Python's recursion would not, is refused by `decode_json`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from json import JSONDecodeError
from typing import Any, Literal

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect
from starlette.types import Receive
from strawberry.http import GraphQLRequestData

from atrium.http.document_lookup import NO_REFERENCE, DocumentReference, read_reference
from atrium.http.negotiation import JSON_MEDIA_TYPE
from atrium.http.responses import UNPROCESSABLE, RequestRefused

MAX_DEPTH = 32  # levels of JSON; inputs within inputs are coerced recursively, several frames a level
MAX_QUERY_STRING = 16_384  # bytes

ResponseProtocol = Literal["http", "sse"]

_MAX_LENGTH_DIGITS = 16  # of a declared length: enough for any, too few to be slow

_PARAMETERS: tuple[tuple[str, type, str], ...] = (
    ("query", str, "a string"),
    ("operationName", str, "a string"),
    ("variables", dict, "an object"),
    ("extensions", dict, "an object"),
    ("documentId", str, "a string"),
)


@dataclass
class OperationData(GraphQLRequestData):
    """One operation, and how it names its document."""

    reference: DocumentReference = NO_REFERENCE


def decode_json(data: str | bytes) -> Any:
    """Return json, decoded.

    Raises:
        JSONDecodeError: for what is not JSON, is nested deeper than `MAX_DEPTH` or holds a NUL, which PostgreSQL
            stores in no text.
    """
    value = orjson.loads(data)
    # Most bodies show by their bytes that they need no closer look.
    if isinstance(data, bytes):
        brackets, nul = data.count(b"{") + data.count(b"["), b"\\u0000" in data
    else:
        brackets, nul = data.count("{") + data.count("["), "\\u0000" in data
    if nul or brackets > MAX_DEPTH:
        _require_safe_values(value)
    return value


def _require_safe_values(value: Any) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict | list):
                if depth > MAX_DEPTH:
                    raise JSONDecodeError(f"nested deeper than {MAX_DEPTH} levels", "", 0)
                below += item
                if isinstance(item, dict):
                    below += item.values()
            elif isinstance(item, str) and "\x00" in item:
                raise JSONDecodeError("text must not hold the character NUL", "", 0)
        level = below


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Most bytes of a request body, or of a message on a WebSocket."""

    authenticated: int
    """With a valid token."""
    anonymous: int
    """Without one."""


async def read_body(
    receive: Receive, declared: str | None, limits: BodyLimits, is_authenticated: Callable[[], Awaitable[bool]]
) -> bytes:
    """Return the body of a request, within its limit: by its declared length, else as it arrives.

    Args:
        receive: the request's.
        declared: its Content-Length, if it has one.
        limits: how many bytes are read.
        is_authenticated: tells whether there is a valid token; asked where it matters alone.

    Raises:
        RequestRefused: PAYLOAD_TOO_LARGE, before more than the limit is read.
        ClientDisconnect: when the client goes away before the end.
    """
    limit = min(limits.anonymous, limits.authenticated)

    async def require(size: int) -> None:
        nonlocal limit
        if limit < size <= limits.authenticated and await is_authenticated():
            limit = limits.authenticated
        if size > limit:
            raise _too_large(limit)

    if declared is not None and declared.isdecimal():
        await require(int(declared[:_MAX_LENGTH_DIGITS]))
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        await require(len(body))
        if not message.get("more_body", False):
            return bytes(body)


def _too_large(limit: int) -> RequestRefused:
    # The rest of the body stays unread, so the connection cannot serve another request.
    return RequestRefused("PAYLOAD_TOO_LARGE", f"The body is larger than {limit} bytes.", {"connection": "close"})


def require_short_query_string(query_string: bytes) -> None:
    """Return a query string has at most `MAX_QUERY_STRING` bytes.

    Raises:
        RequestRefused: URI_TOO_LONG.
    """
    if len(query_string) > MAX_QUERY_STRING:
        raise RequestRefused("URI_TOO_LONG", "The query string is too long; send a POST.")


def require_json(content_type: str | None) -> None:
    """Only JSON in UTF-8 is read.

    A page of another origin can send forms, plain text and multipart without asking (a simple request), so they
    are refused whatever they hold.

    Raises:
        RequestRefused: UNSUPPORTED_MEDIA_TYPE.
    """
    if content_type == JSON_MEDIA_TYPE:
        return
    kind, *parameters = (part.strip().lower() for part in (content_type or "").split(";"))
    charsets = [part[8:].strip('"') for part in parameters if part.startswith("charset=")]
    if kind != JSON_MEDIA_TYPE or any(charset not in {"utf-8", "utf8"} for charset in charsets):
        raise RequestRefused(
            "UNSUPPORTED_MEDIA_TYPE", f"The body must be {JSON_MEDIA_TYPE} in UTF-8.", {"accept": JSON_MEDIA_TYPE}
        )


def require_identity(content_encoding: str | None) -> None:
    """Only a body that is not compressed is read (RFC 9110, 8.4): a small one could become a large one.

    Raises:
        RequestRefused: UNSUPPORTED_MEDIA_TYPE.
    """
    codings = (part.strip().lower() for part in (content_encoding or "").split(","))
    if any(coding not in {"", "identity"} for coding in codings):
        message = "The body must not be compressed or coded otherwise."
        raise RequestRefused("UNSUPPORTED_MEDIA_TYPE", message, {"accept-encoding": "identity"})


def parse_query_string(query_string: bytes, protocol: ResponseProtocol) -> OperationData:
    """Return the operation that the query string of a GET describes.

    Raises:
        RequestRefused: URI_TOO_LONG, and as by `parse_operation`.
        JSONDecodeError: its variables or extensions are not JSON, or not as `decode_json` wants it.
    """
    require_short_query_string(query_string)
    parameters: dict[str, Any] = dict(QueryParams(query_string))
    for name in ("variables", "extensions"):
        if name in parameters:  # an empty one is as good as none
            parameters[name] = decode_json(parameters[name]) if parameters[name] else None
    return parse_operation(parameters, protocol)


def parse_operation(data: object, protocol: ResponseProtocol) -> OperationData:
    """Return the operation that a decoded body or query string describes; what else is in it is ignored.

    Raises:
        RequestRefused: BAD_REQUEST, when it is no object (there are no batches), has a parameter of another type
            than the specification's, or has no query and names no document.
    """
    if isinstance(data, list):
        raise _malformed("Batches are not served: send each operation in a request of its own.")
    if not isinstance(data, dict):
        raise _malformed("The body must be one JSON object.")
    for name, kind, article in _PARAMETERS:
        value = data.get(name)
        if value is not None and not isinstance(value, kind):
            raise _malformed(f"`{name}` must be {article}.")
    reference = read_reference(data)
    if reference.is_empty:
        if data.get("query") is None:
            raise _malformed("`query` is missing.")
        if not data["query"]:
            raise RequestRefused("BAD_REQUEST", "`query` is empty.")
    return OperationData(
        query=data.get("query"),
        variables=data.get("variables"),
        operation_name=data.get("operationName") or None,
        extensions=data.get("extensions"),
        protocol=protocol,
        reference=reference,
    )


def _malformed(message: str) -> RequestRefused:
    """Return the refusal of what was read, and is no well-formed request."""
    return RequestRefused("BAD_REQUEST", message, status=UNPROCESSABLE)
