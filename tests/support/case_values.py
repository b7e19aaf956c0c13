"""Values that cases of several domains give."""

__all__ = ["PAGE", "PRICE"]

PAGE = {"first": 2}
"""A page of a list that other things made before may be in front of."""

PRICE = {"amount": "5.00", "currency": "EUR"}
