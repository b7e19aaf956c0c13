"""Everything that a rule can refuse with, as one tree.

    DomainError
    ├── Unauthenticated       nobody, or no longer anybody: log in (again)
    ├── Forbidden             somebody, but not with these powers
    ├── ReauthenticationRequired   somebody with these powers, whose login is too old for them
    ├── NotFound              no such thing here; another tenant's thing reads the same, word for word
    ├── InvalidInput          the input breaks a rule; says which field and how
    ├── AlreadyExists         a value that must be unique is taken
    ├── VersionConflict       the thing changed since it was read
    ├── IllegalTransition     the thing is not in a state that allows this
    ├── OutOfStock            there is not enough of some products; says of which, and how much there is
    ├── IdempotencyConflict   the key was used before, with another input
    ├── InvalidCredentials    the e-mail or the password is wrong; never says which
    ├── InvalidToken          a token from elsewhere (refresh, invitation) is unknown, used, or over
    ├── RateLimited           too many tries; says when to try again
    └── Unavailable           not now: overloaded, or the database is away

A rule raises one of these and knows nothing of how it travels. The test for a new one: would a client show something
different? Then it is data, and its GraphQL type is in graph/fields/errors.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

__all__ = [
    "AlreadyExists",
    "DomainError",
    "FieldProblem",
    "Forbidden",
    "IdempotencyConflict",
    "IllegalTransition",
    "InvalidCredentials",
    "InvalidInput",
    "InvalidToken",
    "NotFound",
    "OutOfStock",
    "RateLimited",
    "ReauthenticationRequired",
    "Shortage",
    "Unauthenticated",
    "Unavailable",
    "VersionConflict",
]


class DomainError(Exception):
    """A refusal that a client may read."""

    code: ClassVar[str] = "DOMAIN_ERROR"
    sentence: ClassVar[str] = "That is not possible."

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.sentence)

    @property
    def message(self) -> str:
        """Return one sentence for people."""
        return str(self.args[0])

    @property
    def details(self) -> dict[str, Any]:
        """Return what a program may need besides the code."""
        return {}


class Unauthenticated(DomainError):
    """Nobody asks, or somebody whose session has ended."""

    code = "UNAUTHENTICATED"
    sentence = "Log in first."


class Forbidden(DomainError):
    """The role does not allow it."""

    code = "FORBIDDEN"
    sentence = "Your role does not allow this."


class ReauthenticationRequired(DomainError):
    """A superuser asks whose last login with a password is too long ago."""

    code = "REAUTHENTICATION_REQUIRED"
    sentence = "Log in again with your password: this needs a login of the last 15 minutes."


class NotFound(DomainError):
    """No such thing in this tenant."""

    code = "NOT_FOUND"
    sentence = "There is no such thing here."


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field of an input; `path` is where it is, in the API's own names."""

    path: str
    message: str


class InvalidInput(DomainError):
    """The input breaks a rule."""

    code = "BAD_USER_INPUT"
    sentence = "The input is not valid."

    def __init__(self, problems: Sequence[FieldProblem] = (), message: str | None = None) -> None:
        super().__init__(message or (problems[0].message if problems else None))
        self.problems = tuple(problems)

    @classmethod
    def of(cls, path: str, message: str) -> "InvalidInput":
        """Return an error with one problem of one field."""
        return cls([FieldProblem(path, message)])

    @property
    def details(self) -> dict[str, Any]:
        """Return the fields with problems, where they are known."""
        return {"fields": [{"path": p.path, "message": p.message} for p in self.problems]} if self.problems else {}


class AlreadyExists(DomainError):
    """A value that must be unique is taken."""

    code = "ALREADY_EXISTS"
    sentence = "That is already taken."

    def __init__(self, field: str, message: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class VersionConflict(DomainError):
    """The thing is no longer at the version that the caller expected."""

    code = "VERSION_CONFLICT"
    sentence = "This was changed in the meantime."

    def __init__(self, model: type[Any], row_id: UUID, version: int) -> None:
        super().__init__()
        self.model = model
        self.row_id = row_id
        self.version = version


class IllegalTransition(DomainError):
    """The thing is not in a state that allows this."""

    code = "ILLEGAL_TRANSITION"
    sentence = "That is not possible in its present state."

    def __init__(self, message: str | None = None, *, current: str | None = None, allowed: Sequence[str] = ()) -> None:
        """Args: current: the state it is in; allowed: the states that it may go to from there."""
        super().__init__(message)
        self.current = current
        self.allowed = tuple(allowed)


@dataclass(frozen=True, slots=True)
class Shortage:
    """One product of which there is not enough."""

    product_id: UUID
    name: str
    requested: int
    available: int


class OutOfStock(DomainError):
    """There is not enough of some products; nothing was reserved."""

    code = "OUT_OF_STOCK"
    sentence = "There is not enough in stock."

    def __init__(self, shortages: Sequence[Shortage]) -> None:
        first = shortages[0]
        super().__init__(f"There are {first.available} of {first.name}, and {first.requested} were asked for.")
        self.shortages = tuple(shortages)


class IdempotencyConflict(DomainError):
    """The idempotency key was used before with another input."""

    code = "IDEMPOTENCY_CONFLICT"
    sentence = "This idempotency key was already used with another input."


class InvalidCredentials(DomainError):
    """The e-mail or the password is wrong."""

    code = "INVALID_CREDENTIALS"
    sentence = "The e-mail or the password is wrong."


class InvalidToken(DomainError):
    """A token that was handed over is unknown, used, revoked or over."""

    code = "INVALID_TOKEN"
    sentence = "This token is not valid, or no longer."


class RateLimited(DomainError):
    """Too many tries."""

    code = "RATE_LIMITED"
    sentence = "Too many tries."

    def __init__(self, retry_after: int, message: str | None = None) -> None:
        """Args: retry_after: seconds to wait; message: another sentence than that of too many tries."""
        super().__init__(message or f"Too many tries; try again in {retry_after} seconds.")
        self.retry_after = retry_after

    @property
    def details(self) -> dict[str, Any]:
        """Return after how many seconds to try again."""
        return {"retryAfter": self.retry_after}


class Unavailable(DomainError):
    """Overloaded, or the database is away."""

    code = "SERVICE_UNAVAILABLE"
    sentence = "The service is busy; try again in a moment."

    def __init__(self, message: str | None = None, *, retry_after: int | None = None) -> None:
        """Args: retry_after: seconds to wait, where that is known."""
        super().__init__(message)
        self.retry_after = retry_after

    @property
    def details(self) -> dict[str, Any]:
        """When to try again, in seconds, where that is known."""
        return {} if self.retry_after is None else {"retryAfter": self.retry_after}
