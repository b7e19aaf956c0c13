"""Comments on tasks."""

from typing import Any, cast
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKeyConstraint, Index, Text, Uuid, text
from sqlmodel import Field

from models.base import ARRAY_OF, TenantOwned, Versioned, indexes

__all__ = ["Comment"]


class Comment(TenantOwned, Versioned, table=True):
    """One comment; it goes with its task."""

    __tablename__ = "comments"

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    task_id: UUID
    author_id: UUID  # the account of a member, who may have left since
    body: str = Field(sa_type=Text)
    mention_ids: list[UUID] = Field(  # the accounts of members, each once
        default_factory=list,
        sa_type=cast("Any", ARRAY(Uuid())),
        sa_column_kwargs={"server_default": text("'{}'"), "info": {ARRAY_OF: "memberships.user_id"}},
    )

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "task_id"], ["tasks.tenant_id", "tasks.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["tenant_id", "author_id"], ["memberships.tenant_id", "memberships.user_id"]),
        *indexes("comments", "created_at", "updated_at", "task_id, created_at", "author_id, created_at"),
        CheckConstraint("cardinality(mention_ids) <= 50", name="mention_ids"),
        Index("comments_by_mention", "mention_ids", postgresql_using="gin"),
    )
