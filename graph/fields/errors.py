"""Errors: those that are data, as types; what becomes of all the others; and the one table of their codes.

A rule raises a `services.errors.DomainError`. Where a field's union has a type for it, the client gets that type, and
its fields. Everywhere else it gets a top-level error with `extensions.code`. What is no DomainError never leaves: the
client gets `INTERNAL` and the request's id, the log gets the trace.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

import strawberry
from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from graph.fields.declared import NODE_TYPES
from graph.fields.descriptions import interface, object_type
from graph.fields.error_codes import ErrorCode
from graph.fields.node import Node
from graph.fields.redaction import VALUE_OF_A_VARIABLE, in_json, redacted
from graph.runtime.context import Info
from models.database.errors import DatabaseUnavailable, LoginTooOld, SuperuserRefused, TransactionConflict
from services import errors

__all__ = [
    "CLOSE_CODE",
    "ERROR_HANDLERS",
    "STATUS",
    "AlreadyExists",
    "Error",
    "ErrorCode",
    "IdempotencyConflict",
    "IllegalTransition",
    "InvalidCredentials",
    "InvalidInput",
    "InvalidToken",
    "NotFound",
    "OutOfStock",
    "RateLimited",
    "VersionConflict",
    "error_code",
    "mask_error",
    "to_error_type",
    "without_nodes",
]

log = logging.getLogger("atrium.graph")

STATUS: Mapping[str, int] = {
    "BAD_REQUEST": 400,
    "GRAPHQL_PARSE_FAILED": 400,
    "GRAPHQL_VALIDATION_FAILED": 400,
    "DOCUMENT_TOO_COMPLEX": 400,
    "BAD_USER_INPUT": 400,
    "ALREADY_EXISTS": 400,
    "VERSION_CONFLICT": 400,
    "ILLEGAL_TRANSITION": 400,
    "OUT_OF_STOCK": 400,
    "IDEMPOTENCY_CONFLICT": 400,
    "INVALID_CREDENTIALS": 400,
    "INVALID_TOKEN": 400,
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "REAUTHENTICATION_REQUIRED": 403,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "REQUEST_TIMEOUT": 408,
    "PAYLOAD_TOO_LARGE": 413,
    "URI_TOO_LONG": 414,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "RATE_LIMITED": 429,
    "TOO_MANY_CONNECTIONS": 429,
    "TOO_MANY_OPERATIONS": 429,
    "HEADERS_TOO_LARGE": 431,
    "INTERNAL": 500,
    "SERVICE_UNAVAILABLE": 503,
    "TIMEOUT": 504,
}
"""Every code that an error can carry, with the HTTP status of an answer that has nothing else to say; the first code of
a status is the one that stands for it."""

CLOSE_CODE: Mapping[str, int] = {
    "UNAUTHENTICATED": 4403,  # clients take 4401 for final; after 4403 they get a new token and connect again
    "FORBIDDEN": 4403,
    "SERVICE_UNAVAILABLE": 1013,
    "INTERNAL": 1011,
}
"""The code that closes a WebSocket which is refused, by the code of its refusal."""

REQUEST_FAULTS: Mapping[type[BaseException], str] = {
    MissingQueryError: "BAD_REQUEST",
    CannotGetOperationTypeError: "GRAPHQL_VALIDATION_FAILED",
    InvalidOperationTypeError: "METHOD_NOT_ALLOWED",
}
"""What Strawberry raises where a request names no operation that can be run, and its codes."""

MAYBE_NULL_MESSAGE = re.compile(r"Expected value of type '.*', found null\..*", re.DOTALL)
"""What Strawberry says of a `Maybe` that cannot be null; it speaks of Python's types."""


@interface
class Error:
    """A typed error that a mutation returns as data, so that a client can react to it."""

    message: str
    """Message for people, one sentence in English."""
    code: ErrorCode
    """Error code for programs; stable, unlike the message."""


@object_type
class FieldProblem:
    """Problem with one field of an input."""

    path: str
    """Path of the invalid field in the input, such as `title` or `items.0.quantity`."""
    message: str
    """Problem with this input field, one sentence in English for people."""


@object_type
class InvalidInput(Error):
    """Error: invalid input; one or more fields break a rule, and nothing was written."""

    fields: list[FieldProblem]
    """Problems of the input, one for each invalid value."""


@object_type
class NotFound(Error):
    """Error: the object does not exist in this tenant, or the viewer may not see it."""


