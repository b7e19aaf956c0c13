"""Parsing filters: from what a client writes to a tree of conditions, and apart from it the values in their order.

The tree decides how a statement reads. It holds no value, so that one plan serves all values, and it is fit to be a
key. `in` has one value, an array, however many it lists.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from models.money import minor_units
from services.errors import InvalidInput
from services.queries.collection import Collection
from services.queries.filters import FilterField, FilterKind

__all__ = [
    "MAX_COMBINATOR_DEPTH",
    "MAX_CONDITIONS",
    "MAX_VALUES",
    "NO_FILTER",
    "AllOf",
    "AnyOf",
    "Condition",
    "FieldCondition",
    "Filter",
    "Not",
    "Related",
    "bind_name",
    "parse_filter",
]

MAX_COMBINATOR_DEPTH = 4  # `and`, `or` and `not` within each other
MAX_CONDITIONS = 50  # operators, and objects in `and` and `or`
MAX_VALUES = 1_000  # of one `in`

NULL_MESSAGE = "This must not be null: leave it out, or give it a value."


@dataclass(frozen=True, slots=True)
class FieldCondition:
    """One operator of one field."""

    field: str
    operator: str
    bind: int | None = None
    """Which of the filter's values it compares with; None for an operator without a value."""


@dataclass(frozen=True, slots=True)
class AllOf:
    """What is true if all conditions are; of no conditions, too."""

    conditions: "tuple[Condition, ...]" = ()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """What is true if one of the conditions is."""

    conditions: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """What is true if the condition is not."""

    condition: "Condition"


@dataclass(frozen=True, slots=True)
class Related:
    """What is true if some related row that the caller may see meets the condition."""

    relation: str
    condition: "Condition"


Condition = FieldCondition | AllOf | AnyOf | Not | Related


@dataclass(frozen=True, slots=True)
class Filter:
    """A client's filter, together with what its list applies by default."""

    condition: Condition = AllOf()
    """How a statement reads with it."""
    values: tuple[Any, ...] = ()
    """What its conditions compare with."""

    def binds(self) -> dict[str, Any]:
        """Return the values by the names of their binds."""
        return {bind_name(number): value for number, value in enumerate(self.values)}

    def value(self, name: str) -> Any:
        """Return the value of the bind of this name."""
        return self.values[int(name.removeprefix(BIND_PREFIX))]


BIND_PREFIX = "filter_"

NO_FILTER = Filter()


def bind_name(number: int) -> str:
    """Return the name of the bind of one of a filter's values."""
    return f"{BIND_PREFIX}{number}"


def parse_filter(collection: Collection, given: Mapping[str, Any] | None, path: str = "filter") -> Filter:
    """Parse a client's filter, and add what the list applies by default.

    Args:
        collection: what is filtered.
        given: conditions by field, operators by condition: `{"status": {"in": ["TODO"]}, "not": {"mine": True}}`.
            What is absent is no condition.
        path: where the filter stands, for messages.

    Raises:
        InvalidInput: null for what every row has, an empty list, too many conditions or values, combinators too deep,
            an amount without its currency, a text that nothing can hold.
    """
    parser = _FilterParser(collection)
    conditions = [parser.parse_object(collection, given, path, 0)] if given else []
    defaults = [each for each in collection.defaults if not each.unless & parser.fields]
    conditions += [parser.parse_object(collection, each.filter, path, 0) for each in defaults]
    return Filter(_all_of(conditions), tuple(parser.values))


