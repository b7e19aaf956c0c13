"""Articles: what a tenant writes for its members to read and to find."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Text, text
from sqlmodel import Field

from models.base import Model, TenantOwned, Versioned, enum_check, indexes, sort_key, timestamp, trigram_index

__all__ = ["Article", "ArticleLanguage", "ArticleLanguageInUse", "ArticleStatus", "ArticleWord"]


class ArticleStatus(StrEnum):
    """Publication status of an article."""

    DRAFT = "DRAFT"
    """The article is a draft, visible only to its author and to admins and owners."""
    PUBLISHED = "PUBLISHED"
    """The article is published and visible to all members of the tenant."""


class ArticleLanguage(StrEnum):
    """Language of an article.

    Each language has its own rules of stemming and its own stop words for full-text search.
    """

    SIMPLE = "SIMPLE"
    """Any other language; words are searched without stemming and without stop words."""
    ARABIC = "ARABIC"
    """Arabic"""
    ARMENIAN = "ARMENIAN"
    """Armenian"""
    BASQUE = "BASQUE"
    """Basque"""
    CATALAN = "CATALAN"
    """Catalan"""
    DANISH = "DANISH"
    """Danish"""
    DUTCH = "DUTCH"
    """Dutch"""
    ENGLISH = "ENGLISH"
    """English"""
    ESTONIAN = "ESTONIAN"
    """Estonian"""
    FINNISH = "FINNISH"
    """Finnish"""
    FRENCH = "FRENCH"
    """French"""
    GERMAN = "GERMAN"
    """German"""
    GREEK = "GREEK"
    """Greek"""
    HINDI = "HINDI"
    """Hindi"""
    HUNGARIAN = "HUNGARIAN"
    """Hungarian"""
    INDONESIAN = "INDONESIAN"
    """Indonesian"""
    IRISH = "IRISH"
    """Irish"""
    ITALIAN = "ITALIAN"
    """Italian"""
    LITHUANIAN = "LITHUANIAN"
    """Lithuanian"""
    NEPALI = "NEPALI"
    """Nepali"""
    NORWEGIAN = "NORWEGIAN"
    """Norwegian"""
    PORTUGUESE = "PORTUGUESE"
    """Portuguese"""
    ROMANIAN = "ROMANIAN"
    """Romanian"""
    RUSSIAN = "RUSSIAN"
    """Russian"""
    SERBIAN = "SERBIAN"
    """Serbian"""
    SPANISH = "SPANISH"
    """Spanish"""
    SWEDISH = "SWEDISH"
    """Swedish"""
    TAMIL = "TAMIL"
    """Tamil"""
    TURKISH = "TURKISH"
    """Turkish"""
    YIDDISH = "YIDDISH"
    """Yiddish"""


class Article(TenantOwned, Versioned, table=True):
    """One article.

    The table has one column more, `vector`: what is searched. Only the view `articles_search` shows it, so that
    nobody reads it along with an article.
    """

    __tablename__ = "articles"

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    title: str = Field(sa_type=Text)
    title_key: str = sort_key("title")
    content: str = Field(sa_type=Text)
    language: str = Field(sa_type=Text, sa_column_kwargs={"server_default": text("'ENGLISH'")})
    author_id: UUID  # the account of a member, who may have left since
    status: str = Field(sa_type=Text, sa_column_kwargs={"server_default": text("'DRAFT'")})
    published_at: datetime | None = timestamp(default=None)

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "author_id"], ["memberships.tenant_id", "memberships.user_id"]),
        *indexes(
            "articles",
            "created_at",
            "updated_at",
            "title_key",
            "status, created_at",
            "language, created_at",
            "author_id, created_at",
        ),
        enum_check("language", ArticleLanguage),
        enum_check("status", ArticleStatus),
    )


class ArticleWord(Model, table=True):
    """A word that some article of the tenant holds, or held: what a misspelled word may have meant."""

    __tablename__ = "article_words"

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    word: str = Field(primary_key=True, sa_type=Text)

    __table_args__ = (trigram_index("article_words", "word"),)


class ArticleLanguageInUse(Model, table=True):
    """A language that some article of the tenant has, or had: what a query is read in."""

    __tablename__ = "article_languages"

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    language: str = Field(primary_key=True, sa_type=Text)
