"""Hostile documents: texts that all differ, as large as they may be, in every way that a document can grow."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from random import Random

__all__ = ["SCALES", "SHAPES", "Hostile", "hostile_documents"]

ITEMS = 640  # fields or fragments of a large document
LETTERS = 50_000
PAGE = "nodes { id title status creator { id fullName } project { id name } } totalCount"


@dataclass(frozen=True)
class Hostile:
    """One document, and how it is sent."""

    text: str
    protocol: str
    """`post`, `get`, `websocket` or `sse`."""
    signed_in: bool
    times: int
    """How often it is sent: what comes again is kept."""


def _operation_names(number: int, letters: int, _items: int) -> str:
    return f"query k{number}{'x' * letters} {{ __typename }}"


def _aliases(number: int, _letters: int, items: int) -> str:
    return f"{{ {' '.join(f'a{number}_{item}: __typename' for item in range(items))} }}"


def _fragments(number: int, _letters: int, items: int) -> str:
    return f"query k{number} {{ {'... on Query { __typename } ' * items} }}"


def _fragment_names(number: int, _letters: int, items: int) -> str:
    named = (f"fragment f{number}_{item} on Query {{ __typename }}" for item in range(items // 2))
    return f"{{ ...f{number}_0 {' '.join(f'...f{number}_{item}' for item in range(items // 2))} }} {' '.join(named)}"


def _comments(number: int, letters: int, items: int) -> str:
    lines = f"\n#{number}{'c' * (letters // items)}" * items
    return f"{{ __typename }}{lines}"


def _literals(number: int, letters: int, _items: int) -> str:
    return f'{{ tasks(first: 1, filter: {{ text: {{ contains: "{number}{"l" * letters}" }} }}) {{ totalCount }} }}'


def _descriptions(number: int, letters: int, _items: int) -> str:
    return f'"""{number}{"d" * letters}""" query {{ __typename }}'


def _variables(number: int, _letters: int, items: int) -> str:
    return f"query({' '.join(f'$v{number}_{item}: Int' for item in range(items))}) {{ __typename }}"


def _unknown_fields(number: int, _letters: int, items: int) -> str:
    return f"{{ {' '.join(f'unknown{number}_{item}' for item in range(min(items, 50)))} }}"


def _unfinished(number: int, letters: int, items: int) -> str:
    return f'query k{number} {{ {"a { " * min(items, 150)} "{"u" * letters}'


def _statements(number: int, _letters: int, items: int) -> str:
    roots = (f"s{number}_{item}: tasks(first: 2) {{ {PAGE} }}" for item in range(max(1, items // 40)))
    return f"{{ {' '.join(roots)} }}"


SHAPES: dict[str, Callable[[int, int, int], str]] = {
    "operation names": _operation_names,
    "aliases": _aliases,
    "fragments": _fragments,
    "fragment names": _fragment_names,
    "comments": _comments,
    "literals": _literals,
    "descriptions": _descriptions,
    "variables": _variables,
    "unknown fields": _unknown_fields,
    "syntax errors": _unfinished,
    "statements": _statements,
}
"""How a document grows, by the number that makes it unlike any other, its letters and its items."""

SEED = 1
SCALES = (0.1, 0.1, 0.1, 0.5, 1.0)
TWICE_SHARE = 0.25
SIGNED_IN_SHARE = 0.5
GET_SHARE = 5  # of the size of others: a query string is short
PROTOCOLS = ("post", "post", "get", "websocket", "sse")


def hostile_documents(count: int, scales: Sequence[float] = SCALES) -> Iterator[Hostile]:
    """Make so many documents of these sizes, of every shape, over every protocol, with and without a token."""
    shapes, chance = cycle(SHAPES.values()), Random(SEED)  # noqa: S311  # for variety
    for number in range(count):
        protocol, shape = chance.choice(PROTOCOLS), next(shapes)
        scale = chance.choice(scales) / (GET_SHARE if protocol == "get" else 1)
        text = shape(number, int(LETTERS * scale), max(1, int(ITEMS * scale)))
        times = 2 if shape is _statements or chance.random() < TWICE_SHARE else 1
        yield Hostile(text, protocol, chance.random() < SIGNED_IN_SHARE, times)
