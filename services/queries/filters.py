"""Filter fields: what a list can be filtered by, declared once in its collection, and the conditions that they make.

Every condition is true or not, of every row: a comparison with a value that a row does not have is not true of it, and
`not` is written `(…) IS NOT TRUE`, so that it is true exactly where the condition inside is not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    TableClause,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    column,
    func,
    literal,
    select,
    table,
    true,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.types import TypeEngine

from services.errors import InvalidInput
from services.validation import is_storable_text, normalize_text

__all__ = [
    "MAX_FILTER_LENGTH",
    "FilterField",
    "FilterKind",
    "choice_filter",
    "flag_filter",
    "id_filter",
    "id_list_filter",
    "money_filter",
    "prefix_condition",
    "scalar_filter",
    "substring_condition",
    "substring_filter",
    "text_filter",
    "viewer_filter",
]

MAX_FILTER_LENGTH = 255  # characters; a pattern is matched against every row that the index cannot rule out

EQUALITY = ("eq", "in", "not")
RANGE = ("gt", "gte", "lt", "lte")
LAST_CHARACTER = "\U0010ffff"  # no character comes behind it

Compared = Callable[[ColumnElement[Any]], ColumnElement[Any]]
"""Makes of a parameter what a column is compared with."""


class FilterKind(Enum):
    """Kinds of filter fields, which differ in their operators or in the type of their values."""

    ID = "id"
    CHOICE = "choice"
    FLAG = "flag"
    NUMBER = "number"
    MOMENT = "moment"
    DAY = "day"
    MONEY = "money"
    TEXT = "text"
    SUBSTRING = "substring"
    ID_LIST = "id list"
    VIEWER = "viewer"

    @property
    def operators(self) -> tuple[str, ...]:
        """Return the operators of such fields, besides those for rows without a value."""
        return _OPERATORS[self]


_OPERATORS = {
    FilterKind.ID: EQUALITY,
    FilterKind.CHOICE: EQUALITY,
    FilterKind.FLAG: EQUALITY,
    FilterKind.NUMBER: (*EQUALITY, *RANGE),
    FilterKind.MOMENT: (*EQUALITY, *RANGE),
    FilterKind.DAY: (*EQUALITY, *RANGE),
    FilterKind.MONEY: ("currency", *EQUALITY, *RANGE),
    FilterKind.TEXT: (*EQUALITY, "contains", "starts_with"),
    FilterKind.SUBSTRING: ("contains",),
    FilterKind.ID_LIST: ("contains",),
    FilterKind.VIEWER: ("is_true", "is_false"),
}


def _itself(parameter: ColumnElement[Any]) -> ColumnElement[Any]:
    return parameter


@dataclass(frozen=True, slots=True, eq=False)
class FilterField:
    """One thing that a list can be filtered by."""

    kind: FilterKind
    value_type: TypeEngine[Any]
    """Type of the values that it is compared with."""
    value: ColumnElement[Any]
    """What is compared: a column, or for the kind `VIEWER` the condition itself; the id of the rows for the kinds that
    are looked up elsewhere, `SUBSTRING` and `ID_LIST`."""
    least: ColumnElement[Any] | None = None
    """What `gt` and `gte` compare in place of `value`."""
    most: ColumnElement[Any] | None = None
    """What `lt` and `lte` compare in place of `value`, and `eq` and `in` too, since it is what is indexed."""
    is_null: ColumnElement[bool] | None = None
    """Condition for rows without a value; None if every row has one."""
    compared: Compared = _itself
    """Makes of one value what `value` is compared with."""
    compared_any: Compared = _itself
    """Makes of an array of values the array that `value` is compared with."""
    normalize: Callable[[Any], Any] = lambda value: value
    """Returns a client's value as it is compared."""
    contains: Callable[[str], ColumnElement[bool]] | None = None
    """Makes the condition for `contains`, over the bind of this name."""
    currency: ColumnElement[Any] | None = None
    """Column of the amount's currency."""
    maximum: int = 0
    """The largest amount, in minor units."""
    choices: type[StrEnum] | None = None
    """What the values are, where they can be listed."""
    is_indexed: bool = True
    """Whether an index serves the operators that find few rows, but for those of `unindexed`."""

    @property
    def unindexed(self) -> frozenset[str]:
        """Return the operators that no index serves, besides those that find most rows, such as `not`."""
        if not self.is_indexed:
            return frozenset(self.operators)
        return frozenset(
            operator
            for operator, served in (
                ("contains", self.contains is not None),
                ("starts_with", _is_bytewise(self.value)),
                ("is_null", self.least is None),
            )
            if operator in self.operators and not served
        )

    @property
    def operators(self) -> tuple[str, ...]:
        """Return its operators."""
        return self.kind.operators if self.is_null is None else (*self.kind.operators, "is_null", "is_not_null")

    def condition(self, operator: str, name: str) -> ColumnElement[bool]:
        """Return the condition of one operator, over the bind of this name where it has a value."""
        return _CONDITIONS[operator](self, name)

    def parameter(self, name: str) -> ColumnElement[Any]:
        """Return what `value` is compared with, over a bind."""
        return self.compared(bindparam(name, type_=self.value_type))

    def check(self, path: str, value: Any) -> Any:
        """Return a client's value as it is compared.

        Raises:
            InvalidInput: a text that nothing can hold, or one of more than 255 characters.
        """
        if type(value) is str:
            value = normalize_text(value)
            if not is_storable_text(value):
                raise InvalidInput.of(path, "This holds characters that can be found nowhere.")
            if len(value) > MAX_FILTER_LENGTH:
                raise InvalidInput.of(path, f"This may have {MAX_FILTER_LENGTH} characters at most.")
        return self.normalize(value)


