"""How tests speak GraphQL: the application in this process, and clients that send it operations over HTTP."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx
import uvicorn

from atrium import http
from atrium.app import Components, build
from atrium.settings import Settings
from tests.support.pooler import PooledUrls, run_pooler
from tests.support.sent_values import note_request

__all__ = ["COMPILER_ENABLED", "UNLIMITED_COST", "App", "Client", "OperationFailed", "listen", "run_app"]

COMPILER_ENABLED = os.environ.get("ATRIUM_TEST_COMPILER", "on") != "off"
"""Whether queries are compiled; `off` has every test run on the reference executor."""

BEHIND_POOLER = os.environ.get("ATRIUM_TEST_POOLER", "off") != "off"
"""Whether a PgBouncer that shares connections between transactions stands in front of the database of each test."""

UNLIMITED_COST = dict.fromkeys(
    ("actor_cost_maximum", "actor_cost_rate", "tenant_cost_maximum", "tenant_cost_rate"), 10**12
)
"""Buckets that no test empties by the way."""

SECRET_KEY = "a-secret-for-tests-only-0123456789abcdef"


class OperationFailed(AssertionError):
    """An operation that was expected to succeed answered with errors."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(errors)
        self.errors = errors
        self.codes = [error["extensions"]["code"] for error in errors]


class HasRuntime(Protocol):
    """An address of a database as the runtime role."""

    @property
    def runtime(self) -> str: ...


@asynccontextmanager
async def _pooler_of(urls: HasRuntime) -> AsyncIterator[str | None]:
    """The address through a pooler, if tests are to run behind one."""
    if not BEHIND_POOLER:
        yield None
        return
    async with run_pooler(PooledUrls(owner=urls.runtime, runtime=urls.runtime), "transaction", size=5) as pooled:
        yield pooled.runtime


@dataclass
class Client:
    """Somebody who sends operations; nobody in particular without a token."""

    http: httpx.AsyncClient
    token: str | None = None

    async def send(self, query: str, /, **variables: Any) -> dict[str, Any]:
        """The whole answer, errors and all."""
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        answer = await self.http.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
        body: dict[str, Any] = answer.json()
        return body

    async def run(self, query: str, /, **variables: Any) -> dict[str, Any]:
        """The data of an operation that must succeed."""
        answer = await self.send(query, **variables)
        if answer.get("errors"):
            raise OperationFailed(answer["errors"])
        data: dict[str, Any] = answer["data"]
        return data

    async def mutate(self, mutation: str, fields: str, /, **given: Any) -> dict[str, Any]:
        """Run one mutation with this input; `fields` are selected of whatever it answers."""
        name = mutation[0].upper() + mutation[1:] + "Input"
        query = f"mutation Do($input: {name}!) {{ {mutation}(input: $input) {{ __typename {fields} }} }}"
        answer: dict[str, Any] = (await self.run(query, input=given))[mutation]
        return answer

    async def error_codes(self, query: str, /, **variables: Any) -> list[str]:
        """The codes of an operation's errors."""
        return [error["extensions"]["code"] for error in (await self.send(query, **variables)).get("errors", [])]


@dataclass
class App:
    """The application under test."""

    fastapi: http.Application
    http: httpx.AsyncClient
    components: Components = field(init=False)

    def __post_init__(self) -> None:
        self.components = self.fastapi.state.components

    def client_with(self, token: str | None = None) -> Client:
        """A client with this token."""
        return Client(self.http, token)


@asynccontextmanager
async def run_app(urls: HasRuntime, *, tracer: Any = None, **settings: Any) -> AsyncIterator[App]:
    """The application on a database, for as long as this lasts; called in this process, without a network."""
    given = {"secret_key": SECRET_KEY, "compiler": COMPILER_ENABLED, **UNLIMITED_COST, **settings}
    async with _pooler_of(urls) as pooler_url:
        fastapi = build(Settings(**given), database_url=urls.runtime, pooler_url=pooler_url, tracer=tracer)
        transport = httpx.ASGITransport(fastapi, client=("127.0.0.1", 4000))
        async with (
            fastapi.router.lifespan_context(fastapi),
            httpx.AsyncClient(
                transport=transport, base_url="http://atrium.test", event_hooks={"request": [note_request]}
            ) as http,
        ):
            yield App(fastapi, http)


@asynccontextmanager
async def listen(app: http.Application, **options: Any) -> AsyncIterator[int]:
    """The application on a port of this machine, which this yields; whoever starts its lifespan is somebody else."""
    server = http.GraphQLServer(uvicorn.Config(app, lifespan="off", **{**options, "port": 0}), app.shutdown)
    serving = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(10):
            while not (server.started or serving.done()):  # it announces it in no way
                await asyncio.sleep(0.005)
        assert server.started, "the server ended by itself"
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving
