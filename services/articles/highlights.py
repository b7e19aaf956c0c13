"""Highlights as segments: text, and whether it matches. There is no markup in them, and none is ever made.

PostgreSQL marks matches within the text, in `atrium_search_highlight`. The marks are noncharacters, which Unicode sets
aside for a program's own use; where a text holds any, they are left out.
"""

import re
from typing import Any, NamedTuple

from sqlalchemy import (
    Boolean,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Text,
    and_,
    case,
    column,
    func,
    literal,
    literal_column,
    select,
)

__all__ = ["START", "STOP", "Segment", "highlight", "parse_segments", "select_segments", "truncate"]

START, STOP = "\ufdd0", "\ufdd1"

MAX_SNIPPET_WORDS = 50  # PostgreSQL's own count leaves out what has neither letters nor digits

_COMMON = (" ", "\n")
_RARE = r"\t\u000b\u000c\r\u001c-\u001f\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_SPACE, _WORD = f"[ \\n{_RARE}]", f"[^ \\n{_RARE}]"
_TOO_LONG = f"^{_SPACE}*{_WORD}+(?:{_SPACE}+{_WORD}+){{{MAX_SNIPPET_WORDS - 1}}}(?={_SPACE}+{_WORD})"

_SEGMENT = re.compile(f"{START}([^{STOP}]*){STOP}|([^{START}{STOP}]+)")


class Segment(NamedTuple):
    """A piece of text, and whether it is what was searched for."""

    text: str
    match: bool


def highlight(language: Any, text: Any, terms: Any, *, whole: bool) -> ColumnElement[str]:
    """Return a text with its matches highlighted: the whole text, or the part that matches best."""
    is_whole = literal_column(str(whole).lower(), Boolean())
    found: ColumnElement[str] = func.atrium_search_highlight(language, text, terms, is_whole, type_=Text())
    return found


def truncate(text: ColumnElement[str], *sources: FromClause) -> ColumnElement[str]:
    """Return the first fifty words of a text, separated by spaces of any kind; `sources` is what it is read from.

    To count words takes longer than to mark them. So spaces are counted where there are none but the usual ones.
    """
    once = select(text.label("text")).correlate(*sources).offset(literal_column("0")).subquery("marked")
    whole = once.c.text
    unspaced: ColumnElement[str] = whole
    for space in _COMMON:
        unspaced = func.replace(unspaced, space, "", type_=Text())
    is_short = and_(
        whole.regexp_match(f"[{_RARE}]").is_(False),
        func.length(whole, type_=Integer()) - func.length(unspaced, type_=Integer()) < MAX_SNIPPET_WORDS,
    )
    begin = func.coalesce(func.substring(whole, literal(_TOO_LONG, Text())), whole, type_=Text())
    return select(case((is_short, whole), else_=begin)).scalar_subquery()


def select_segments(text: ColumnElement[str]) -> Select[Any]:
    """Select the segments of a highlighted text: `text`, `match`, `place`. Every second one is a match."""
    parts = func.string_to_array(func.replace(text, STOP, START), START)
    each = func.unnest(parts).table_valued(column("text", Text()), with_ordinality="place", name="piece")
    each = each.render_derived(name="piece")
    is_match = (each.c.place % literal_column("2") == literal_column("0")).label("match")
    return select(each.c.text, is_match, each.c.place).where(each.c.text != "")


def parse_segments(text: str) -> list[Segment]:
    """Parse the segments of a highlighted text that was read."""
    found = [(match or rest, bool(match)) for match, rest in _SEGMENT.findall(text)]
    return [Segment(piece, match) for piece, match in found]
