"""What an operation costs: told to those who ask, the same by both executors, and refused where it cannot be paid."""

from typing import Any

import pytest

from tests.conftest import Urls
from tests.support.client import App, Client, run_app
from tests.support.factories import World, create_world

HEADER = {"atrium-cost": "1"}
PAGE = "query($n: Int) { tasks(first: $n) { totalCount nodes { id title status } } }"
CREATE = 'mutation { createTask(input: { title: "one" }) { ... on Task { id title } } }'


async def post(client: Client, query: str, headers: dict[str, str] = HEADER, **variables: Any) -> Any:
    authorization = {"authorization": f"Bearer {client.token}"} if client.token else {}
    body = {"query": query, "variables": variables}
    return await client.http.post("/graphql", json=body, headers={**authorization, **headers})


async def told(client: Client, query: str, **variables: Any) -> dict[str, Any]:
    answer = (await post(client, query, **variables)).json()
    assert "errors" not in answer
    cost: dict[str, Any] = answer["extensions"]["cost"]
    return cost


async def test_who_asks_is_told(world: World) -> None:
    for number in range(3):
        await world.acme.member.client.run(CREATE.replace("one", str(number)))
    cost = await told(world.acme.member.client, PAGE, n=50)
    print(cost)
    again = await told(world.acme.member.client, PAGE, n=50)
    print(again)
    print(await told(world.acme.member.client, CREATE))
    print(await told(world.acme.member.client, CREATE))
