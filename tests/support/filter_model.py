"""What filters and sort orders mean, in plain Python over objects as the API shows them.

A filter has the names of what an object shows: `dueDate` is its `dueDate`, `assigneeId` the id of its `assignee`,
`labelIds` the ids of its `labels`, and `project: {…}` a filter of its `project`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLObjectType, GraphQLSchema, get_named_type
from strawberry.utils.str_converters import to_camel_case

from models.money import DECIMALS

__all__ = ["FilterModel"]

COMBINATORS = {"and", "or", "not"}
OWNER = {"Task": "assignee", "Document": "creator", "Article": "author", "Order": "user"}
"""By type, whose `mine` it is."""
SEARCHED = {"Task": ("title", "description"), "Order": ("number", "shippingAddress")}
"""By type, the fields of its `text`."""
NEWEST_FIRST = {"CREATED_AT", "UPDATED_AT"}

Object = Mapping[str, Any]


class FilterModel:
    """The filter and the orders of one type's lists, for one viewer."""

    def __init__(self, schema: GraphQLSchema, type_name: str, viewer_id: str) -> None:
        self.schema = schema
        self.type_name = type_name
        self.viewer_id = viewer_id
        self.filter_type = self._input(f"{type_name}Filter")

    def selection(self) -> str:
        """Return what a query has to select of an object, so that it can be judged."""
        return f"{{ id {' '.join(self._fields(self.type_name, related=True))} {' '.join(self._sorted_by())} }}"

    def select(self, objects: Iterable[Object], given: Mapping[str, Any]) -> list[Object]:
        """Return the objects that meet a filter."""
        return [each for each in objects if self._meets(self.type_name, each, given)]

    def sort(self, objects: Iterable[Object], keys: Sequence[Mapping[str, str | None]]) -> list[Object]:
        """Return objects in an order: keys one after the other, without a value last, then by id."""
        found = list(objects)
        found.sort(key=lambda each: each["id"], reverse=self._is_descending(keys[-1]))
        for key in reversed(keys):
            value = self._sort_value(str(key["field"]))
            found.sort(key=lambda each: value(each) or 0, reverse=self._is_descending(key))  # called at once
            found.sort(key=lambda each: value(each) is None)  # likewise
        return found

    def _input(self, name: str) -> GraphQLInputObjectType:
        type_ = self.schema.type_map[name]
        assert isinstance(type_, GraphQLInputObjectType)
        return type_

    def _fields(self, type_name: str, *, related: bool) -> Iterable[str]:
        """Return what is selected for the filter of a type, and of those that are related to it."""
        for name, field in self._input(f"{type_name}Filter").fields.items():
            named = get_named_type(field.type)
            if name in COMBINATORS:
                continue
            if name in {"text", "mine"}:
                yield from SEARCHED.get(type_name, ()) if name == "text" else [f"{OWNER[type_name]} {{ id }}"]
            elif self._is_relation(named):
                if related:
                    yield self._related_selection(name, named.name)
            elif name.endswith("Ids"):
                yield f"{name[:-3]}s(first: 100) {{ nodes {{ id }} }}"
            elif name.endswith("Id"):
                yield f"{name[:-2]} {{ id }}"
            else:
                yield f"{name} {{ amount currency }}" if named.name.endswith("MoneyFilter") else name

    def _related_selection(self, name: str, filter_name: str) -> str:
        target = filter_name.removesuffix("ListFilter").removesuffix("Filter")
        inner = f"{{ id {' '.join(self._fields(target, related=False))} }}"
        return f"{name}(first: 100) {{ nodes {inner} }}" if filter_name.endswith("ListFilter") else f"{name} {inner}"

    @staticmethod
    def _is_relation(type_: Any) -> bool:
        return bool({"and", "some"} & set(getattr(type_, "fields", ())))

    def _meets(self, type_name: str, row: Object, given: Mapping[str, Any]) -> bool:
        fields = self._input(f"{type_name}Filter").fields
        return all(self._holds(type_name, row, name, value, fields) for name, value in given.items())

    def _holds(self, type_name: str, row: Object, name: str, given: Any, fields: Mapping[str, Any]) -> bool:
        if name in COMBINATORS:
            held = [self._meets(type_name, row, each) for each in ([given] if name == "not" else given)]
            return not held[0] if name == "not" else any(held) if name == "or" else all(held)
        if name == "mine":
            return bool(given) == (_id_of(row[OWNER[type_name]]) == self.viewer_id)
        if name == "text":
            return _lower(given["contains"]) in " ".join(_lower(row[each]) for each in SEARCHED[type_name])
        named = get_named_type(fields[name].type)
        if self._is_relation(named):
            return self._related_holds(row[name], given, named.name)
        if name.endswith("Ids"):
            return given["contains"] in [each["id"] for each in row[f"{name[:-3]}s"]["nodes"]]
        value = _id_of(row[name[:-2]]) if name.endswith("Id") else row[name]
        return _compare(value, {"eq": None} if given is None else given, named.name)

    def _related_holds(self, value: Any, given: Any, filter_name: str) -> bool:
        target = filter_name.removesuffix("ListFilter").removesuffix("Filter")
        if not filter_name.endswith("ListFilter"):
            return value is None if given is None else value is not None and self._meets(target, value, given)
        held = {key: any(self._meets(target, each, inner) for each in value["nodes"]) for key, inner in given.items()}
        return all(is_held == (key == "some") for key, is_held in held.items())

    def _sorted_by(self) -> Iterable[str]:
        """Return what is selected for the orders of the type."""
        order = get_named_type(self._input(f"{self.type_name}Order").fields["field"].type)
        assert isinstance(order, GraphQLEnumType)
        shown = self.schema.type_map[self.type_name]
        assert isinstance(shown, GraphQLObjectType)
        for name in (to_camel_case(each.lower()) for each in order.values):
            is_money = get_named_type(shown.fields[name].type).name == "Money"
            yield f"{name} {{ amount currency }}" if is_money else name

    def _sort_value(self, field: str) -> Callable[[Object], Any]:
        name = to_camel_case(field.lower())
        shown = self.schema.type_map[self.type_name]
        assert isinstance(shown, GraphQLObjectType)
        named = get_named_type(shown.fields[name].type)
        if isinstance(named, GraphQLEnumType):
            return lambda row: list(named.values).index(row[name]) + 1
        kinds: dict[str, Callable[[Any], Any]] = {
            "DateTime": lambda value: value and datetime.fromisoformat(value).timestamp(),
            "Money": _minor_units,
            "String": lambda value: value if name == "position" else _lower(value),
        }
        read = kinds.get(named.name, lambda value: value)
        return lambda row: read(row[name])

    @staticmethod
    def _is_descending(key: Mapping[str, str | None]) -> bool:
        return key["direction"] == "DESC" if key.get("direction") else key["field"] in NEWEST_FIRST


