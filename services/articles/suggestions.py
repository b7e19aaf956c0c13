"""Suggesting articles while a title is being typed."""

from collections.abc import Set as AbstractSet
from typing import Any

from sqlalchemy import Integer, Select, Text, bindparam, func
from sqlmodel import col

from models import Article
from models.base import Row, row_class
from models.database import ReadSession
from services.articles.rules import MAX_TITLE_LENGTH, visible
from services.errors import InvalidInput
from services.permissions import Actor, Permission, require_permission
from services.queries.filters import prefix_condition
from services.queries.loading import bind_values
from services.validation import is_storable_text

__all__ = ["MAX_SUGGESTIONS", "check_suggestion", "select_suggestions", "suggest"]

MAX_SUGGESTIONS = 20


def check_suggestion(prefix: str, first: int) -> tuple[str, int]:
    """Return the prefix as it is looked up, empty if it is blank, and the number of suggestions.

    Raises:
        InvalidInput: a prefix of more than 200 characters or of what no text can hold, or `first` not from 1 to 20.
    """
    if not is_storable_text(prefix) or len(prefix) > MAX_TITLE_LENGTH:
        raise InvalidInput.of(
            "prefix", f"A prefix has {MAX_TITLE_LENGTH} characters at most, and none that are not text."
        )
    if not 1 <= first <= MAX_SUGGESTIONS:
        raise InvalidInput.of("first", f"There are 1 to {MAX_SUGGESTIONS} suggestions.")
    return prefix.lstrip(), first


def select_suggestions(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Select the visible articles whose titles start with the bind `prefix`, by title, at most the bind `first`."""
    require_permission(permissions, Permission.ARTICLES_READ)
    key = col(Article.title_key)
    rows = visible(permissions).where(prefix_condition(key, func.lower(bindparam("prefix", type_=Text()))))
    return rows.order_by(key, col(Article.id)).limit(bindparam("first", type_=Integer()))


async def suggest(session: ReadSession, actor: Actor, *, prefix: str, first: int = 10) -> list[Row]:
    """Return articles whose titles start with a prefix, in any case, by title; none for a blank prefix.

    Raises:
        InvalidInput: see `check_suggestion`.
    """
    actor.require(Permission.ARTICLES_READ)
    prefix, first = check_suggestion(prefix, first)
    if not prefix:
        return []
    values = {**bind_values(actor), "prefix": prefix, "first": first}
    result = await session.exec(select_suggestions(actor.permissions), params=values)
    return [row_class(Article).of(row) for row in result]
