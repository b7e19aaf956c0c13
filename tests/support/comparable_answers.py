"""Answers of two executors, made comparable."""

import json
from typing import Any

from atrium.http import GRAPHQL_PATH
from tests.support.client import Client

__all__ = ["comparable_answer", "has_rows", "is_row"]


async def comparable_answer(client: Client, body: dict[str, Any]) -> dict[str, Any]:
    """What is answered and what it costs, without what differs from one executor to the other by right."""
    headers = {"authorization": f"Bearer {client.token}", "x-request-id": "same", "atrium-cost": "1"}
    answer = await client.http.post(GRAPHQL_PATH, json=body, headers=headers)
    found: dict[str, Any] = answer.json()
    cost = found.pop("extensions", {}).get("cost", {})
    found["cost"] = [cost.get("requestedQueryCost"), cost.get("actualQueryCost")]
    found.get("errors", []).sort(key=json.dumps)
    return found


def has_rows(data: dict[str, Any] | None) -> bool:
    """Whether there is a row below the root."""
    return any(
        any(value) if isinstance(value, list) else isinstance(value, dict) and is_row(value)
        for value in (data or {}).values()
    )


def is_row(value: dict[str, Any]) -> bool:
    """Whether an object is a row, or a list with rows; an empty list and its count are none."""
    lists = [each for key, each in value.items() if isinstance(each, list)]
    if lists:
        return any(map(any, lists))
    return any(each not in (None, 0, False) for key, each in value.items() if not isinstance(each, dict)) or any(
        is_row(each) for each in value.values() if isinstance(each, dict)
    )