@object_type
class AlreadyExists(Error):
    """Error: a value of the input must be unique, but is already in use."""

    field: str
    """Path of the input field whose value is already in use, such as `title` or `users.3.email`."""


async def _load_current(root: "VersionConflict", info: Info) -> Node | None:
    nodes = (node.collection for node in NODE_TYPES.values() if node.collection.model is root.refused.model)
    collection = next(nodes, None)
    if collection is None:
        return None  # what is no Node, as the viewer
    row: Node | None = await info.context.loaders.one(collection, "id", root.refused.row_id)
    return row


@object_type
class VersionConflict(Error):
    """Error: the object has changed since the version given as `expectedVersion`; nothing was written."""

    current_version: int
    """Version of the conflicting object now; send it as `expectedVersion` to retry."""
    current: Node | None = strawberry.field(resolver=_load_current)
    """Conflicting object as it is now; null if the viewer may not see it, and for the viewer's own account, which is
    not a Node."""
    refused: strawberry.Private[errors.VersionConflict]


@object_type
class IllegalTransition(Error):
    """Error: illegal transition; the current state of the object does not allow this operation."""

    current_status: str | None
    """Current status of the object; null if this error is not about a status."""
    allowed: list[str]
    """States that the object can change to from its current state; empty if there are none."""


async def _load_product(root: "Shortage", info: Info) -> Node | None:
    row: Node | None = await info.context.loaders.one(NODE_TYPES["Product"].collection, "id", root.product_id)
    return row


@object_type
class Shortage:
    """A product whose stock is too small for the requested quantity."""

    product: Node | None = strawberry.field(resolver=_load_product)
    """Product whose stock is too small, as it is now; null if the product cannot be read."""
    name: str
    """Name of the product whose stock is too small."""
    requested: int
    """Number of units of the product that the order requested."""
    available: int
    """Number of units of the product that were in stock."""
    product_id: strawberry.Private[UUID]


@object_type
class OutOfStock(Error):
    """Error: the stock of one or more products is too small, so no order was placed."""

    lines: list[Shortage]
    """Products whose stock is too small, with the requested and the available quantity of each."""


@object_type
class IdempotencyConflict(Error):
    """Error: the idempotency key was already used for the same mutation with other input."""


@object_type
class InvalidCredentials(Error):
    """Error: invalid credentials; the e-mail address or the password is wrong, and the error does not reveal which."""


@object_type
class InvalidToken(Error):
    """Error: invalid token; the given token is unknown, already used, revoked or expired."""


@object_type
class RateLimited(Error):
    """Error: too many attempts in a short time from this client or for this account; nothing was done."""

    retry_after: int
    """Number of seconds to wait before the next attempt."""


def api_path(path: str) -> str:
    """Return a field's path in the API's spelling."""
    return ".".join(to_camel_case(part) for part in path.split("."))


def _field_problems(error: errors.InvalidInput) -> list[FieldProblem]:
    return [FieldProblem(path=api_path(p.path), message=p.message) for p in error.problems]


class ErrorHandler:
    """Turns one kind of refusal into its type, wherever a field's union has that type."""

    def __init__(
        self, exception: type[errors.DomainError], error: type[Error], details: Callable[[Any], dict[str, Any]]
    ) -> None:
        self.exception_type = exception
        self.error_type = error
        self.details = details

    def handle(self, exception: Any, *, field: StrawberryField, info: Any) -> Error:  # noqa: ARG002  # its protocol
        """Make it."""
        return self.to_error_type(exception)

    def to_error_type(self, refusal: errors.DomainError) -> Error:
        """Return the GraphQL type for this error."""
        return self.error_type(message=refusal.message, code=ErrorCode(refusal.code), **self.details(refusal))


ERROR_HANDLERS = (
    ErrorHandler(errors.NotFound, NotFound, lambda _: {}),
    ErrorHandler(errors.InvalidInput, InvalidInput, lambda e: {"fields": _field_problems(e)}),
    ErrorHandler(errors.AlreadyExists, AlreadyExists, lambda e: {"field": api_path(e.field)}),
    ErrorHandler(errors.VersionConflict, VersionConflict, lambda e: {"current_version": e.version, "refused": e}),
    ErrorHandler(
        errors.IllegalTransition,
        IllegalTransition,
        lambda e: {"current_status": e.current, "allowed": list(e.allowed)},
    ),
    ErrorHandler(errors.OutOfStock, OutOfStock, lambda e: {"lines": [Shortage(**asdict(s)) for s in e.shortages]}),
    ErrorHandler(errors.IdempotencyConflict, IdempotencyConflict, lambda _: {}),
    ErrorHandler(errors.InvalidCredentials, InvalidCredentials, lambda _: {}),
    ErrorHandler(errors.InvalidToken, InvalidToken, lambda _: {}),
    ErrorHandler(errors.RateLimited, RateLimited, lambda e: {"retry_after": e.retry_after}),
)


