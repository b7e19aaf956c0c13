"""Checks that many rules share."""

import pytest

from services.errors import InvalidInput
from services.validation import Validator, is_storable_text, normalize_email, validating
from tests.support.service_client import invalid_paths


@pytest.mark.parametrize(
    ("text", "is_storable"),
    [("", True), ("a b", True), ("\U0001f600", True), ("a\0", False), ("\ud83d", False), ("x\udfff", False)],
)
def test_postgresql_holds_no_nul_and_no_half_of_a_surrogate_pair(text: str, *, is_storable: bool) -> None:
    assert is_storable_text(text) is is_storable


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("abc", None),
        ("abcde", None),
        (" abc ", None),
        ("  abc ", "This may have 5 characters at most."),
        ("ab", "This needs 3 characters or more."),
        ("abcdef", "This may have 5 characters at most."),
        ("ab\0", "This holds characters that cannot be stored."),
    ],
)
def test_a_text_has_its_length_with_the_blanks_around_it(text: str, message: str | None) -> None:
    validator = Validator()
    assert validator.check_text("name", text, min_length=3, max_length=5) == text
    assert [problem.message for problem in validator.problems] == ([message] if message else [])


def test_one_character_is_asked_for_in_words() -> None:
    validator = Validator()
    validator.check_text("name", " \n", min_length=1, max_length=5)
    assert [(problem.path, problem.message) for problem in validator.problems] == [("name", "This must not be empty.")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (" abcde ", None),
        (" ", "This must not be empty."),
        ("\u200b\u2060\u3164", "This must not be empty."),
        ("abcdef", "This may have 5 characters at most."),
        ("a\nb", "This must be one line, without control characters."),
        ("\a", "This must be one line, without control characters."),
        ("a\0", "This holds characters that cannot be stored."),
    ],
)
def test_a_line_has_no_blanks_around_it_and_shows_something(text: str, message: str | None) -> None:
    validator = Validator()
    line = validator.check_line("name", text, max_length=5)
    assert [problem.message for problem in validator.problems] == ([message] if message else [])
    assert message or line == text.strip()


def test_texts_are_composed() -> None:
    validator = Validator()
    assert validator.check_text("name", "e\u0301", max_length=1) == "\u00e9"
    assert validator.check_line("name", "e\u0301", max_length=1) == "\u00e9"
    assert validator.problems == []


@pytest.mark.parametrize(
    ("address", "stored"),
    [
        (" U@Example.org ", "u@example.org"),
        ("u@xn--bcher-kva.example", "u@b\u00fccher.example"),
        ("u@b\u00fccher.example", "u@b\u00fccher.example"),
        ("nobody", ""),
        ("=?x?=@example.org", ""),
    ],
)
def test_an_address_has_one_form(address: str, stored: str) -> None:
    assert normalize_email(address) == stored


def test_all_problems_are_said_at_once_with_their_paths() -> None:
    def check() -> None:
        with validating("users.3") as validator:
            validator.add_problem("email", "This is no address.")
            validator.check_text("name", "", min_length=1, max_length=5)

    with pytest.raises(InvalidInput) as refused:
        check()
    assert invalid_paths(refused.value) == ["users.3.email", "users.3.name"]
    assert refused.value.message == "This is no address."
    with validating() as validator:
        validator.check_text("name", "good", max_length=5)
