"""Tokens on a WebSocket: a bad one opens none, and one that ends closes it so that clients come back with another."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import websockets
from websockets import ConnectionClosed, Subprotocol

from atrium import http
from models.base import now
from tests.support.client import listen
from tests.support.factories import World

TASKS = {"id": "1", "type": "subscribe", "payload": {"query": "{ tasks { totalCount } }"}}


@pytest.fixture
async def address(world: World) -> AsyncIterator[str]:
    options = http.uvicorn_options(world.app.components.settings)
    async with listen(world.app.fastapi, **options) as port:
        yield f"ws://127.0.0.1:{port}/graphql"


async def opened(address: str, payload: Any, **headers: str) -> tuple[str | int, Any]:
    """What a client is told that sends this payload and asks for tasks: the message's type, or the close code."""
    async with websockets.connect(
        address, subprotocols=[Subprotocol("graphql-transport-ws")], additional_headers=headers
    ) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
        try:
            async with asyncio.timeout(10):
                assert json.loads(await socket.recv()) == {"type": "connection_ack"}
                await socket.send(json.dumps(TASKS))
                message = json.loads(await socket.recv())
        except ConnectionClosed:
            return socket.close_code or 0, socket.close_reason
        return message["type"], message["payload"]


def expired(world: World) -> str:
    person = world.acme.owner
    assert person.session_id is not None
    token, _ = world.app.components.auth.tokens.issue(
        user_id=person.user_id,
        tenant_id=person.tenant_id,
        role=person.role,
        session_id=person.session_id,
        now=now() - timedelta(days=1),
    )
    return token


async def test_a_good_token_opens_it(world: World, address: str) -> None:
    token = world.acme.owner.client.token
    for name, value in (
        ("Authorization", f"Bearer {token}"),
        ("authorization", f"bearer {token}"),
        ("AUTHORIZATION", f"BEARER {token}"),
    ):
        kind, answer = await opened(address, {name: value})
        assert (kind, answer["data"]) == ("next", {"tasks": {"totalCount": 0}})


@pytest.mark.parametrize(
    "name", ["expired", "garbage", "no scheme", "other scheme", "number", "list", "no key", "undefined"]
)
async def test_a_bad_token_opens_none(world: World, address: str, name: str) -> None:
    token = world.acme.owner.client.token
    value = {
        "expired": f"Bearer {expired(world)}",
        "garbage": "Bearer garbage",
        "no scheme": token,
        "other scheme": f"Basic {token}",
        "number": 7,
        "list": [f"Bearer {token}"],
        "no key": f"Bearer key.{'0' * 32}.{'0' * 32}.{'A' * 43}",
        "undefined": "Bearer undefined",
    }[name]
    for key in ("Authorization", "authorization"):
        assert (await opened(address, {key: value}))[0] == 4403
    if isinstance(value, str):
        assert (await opened(address, {}, Authorization=value))[0] == 4403


@pytest.mark.parametrize("payload", [None, {}, {"Authorization": None}, {"Authorization": ""}, {"other": "Bearer x"}])
async def test_without_a_token_it_is_nobodys(address: str, payload: Any) -> None:
    kind, answer = await opened(address, payload)
    assert kind == "next"
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["UNAUTHENTICATED"]