def to_error_type(refusal: errors.DomainError) -> Error:
    """Return a domain error as the type that stands for it in a union.

    Raises:
        DomainError: the refusal itself, when no type stands for its kind.
    """
    for handler in ERROR_HANDLERS:
        if isinstance(refusal, handler.exception_type):
            return handler.to_error_type(refusal)
    raise refusal


def mask_error(error: GraphQLError, request_id: str, *, suggestions: bool) -> GraphQLError:
    """Return an error as a client may see it: with a code, without internal details.

    Args:
        error: what happened.
        request_id: what the client may quote, and the log line carries.
        suggestions: whether messages may name what is in the schema, as in "Did you mean …?".
    """
    cause = _cause(error)
    message, extensions = error.message, {"code": _code(error, cause), **(error.extensions or {})}
    if isinstance(cause, errors.DomainError):
        message = cause.message
        extensions |= _details(cause)
    elif extensions["code"] == "INTERNAL":
        log.error("unexpected error", exc_info=cause or error, extra={"fields": {"request_id": request_id}})
        message = "Something went wrong. Quote the request id when you report it."
        extensions["requestId"] = request_id
    elif _is_unreadable(error, cause):
        message = "A value in the document cannot be read."
    else:
        message = _client_message(error, suggestions=suggestions)
    return _located(error, message, extensions)


def without_nodes(error: GraphQLError, *, suggestions: bool) -> GraphQLError:
    """Return an error about a document as a client may see it, holding nothing of the document; see `mask_error`."""
    extensions = {"code": _code(error, _cause(error)), **(error.extensions or {})}
    return _located(error, _client_message(error, suggestions=suggestions), extensions)


def _client_message(error: GraphQLError, *, suggestions: bool) -> str:
    if "code" in (error.extensions or {}):
        return error.message  # written by Atrium, or worded before
    message = MAYBE_NULL_MESSAGE.sub(
        "A field that may be left out was null: leave it out, or give it a value.", in_json(error.message)
    )
    if suggestions:
        return message
    return redacted(error, re.sub(r" Did you mean .*\?", "", message, flags=re.DOTALL))


def _located(error: GraphQLError, message: str, extensions: dict[str, Any]) -> GraphQLError:
    shown = GraphQLError(message, path=error.path, extensions=extensions)
    shown.locations = error.locations
    return shown


def _cause(error: GraphQLError) -> BaseException | None:
    cause: BaseException | None = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    if isinstance(cause, DatabaseUnavailable | TransactionConflict):
        return errors.Unavailable()  # a statement met it on the way; the context names it where a unit begins
    if isinstance(cause, SuperuserRefused):
        too_old = isinstance(cause, LoginTooOld)
        return errors.ReauthenticationRequired() if too_old else errors.Forbidden("Only superusers may do this.")
    return None if isinstance(cause, GraphQLError) else cause


def error_code(error: GraphQLError) -> str:
    """Return the code of an error that carries none."""
    return _code(error, _cause(error))


def _code(error: GraphQLError, cause: BaseException | None) -> str:
    if isinstance(cause, errors.DomainError):
        return cause.code
    if _is_unreadable(error, cause):
        return "GRAPHQL_VALIDATION_FAILED"
    if cause is not None:
        return REQUEST_FAULTS.get(type(cause), "INTERNAL")
    if isinstance(error, GraphQLSyntaxError):
        return "GRAPHQL_PARSE_FAILED"
    if error.path is None:
        return "BAD_USER_INPUT" if VALUE_OF_A_VARIABLE.match(error.message) else "GRAPHQL_VALIDATION_FAILED"
    return "INTERNAL" if error.message.startswith("Cannot return null") else "BAD_USER_INPUT"


def _is_unreadable(error: GraphQLError, cause: BaseException | None) -> bool:
    """Return whether validation met a literal that Python itself refuses to read: a number of thousands of digits."""
    return error.path is None and bool(error.nodes) and isinstance(cause, ValueError)


def _details(error: errors.DomainError) -> dict[str, Any]:
    if isinstance(error, errors.InvalidInput) and error.problems:
        return {"fields": [{"path": api_path(p.path), "message": p.message} for p in error.problems]}
    return error.details
