"""What sessions and API keys amount to: the rows that the liveness check looks at first."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Text
from sqlmodel import Field

from models.base import Model, timestamp

__all__ = ["LiveApiKey", "LiveSession"]


class LiveSession(Model, table=True):
    """One session that is not revoked, as its account and its membership let it in; kept by triggers alone."""

    __tablename__ = "live_sessions"

    id: UUID = Field(primary_key=True, foreign_key="sessions.id", ondelete="CASCADE")
    user_id: UUID | None = None  # null while the account is suspended
    tenant_id: UUID | None = None  # the session's own
    role: str | None = Field(default=None, sa_type=Text)  # in that tenant; null while it or the membership is not live
    expires_at: datetime = timestamp(nullable=False)


class LiveApiKey(Model, table=True):
    """One API key that is not revoked, likewise."""

    __tablename__ = "live_api_keys"

    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    user_id: UUID | None = None  # its maker; null while the account is suspended
    role: str | None = Field(default=None, sa_type=Text)  # null while tenant or membership is not live, or allows less
    expires_at: datetime = timestamp(nullable=False)  # infinity if never

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "id"], ["api_keys.tenant_id", "api_keys.id"], ondelete="CASCADE"),
    )
