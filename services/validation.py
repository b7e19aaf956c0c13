"""Checks that many rules share: lengths, blank texts, what PostgreSQL cannot store."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.errors import FieldProblem, InvalidInput

__all__ = ["Checks", "checking", "storable"]


def storable(text: str) -> bool:
    """Whether PostgreSQL can hold a text: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


class Checks:
    """Collects what is wrong with an input, so that a client learns all of it at once."""

    def __init__(self, within: str = "") -> None:
        """Args: within: where in the input the paths begin, such as `users.3`; without it, at the input itself."""
        self._before = f"{within}." if within else ""
        self.problems: list[FieldProblem] = []

    def problem(self, path: str, message: str) -> None:
        """Note one problem."""
        self.problems.append(FieldProblem(self._before + path, message))

    def text(self, path: str, value: str, *, least: int = 0, most: int, verbatim: bool = False) -> str:
        """A text of `least` to `most` characters, stripped unless `verbatim`; "blank" counts as empty."""
        stripped = value if verbatim else value.strip()
        if not storable(value):
            self.problem(path, "This holds characters that cannot be stored.")
        elif len(stripped) < least:
            self.problem(path, "This must not be empty." if least == 1 else f"This needs {least} characters or more.")
        elif len(stripped) > most:
            self.problem(path, f"This may have {most} characters at most.")
        return stripped


@contextmanager
def checking(within: str = "") -> Iterator[Checks]:
    """Check an input, or what is `within` it; at the end, refuse with everything that was found.

    Raises:
        InvalidInput: with all problems.
    """
    checks = Checks(within)
    yield checks
    if checks.problems:
        raise InvalidInput(checks.problems)
