"""Accounts: people, their login sessions and log, what is mailed to them, and the throttle that slows guessing."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, Text, text
from sqlmodel import Field

from models.base import Model, Versioned, enum_check, new_id, timestamp

__all__ = ["AccountEvent", "EmailToken", "EmailTokenKind", "LoginSession", "SecurityEventType", "Throttle", "User"]


class User(Versioned, table=True):
    """One person's account; it belongs to no tenant. Memberships connect it to tenants."""

    __tablename__ = "users"

    id: UUID = Field(primary_key=True, default_factory=new_id)
    email: str = Field(sa_type=Text, unique=True)  # lower case
    full_name: str = Field(sa_type=Text)
    password_hash: str | None = Field(default=None, sa_type=Text)
    is_active: bool = Field(default=True, sa_column_kwargs={"server_default": text("true")})
    is_superuser: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    last_login: datetime | None = timestamp(default=None)
    email_verified_at: datetime | None = timestamp(default=None)

    __table_args__ = (
        Index(None, "created_at", "id"),
        Index(None, "is_active", "created_at", "id"),
        Index(None, "is_superuser", "created_at", "id"),
    )


class LoginSession(Model, table=True):
    """One login on one device: a family of refresh tokens, of which only the newest is good."""

    __tablename__ = "sessions"
    __table_args__ = (Index(None, "user_id", "created_at", "id"),)

    id: UUID = Field(primary_key=True, default_factory=new_id)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE")
    tenant_id: UUID | None = Field(default=None, foreign_key="tenants.id")  # what the newest token is for
    previous_tenant_id: UUID | None = Field(default=None, foreign_key="tenants.id")  # and the one before
    refresh_digest: str = Field(sa_type=Text)
    previous_digest: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = timestamp(default=None, nullable=False)
    authenticated_at: datetime | None = timestamp(default=None)  # with the password; not by `atrium token`
    rotated_at: datetime = timestamp(
        default=None, nullable=False, sa_column_kwargs={"server_default": text("'infinity'")}
    )
    expires_at: datetime = timestamp(nullable=False)
    revoked_at: datetime | None = timestamp(default=None)
    ip: str | None = Field(default=None, sa_type=Text)
    user_agent: str | None = Field(default=None, sa_type=Text)


class SecurityEventType(StrEnum):
    """Types of security events: what can happen to an account."""

    REGISTERED = "REGISTERED"
    """The account was created."""
    LOGGED_IN = "LOGGED_IN"
    """A login session of the account was opened."""
    SESSION_ENDED = "SESSION_ENDED"
    """A login session ended before its expiry: by a logout, a new password, or a refresh token used again."""
    PASSWORD_CHANGED = "PASSWORD_CHANGED"  # noqa: S105  # no password
    """The account got a new password."""
    EMAIL_VERIFIED = "EMAIL_VERIFIED"
    """The e-mail address of the account was verified."""
    EMAIL_CHANGED = "EMAIL_CHANGED"
    """The account got another e-mail address."""
    SUSPENDED = "SUSPENDED"
    """A superuser or an operator suspended the account: it cannot log in, and its tokens no longer work."""
    RESUMED = "RESUMED"
    """A superuser or an operator ended the suspension of the account."""


class AccountEvent(Model, table=True):
    """One thing that happened to an account. Triggers write it; nobody else can."""

    __tablename__ = "account_events"
    __table_args__ = (
        Index(None, "user_id", "created_at", "id"),
        Index(None, "created_at", "id"),
        enum_check("type", SecurityEventType),
    )

    id: UUID = Field(primary_key=True, default_factory=new_id)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE")
    type: str = Field(sa_type=Text)
    email: str = Field(sa_type=Text)  # the account's since then
    operation: str = Field(sa_type=Text)  # the mutation, such as changePassword
    request_id: str = Field(sa_type=Text)
    ip: str | None = Field(default=None, sa_type=Text)
    user_agent: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = timestamp(nullable=False)


class EmailTokenKind(StrEnum):
    """What a mailed token is for; its text begins with this."""

    RESET = "reset"  # set a new password
    VERIFY = "verify"  # prove the account's address
    CHANGE = "change"  # prove another address, which becomes the account's


class EmailToken(Model, table=True):
    """A token that was mailed to somebody; good once, until it expires, for as long as `email` is theirs."""

    __tablename__ = "mailed_tokens"

    id: UUID = Field(primary_key=True, default_factory=new_id)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE")
    kind: str = Field(sa_type=Text)
    email: str = Field(sa_type=Text)  # lower case; where it was sent
    digest: str = Field(sa_type=Text)
    created_at: datetime = timestamp(
        default=None, nullable=False, sa_column_kwargs={"server_default": text("clock_timestamp()")}
    )
    expires_at: datetime = timestamp(nullable=False)
    used_at: datetime | None = timestamp(default=None)

    __table_args__ = (
        Index(None, "user_id", postgresql_where=text("used_at IS NULL")),
        Index(None, "expires_at"),
        enum_check("kind", EmailTokenKind),
    )


class Throttle(Model, table=True):
    """How often something was tried within a window; reached only through `atrium_throttle`."""

    __tablename__ = "throttles"

    key: str = Field(primary_key=True, sa_type=Text)  # a digest; no address or e-mail is stored in clear
    attempts: int
    started_at: datetime = timestamp(nullable=False)
