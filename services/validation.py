"""Checks that many rules share: lengths, blank texts, what PostgreSQL cannot store."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.errors import FieldProblem, InvalidInput

__all__ = ["Validator", "is_storable_text", "validating"]


def is_storable_text(text: str) -> bool:
    """Return whether PostgreSQL can hold a text: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


class Validator:
    """Collects what is wrong with an input, so that a client learns all of it at once."""

    def __init__(self, within: str = "") -> None:
        """Args: within: where in the input the paths begin, such as `users.3`; without it, at the input itself."""
        self._prefix = f"{within}." if within else ""
        self.problems: list[FieldProblem] = []

    def add_problem(self, path: str, message: str) -> None:
        """Note one problem."""
        self.problems.append(FieldProblem(self._prefix + path, message))

    def check_text(self, path: str, value: str, *, min_length: int = 0, max_length: int, verbatim: bool = False) -> str:
        """A text of `min_length` to `max_length` characters, stripped unless `verbatim`; "blank" counts as empty."""
        stripped = value if verbatim else value.strip()
        if not is_storable_text(value):
            self.add_problem(path, "This holds characters that cannot be stored.")
        elif len(stripped) < min_length:
            self.add_problem(
                path, "This must not be empty." if min_length == 1 else f"This needs {min_length} characters or more."
            )
        elif len(stripped) > max_length:
            self.add_problem(path, f"This may have {max_length} characters at most.")
        return stripped


@contextmanager
def validating(within: str = "") -> Iterator[Validator]:
    """Check an input, or what is `within` it; at the end, refuse with everything that was found.

    Raises:
        InvalidInput: with all problems.
    """
    validator = Validator(within)
    yield validator
    if validator.problems:
        raise InvalidInput(validator.problems)
