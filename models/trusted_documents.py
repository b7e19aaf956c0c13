"""Trusted documents: the GraphQL documents that operators have stored, of the whole installation."""

from datetime import datetime

from sqlalchemy import Text, text
from sqlmodel import Field

from models.base import Model, timestamp

__all__ = ["TrustedDocument"]


class TrustedDocument(Model, table=True):
    """One document with one operation; it is added and removed, and never changes."""

    __tablename__ = "trusted_documents"

    id: str = Field(primary_key=True, sa_type=Text)
    """What clients send instead of the text."""
    sha256: str = Field(sa_type=Text)
    """The SHA-256 of the text in UTF-8, as hexadecimal digits in lower case."""
    operation_type: str = Field(sa_type=Text)
    operation_name: str | None = Field(default=None, sa_type=Text)
    source: str = Field(sa_type=Text)
    """The text."""
    added_at: datetime = timestamp(
        default=None, nullable=False, sa_column_kwargs={"server_default": text("clock_timestamp()")}
    )