class _FilterParser:
    """Parses one filter."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.values: list[Any] = []
        self.fields: set[str] = set()
        """Names of all fields that the filter has a condition for."""
        self.count = 0

    def parse_object(self, within: Collection, given: Mapping[str, Any], path: str, depth: int) -> "Condition":
        """Parse an object of fields, relations and combinators, which all apply."""
        conditions: list[Condition] = []
        for name, value in given.items():
            where = f"{path}.{name}"
            if name in {"and", "or"}:
                found = tuple(self.parse_list(within, value, where, depth + 1))
                conditions.append(_all_of(found) if name == "and" else AnyOf(found))
            elif name == "not":
                conditions.append(Not(self.parse_combined(within, value, where, depth + 1)))
            elif name in within.relations:
                conditions += self.parse_relation(within, name, value, where, depth)
            else:
                self.fields |= {name} if within is self.collection and value != {} else set()
                conditions += self.parse_field(name, within.filters[name], value, where)
        return _all_of(conditions)

    def parse_relation(self, within: Collection, name: str, given: Any, path: str, depth: int) -> "Iterator[Condition]":
        """Parse the condition on related rows: null, a filter of theirs, or of many `some` and `none`."""
        if within is not self.collection:
            raise InvalidInput.of(path, "Conditions on related objects are one step deep.")
        relation = within.relations[name]
        target = relation.target()
        if given is None and within.may_lack(name):
            self.count_one(path)
            yield Not(Related(name, AllOf()))
            return
        if given is None:
            raise InvalidInput.of(path, NULL_MESSAGE)
        for quantifier, inner in given.items() if relation.is_many else [("", given)]:
            where = f"{path}.{quantifier}" if quantifier else path
            if inner is None:
                raise InvalidInput.of(where, NULL_MESSAGE)
            self.count_one(where)
            found = Related(name, self.parse_object(target, inner, where, depth))
            yield Not(found) if quantifier == "none" else found

    def parse_list(self, within: Collection, given: Any, path: str, depth: int) -> "Iterator[Condition]":
        """Parse the objects in `and` or `or`."""
        if not given:
            raise InvalidInput.of(path, "This needs one condition or more.")
        for number, each in enumerate(given):
            self.count_one(path)
            yield self.parse_combined(within, each, f"{path}.{number}", depth)

    def parse_combined(self, within: Collection, given: Any, path: str, depth: int) -> "Condition":
        """Parse an object within a combinator."""
        if given is None:
            raise InvalidInput.of(path, NULL_MESSAGE)
        if depth > MAX_COMBINATOR_DEPTH:
            raise InvalidInput.of(path, f"`and`, `or` and `not` may be nested {MAX_COMBINATOR_DEPTH} levels deep.")
        return self.parse_object(within, given, path, depth)

    def parse_field(self, name: str, field: FilterField, given: Any, path: str) -> "Iterator[Condition]":
        """Parse what is asked of one field: null, or operators, which all apply."""
        if field.kind is FilterKind.VIEWER:
            if given is None:
                raise InvalidInput.of(path, NULL_MESSAGE)
            given = {"is_true" if given else "is_false": None}
        elif given is None:
            given = {"eq": None}
        if field.kind is FilterKind.MONEY:
            given = _with_minor_units(field, given, path)
        for operator, value in given.items():
            self.count_one(path)
            yield self.parse_operator(name, field, operator, value, f"{path}.{operator}")

    def parse_operator(self, name: str, field: FilterField, operator: str, given: Any, path: str) -> FieldCondition:
        """Parse one operator with its value."""
        match operator, given:
            case (("is_true" | "is_false"), _):
                return FieldCondition(name, operator)
            case "is_null", bool():
                return FieldCondition(name, "is_null" if given else "is_not_null")
            case (("eq" | "not"), None) if field.is_null is not None:
                return FieldCondition(name, "is_null" if operator == "eq" else "is_not_null")
            case _, None:
                raise InvalidInput.of(path, NULL_MESSAGE)
            case "in", _:
                value: Any = tuple(self.parse_values(field, given, path))
            case _:
                value = field.check(path, given)
        self.values.append(value)
        return FieldCondition(name, operator, len(self.values) - 1)

    def parse_values(self, field: FilterField, given: Sequence[Any], path: str) -> Iterator[Any]:
        """Parse the values of `in`."""
        if not 1 <= len(given) <= MAX_VALUES:
            raise InvalidInput.of(path, f"This needs 1 to {MAX_VALUES:,} values.")
        for number, each in enumerate(given):
            yield field.check(f"{path}.{number}", each)

    def count_one(self, path: str) -> None:
        """Count one condition more."""
        self.count += 1
        if self.count > MAX_CONDITIONS:
            raise InvalidInput.of(path, f"A filter may have {MAX_CONDITIONS} conditions at most.")


def _all_of(conditions: Sequence["Condition"]) -> "Condition":
    return conditions[0] if len(conditions) == 1 else AllOf(tuple(conditions))


def _with_minor_units(field: FilterField, given: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return the operators of an amount with its values in minor units of the currency among them."""
    currency = given.get("currency")
    if currency is None:
        raise InvalidInput.of(path, "An amount needs `currency` beside it.")

    def minor(value: Decimal, where: str) -> int:
        found = minor_units(value, currency)
        if found is None or not 0 <= found <= field.maximum:
            raise InvalidInput.of(where, "This is no amount of the currency beside it.")
        return found

    converted: dict[str, Any] = {}
    for operator, value in given.items():
        where = f"{path}.{operator}"
        if operator == "currency" or value is None:
            converted[operator] = value
        elif operator == "in":
            converted[operator] = [minor(each, f"{where}.{number}") for number, each in enumerate(value)]
        else:
            converted[operator] = minor(value, where)
    return converted
