"""Inputs: from GraphQL's input objects to the values that services take."""

import dataclasses
from collections.abc import Callable
from contextlib import suppress
from dataclasses import MISSING
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET
from strawberry.types.maybe import Some

from graph.fields.descriptions import NEVER_NULL
from graph.fields.scalars import decode_global_id, from_global_id
from services.errors import InvalidInput

__all__ = [
    "create_kwargs",
    "given_or_none",
    "id_of",
    "ids_of",
    "page_kwargs",
    "parse_ids",
    "to_kwargs",
    "update_kwargs",
]


def id_of(type_name: str, default: Any = MISSING) -> Any:
    """Declare an input field with the id of a certain type; services get its UUID."""
    return strawberry.field(default=default, metadata={"ref": type_name})


def ids_of(type_name: str) -> Any:
    """Declare an input field with ids of a certain type, none by default; services get their UUIDs."""
    return strawberry.field(default_factory=list, metadata={"ref": type_name})


def to_kwargs(given: Any, path: str = "") -> dict[str, Any]:
    """Return an input object as keyword arguments of a rule: absent fields are absent, ids are UUIDs.

    Raises:
        InvalidInput: an id that is none, or of another type; null for what may be left out but never be null.
    """
    kwargs: dict[str, Any] = {}
    never_null = getattr(type(given), NEVER_NULL, ())
    for field in dataclasses.fields(given):
        value = getattr(given, field.name)
        if value is UNSET or (value is None and field.default is None):
            continue
        value = value.value if isinstance(value, Some) else value
        where = f"{path}.{field.name}" if path else field.name
        if value is None and field.name in never_null:
            raise InvalidInput.of(where, "This must not be null: leave it out, or give it a value.")
        kwargs[field.name] = parse_ids(value, field.metadata.get("ref"), where)
    return kwargs


def page_kwargs(given: dict[str, Any]) -> dict[str, Any]:
    """Return the paging arguments as services take them; absent, null and no cursor are the same."""
    sizes = {name: None if given.get(name) is UNSET else given.get(name) for name in ("first", "last")}
    return sizes | {name: given.get(name) or None for name in ("after", "before")}


def given_or_none(value: Any) -> Any:
    """A value that may be left out; what is left out is None."""
    return None if value is UNSET else value


def create_kwargs(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a rule that creates something."""
    return {"idempotency_key": kwargs.pop("idempotency_key", None), "values": kwargs}


def update_kwargs(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a rule that updates something."""
    return {"id": kwargs.pop("id"), "expected_version": kwargs.pop("expected_version", None), "changes": kwargs}


def parse_ids(value: Any, type_: str | Callable[[str], bool] | None, path: str) -> Any:
    """Return a value with its ids as UUIDs, if it holds any; what is no id is as it was given.

    Args:
        value: one value, a list of them, or an input object.
        type_: the type that the ids are of, or what says whether they may be of a type; None if it is no id.
        path: where the value stands, for messages.

    Raises:
        InvalidInput: an id that is none, or of another type.
    """
    if isinstance(value, list):
        return [parse_ids(item, type_, f"{path}.{index}") for index, item in enumerate(value)]
    if dataclasses.is_dataclass(value):
        return to_kwargs(value, path)
    if type_ is None or value is None:
        return value
    return from_global_id(value, type_, path) if isinstance(type_, str) else _parse_any_id(value, type_, path)


def _parse_any_id(value: str, is_known_type: Callable[[str], bool], path: str) -> UUID:
    with suppress(InvalidInput):
        type_name, row_id = decode_global_id(value)
        if is_known_type(type_name):
            return row_id
    raise InvalidInput.of(path, "This is not an id.")
