"""How tests send one operation by each protocol, and what came of it."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import websockets
from websockets import ConnectionClosed, Subprotocol

__all__ = ["PROTOCOLS", "Outcome", "Sender"]

GRAPHQL = "application/graphql-response+json"
STREAM = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an operation."""

    codes: tuple[str, ...]
    """The codes of its errors."""
    status: int
    """The HTTP status, or the code that closed the socket; 0 where the socket stayed open."""
    is_whole: bool = True
    """Whether it was ended as its protocol has it."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Somebody who sends operations to a server at an address, with a token or without."""

    url: str
    http: httpx.AsyncClient
    token: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What says who asks."""
        return {"authorization": f"Bearer {self.token}"} if self.token is not None else {}


def _codes(answer: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(error["extensions"]["code"] for error in answer.get("errors") or ())


async def by_post(sender: Sender, body: dict[str, Any]) -> Outcome:
    """Send it by POST."""
    answer = await sender.http.post(sender.url, json=body, headers={**sender.headers, "accept": GRAPHQL})
    return Outcome(_codes(answer.json()), answer.status_code)


async def by_get(sender: Sender, body: dict[str, Any]) -> Outcome:
    """Send it by GET."""
    parameters = {name: value if isinstance(value, str) else json.dumps(value) for name, value in body.items()}
    answer = await sender.http.get(sender.url, params=parameters, headers={**sender.headers, "accept": GRAPHQL})
    return Outcome(_codes(answer.json()), answer.status_code)


async def by_stream(sender: Sender, body: dict[str, Any]) -> Outcome:
    """Send it by POST, and be answered by server-sent events; what is refused before that is answered in JSON."""
    answer = await sender.http.post(sender.url, json=body, headers={**sender.headers, "accept": STREAM})
    if not answer.headers["content-type"].startswith(STREAM):
        return Outcome(_codes(answer.json()), answer.status_code)
    events = [part.split("\n") for part in answer.text.removesuffix("\n\n").split("\n\n")]
    payloads = [json.loads(data.removeprefix("data: ")) for name, data in events if name == "event: next"]
    codes = tuple(code for payload in payloads for code in _codes(payload))
    return Outcome(codes, answer.status_code, events[-1] == ["event: complete", "data:"])


async def by_socket(sender: Sender, body: dict[str, Any]) -> Outcome:
    """Send it on a WebSocket of its own."""
    address = sender.url.replace("http", "ws", 1)
    async with websockets.connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
        params = {"Authorization": f"Bearer {sender.token}"} if sender.token is not None else {}
        await socket.send(json.dumps({"type": "connection_init", "payload": params}))
        try:
            await socket.recv()
            await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": body}))
            codes: list[str] = []
            while True:
                message = json.loads(await socket.recv())
                payload = message.get("payload", {})
                errors = {"errors": payload} if message["type"] == "error" else payload
                codes += _codes(errors)
                if message["type"] in {"error", "complete"}:
                    return Outcome(tuple(codes), 0)
        except ConnectionClosed:
            return Outcome((), socket.close_code or 0)


PROTOCOLS: Mapping[str, Callable[[Sender, dict[str, Any]], Awaitable[Outcome]]] = {
    "POST": by_post,
    "GET": by_get,
    "SSE": by_stream,
    "WebSocket": by_socket,
}
