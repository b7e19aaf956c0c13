"""Answers made comparable: the same content gives the same value, whichever server wrote it.

What may differ is how an id, a moment and an amount are written, and nothing else: not the order of rows, not one text.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

__all__ = ["normal"]

GLOBAL_ID = re.compile(r"[A-Z][A-Za-z]+:([0-9a-f-]{36})")
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")


def normal(data: Any) -> Any:
    """The content of an answer's `data`."""
    if isinstance(data, dict):
        if data.keys() == {"payload"}:  # PostGraphile wraps what a mutation answers
            return normal(data["payload"])
        if data.keys() == {"amount", "currency"}:
            return f"{Decimal(data['amount']):.2f} {data['currency']}"
        return dict(_field(data, name, value) for name, value in data.items() if not name.endswith("_currency"))
    if isinstance(data, list):
        return [normal(each) for each in data]
    if isinstance(data, str):
        return _text(data)
    return data


def _field(data: dict[str, Any], name: str, value: Any) -> tuple[str, Any]:
    if name.endswith("_minor"):
        amount = name.removesuffix("_minor")
        return amount, f"{Decimal(value) / 100:.2f} {data[f'{amount}_currency']}"
    return name, normal(value)


def _text(value: str) -> str:
    if match := GLOBAL_ID.fullmatch(value):
        return match[1]
    if MOMENT.match(value):
        return datetime.fromisoformat(value).astimezone(UTC).isoformat()
    return value
