"""Subscriptions that last as long as the run, over WebSockets and as an event stream, through all restarts."""

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import websockets

from bench.soak.clients import Figures, Person, RequestFailed
from bench.soak.nodes import Node
from models.audit import AuditAction

__all__ = ["EventStreamFollower", "Follower", "WebSocketFollower"]

PAUSE_SECONDS = 0.3  # before it connects again
SUBSCRIPTION = """subscription($after: String) { taskChanged(after: $after) { cursor action taskId } }"""
BROKEN = (OSError, websockets.WebSocketException, httpx.TransportError, RequestFailed, TimeoutError)


@dataclass
class Follower:
    """Follows what becomes of the tasks, from its last cursor on whenever it has to connect again."""

    person: Person
    cursor: str | None = None
    created: Counter[str] = field(default_factory=Counter)
    """How often each task came as new, by its global ID."""
    received_at: dict[str, float] = field(default_factory=dict)
    disorders: int = 0
    """Events whose cursor was not behind the one before."""
    connections: int = 0
    is_open: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Follow until it is cancelled."""
        node = None
        while True:
            node = self.person.balancer.choose(but=node)
            self.connections += 1
            with contextlib.suppress(*BROKEN):
                token = await self.person.renew_token(Figures())
                async for payload in self.subscribe(node, token):
                    self._take(payload)
            await asyncio.sleep(PAUSE_SECONDS)

    def subscribe(self, node: Node, token: str) -> AsyncIterator[dict[str, Any]]:
        """Connect to a node, and yield what it says until it ends."""
        raise NotImplementedError

    @property
    def variables(self) -> dict[str, Any]:
        """Return where it goes on."""
        return {"after": self.cursor}

    def _take(self, payload: dict[str, Any]) -> None:
        if payload.get("errors"):  # it is told to come again
            raise RequestFailed(str(payload["errors"]))
        change = payload["data"]["taskChanged"]
        self.disorders += self.cursor is not None and int(change["cursor"]) <= int(self.cursor)
        self.cursor = change["cursor"]
        if change["action"] == AuditAction.CREATE:
            self.created[change["taskId"]] += 1
            self.received_at[change["taskId"]] = time.perf_counter()


class WebSocketFollower(Follower):
    """Follows over `graphql-transport-ws`."""

    async def subscribe(self, node: Node, token: str) -> AsyncIterator[dict[str, Any]]:
        """Connect to a node, and yield what it says until it ends."""
        url, protocol = f"{node.url.replace('http', 'ws')}/graphql", websockets.Subprotocol("graphql-transport-ws")
        async with websockets.connect(url, subprotocols=[protocol], compression=None) as socket:
            start = {"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}
            await socket.send(json.dumps(start))
            await socket.recv()
            payload = {"query": SUBSCRIPTION, "variables": self.variables}
            await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
            self.is_open.set()
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "next":
                    yield message["payload"]
                elif message["type"] in {"error", "complete"}:
                    return


class EventStreamFollower(Follower):
    """Follows by server-sent events."""

    async def subscribe(self, node: Node, token: str) -> AsyncIterator[dict[str, Any]]:
        """Connect to a node, and yield what it says until it ends."""
        headers = {"authorization": f"Bearer {token}", "accept": "text/event-stream"}
        body = {"query": SUBSCRIPTION, "variables": self.variables}
        timeout = httpx.Timeout(10, read=60)  # a sign of life comes more often
        async with (
            httpx.AsyncClient(timeout=timeout) as http,
            http.stream("POST", f"{node.url}/graphql", json=body, headers=headers) as answer,
        ):
            self.is_open.set()
            async for line in answer.aiter_lines():
                if line.startswith("data:") and len(line) > len("data: "):
                    yield json.loads(line.removeprefix("data:"))
