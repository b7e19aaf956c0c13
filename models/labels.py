"""Labels: what a tenant sorts its tasks by, besides projects."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import Text, UniqueConstraint, text
from sqlmodel import Field

from models.base import TenantOwned, Versioned, enum_check, indexes, sort_key

__all__ = ["Label", "LabelColor"]


class LabelColor(StrEnum):
    """Colors of labels; how each looks is for the client to say."""

    GRAY = "GRAY"
    """Gray, the color of labels for which none was chosen."""
    RED = "RED"
    """Red, for what is urgent or broken."""
    ORANGE = "ORANGE"
    """Orange, between red and yellow."""
    YELLOW = "YELLOW"
    """Yellow, for what needs attention."""
    GREEN = "GREEN"
    """Green, for what is well."""
    TEAL = "TEAL"
    """Teal, between green and blue."""
    BLUE = "BLUE"
    """Blue, for information."""
    PURPLE = "PURPLE"
    """Purple, between blue and pink."""
    PINK = "PINK"
    """Pink, between purple and red."""


class Label(TenantOwned, Versioned, table=True):
    """One label."""

    __tablename__ = "labels"

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    name: str = Field(sa_type=Text)
    name_key: str = sort_key("name")
    color: str = Field(default=LabelColor.GRAY, sa_type=Text, sa_column_kwargs={"server_default": text("'GRAY'")})

    __table_args__ = (
        UniqueConstraint("tenant_id", "name_key"),
        *indexes("labels", "created_at", "updated_at", "name_key"),
        enum_check("color", LabelColor),
    )
