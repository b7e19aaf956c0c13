"""Money: whole minor units and a currency. No float ever touches an amount.

Currencies and their number of decimals are those of ISO 4217 (list one); funds, metals and test codes, which have no
minor unit, are left out.
"""

from decimal import Decimal
from enum import StrEnum

__all__ = ["DECIMALS", "Currency", "amount", "minor_units"]

_TWO = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE
CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR
KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB
PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY
TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG
"""
_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"

DECIMALS: dict[str, int] = {
    code: decimals for decimals, codes in ((2, _TWO), (0, _NONE), (3, _THREE)) for code in codes.split()
}
"""How many decimals each currency has."""

Currency = StrEnum("Currency", [(code, code) for code in sorted(DECIMALS)])  # type: ignore[misc]  # made from the list
Currency.__doc__ = "A currency, by its ISO 4217 code."


def amount(minor: int, currency: str) -> Decimal:
    """Minor units as an amount, with exactly the currency's decimals: 1990 and EUR give 19.90."""
    return Decimal(minor).scaleb(-DECIMALS[currency])


def minor_units(value: Decimal, currency: str) -> int | None:
    """An amount in minor units; None when it is no number, or has more decimals than the currency."""
    if not value.is_finite():
        return None
    scaled = value.scaleb(DECIMALS[currency])
    return int(scaled) if scaled == scaled.to_integral_value() else None
