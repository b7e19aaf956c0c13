"""Highlights as segments: text, and whether it matches. There is no markup in them, and none is ever made.

PostgreSQL marks matches within the text. The marks are noncharacters, which Unicode sets aside for a program's own
use; where a text holds any, they are left out. A "<" is put aside likewise, so that what looks like a tag is not
taken for one and left out, but shown like any other text.
"""

import re
from typing import NamedTuple

__all__ = ["CLEAN", "SNIPPET", "TITLE", "Segment", "segments"]

START, STOP, BRACKET = "\ufdd0", "\ufdd1", "\ufdd2"

CLEAN = (f"<{START}{STOP}{BRACKET}", BRACKET)
"""For `translate`: "<" is put aside, and the marks are left out."""

_MARKS = f'StartSel="{START}", StopSel="{STOP}"'
TITLE = f"{_MARKS}, HighlightAll=true"
SNIPPET = f"{_MARKS}, MaxWords=50, MinWords=25"

_PARTS = re.compile(f"{START}([^{STOP}]*){STOP}|([^{START}{STOP}]+)")
_WORDS = re.compile(r"\s*\S+|\s+")


class Segment(NamedTuple):
    """A piece of text, and whether it is what was searched for."""

    text: str
    match: bool


def segments(marked: str, *, most: int | None = None) -> list[Segment]:
    """The pieces of a marked text, in their order; at most so many words of it."""
    found = []
    left = most
    for match, rest in _PARTS.findall(marked):
        text = (match or rest).replace(BRACKET, "<")
        if left is not None:
            words = _WORDS.findall(text)
            text = "".join(words[:left])
            left -= min(left, len(words))
        if text:
            found.append(Segment(text, bool(match)))
    return found
