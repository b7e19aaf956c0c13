"""Tasks: what is to be done, by whom and until when."""

from datetime import datetime
from enum import StrEnum
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlmodel import Field

from models.base import (
    ARRAY_OF,
    LIVE,
    TenantOwned,
    Versioned,
    contained_in,
    enum_check,
    indexes,
    rank_of,
    sort_key,
    timestamp,
)

__all__ = ["Task", "TaskPriority", "TaskStatus"]


class TaskStatus(StrEnum):
    """Statuses of a task, from not started to finished."""

    TODO = "TODO"
    """The task has not been started."""
    IN_PROGRESS = "IN_PROGRESS"
    """The task is being worked on."""
    DONE = "DONE"
    """The task is finished."""


class TaskPriority(StrEnum):
    """Priorities of a task, from none to the highest."""

    NONE = "NONE"
    """Nobody has said how important the task is."""
    LOW = "LOW"
    """The task can wait."""
    MEDIUM = "MEDIUM"
    """The task is to be done in its turn."""
    HIGH = "HIGH"
    """The task comes before others."""
    URGENT = "URGENT"
    """The task is to be done at once."""


class Task(TenantOwned, Versioned, table=True):
    """One task."""

    __tablename__ = "tasks"

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    title: str = Field(sa_type=Text)
    title_key: str = sort_key("title")
    description: str | None = Field(default=None, sa_type=Text)
    status: str = Field(default=TaskStatus.TODO, sa_type=Text, sa_column_kwargs={"server_default": text("'TODO'")})
    status_rank: int = rank_of("status", TaskStatus)
    priority: str = Field(default=TaskPriority.NONE, sa_type=Text, sa_column_kwargs={"server_default": text("'NONE'")})
    priority_rank: int = rank_of("priority", TaskPriority)
    label_ids: list[UUID] = Field(  # each once; kept right by the rules of labels
        default_factory=list,
        sa_type=cast("Any", ARRAY(Uuid())),
        sa_column_kwargs={"server_default": text("'{}'"), "info": {ARRAY_OF: "labels.id"}},
    )
    due_date: datetime | None = timestamp(default=None)
    project_id: UUID | None = None
    assignee_id: UUID | None = None  # the account of a member, who may have left since
    created_by: UUID
    # The place on a board, see `migrations.ranks`; the database puts a new task last.
    position: str = Field(default=None, nullable=False, sa_type=cast("Any", Text(collation="C")))
    deleted_at: datetime | None = timestamp(default=None)  # in the trash, together with its project

    __table_args__ = (
        contained_in("projects", "project_id"),
        ForeignKeyConstraint(["tenant_id", "assignee_id"], ["memberships.tenant_id", "memberships.user_id"]),
        ForeignKeyConstraint(["tenant_id", "created_by"], ["memberships.tenant_id", "memberships.user_id"]),
        UniqueConstraint("tenant_id", "position"),
        *indexes("tasks", "created_at", "updated_at", "title_key", "position", where=LIVE),
        *indexes("tasks", "status, created_at", "project_id, created_at", "assignee_id, created_at", where=LIVE),
        *indexes("tasks", "created_by, created_at", where=LIVE),
        *indexes("tasks", "priority_rank", "priority, created_at", "status_rank", where=LIVE),
        Index("tasks_by_label", "label_ids", postgresql_using="gin", postgresql_where=text(LIVE)),
        *indexes("tasks", where=LIVE, nulls_last={"due_date": DateTime(timezone=True)}),
        enum_check("status", TaskStatus),
        enum_check("priority", TaskPriority),
        CheckConstraint("cardinality(label_ids) <= 20", name="label_ids"),
    )
