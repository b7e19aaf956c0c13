"""Parsed arguments, kept for the next request with the same variables.

To parse the filter, the order and the cursor of a list costs more than all the rest of the way to its plan, and clients
ask for the same again and again. What a query's arguments come down to is decided by its variables alone: neither who
asks nor the time is looked at.
"""

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import orjson

from graph.compiler.arguments import CoercedVariables
from graph.compiler.operations import OperationVariant
from graph.compiler.plan_arguments import PlanArguments
from models.lru import CacheUsage, SegmentedLRU, size_of

__all__ = ["ArgumentCache", "ParsedArguments"]

ARGUMENTS_BYTES = 4 * 2**20
SITE_BYTES = 2_500  # that the arguments of one field take, beside the values in them, by measurement
VALUE_FACTOR = 16  # how many times the bytes of its JSON a value takes at most
MAX_VARIABLES_BYTES = 1_000  # of variables whose arguments are kept

ArgumentKey = tuple[int, bytes]


class ParsedArguments(NamedTuple):
    """What the fields of an operation ask for."""

    arguments: Sequence[PlanArguments]
    plan_keys: tuple[Hashable, ...]
    """What of them decides how the statement reads."""

    @classmethod
    def of(cls, arguments: Sequence[PlanArguments]) -> "ParsedArguments":
        """Return them with their keys."""
        return cls(arguments, tuple([each.plan_key() for each in arguments]))


class ArgumentCache:
    """The arguments of queries that were parsed lately."""

    def __init__(self) -> None:
        self._kept: SegmentedLRU[ArgumentKey, ParsedArguments] = SegmentedLRU(ARGUMENTS_BYTES, _weigh)

    @property
    def usage(self) -> CacheUsage:
        """How much is kept."""
        return self._kept.usage

    def parse(self, variant: OperationVariant, values: CoercedVariables, given: dict[str, Any]) -> ParsedArguments:
        """Return what a query asks for with these variables, which are `given` as JSON and were coerced to `values`.

        Raises:
            Unsupported, DomainError, GraphQLError: as parsing them does.
        """
        try:
            variables = orjson.dumps(given)
        except TypeError:  # a number with more than 64 bits, or half a character
            return ParsedArguments.of([parse(values) for parse in variant.argument_parsers])
        key = (variant.number, variables)
        found = self._kept.get(key)
        if found is None:
            found = ParsedArguments.of([parse(values) for parse in variant.argument_parsers])
            if len(variables) <= MAX_VARIABLES_BYTES:
                self._kept.put(key, found)
        return found


def _weigh(key: ArgumentKey, kept: ParsedArguments) -> int:
    return size_of(key[1]) + VALUE_FACTOR * len(key[1]) + SITE_BYTES * len(kept.arguments)
