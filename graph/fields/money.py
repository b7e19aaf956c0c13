"""Money in GraphQL: an exact amount in a currency."""

from decimal import Decimal
from typing import Self

from graph.fields.descriptions import enum, input_type, object_type
from models.money import CURRENCY_NAMES, Currency, amount

__all__ = ["Money", "MoneyInput"]

enum(Currency, CURRENCY_NAMES)


@object_type
class Money:
    """An exact amount of money in one currency."""

    amount: Decimal
    """Amount of money in major units of the currency, with exactly the number of decimals that ISO 4217 gives the
    currency: `"19.90"` for EUR, `"1990"` for JPY."""
    currency: Currency
    """Currency of the amount of money (ISO 4217 code)."""

    @classmethod
    def from_minor_units(cls, minor: int, currency: str) -> Self:
        """From minor units."""
        return cls(amount=amount(minor, currency), currency=Currency(currency))


@input_type
class MoneyInput:
    """Input of an amount of money in one currency."""

    amount: Decimal
    """Amount of money to send, in major units, with no more decimals than the currency has; send a string, such as
    `"19.90"`, to keep it exact."""
    currency: Currency
    """Currency of the amount of money to send (ISO 4217 code)."""
