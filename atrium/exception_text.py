"""Exceptions as the log has them: what failed and where, without the values that were met there.

What an exception says may hold a value of a row or of a request: PostgreSQL and Python put those in quotation marks,
PostgreSQL also in the detail of an error, and drivers in their parameters. All of that is left out. What stays are
Python's frames, the classes, SQLSTATEs, the names of constraints, tables and columns, SQL with placeholders, and what
is said outside of quotation marks.
"""

import re
import traceback
from collections.abc import Iterator

import asyncpg
from sqlalchemy.exc import DBAPIError

__all__ = ["describe_exception", "hide_quoted"]

CAUSED_LINE = "\nThe above exception was the direct cause of the following exception:\n\n"
DURING_LINE = "\nDuring handling of the above exception, another exception occurred:\n\n"
NAMED = ("constraint_name", "schema_name", "table_name", "column_name", "data_type_name")

# From the first quotation mark, which no apostrophe is, to the last one; what is cut off inside has no second one.
_QUOTED = re.compile(r"""(?<!\w)(['"]).*['"]|(?<!\w)(['"]).*""", re.DOTALL)
_DETAIL = re.compile(r"\n(?:DETAIL|CONTEXT):.*", re.DOTALL)


def describe_exception(error: BaseException) -> str:
    """Return the frames of an exception and of what it came from, as Python prints them, without values."""
    chain = list(_chain(error))
    texts = [link + _describe_one(each) for each, link in reversed(chain)]
    return "".join(texts).rstrip("\n")


def hide_quoted(text: str) -> str:
    """Return a text without what is between its first and its last quotation mark."""
    return _QUOTED.sub(lambda found: f"{found[1] or found[2]}…{found[1] or found[2]}", text)


def _chain(error: BaseException) -> Iterator[tuple[BaseException, str]]:
    """Yield an exception and what it came from, each with the words that lead to it."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        origin, link = current.__cause__, CAUSED_LINE
        if origin is None and not current.__suppress_context__:
            origin, link = current.__context__, DURING_LINE
        is_last = origin is None or id(origin) in seen
        yield current, "" if is_last else link
        current = origin


def _describe_one(error: BaseException) -> str:
    frames = "".join(traceback.format_tb(error.__traceback__))
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    said = _words(error)
    text = f"{name}: {said}\n" if said else f"{name}\n"
    if isinstance(error, BaseExceptionGroup):
        inner = (describe_exception(each).replace("\n", "\n  ") for each in error.exceptions)
        text += "".join(f"  {each}\n" for each in inner)
    return f"Traceback (most recent call last):\n{frames}{text}" if frames else text


def _words(error: BaseException) -> str:
    """Return what an exception says, as far as it can be no value."""
    if isinstance(error, DBAPIError):
        return f"[SQL: {error.statement}]"  # the driver's own exception is what it came from
    if isinstance(error, asyncpg.PostgresError):
        named = [str(value) for name in NAMED if (value := getattr(error, name, None))]
        words = hide_quoted(str(error.args[0]) if error.args else "")
        return " ".join([str(error.sqlstate), words, *([f"({', '.join(named)})"] if named else [])])
    if isinstance(error, KeyError):
        return "'…'"
    try:
        return hide_quoted(_DETAIL.sub("", str(error)))
    except Exception:  # noqa: BLE001  # an exception that cannot say what it is must not break the log
        return ""
