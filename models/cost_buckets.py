"""Cost buckets: the points of cost that actors and tenants have left."""

from datetime import datetime
from typing import Any

from sqlalchemy import Double, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from models.base import Model, timestamp

__all__ = ["CostBucket"]


class CostBucket(Model, table=True):
    """The points that one actor or tenant has left; reached only through `atrium_spend_cost`, and lost in a crash."""

    __tablename__ = "cost_buckets"

    key: str = Field(primary_key=True, sa_type=Text)  # whose it is, such as `tenant:` and its id
    maximum: float = Field(sa_type=Double)
    rate: float = Field(sa_type=Double)  # points restored in a second
    remaining: float = Field(sa_type=Double)  # at `updated_at`; negative where more was spent than was left
    spenders: dict[str, Any] = Field(sa_type=JSONB)  # when each process spent from it last, in seconds since 1970
    updated_at: datetime = timestamp(nullable=False)

    __table_args__ = ({"prefixes": ["UNLOGGED"]},)