def _compare(value: Any, given: Mapping[str, Any], filter_name: str) -> bool:
    """Return whether a value meets all operators of a condition; one that is missing meets no comparison."""
    if filter_name.endswith("MoneyFilter"):
        if value["currency"] != given["currency"]:
            return False
        given = {name: each for name, each in given.items() if name != "currency"}
        value = value["amount"]
    kinds: dict[str, Callable[[Any], Any]] = {
        "MoneyFilter": Decimal,
        "DateTimeFilter": datetime.fromisoformat,
        "StringFilter": _lower,
    }
    read = kinds.get(filter_name.removeprefix("Nullable"), lambda each: each)
    value = None if value is None else read(value)
    return all(_operator_holds(name, value, operand, read) for name, operand in given.items())


def _operator_holds(name: str, value: Any, operand: Any, read: Callable[[Any], Any]) -> bool:
    if name == "isNull":
        return bool(operand) == (value is None)
    if operand is None:
        return (name == "eq") == (value is None)
    if name == "in":
        return value in list(map(read, operand))
    operand = read(operand)
    if name == "not":
        return bool(value != operand)
    if value is None:
        return False
    found: dict[str, Callable[[], bool]] = {
        "eq": lambda: value == operand,
        "gt": lambda: value > operand,
        "gte": lambda: value >= operand,
        "lt": lambda: value < operand,
        "lte": lambda: value <= operand,
        "contains": lambda: operand in value,
        "startsWith": lambda: value.startswith(operand),
    }
    return found[name]()


def _lower(value: Any) -> str:
    return "" if value is None else str(value).lower()


def _minor_units(value: Mapping[str, str]) -> int:
    return int(Decimal(value["amount"]).scaleb(DECIMALS[value["currency"]]))


def _id_of(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else value["id"]
