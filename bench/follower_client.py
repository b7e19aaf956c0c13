"""Clients that follow `taskChanged` on WebSockets, and try again when the server says that they may."""

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import websockets

from atrium.auth_config import build_auth_config, load_signing_keys
from atrium.settings import Settings
from bench.environment import TOKEN_MINUTES, BenchEnvironment
from bench.servers import RunningServer
from models.base import new_id, now

__all__ = ["FollowerSocket", "Member", "create_member", "open_sockets"]

SUBSCRIPTION = "subscription { taskChanged { cursor action taskId fields task { id title status version } } }"


@dataclass(frozen=True)
class Member:
    """A member of a tenant of their own, and an access token of theirs."""

    tenant_id: UUID
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of their requests."""
        return {"authorization": f"Bearer {self.token}"}


async def create_member(owner: asyncpg.Connection, environment: BenchEnvironment) -> Member:
    """Create a tenant with one member; the token is like one of a login."""
    settings = Settings(secret_key=environment.secret, access_token_minutes=TOKEN_MINUTES)
    tenant_id, user_id, session_id = new_id(), new_id(), new_id()
    await owner.execute("INSERT INTO tenants (id, name, slug) VALUES ($1, $2, $2)", tenant_id, f"t-{tenant_id}")
    await owner.execute(
        "INSERT INTO users (id, email, full_name, password_hash) VALUES ($1, $2, 'M', '')", user_id, f"{user_id}@x.org"
    )
    await owner.execute(
        "INSERT INTO memberships (tenant_id, id, user_id, full_name, email) VALUES ($1, $2, $3, '', '')",
        tenant_id,
        new_id(),
        user_id,
    )
    await owner.execute(
        "INSERT INTO sessions (id, user_id, tenant_id, refresh_digest, expires_at) VALUES ($1, $2, $3, 'none', $4)",
        session_id,
        user_id,
        tenant_id,
        now() + timedelta(days=1),
    )
    tokens = build_auth_config(settings, load_signing_keys(settings)).tokens
    token, _ = tokens.issue(user_id=user_id, tenant_id=tenant_id, role="MEMBER", session_id=session_id)
    return Member(tenant_id, token)


@dataclass
class FollowerSocket:
    """A WebSocket, and the cursors that came by it, by subscription."""

    connection: websockets.ClientConnection
    cursors: dict[str, list[int]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    """Errors without `retryAfter`, which no subscription may get."""
    refused: int = 0
    """How often a subscription was told to come back later."""
    retries: set[asyncio.Task[None]] = field(default_factory=set)

    async def subscribe(self, identifier: str, delay: float = 0.0) -> None:
        """Subscribe after some seconds."""
        await asyncio.sleep(delay)
        self.cursors.setdefault(identifier, [])
        await self.connection.send(
            json.dumps({"type": "subscribe", "id": identifier, "payload": {"query": SUBSCRIPTION}})
        )

    async def collect(self) -> None:
        """Collect all that comes while it is open; subscribe again when the server says so."""
        async for text in self.connection:
            message = json.loads(text)
            payload = message.get("payload") or {}
            if message["type"] == "next" and not payload.get("errors"):
                self.cursors[message["id"]].append(int(payload["data"]["taskChanged"]["cursor"]))
            elif message["type"] in {"next", "error"}:
                self._retry(message["id"], (payload if message["type"] == "error" else payload["errors"])[0])

    def _retry(self, identifier: str, error: dict[str, Any]) -> None:
        delay = error["extensions"].get("retryAfter")
        if delay is None:
            self.failures.append(str(error))
            return
        self.refused += 1
        task = asyncio.create_task(self.subscribe(identifier, delay))
        self.retries.add(task)
        task.add_done_callback(self.retries.discard)

    def forget(self) -> None:
        """Forget what came so far."""
        self.cursors = {identifier: [] for identifier in self.cursors}


async def open_sockets(
    stack: AsyncExitStack, server: RunningServer, members: list[Member], count: int
) -> list[FollowerSocket]:
    """Open WebSockets in the names of these members, by turns, for as long as the stack is open."""
    sockets = []
    for number in range(count):
        connection = await stack.enter_async_context(
            websockets.connect(
                server.url.replace("http", "ws") + "/graphql",
                subprotocols=[websockets.Subprotocol("graphql-transport-ws")],
                compression=None,
                max_queue=None,
            )
        )
        payload = {"Authorization": members[number % len(members)].headers["authorization"]}
        await connection.send(json.dumps({"type": "connection_init", "payload": payload}))
        await connection.recv()
        sockets.append(FollowerSocket(connection))
        stack.callback(asyncio.create_task(sockets[-1].collect()).cancel)
    return sockets
