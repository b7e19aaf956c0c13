"""What superusers see: accounts and tenants of the whole installation, and the log of what superusers did."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import Index, MetaData, Text, text
from sqlmodel import Field

from models.base import Model, enum_check, new_id, timestamp

__all__ = ["LoggedAct", "ManagedAccount", "ManagedAccountEvent", "ManagedTenant", "SuperuserAct", "SuperuserActType"]


class SuperuserView(Model):
    """A row of a view that answers to superusers alone; migrations make the views, so no table is compared with it."""

    metadata: ClassVar[MetaData] = MetaData()  # not SQLModel's own, so that its tables are apart


class ManagedAccount(SuperuserView, table=True):
    """One person's account, without what proves who they are."""

    __tablename__ = "superuser_accounts"

    id: UUID = Field(primary_key=True)
    email: str = Field(sa_type=Text)
    full_name: str = Field(sa_type=Text)
    is_active: bool
    is_superuser: bool
    email_verified_at: datetime | None = timestamp(default=None)
    last_login: datetime | None = timestamp(default=None)
    created_at: datetime = timestamp(nullable=False)
    updated_at: datetime = timestamp(nullable=False)
    version: int


class ManagedAccountEvent(SuperuserView, table=True):
    """One row of `account_events`, of any account."""

    __tablename__ = "superuser_account_events"

    id: UUID = Field(primary_key=True)
    user_id: UUID
    type: str = Field(sa_type=Text)
    email: str = Field(sa_type=Text)
    operation: str = Field(sa_type=Text)
    request_id: str = Field(sa_type=Text)
    ip: str | None = Field(sa_type=Text)
    user_agent: str | None = Field(sa_type=Text)
    created_at: datetime = timestamp(nullable=False)


class ManagedTenant(SuperuserView, table=True):
    """One tenant, without anything that it owns."""

    __tablename__ = "superuser_tenants"

    id: UUID = Field(primary_key=True)
    name: str = Field(sa_type=Text)
    slug: str = Field(sa_type=Text)
    is_active: bool
    created_at: datetime = timestamp(nullable=False)
    updated_at: datetime = timestamp(nullable=False)
    version: int


class SuperuserActType(StrEnum):
    """Types of acts of superusers and operators."""

    ACCOUNT_SUSPENDED = "ACCOUNT_SUSPENDED"
    """An account was suspended: it cannot log in, and its sessions no longer work."""
    ACCOUNT_RESUMED = "ACCOUNT_RESUMED"
    """A suspended account was resumed."""
    TENANT_SUSPENDED = "TENANT_SUSPENDED"
    """A tenant was suspended: nobody can use it."""
    TENANT_RESUMED = "TENANT_RESUMED"
    """A suspended tenant was resumed."""
    SUPERUSER_GRANTED = "SUPERUSER_GRANTED"
    """An account was made a superuser."""
    SUPERUSER_REVOKED = "SUPERUSER_REVOKED"
    """An account ceased to be a superuser."""


class SuperuserAct(Model, table=True):
    """One thing that a superuser or an operator did to an account or a tenant; only the database writes these."""

    __tablename__ = "superuser_acts"

    id: UUID = Field(primary_key=True, default_factory=new_id)
    type: str = Field(sa_type=Text)
    actor_id: UUID | None = Field(default=None, foreign_key="users.id")  # none: an operator, on the command line
    account_id: UUID | None = Field(default=None, foreign_key="users.id")
    target_tenant_id: UUID | None = Field(default=None, foreign_key="tenants.id")
    request_id: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": text("''")})
    ip: str | None = Field(default=None, sa_type=Text)
    user_agent: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = timestamp(nullable=False)

    __table_args__ = (Index(None, "created_at", "id"), enum_check("type", SuperuserActType))


class LoggedAct(SuperuserView, table=True):
    """One row of `superuser_acts`."""

    __tablename__ = "superuser_log"

    id: UUID = Field(primary_key=True)
    type: str = Field(sa_type=Text)
    actor_id: UUID | None
    account_id: UUID | None
    target_tenant_id: UUID | None
    request_id: str = Field(sa_type=Text)
    ip: str | None = Field(sa_type=Text)
    user_agent: str | None = Field(sa_type=Text)
    created_at: datetime = timestamp(nullable=False)
