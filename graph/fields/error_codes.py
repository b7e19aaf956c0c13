"""Error codes: every code that an error of an answer can carry, as an enum that says what each means."""

from enum import StrEnum

from graph.fields.descriptions import enum

__all__ = ["ErrorCode"]


@enum
class ErrorCode(StrEnum):
    """Codes of errors: of `code` of the types that implement Error, and of `extensions.code` of entries in `errors`.

    Codes are stable; more may be added. Those of which a type is named come as data where a union has that type, and in
    `errors` everywhere else; all others come in `errors` alone.
    """

    BAD_REQUEST = "BAD_REQUEST"
    """The body of the request is not the JSON of one GraphQL request."""
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    """The document does not follow the syntax of GraphQL."""
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    """The document does not fit the schema, or its variables do not fit the document."""
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    """No document has the id of the request: send the text along."""
    PERSISTED_QUERY_NOT_SUPPORTED = "PERSISTED_QUERY_NOT_SUPPORTED"
    """The server keeps no documents by id: send texts alone."""
    PERSISTED_QUERY_MISMATCH = "PERSISTED_QUERY_MISMATCH"
    """The id of the request is not that of the text beside it."""
    DOCUMENT_NOT_TRUSTED = "DOCUMENT_NOT_TRUSTED"
    """The document is not trusted, and the server runs trusted documents only."""
    DOCUMENT_TOO_COMPLEX = "DOCUMENT_TOO_COMPLEX"
    """The document asks for too much; `extensions` have `limit`, `allowed` and `found`."""
    BAD_USER_INPUT = "BAD_USER_INPUT"
    """One or more values of the input break a rule, and nothing was written; as data InvalidInput."""
    ALREADY_EXISTS = "ALREADY_EXISTS"
    """A value of the input must be unique, but is already in use; as data AlreadyExists."""
    VERSION_CONFLICT = "VERSION_CONFLICT"
    """The object has changed since the version given as `expectedVersion`; as data VersionConflict."""
    ILLEGAL_TRANSITION = "ILLEGAL_TRANSITION"
    """The current state of the object does not allow the operation; as data IllegalTransition."""
    OUT_OF_STOCK = "OUT_OF_STOCK"
    """The stock of one or more products is too small, and no order was placed; as data OutOfStock."""
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"
    """The idempotency key was already used for the same mutation with other input; as data IdempotencyConflict."""
    INVALID_CREDENTIALS = "INVALID_CREDENTIALS"
    """The e-mail address or the password is wrong, without saying which; as data InvalidCredentials."""
    INVALID_TOKEN = "INVALID_TOKEN"  # noqa: S105  # a code, no secret
    """A refresh, invitation or e-mailed token is unknown, used, revoked or expired; as data InvalidToken."""
    UNAUTHENTICATED = "UNAUTHENTICATED"
    """There is no access token, or the token, its session, the membership or its role has ended: refresh once, then log
    in."""
    FORBIDDEN = "FORBIDDEN"
    """The permissions of the viewer do not allow the operation, or no tenant was entered; see Viewer.permissions."""
    REAUTHENTICATION_REQUIRED = "REAUTHENTICATION_REQUIRED"
    """The superuser's last login with a password is too long ago: ask for the password and log in again."""
    NOT_FOUND = "NOT_FOUND"
    """The object does not exist in this tenant, or the viewer may not see it; as data NotFound."""
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    """The HTTP method is not allowed, such as GET for a mutation."""
    NOT_ACCEPTABLE = "NOT_ACCEPTABLE"
    """The header `Accept` names no media type in which the server can answer."""
    REQUEST_TIMEOUT = "REQUEST_TIMEOUT"
    """The client did not send its whole request in time."""
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    """The body of the request has too many bytes."""
    URI_TOO_LONG = "URI_TOO_LONG"
    """The address of the request, with its query string, is too long."""
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    """The body of the request is not of the type `application/json`, or is compressed."""
    RATE_LIMITED = "RATE_LIMITED"
    """Too many attempts in a short time; `retryAfter` says how many seconds to wait; as data RateLimited."""
    TOO_MANY_CONNECTIONS = "TOO_MANY_CONNECTIONS"
    """Too many connections are open from one address."""
    TOO_MANY_OPERATIONS = "TOO_MANY_OPERATIONS"
    """Too many operations run on one WebSocket; `extensions.allowed` says how many may."""
    HEADERS_TOO_LARGE = "HEADERS_TOO_LARGE"
    """The headers of the request have too many bytes, or there are too many of them."""
    INTERNAL = "INTERNAL"
    """Something went wrong in the server, whose log says more under the ID in `extensions.requestId`."""
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    """The server is overloaded or restarting, or its database is away; `extensions.retryAfter`, where known, says how
    many seconds to wait."""
    TIMEOUT = "TIMEOUT"
    """The operation took too long and was cancelled; a mutation may have happened."""
