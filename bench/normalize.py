"""Answers made comparable: the same content gives the same value, whichever server wrote it.

What may differ is how an id, a moment and an amount are written, and nothing else: not the order of rows, not one text.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

from bench.queries import BenchOperation
from bench.servers import RunningServer

__all__ = ["normalize", "require_equal_answers"]

COMPARED_REQUESTS = 5  # requests of each operation that all servers must answer alike

GLOBAL_ID = re.compile(r"[A-Z][A-Za-z]+:([0-9a-f-]{36})")
AGGREGATES = ("sum", "min", "max")
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")


def require_equal_answers(operation: BenchOperation, servers: Sequence[RunningServer]) -> None:
    """Make sure that all servers answer an operation with the same content.

    Raises:
        RuntimeError: they do not.
    """
    chance = Random(operation.name)  # noqa: S311  # the same each time
    for _ in range(COMPARED_REQUESTS):
        given = operation.variables(chance, servers[0].environment.data)
        expected: Any = None
        for server in servers:
            answer = normalize(server.execute(operation, given))
            if operation.created:
                answer = _without_ids(answer)  # each creates another one
            if server is servers[0]:
                expected = answer
            elif answer != expected:
                raise RuntimeError(f"{operation.name} of {server.kind.title}: {_find_difference(expected, answer)}")


def normalize(data: Any) -> Any:
    """Return the content of an answer's `data`."""
    if isinstance(data, dict):
        return _normalize_object(data)
    if isinstance(data, list):
        return [normalize(each) for each in data]
    if isinstance(data, str):
        return _normalize_text(data)
    return data


def _without_ids(answer: Any) -> Any:
    return {name: {**created, "id": ""} for name, created in answer.items()}


def _normalize_object(data: dict[str, Any]) -> Any:
    if data.keys() == {"payload"}:  # PostGraphile wraps what a mutation answers
        return normalize(data["payload"])
    if groups := _groups(data):
        return {"totalCount": data["totalCount"], "groups": sorted(groups)}
    if data.keys() == {"amount", "currency"}:
        return f"{Decimal(data['amount']):.2f} {data['currency']}"
    return dict(_normalize_field(data, name, value) for name, value in data.items() if not name.endswith("_currency"))


def _groups(data: dict[str, Any]) -> list[str]:
    """Return the groups of statistics, each as one text; none where there are no statistics."""
    if "groups" in data:
        return [_group(each) for each in data["groups"]]
    return [_own_group(each) for each in data.get("groupedAggregates", ())]


def _group(group: dict[str, Any]) -> str:
    keys = [*group.get("key", {}).values(), group.get("period")]
    amounts = [normalize(group[name]) for name in AGGREGATES if name in group]
    return f"{[key for key in keys if key is not None]} {group['count']} {amounts}"


def _own_group(group: dict[str, Any]) -> str:
    """Return a group as PostGraphile has it: keys are texts, days moments, amounts minor units."""
    first, *others = group["keys"]
    key = first[:10] if TIMESTAMP.match(first) else first
    amounts = [f"{Decimal(group[name]['totalMinor']) / 100:.2f} {others[0]}" for name in AGGREGATES if name in group]
    return f"{[key]} {group['distinctCount']['rowId']} {amounts}"


def _normalize_field(data: dict[str, Any], name: str, value: Any) -> tuple[str, Any]:
    if name.endswith("_minor"):
        amount = name.removesuffix("_minor")
        return amount, f"{Decimal(value) / 100:.2f} {data[f'{amount}_currency']}"
    return name, normalize(value)


def _normalize_text(value: str) -> str:
    if match := GLOBAL_ID.fullmatch(value):
        return match[1]
    if TIMESTAMP.match(value):
        return datetime.fromisoformat(value).astimezone(UTC).isoformat()
    return value


def _find_difference(expected: Any, answer: Any, path: str = "data") -> str:
    if isinstance(expected, dict) and isinstance(answer, dict) and expected.keys() == answer.keys():
        key = next(key for key in expected if expected[key] != answer[key])
        return _find_difference(expected[key], answer[key], f"{path}.{key}")
    if isinstance(expected, list) and isinstance(answer, list) and len(expected) == len(answer):
        index = next(index for index, each in enumerate(expected) if each != answer[index])
        return _find_difference(expected[index], answer[index], f"{path}[{index}]")
    return f"{path} is {str(answer)[:300]} and not {str(expected)[:300]}"
