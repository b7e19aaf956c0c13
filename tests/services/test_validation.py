"""Checks that many rules share."""

import pytest

from services.errors import InvalidInput
from services.validation import Validator, is_storable_text, validating
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
        ("ab", "This needs 3 characters or more."),
        (" ab ", "This needs 3 characters or more."),
        ("abcdef", "This may have 5 characters at most."),
        ("ab\0", "This holds characters that cannot be stored."),
    ],
)
def test_a_text_has_its_length_without_the_blanks_around_it(text: str, message: str | None) -> None:
    validator = Validator()
    assert validator.check_text("name", text, min_length=3, max_length=5) == text.strip()
    assert [problem.message for problem in validator.problems] == ([message] if message else [])


def test_one_character_is_asked_for_in_words() -> None:
    validator = Validator()
    validator.check_text("name", " \n", min_length=1, max_length=5)
    assert [(problem.path, problem.message) for problem in validator.problems] == [("name", "This must not be empty.")]


def test_a_verbatim_text_keeps_its_blanks() -> None:
    validator = Validator()
    assert validator.check_text("name", " ab ", max_length=4, verbatim=True) == " ab "
    assert validator.problems == []
    validator.check_text("name", " abc ", max_length=4, verbatim=True)
    assert len(validator.problems) == 1


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
