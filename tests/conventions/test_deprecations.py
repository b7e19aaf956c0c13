"""Whatever is deprecated says until when it is there."""

import pytest
from graphql import build_schema

from atrium.schema_changes import deprecations
from graph.schema import create_schema


def test_every_deprecation_says_its_last_day() -> None:
    undated = [each.coordinate for each in deprecations(create_schema().graphql) if each.removal is None]
    assert undated == [], (
        f"End the reasons of {undated} with 'Will be removed after YYYY-MM-DD.', so that clients can plan."
    )


SDL = """
type Query {{
  field(argument: Int, old: Int @deprecated(reason: "Use `argument`. Will be removed after 2027-03-31.")): Int
  other: Int @deprecated(reason: "{reason}")
  enum: Choice
  input(by: By): Int
}}
enum Choice {{ A, B @deprecated(reason: "Use A. Will be removed after 2027-03-31.") }}
input By {{ a: Int, b: Int @deprecated(reason: "Use a. Will be removed after 2027-03-31.") }}
"""


@pytest.mark.parametrize(
    ("reason", "is_dated"),
    [
        ("Use `field`. Will be removed after 2027-03-31.", True),
        ("Use `field`.", False),
        ("Will be removed after 2027-03-31", False),
        ("Use `field`. Will be removed after 2027-02-30.", False),
    ],
)
def test_a_deprecation_without_a_day_is_seen(reason: str, *, is_dated: bool) -> None:
    found = {each.coordinate: each.removal for each in deprecations(build_schema(SDL.format(reason=reason)))}
    assert list(found) == ["By.b", "Choice.B", "Query.field(old:)", "Query.other"]
    assert (found["Query.other"] is not None) == is_dated
    assert str(found["Query.field(old:)"]) == "2027-03-31"
