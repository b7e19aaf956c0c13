"""Money in GraphQL: an exact amount in a currency."""

from decimal import Decimal
from typing import Self

from graph.fields.descriptions import input_type, object_type
from models.money import Currency, amount

__all__ = ["Money", "MoneyInput"]


@object_type
class Money:
    """An amount in a currency."""

    amount: Decimal
    """The amount, with exactly the currency's number of decimals."""
    currency: Currency
    """The currency."""

    @classmethod
    def from_minor_units(cls, minor: int, currency: str) -> Self:
        """From minor units."""
        return cls(amount=amount(minor, currency), currency=Currency(currency))


@input_type
class MoneyInput:
    """An amount in a currency."""

    amount: Decimal
    """The amount, with no more decimals than the currency has. As a string it is exact."""
    currency: Currency
    """The currency."""
