"""The search of articles: all that matches, a page of it, and what a match says of an article.

What matches is looked up where it is kept, and the articles themselves are read for the page alone. So a statement has
two parts before it, by the names that its rows and expressions know them by: all that matches, and the page of that.
The rules of articles fill this in, and the compiler in graph reads it; so neither has to know the other.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CTE, ColumnElement, Select, TableClause

from services.permissions import Permission
from services.queries.collection import Collection
from services.queries.page_request import PageRequest

__all__ = ["ArticleSearchSource"]


@dataclass(frozen=True, slots=True, eq=False)
class ArticleSearchSource:
    """How articles are found."""

    collection: Collection
    """What is found."""
    matches: Collection
    """By what it is found, filtered and sorted."""
    matched: TableClause
    """All that matches, while a page of it is taken."""
    page: TableClause
    """The page, with at least the columns `id`, which is a row's, and `key`, by which it is sorted."""
    match_and_page_ctes: Callable[[AbstractSet[Permission], PageRequest, ColumnElement[int]], Sequence[CTE]]
    """What those two are for these permissions, the shape of a request, and the length of a page. Raises Forbidden
    when there is nothing to see."""
    rows: Callable[[AbstractSet[Permission]], Select[Any]]
    """The rows of the page, in no order, that these permissions let one see."""
    match_expressions: Mapping[str, ColumnElement[Any]]
    """What a match says of a row, by name, over its row and its place on the page."""
    marks: tuple[str, str]
    """What stands before and after a match in a text that a match has marked."""
    segments: Callable[[ColumnElement[Any]], Select[Any]]
    """Takes a text that a match has marked apart; the pieces are in the order of the column `place`."""
    result_expressions: Mapping[str, ColumnElement[Any]]
    """What is said of all that matches, by name, if something does; else it may take another try to say that."""
    facets: Mapping[str, Select[Any]]
    """How many of all that matches have what in common, by name; in the order of the column `place`."""
    is_empty_search: Callable[[PageRequest], bool]
    """Whether a request asks for nothing, so that nothing has to be read."""
