"""The application that compiles on two ports, once with the fast path and once without, asked the same in turns."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx

from atrium import http
from atrium.http import GRAPHQL_PATH
from atrium.http.uvicorn_protocol import CoalescingHttpProtocol
from tests.support.client import App, Client, listen

__all__ = ["BothPaths", "serve_both_paths"]

LONGEST_GET = 4_000  # characters of what is asked by GET
HEADERS = {"x-request-id": "same", "accept": "application/graphql-response+json, application/json"}


@dataclass(frozen=True)
class BothPaths:
    """Clients of one application by two ports: at one of them nothing takes the fast path."""

    app: App
    long: httpx.AsyncClient
    fast: httpx.AsyncClient

    async def ask(self, token: str | None, body: dict[str, Any], *, by_get: bool = False) -> dict[str, Any]:
        """Ask both, the fast path last; gives what they answer.

        Raises:
            AssertionError: they differ, in a byte if all went well.
        """
        asked = [await self._ask(each, token, body, by_get=by_get) for each in (self.long, self.fast)]
        found: list[dict[str, Any]] = [json.loads(text) for text in asked]
        if not found[0].get("errors"):
            assert asked[0] == asked[1]
        for each in found:
            each.get("errors", []).sort(key=json.dumps)
        assert found[0] == found[1]
        return found[1]

    async def ask_fast(self, client: Client, body: dict[str, Any]) -> dict[str, Any]:
        """Ask where the fast path is."""
        answer: dict[str, Any] = json.loads(await self._ask(self.fast, client.token, body, by_get=False))
        return answer

    @staticmethod
    async def _ask(client: httpx.AsyncClient, token: str | None, body: dict[str, Any], *, by_get: bool) -> bytes:
        headers = {**HEADERS, "authorization": f"Bearer {token}"}
        if by_get and len(str(body)) <= LONGEST_GET:
            parameters = {"query": body["query"], "variables": json.dumps(body["variables"])}
            return (await client.get(GRAPHQL_PATH, params=parameters, headers=headers)).content
        return (await client.post(GRAPHQL_PATH, json=body, headers=headers)).content

    async def count_fast(self) -> int:
        """Return how many operations took the fast path so far, by the application's own metric."""
        text = (await self.app.http.get("/metrics")).text
        found = re.search(r"(?m)^atrium_fast_path_operations_total (\S+)$", text)
        assert found is not None
        return int(float(found[1]))


@asynccontextmanager
async def serve_both_paths(app: App) -> AsyncIterator[BothPaths]:
    """Serve an application on both ports."""
    assert app.fastapi.fast_path is not None
    options = http.uvicorn_options(app.components.settings)
    without = {**options, "http": partial(CoalescingHttpProtocol, **options["http"].keywords)}
    async with listen(app.fastapi, **options) as fast_port, listen(app.fastapi, **without) as long_port:
        clients = [httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") for port in (long_port, fast_port)]
        async with clients[0] as long, clients[1] as fast:
            yield BothPaths(app, long, fast)
