"""Why a unit of work did not happen, or has to happen again, by what that means to the caller."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError

__all__ = [
    "CANCELLED_SQLSTATE",
    "DRIVER_ERRORS",
    "ConnectionLost",
    "DatabaseUnavailable",
    "InvalidValue",
    "LoginTooOld",
    "NotSuperuser",
    "OutOfResources",
    "PoolTimeout",
    "Preempted",
    "ReplicaLagging",
    "SessionNotLive",
    "StatementRejected",
    "SuperuserRefused",
    "TransactionConflict",
    "is_connection_lost",
    "is_out_of_resources",
    "translate_errors",
]

# What the driver raises of a connection; the third of one that the server is just ending. A TimeoutError is an OSError.
DRIVER_ERRORS = (asyncpg.InterfaceError, asyncpg.PostgresError, asyncpg.InternalClientError, OSError)
CONFLICT_SQLSTATES = {"40001", "40P01"}  # serialization failure, deadlock
CANCELLED_SQLSTATE = "57014"  # a statement that took longer than it may
RESOURCE_SQLSTATES = {"53000", "53100", "53200", "53300", "58030"}  # no room, memory or connections; a disk's error
CONNECTION_SQLSTATES = ("08", "57P")  # how the codes of a connection that failed begin, and of a server that shuts down

_logger = logging.getLogger(__name__)


class SessionNotLive(Exception):
    """The caller is no longer authorized: session revoked, person or tenant inactive, role changed, or removed."""


class PoolTimeout(Exception):
    """No connection came free within the time that a caller is made to wait."""


class DatabaseUnavailable(Exception):
    """The database does not answer."""


class ConnectionLost(DatabaseUnavailable):
    """The database broke off while it answered."""


class OutOfResources(DatabaseUnavailable):
    """The database has no room, no memory or no connection left for a statement; nothing of its transaction happened.

    It is written to the log, since clients are told no more than that the server is unavailable.
    """

    def __init__(self, reason: object) -> None:
        """Args: reason: what the database says of it."""
        super().__init__()
        _logger.error("the database is out of resources: %s", reason)


class TransactionConflict(Exception):
    """The unit met another one, and was rolled back; PostgreSQL asks to run it again from the start."""


class Preempted(TransactionConflict):
    """A statement took longer than a reserved connection allows; nothing of its transaction happened."""


class ReplicaLagging(Exception):
    """The replica has not replayed what the reader must see, or is none."""


class InvalidValue(Exception):
    """A statement met a value that it can make nothing of, or that breaks a constraint."""


class StatementRejected(Exception):
    """PostgreSQL refuses a statement as it is."""


def is_connection_lost(code: str | None) -> bool:
    """Return whether an error of this code (SQLSTATE) says that the connection is lost, or its server shuts down."""
    return (code or "").startswith(CONNECTION_SQLSTATES)


def is_out_of_resources(code: str | None) -> bool:
    """Return whether an error of this code (SQLSTATE) says that the server lacks what the statement needs."""
    return code in RESOURCE_SQLSTATES


class SuperuserRefused(Exception):
    """A statement for superusers alone refuses the caller."""


class NotSuperuser(SuperuserRefused):
    """The caller is no superuser."""


class LoginTooOld(SuperuserRefused):
    """The caller is a superuser, but logged in with their password too long ago."""


REFUSAL_SQLSTATES: dict[str, type[Exception]] = {
    "U0001": NotSuperuser,
    "U0002": LoginTooOld,
    "U0003": ReplicaLagging,  # a standby may not have heard of a revocation yet
}
"""What statements that answer to superusers alone fail with (`atrium_require_superuser`)."""


@contextmanager
def translate_errors(*, is_reserved: bool = False) -> Iterator[None]:
    """Translate driver errors that have a meaning for the caller; others pass unchanged.

    Args:
        is_reserved: whether the connection is a reserved one, which cuts off statements that are not brief.
    """
    try:
        yield
    except DBAPIError as error:
        code = getattr(error.orig, "sqlstate", None) or ""
        # The server has ended it, and the driver has read its last message, but not yet that it is closed.
        is_ending = error.orig is not None and isinstance(error.orig.__cause__, asyncpg.InternalClientError)
        if error.connection_invalidated or is_ending or is_connection_lost(code):
            raise ConnectionLost from error
        if is_reserved and code == CANCELLED_SQLSTATE:
            raise Preempted from error
        if code in CONFLICT_SQLSTATES:
            raise TransactionConflict from error
        if is_out_of_resources(code):
            raise OutOfResources(error.orig) from error
        if code in REFUSAL_SQLSTATES:
            raise REFUSAL_SQLSTATES[code] from error
        raise
