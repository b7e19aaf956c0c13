"""Tenants: the organisations that share one Atrium, who belongs to them, and who is invited."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, Text, UniqueConstraint, text
from sqlmodel import Field

from models.base import (
    TenantOwned,
    Versioned,
    enum_check,
    generated_flag,
    indexes,
    new_id,
    sort_key,
    timestamp,
    trigram_index,
)

__all__ = ["Invitation", "Membership", "Role", "Tenant"]

OPEN = "accepted_at IS NULL AND revoked_at IS NULL"  # what lists of invitations show; the rest is history


class Role(StrEnum):
    """Roles of a member in a tenant, which decide what the member may do."""

    OWNER = "OWNER"
    """The member may do everything that admins may, and also appoint and remove owners."""
    ADMIN = "ADMIN"
    """The member may do everything that members may, and also manage members, API keys, projects, products, all orders
    and all articles, rename the tenant and read the audit log."""
    MEMBER = "MEMBER"
    """The member may read the tenant's data, write tasks and documents, write own article drafts, and place and cancel
    own orders."""


class Tenant(Versioned, table=True):
    """One organisation. Row-level security keeps everything it owns from every other."""

    __tablename__ = "tenants"

    id: UUID = Field(primary_key=True, default_factory=new_id)
    name: str = Field(sa_type=Text)
    name_key: str = sort_key("name")
    slug: str = Field(sa_type=Text, unique=True)  # lower case
    is_active: bool = Field(default=True, sa_column_kwargs={"server_default": text("true")})

    __table_args__ = (
        UniqueConstraint("name_key"),
        Index(None, "created_at", "id"),
        Index(None, "is_active", "created_at", "id"),
    )


class Membership(TenantOwned, Versioned, table=True):
    """One person in one tenant. Never deleted, only ended, so that their work keeps a name.

    `full_name` and `email` are copies of the account's, kept by the database (trigger `users_spread`): with
    them a tenant's people can be listed, sorted and searched under its own row-level security.
    """

    __tablename__ = "memberships"

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    user_id: UUID = Field(foreign_key="users.id")
    role: str = Field(default=Role.MEMBER, sa_type=Text, sa_column_kwargs={"server_default": text("'MEMBER'")})
    is_active: bool = Field(default=True, sa_column_kwargs={"server_default": text("true")})
    ended_at: datetime | None = timestamp(default=None)
    is_former: bool = generated_flag("ended_at IS NOT NULL")
    full_name: str = Field(default="", sa_type=Text)
    name_key: str = sort_key("full_name")
    email: str = Field(default="", sa_type=Text)

    __table_args__ = (
        UniqueConstraint("tenant_id", "user_id"),
        Index(None, "user_id", "created_at", "id"),
        *indexes(
            "memberships",
            "created_at",
            "name_key",
            "is_former, name_key",
            "is_former, role, name_key",
            "is_former, is_active, name_key",
            "email",
        ),
        trigram_index("memberships", "name_key"),
        enum_check("role", Role),
    )


class Invitation(TenantOwned, table=True):
    """An offer to join a tenant, sent to an e-mail address; good once, until it expires. An address has one at most."""

    __tablename__ = "invitations"

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    email: str = Field(sa_type=Text)  # lower case
    role: str = Field(sa_type=Text)
    digest: str = Field(sa_type=Text)
    invited_by: UUID
    created_at: datetime = timestamp(default=None, nullable=False)
    expires_at: datetime = timestamp(nullable=False)
    accepted_at: datetime | None = timestamp(default=None)
    revoked_at: datetime | None = timestamp(default=None)

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "invited_by"], ["memberships.tenant_id", "memberships.user_id"]),
        *indexes("invitations", "created_at", where=OPEN),
        Index(None, "email", "created_at", "id", postgresql_where=text(OPEN)),
        Index("invitations_tenant_id_email_key", "tenant_id", "email", unique=True, postgresql_where=text(OPEN)),
        enum_check("role", Role),
    )
