"""API keys: how programs authenticate without a login."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Text
from sqlmodel import Field

from models.base import TenantOwned, enum_check, indexes, timestamp
from models.tenants import Role

__all__ = ["ApiKey"]

LIVE = "revoked_at IS NULL"  # what lists of keys show; the rest is history


class ApiKey(TenantOwned, table=True):
    """A key to one tenant, with one role. It acts in the name of its maker."""

    __tablename__ = "api_keys"

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    name: str = Field(sa_type=Text)
    role: str = Field(sa_type=Text)
    digest: str = Field(sa_type=Text)
    created_by: UUID
    created_at: datetime = timestamp(default=None, nullable=False)
    expires_at: datetime | None = timestamp(default=None)
    last_used_at: datetime | None = timestamp(default=None)  # to within some minutes
    revoked_at: datetime | None = timestamp(default=None)

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "created_by"], ["memberships.tenant_id", "memberships.user_id"]),
        *indexes("api_keys", "created_at", "created_by, created_at", where=LIVE),
        enum_check("role", Role),
    )
