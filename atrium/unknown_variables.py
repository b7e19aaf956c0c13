"""Variables of the environment that look like settings and are none: a misspelt one would be left out in silence."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from difflib import get_close_matches

__all__ = ["TEST_VARIABLES", "describe_unknown"]

TEST_VARIABLES = frozenset({"TEST_COMPILER", "TEST_DATABASE_URL", "TEST_QUERIES", "TEST_SEED"})
"""What the tests are told by the environment, without the prefix; processes that they start inherit it."""


def describe_unknown(names: Iterable[str], prefix: str, settings: AbstractSet[str]) -> list[str]:
    """Return a sentence for each name with this prefix that is neither a setting nor one of the tests' variables."""
    given = sorted(name.removeprefix(prefix) for name in names if name.startswith(prefix))
    return [_sentence(name, prefix, settings) for name in given if name not in settings | TEST_VARIABLES]


def _sentence(name: str, prefix: str, settings: AbstractSet[str]) -> str:
    nearest = get_close_matches(name, settings, n=1)
    return f"{prefix}{name} is no setting of Atrium" + (f": did you mean {prefix}{nearest[0]}?" if nearest else ".")
