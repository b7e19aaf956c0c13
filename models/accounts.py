"""Accounts: people, their login sessions, what is mailed to them, and the throttle that slows guessing."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, Text, text
from sqlmodel import Field

from models.base import Model, Versioned, enum_check, new_id, now, timestamp

__all__ = ["EmailToken", "EmailTokenKind", "LoginSession", "Throttle", "User"]


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


class LoginSession(Model, table=True):
    """One login on one device: a family of refresh tokens, of which only the newest is good."""

    __tablename__ = "sessions"
    __table_args__ = (Index(None, "user_id", "created_at", "id"),)

    id: UUID = Field(primary_key=True, default_factory=new_id)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE")
    tenant_id: UUID | None = Field(default=None, foreign_key="tenants.id")  # the tenant last switched to
    refresh_digest: str = Field(sa_type=Text)
    previous_digest: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = timestamp(
        default_factory=now, nullable=False, sa_column_kwargs={"server_default": text("now()")}
    )
    rotated_at: datetime = timestamp(
        default_factory=now, nullable=False, sa_column_kwargs={"server_default": text("now()")}
    )
    expires_at: datetime = timestamp(nullable=False)
    revoked_at: datetime | None = timestamp(default=None)
    ip: str | None = Field(default=None, sa_type=Text)
    user_agent: str | None = Field(default=None, sa_type=Text)


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
        default_factory=now, nullable=False, sa_column_kwargs={"server_default": text("now()")}
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