def _equal(field: FilterField, name: str) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = (field.value if field.most is None else field.most) == field.parameter(name)
    return condition


def _any_of(field: FilterField, name: str) -> ColumnElement[bool]:
    values = field.compared_any(bindparam(name, type_=ARRAY(field.value_type)))
    condition: ColumnElement[bool] = (field.value if field.most is None else field.most) == any_(values)
    return condition


def _starts_with(field: FilterField, name: str) -> ColumnElement[bool]:
    beginning = field.parameter(name)
    if _is_bytewise(field.value):
        return prefix_condition(field.value, beginning)
    return field.value.like(_escaped(beginning) + literal("%", Text()))


def prefix_condition(column: Any, beginning: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition for texts that start with another, as a range of an index by the collation "C"."""
    condition: ColumnElement[bool] = and_(column >= beginning, column < beginning + literal(LAST_CHARACTER, Text()))
    return condition


def _is_bytewise(column: ColumnElement[Any]) -> bool:
    return getattr(column.type, "collation", None) == "C"


def _contains(field: FilterField, name: str) -> ColumnElement[bool]:
    if field.contains is not None:
        return field.contains(name)
    return field.value.like(substring_pattern(name))


def _has_currency(field: FilterField, name: str) -> ColumnElement[bool]:
    assert field.currency is not None, "amounts have one"
    return field.currency == bindparam(name, type_=Text())


def _is_null(field: FilterField, _name: str) -> ColumnElement[bool]:
    assert field.is_null is not None, "parsing refuses null otherwise"
    return field.is_null


_CONDITIONS: dict[str, Callable[[FilterField, str], ColumnElement[bool]]] = {
    "eq": _equal,
    "in": _any_of,
    "not": lambda field, name: _equal(field, name).is_not(true()),
    "is_null": _is_null,
    "is_not_null": lambda field, name: ~_is_null(field, name),
    "gt": lambda field, name: (field.value if field.least is None else field.least) > field.parameter(name),
    "gte": lambda field, name: (field.value if field.least is None else field.least) >= field.parameter(name),
    "lt": lambda field, name: (field.value if field.most is None else field.most) < field.parameter(name),
    "lte": lambda field, name: (field.value if field.most is None else field.most) <= field.parameter(name),
    "contains": _contains,
    "starts_with": _starts_with,
    "currency": _has_currency,
    "is_true": lambda field, _name: field.value,
    "is_false": lambda field, _name: field.value.is_not(true()),
}
"""How each operator is written."""


def _null_test(value: Any) -> ColumnElement[bool] | None:
    """Return the condition for rows without a value in a column, if there can be any."""
    test: ColumnElement[bool] = value.is_(None)
    return test if getattr(getattr(value, "expression", value), "nullable", False) else None


def id_filter(value: Any, **options: Any) -> FilterField:
    """Return the filter field of a column with ids."""
    return FilterField(FilterKind.ID, Uuid(), value, is_null=_null_test(value), **options)


def choice_filter(value: Any, choices: type[StrEnum] | None = None, *, is_indexed: bool = True) -> FilterField:
    """Return the filter field of a column with the values of an enum, which graph names where nobody else knows it."""
    return FilterField(
        FilterKind.CHOICE, Text(), value, is_null=_null_test(value), choices=choices, is_indexed=is_indexed
    )


def flag_filter(value: Any) -> FilterField:
    """Return the filter field of a boolean column."""
    return FilterField(FilterKind.FLAG, Boolean(), value)


def scalar_filter(
    value: Any, *, least: Any = None, most: Any = None, is_null: Any = None, is_indexed: bool = True
) -> FilterField:
    """Return the filter field of a column with numbers, moments or days.

    Args:
        value: the column.
        least: what is the least where there is no value, indexed for the order of that name.
        most: what is the most where there is no value.
        is_null: the condition for rows without a value, where an index knows it by another column.
        is_indexed: whether an index serves it.
    """
    kinds = {"int": FilterKind.NUMBER, "datetime": FilterKind.MOMENT, "date": FilterKind.DAY}
    kind = kinds[value.type.python_type.__name__]
    is_null = _null_test(value) if is_null is None else is_null
    return FilterField(kind, value.type, value, least=least, most=most, is_null=is_null, is_indexed=is_indexed)


def money_filter(minor: Any, currency: Any, maximum: int) -> FilterField:
    """Return the filter field of an amount: the columns of its minor units and its currency, and the largest amount."""
    return FilterField(FilterKind.MONEY, BigInteger(), minor, currency=currency, maximum=maximum)


def text_filter(
    value: Any,
    *,
    contains: Callable[[str], ColumnElement[bool]] | None = None,
    normalize: Callable[[str], str] = lambda value: value,
    is_indexed: bool = True,
) -> FilterField:
    """Return the filter field of a text that is compared ignoring case.

    Args:
        value: the column that keeps the text in lower case, such as its sort key.
        contains: makes the condition for a part of the text, where an index serves that.
        normalize: returns a client's text in the form in which it is kept, apart from its case.
        is_indexed: whether an index serves it.
    """
    return FilterField(
        FilterKind.TEXT,
        Text(),
        value,
        is_null=_null_test(value),
        compared=func.lower,
        compared_any=_lower_all,
        contains=contains,
        normalize=normalize,
        is_indexed=is_indexed,
    )


def substring_filter(view: str, row_id: Any) -> FilterField:
    """Return the filter field of a text that is only found by its parts, over a view (tenant_id, id, text)."""
    return FilterField(FilterKind.SUBSTRING, Text(), row_id, contains=substring_condition(view, row_id))


def id_list_filter(view: str, row_id: Any, *, compared: Compared = _itself) -> FilterField:
    """Return the filter field of an array of ids, over a view (tenant_id, id, ids).

    The view reads with its owner's rights, since no policy lets the operator reach an index.

    Args:
        view: its name.
        row_id: the id of the rows.
        compared: makes of a client's id what the array holds.
    """
    holders = table(view, column("id", Uuid()), column("ids", ARRAY(Uuid())))

    def contains(name: str) -> ColumnElement[bool]:
        wanted: Any = array([compared(bindparam(name, type_=Uuid()))], type_=Uuid())
        return _is_found(row_id, holders, holders.c.ids.op("@>", is_comparison=True)(wanted), name)

    return FilterField(FilterKind.ID_LIST, Uuid(), row_id, contains=contains)


def viewer_filter(condition: ColumnElement[bool]) -> FilterField:
    """Return the filter field for rows that are the viewer's own in some way, over the bind `user_id`."""
    return FilterField(FilterKind.VIEWER, Boolean(), condition)


def substring_condition(view: str, row_id: Any) -> Callable[[str], ColumnElement[bool]]:
    """Return what makes the condition for rows whose text contains a bind, in any case, over a view (id, text).

    The view reads with its owner's rights, since no policy lets LIKE reach an index.
    """
    texts = table(view, column("id", Uuid()), column("text", Text()))

    def condition(name: str) -> ColumnElement[bool]:
        return _is_found(row_id, texts, texts.c.text.like(substring_pattern(name)), name)

    return condition


def _is_found(row_id: Any, view: TableClause, condition: ColumnElement[bool], name: str) -> ColumnElement[bool]:
    """Return the condition for rows whose id a view has where it meets a condition over the bind of this name."""
    # Materialized: looked for once, and not once more for each row, as a planner without statistics would.
    ids = select(view.c.id).where(condition).cte(f"found_by_{name}").prefix_with("MATERIALIZED")
    matching: ColumnElement[bool] = row_id.in_(select(ids.c.id))
    return matching


def substring_pattern(name: str) -> ColumnElement[str]:
    """Return the LIKE pattern for texts in lower case that contain the bind of this name."""
    anything = literal("%", Text())  # not concat(), which the planner does not work out beforehand
    return anything + _escaped(func.lower(bindparam(name, type_=Text()))) + anything


def _escaped(wanted: ColumnElement[Any]) -> ColumnElement[Any]:
    for special in ("\\", "%", "_"):
        wanted = func.replace(wanted, special, f"\\{special}")
    return wanted


def _lower_all(texts: ColumnElement[Any]) -> ColumnElement[Any]:
    each = func.unnest(texts).table_valued(column("text", Text()), name="given").render_derived()
    lower = select(func.lower(each.c.text)).scalar_subquery()
    return func.array(lower, type_=ARRAY(Text()))
