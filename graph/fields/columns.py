"""Fields that show a row's own columns: columns, global ids, named expressions and amounts."""

from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from typing import Any

from strawberry.types.base import StrawberryOptional

from graph.fields.declared import DeclaredField, with_attributes
from graph.fields.money import Money
from graph.fields.scalars import to_global_id
from services.permissions import Permission

__all__ = ["Column", "ExpressionField", "MoneyField", "column", "expression", "global_id", "may_see", "money"]


class Column(DeclaredField, compilable=True):
    """A column of the type's own table."""

    column: str = ""

    @property
    def is_basic_field(self) -> bool:
        """Return True: a column is read without knowing the caller."""
        return True

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Read it from the row."""
        return getattr(source, self.column or self.python_name)


class GlobalId(DeclaredField, compilable=True):
    """A row's id in the whole schema, or the id of another row that one of its columns holds."""

    column: str = "id"
    type_name: str = ""
    """The type of that row; empty for the field's own."""

    @property
    def is_basic_field(self) -> bool:
        """Return True: an id is made without knowing the caller."""
        return True

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> str:  # noqa: ARG002  # Strawberry's signature
        """Write it."""
        if self.type_name:
            return to_global_id(self.type_name, getattr(source, self.column))
        return to_global_id(self.binding.name, source.id, source.updated_at if source.is_past else None)


class ExpressionField(DeclaredField, compilable=True):
    """An expression over the type's own table that the services named."""

    expression: str
    from_row: Callable[[Any], Any] | None = None
    """What computes the same from the row alone, for rows of the past and rows that are gone."""

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Compute it together with those of all other rows; of a past row from what it held then."""
        if self.from_row is not None:
            return self.from_row(source)
        if not may_see(self, info.context.actor.permissions):
            return None
        return _load_expression(self, info, self.expression, source)


class MoneyField(DeclaredField, compilable=True):
    """An amount in minor units, by a column or a named expression, and the column of its currency."""

    minor: str
    currency: str
    computed: bool

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Put the two together."""
        currency = getattr(source, self.currency)
        if not self.computed:
            return Money.from_minor_units(getattr(source, self.minor), currency)
        if not may_see(self, info.context.actor.permissions):
            return None
        return _as_money(_load_expression(self, info, self.minor, source), currency)


def column(name: str = "") -> Any:
    """Declare a column of the type's table; by default the one with the field's name."""
    return with_attributes(Column(), column=name)


def global_id(column: str, type_name: str) -> Any:
    """Declare the global id of the row of another type that a column holds the id of, whether or not it is there."""
    return with_attributes(GlobalId(), column=column, type_name=type_name)


def expression(name: str, *, from_row: Callable[[Any], Any] | None = None) -> Any:
    """Declare one of the collection's named expressions; `from_row` computes the same where only the row is left."""
    return with_attributes(ExpressionField(), expression=name, from_row=from_row)


def money(minor: str, currency: str = "currency", *, computed: bool = False) -> Any:
    """An amount: the column of its minor units, or if `computed` the expression of that name; and its currency's."""
    return with_attributes(MoneyField(), minor=minor, currency=currency, computed=computed)


def may_see(field: "ExpressionField | MoneyField", permissions: AbstractSet[Permission]) -> bool:
    """Return whether these permissions let one see a computed field; for others it is null.

    One that cannot be null refuses them with an error, as all that reads its expression does.
    """
    name = field.minor if isinstance(field, MoneyField) else field.expression
    needed = field.binding.collection.restricted.get(name)
    return needed is None or needed in permissions or not isinstance(field.type, StrawberryOptional)


def _load_expression(field: DeclaredField, info: Any, name: str, source: Any) -> Awaitable[Any]:
    loaders, collection = info.context.loaders, field.binding.collection
    if source.is_past:
        past: Awaitable[Any] = loaders.past_expression(collection, name, source)
        return past
    present: Awaitable[Any] = loaders.expression(collection, name, source.id)
    return present


async def _as_money(minor: Awaitable[int], currency: str) -> Money:
    return Money.from_minor_units(await minor, currency)
