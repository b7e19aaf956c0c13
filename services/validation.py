"""Checks that many rules share: lengths, empty texts, single lines, what PostgreSQL cannot store, e-mail addresses.

Every text is kept in Unicode's composed form (NFC), so that what looks the same is the same wherever it is compared.
"""

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from email_validator import EmailNotValidError, validate_email

from services.errors import FieldProblem, InvalidInput

__all__ = [
    "MAX_EMAIL_LENGTH",
    "Validator",
    "is_storable_text",
    "normalize_address",
    "normalize_email",
    "normalize_text",
    "validating",
]

MAX_EMAIL_LENGTH = 255

CONTROL_CATEGORIES = {"Cc", "Zl", "Zp"}
INVISIBLE_CATEGORIES = {*CONTROL_CATEGORIES, "Cf", "Zs"}
INVISIBLE_CHARACTERS = frozenset(
    [
        *"\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0",
        *map(chr, range(0xFE00, 0xFE10)),
        *map(chr, range(0xE0100, 0xE01F0)),
    ]
)
"""Invisible characters of visible categories: fillers and variation selectors."""


def is_storable_text(text: str) -> bool:
    """Return whether PostgreSQL can hold a text: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def normalize_text(text: str) -> str:
    """Return a text as it is stored and compared: in NFC."""
    return unicodedata.normalize("NFC", text)


def is_visible(text: str) -> bool:
    """Return whether a text has a visible character."""
    return any(
        unicodedata.category(character) not in INVISIBLE_CATEGORIES and character not in INVISIBLE_CHARACTERS
        for character in text
    )


def normalize_email(text: str) -> str:
    """Return an e-mail address as it is stored and compared; empty if it is none.

    RFC 5321 and 6531: composed, in lower case, its domain in Unicode though it may have been given as `xn--…`.
    """
    try:
        address = validate_email(text.strip(), check_deliverability=False, test_environment=True).normalized
    except (EmailNotValidError, UnicodeError):
        return ""
    address = normalize_text(address.lower())
    # In a letter's header "=?" begins an encoded word, which may name another mailbox.
    return "" if "=?" in address or len(address) > MAX_EMAIL_LENGTH or not is_storable_text(address) else address


def normalize_address(text: str) -> str:
    """Return what e-mail addresses are compared with, which may be a part of one: a whole address as it is stored."""
    return normalize_email(text) or text


class Validator:
    """Collects what is wrong with an input, so that a client learns all of it at once."""

    def __init__(self, within: str = "") -> None:
        """Args: within: where in the input the paths begin, such as `users.3`; without it, at the input itself."""
        self._prefix = f"{within}." if within else ""
        self.problems: list[FieldProblem] = []

    def add_problem(self, path: str, message: str) -> None:
        """Note one problem."""
        self.problems.append(FieldProblem(self._prefix + path, message))

    def check_text(self, path: str, value: str, *, min_length: int = 0, max_length: int) -> str:
        """Return a text of `min_length` to `max_length` characters as it is stored: NFC, and otherwise verbatim.

        Where there must be any characters, one of them must be visible.
        """
        composed = normalize_text(value)
        if not is_storable_text(value):
            self.add_problem(path, "This holds characters that cannot be stored.")
        elif min_length and not is_visible(composed):
            self.add_problem(path, "This must not be empty.")
        elif len(composed) < min_length:
            self.add_problem(path, f"This needs {min_length} characters or more.")
        elif len(composed) > max_length:
            self.add_problem(path, f"This may have {max_length} characters at most.")
        return composed

    def check_line(self, path: str, value: str, *, max_length: int) -> str:
        """Return a title or a name of 1 to `max_length` characters as it is stored: NFC, without blanks around it.

        It is one line: neither line breaks nor other control characters are in it.
        """
        if is_storable_text(value) and any(
            unicodedata.category(character) in CONTROL_CATEGORIES for character in value
        ):
            self.add_problem(path, "This must be one line, without control characters.")
            return value
        return self.check_text(path, value.strip(), min_length=1, max_length=max_length)

    def check_email(self, path: str, value: str) -> str:
        """Return an e-mail address as it is stored and compared."""
        address = normalize_email(value)
        if not address:
            self.add_problem(path, "This is not an e-mail address.")
        return address


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
