"""Random baskets, and what is to become of each: a plain recomputation of the rules by which orders are placed."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import asyncpg

from models.base import new_id
from tests.support.factories import insert

__all__ = ["PLACE", "PLACE_WITH_ITEMS", "Basket", "ShelfProduct", "Shop", "fill_shelf", "random_basket"]

ERRORS = """... on Error { code } ... on InvalidInput { fields { path } }
    ... on OutOfStock { lines { requested available product { id } } }"""
PLACE = f"""mutation Place($input: PlaceOrderInput!) {{ placeOrder(input: $input) {{
    ... on Order {{ id number status nextStatuses shippingAddress version totalAmount {{ amount currency }}
        user {{ id }} }} {ERRORS}
}} }}"""
"""What the statement that writes the order can show."""
PLACE_WITH_ITEMS = PLACE.replace("user { id }", "items { nodes { quantity } }")
"""What it cannot show."""

STOCKS = {"tea": 20, "cup": 400, "pot": 4_000, "gone": 0, "old": 50, "sushi": 50, "gold": 50}
PRICES = {"tea": 199, "cup": 0, "pot": 12_345, "gone": 5, "old": 5, "sushi": 700, "gold": 9_999_999_999}
NEXT = ["CONFIRMED", "CANCELLED"]
MAX_MINOR = 999_999_999_999


@dataclass
class ShelfProduct:
    """A product, as the recomputation has it."""

    id: str
    price: int
    currency: str
    is_active: bool
    stock: int


@dataclass(frozen=True)
class Basket:
    """What somebody orders."""

    items: Sequence[tuple[str, int]]
    address: str
    key: str | None

    @property
    def input(self) -> dict[str, Any]:
        """Return it as `placeOrder` takes it."""
        items = [{"productId": product_id, "quantity": quantity} for product_id, quantity in self.items]
        return {"items": items, "shippingAddress": self.address} | ({"idempotencyKey": self.key} if self.key else {})

    @property
    def wanted(self) -> dict[str, int]:
        """Return the quantity of each product."""
        wanted: dict[str, int] = {}
        for product_id, quantity in self.items:
            wanted[product_id] = wanted.get(product_id, 0) + quantity
        return wanted


@dataclass
class Shop:
    """Products, the keys that were used, and the orders that were placed."""

    shelf: Mapping[str, ShelfProduct]
    keys: dict[str, tuple[Basket, dict[str, Any]]] = field(default_factory=dict)
    placed: list[tuple[Basket, dict[str, Any]]] = field(default_factory=list)

    def place(self, basket: Basket, number: int) -> dict[str, Any]:
        """Return what an order comes to that is the one of this number if it is placed; and take its stock."""
        paths = [] if 1 <= len(basket.address) <= 500 else ["shippingAddress"]
        paths += [f"items.{place}.quantity" for place, (_, quantity) in enumerate(basket.items) if quantity < 1]
        paths += [] if basket.items else ["items"]
        if paths:
            return _invalid(paths)
        if basket.key in self.keys:
            first, order = self.keys[basket.key]
            same = (first.wanted, first.address) == (basket.wanted, basket.address)
            return order if same else {"code": "IDEMPOTENCY_CONFLICT"}
        refused = self._refusal(basket)
        if refused is not None:
            return refused
        total = Decimal(0)
        for product_id, quantity in basket.wanted.items():
            self.shelf[product_id].stock -= quantity
            total += quantity * self.shelf[product_id].price
        (currency,) = {self.shelf[product_id].currency for product_id in basket.wanted}
        amount = f"{total / 100:.2f}" if currency == "EUR" else f"{total}"
        order = {
            "number": number,
            "status": "PENDING",
            "nextStatuses": NEXT,
            "shippingAddress": basket.address,
            "version": 1,
        }
        order["totalAmount"] = {"amount": amount, "currency": currency}
        self.placed.append((basket, order))
        if basket.key:
            self.keys[basket.key] = basket, order
        return order

    def _refusal(self, basket: Basket) -> dict[str, Any] | None:
        found = [self.shelf.get(product_id) for product_id, _ in basket.items]
        known = {product_id: self.shelf[product_id] for product_id in basket.wanted if product_id in self.shelf}
        paths = [
            f"items.{place}.productId"
            for place, product in enumerate(found)
            if product is None or not product.is_active
        ]
        paths += ["items"] * (len({product.currency for product in known.values()}) > 1)
        paths += ["items"] * (sum(product.price * basket.wanted[key] for key, product in known.items()) > MAX_MINOR)
        if paths:
            return _invalid(paths)
        lines = [
            {"requested": quantity, "available": known[key].stock, "product": {"id": key}}
            for key, quantity in basket.wanted.items()
            if known[key].stock < quantity
        ]
        return {"code": "OUT_OF_STOCK", "lines": lines} if lines else None


def _invalid(paths: list[str]) -> dict[str, Any]:
    return {"code": "BAD_USER_INPUT", "fields": [{"path": path} for path in paths]}


async def fill_shelf(connection: asyncpg.Connection, tenant_id: Any) -> Shop:
    """Put products on a shelf of their own: with little stock, for nothing, dear, of another currency, not for sale."""
    shelf = {}
    for name, stock in STOCKS.items():
        currency, price = "JPY" if name == "sushi" else "EUR", PRICES[name]
        row = {"sku": f"{name} {new_id()}", "name": name, "price_minor": price, "currency": currency}
        row |= {"stock_quantity": stock, "is_active": name != "old"}
        row_id = f"Product:{await insert(connection, 'products', tenant_id=tenant_id, **row)}"
        shelf[row_id] = ShelfProduct(row_id, price, currency, name != "old", stock)
    return Shop(shelf)


def random_basket(chance: random.Random, shop: Shop) -> Basket:
    """Return a basket; one in some has something wrong with it, and one in some is an earlier one again."""
    if shop.keys and chance.random() < 0.15:
        earlier, _ = chance.choice(list(shop.keys.values()))
        return earlier if chance.random() < 0.6 else Basket([*earlier.items, earlier.items[0]], "x", earlier.key)
    good = [product.id for product in shop.shelf.values() if product.is_active and product.currency == "EUR"]
    ids = list(shop.shelf) if chance.random() < 0.2 else good
    quantities = [1, 1, 1, 2, 3, 7, 60, 0 if chance.random() < 0.2 else 1]
    items = [(chance.choice(ids), chance.choice(quantities)) for _ in range(chance.choice([1, 1, 2, 3, 5]))]
    if chance.random() < 0.05:
        items.append((f"Product:{new_id()}", 1))
    if chance.random() < 0.02:
        items = []
    address = chance.choice(["", "x" * 501] if chance.random() < 0.03 else ["1 Main Street", "Ü %s'\"\\"])
    return Basket(items, address, str(new_id()) if chance.random() < 0.3 else None)
