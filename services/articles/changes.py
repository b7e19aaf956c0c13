"""Changes of articles, as those who follow them may see them: nothing of other people's drafts."""

from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, and_, case, cast, exists, func, or_
from sqlmodel import col

from models import ArticleStatus, AuditAction, AuditEntry
from models.base import table_of
from services.articles.rules import ARTICLES, history_filter, visible
from services.eventlog.change_entries import change_entries
from services.permissions import USER_ID, Permission, require_permission

__all__ = ["CHANGED_ENTRIES", "visible_changes"]


def visible_changes(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return the entries about articles that one may follow.

    Of others' articles, who may not publish sees those since the last publication, as in their history, and that they
    were published, withdrawn or deleted: of that the status alone, since what else changed was a draft before, or is
    one now.
    """
    require_permission(permissions, Permission.ARTICLES_READ)
    entries = change_entries(ARTICLES).visible(permissions)
    if Permission.ARTICLES_PUBLISH in permissions:
        return entries
    entry, articles = table_of(AuditEntry).c, visible(permissions).subquery("visible_articles")
    row = exists().where(articles.c.id == entry.row_id)
    whole = or_(row.where(history_filter(permissions, articles.c, entry)), _is_own_deletion())
    published = and_(entry.new_values["status"].astext == ArticleStatus.PUBLISHED, row)
    ended = entry.old_values["status"].astext == ArticleStatus.PUBLISHED
    columns = [
        _only_status(whole, column) if column.name in {"old_values", "new_values"} else column
        for column in entries.selected_columns
    ]
    return entries.with_only_columns(*columns).where(or_(whole, published, ended))


CHANGED_ENTRIES = replace(change_entries(ARTICLES), visible=visible_changes)


def _is_own_deletion() -> ColumnElement[bool]:
    author = col(AuditEntry.old_values)["author_id"].astext
    return and_(col(AuditEntry.action) == AuditAction.DELETE, author == cast(USER_ID, Text()))


def _only_status(whole: ColumnElement[bool], values: Any) -> ColumnElement[Any]:
    """Return values of a row: all of them, or what they say of the status."""
    status = func.jsonb_build_object("status", values["status"])
    return case((or_(whole, values.is_(None)), values), else_=status).label(values.name)
