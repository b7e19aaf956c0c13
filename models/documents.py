"""Documents: texts that a tenant writes together, with a trash."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, Text, text
from sqlmodel import Field

from models.base import LIVE, TenantOwned, Versioned, contained_in, indexes, sort_key, timestamp, trigram_index

__all__ = ["Document"]

_TRASHED = "deleted_at IS NOT NULL"


class Document(TenantOwned, Versioned, table=True):
    """One document. Deleted, it lies in the trash until it is restored or purged."""

    __tablename__ = "documents"

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    title: str = Field(sa_type=Text)
    title_key: str = sort_key("title")
    content: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": text("''")})
    project_id: UUID | None = None
    created_by: UUID
    deleted_at: datetime | None = timestamp(default=None)  # its project's, if it went to the trash with that
    deleted_by: UUID | None = None

    __table_args__ = (
        contained_in("projects", "project_id"),
        ForeignKeyConstraint(["tenant_id", "created_by"], ["memberships.tenant_id", "memberships.user_id"]),
        ForeignKeyConstraint(["tenant_id", "deleted_by"], ["memberships.tenant_id", "memberships.user_id"]),
        Index(
            "documents_title_key",
            "tenant_id",
            "project_id",
            "title_key",
            unique=True,
            postgresql_where=text(LIVE),
            postgresql_nulls_not_distinct=True,
        ),
        *indexes(
            "documents",
            "created_at",
            "updated_at",
            "title_key",
            "project_id, created_at",
            "created_by, created_at",
            where=LIVE,
        ),
        *indexes("documents", "deleted_at", "deleted_by, deleted_at", where=_TRASHED),
        trigram_index("documents", "title_key"),
    )
