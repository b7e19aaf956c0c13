"""Projects: what a tenant's tasks are grouped by."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Text
from sqlmodel import Field

from models.base import TenantOwned, Versioned, generated_flag, indexes, sort_key, timestamp, trigram_index

__all__ = ["Project"]


class Project(TenantOwned, Versioned, table=True):
    """One project. Archived, it leaves the default lists; deleted, it goes to the trash with its tasks."""

    __tablename__ = "projects"

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    name: str = Field(sa_type=Text)
    name_key: str = sort_key("name")
    archived_at: datetime | None = timestamp(default=None)
    deleted_at: datetime | None = timestamp(default=None)
    deleted_by: UUID | None = None
    is_archived: bool = generated_flag("archived_at IS NOT NULL")
    is_deleted: bool = generated_flag("deleted_at IS NOT NULL")

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "deleted_by"], ["memberships.tenant_id", "memberships.user_id"]),
        *indexes(
            "projects",
            "is_deleted, is_archived, created_at",
            "is_deleted, created_at",
            "created_at",
            "updated_at",
            "name_key",
        ),
        trigram_index("projects", "name_key"),
    )
