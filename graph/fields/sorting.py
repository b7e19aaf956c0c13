"""Sort orders of lists: the input type of `orderBy`, made from what a collection can be sorted by."""

from enum import Enum

import strawberry
from strawberry import UNSET

from graph.fields.connection import OrderDirection
from services.queries.collection import Collection, SortOrder

__all__ = ["order_input"]

STANDARD_ORDERS = {
    "created_at": "the date and time they were created",
    "updated_at": "the date and time they last changed",
}


def order_input(
    collection: Collection, *, name: str = "", plural: str = "", default: str = "newest first", **sorted_by: str
) -> type:
    """Return the input type `<name>Order` with its enum `<name>OrderField`, which has a value for each order.

    Args:
        collection: what is listed.
        name: the name of the listed type, where it is not the model's.
        plural: what is listed, in words, where they are not those of the table's name.
        default: how it is sorted when a client says nothing, in words.
        sorted_by: by order, what completes "Sort tasks by …" where its name and its column do not say enough.
    """
    model = collection.model
    if unknown := sorted_by.keys() - collection.orders.keys():
        raise TypeError(f"{model.__name__} cannot be sorted by {', '.join(sorted(unknown))}.")
    name, plural = name or model.__name__, plural or str(model.__tablename__).replace("_", " ")
    fields = Enum(f"{name}OrderField", {order.upper(): order for order in collection.orders})  # type: ignore[misc]  # made from the orders
    enum_type = strawberry.enum(fields, description=f"Fields by which {plural} can be sorted.")
    texts = {
        order: sorted_by.get(order) or STANDARD_ORDERS.get(order) or _words(order, sort, plural)
        for order, sort in collection.orders.items()
    }
    for value in enum_type.__strawberry_definition__.values:  # type: ignore[attr-defined]  # Strawberry adds it
        value.description = f"Sort {plural} by {texts[value.value]}."
    natural = _natural_directions(collection)
    namespace = {
        "__annotations__": {"field": enum_type, "direction": OrderDirection | None},
        "field": strawberry.field(description=f"Field by which {plural} are sorted."),
        "direction": strawberry.field(
            default=UNSET, description=f"Direction in which {plural} are sorted. If omitted or null, {natural}."
        ),
    }
    return strawberry.input(
        type(f"{name}Order", (), namespace), description=f"Sort order of {plural}; by default {default}."
    )


def _natural_directions(collection: Collection) -> str:
    """Return how each order sorts without a direction, in words."""
    newest_first = [f"`{order.upper()}`" for order, sort in collection.orders.items() if sort.is_descending]
    verb = "sorts" if len(newest_first) == 1 else "sort"
    parts = [f"{' and '.join(newest_first)} {verb} newest first (DESC)"] if newest_first else []
    if len(newest_first) < len(collection.orders):
        parts.append(f"{'other' if newest_first else 'all'} fields ascending (ASC)")
    return ", ".join(parts)


def _words(order: str, sort: SortOrder, plural: str) -> str:
    """Return what an order sorts by, as far as its column says it."""
    column = getattr(sort.ascending, "name", "") or ""
    text = order.replace("_", " ")
    if column.endswith("_key"):
        text += ", ignoring case"
    if column.endswith("_minor"):
        text += ", compared as a number of minor units (such as cents)"
    if sort.ascending is not sort.descending:
        text += f"; {plural} without one come last in both directions"
    return text
