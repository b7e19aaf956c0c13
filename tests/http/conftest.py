"""A schema of its own behind the HTTP layer: what any schema behind it can rely on."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Optional

import httpx
import pytest
import strawberry
import websockets
from graphql import GraphQLError
from strawberry.extensions import SchemaExtension

from atrium import health, http
from atrium.http import OperationRequest, RequestRefused
from atrium.logs import RequestRecord
from atrium.metrics import Metrics, metrics_endpoint
from atrium.operation_observer import OperationObserver
from atrium.settings import Settings
from tests.support.client import listen

URL = "/graphql"
TURNED_AWAY = {"Bearer hasty": "RATE_LIMITED", "Bearer unlucky": "SERVICE_UNAVAILABLE"}


@dataclass
class Context:
    call: OperationRequest
    ended: list[str]
    expires_at: datetime | None = None


class RecordOperation(SchemaExtension):
    """Names the operation in the record, as the graph layer does."""

    def on_execute(self) -> Any:
        record: RequestRecord = self.execution_context.context.call.record
        record.operation_name = self.execution_context.operation_name
        record.operation_type = self.execution_context.operation_type.value
        record.statements = 3
        yield


@strawberry.input
class Filter:
    text: str | None = None
    inner: Optional["Filter"] = None


Info = strawberry.Info[Context, None]


@strawberry.type
class Query:
    @strawberry.field
    def echo(self, text: str) -> str:
        return text

    @strawberry.field
    def number(self, value: int) -> int:
        return value

    @strawberry.field
    def search(self, by: Filter) -> str:
        return by.text or ""

    @strawberry.field
    def broken(self) -> str:
        raise RuntimeError("password=hunter2 in relation users")

    @strawberry.field
    def forbidden(self) -> str | None:
        raise GraphQLError("Not yours.", extensions={"code": "FORBIDDEN"})

    @strawberry.field
    def cookie(self, info: Info) -> str:
        info.context.call.response.set_cookie("taste", "sweet", httponly=True)
        return "set"

    @strawberry.field
    def who(self, info: Info) -> str:
        return info.context.call.authorization or "nobody"

    @strawberry.field
    async def stuck(self, info: Info) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            info.context.ended.append("stuck")
        return "never"

    @strawberry.field
    async def patient(self, info: Info, within: float, after: float) -> str:
        """So many seconds of work that takes long on purpose, and of other work."""
        try:
            async with info.context.call.long_work():
                info.context.ended.append("patient has begun")
                await asyncio.sleep(within)
            await asyncio.sleep(after)
        finally:
            info.context.ended.append("patient")
        return "done"


@strawberry.type
class Mutation:
    @strawberry.mutation
    def change(self, info: Info) -> str:
        info.context.ended.append("changed")
        return "done"


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, to: int) -> AsyncIterator[int]:
        for number in range(to):
            yield number

    @strawberry.subscription
    async def failing(self) -> AsyncIterator[int]:
        yield 1
        raise RuntimeError("password=hunter2 in relation users")

    @strawberry.subscription
    async def endless(self, info: Info) -> AsyncIterator[int]:
        yield 1
        try:
            await asyncio.Event().wait()
        finally:
            info.context.ended.append("endless")


@dataclass
class Toy:
    """An application with the toy schema, and what became of the requests to it."""

    app: http.Application
    settings: Settings
    records: list[RequestRecord] = field(default_factory=list)
    calls: list[OperationRequest] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    expires_at: datetime | None = None
    schema: ClassVar = strawberry.Schema(Query, Mutation, Subscription, extensions=[RecordOperation])

    async def get_context(self, request: OperationRequest) -> Context:
        self.calls.append(request)
        if request.authorization == "Bearer expired":
            raise RequestRefused("UNAUTHENTICATED", "The access token has expired.")
        if request.authorization == "Bearer forbidden":
            raise RequestRefused("FORBIDDEN", "Not from here.")
        if request.authorization in TURNED_AWAY:
            raise RequestRefused(TURNED_AWAY[request.authorization], "Come back later.", details={"retryAfter": 7})
        if request.authorization == "Bearer bug":
            raise RuntimeError("hunter2")
        return Context(request, self.ended, self.expires_at)

    async def has_valid_token(self, request: OperationRequest) -> bool:
        return request.authorization == "Bearer valid"

    async def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, client=("203.0.113.7", 4000))
        async with httpx.AsyncClient(transport=transport, base_url="http://atrium.test") as client:
            return await client.request(method, path, **more)

    async def get(self, path: str, params: dict[str, str] | None = None, **headers: str) -> httpx.Response:
        return await self.send("GET", path, params=params, headers=_header_names(headers))

    async def post(self, body: str | bytes, **headers: str) -> httpx.Response:
        headers = {"content-type": "application/json", **_header_names(headers)}
        return await self.send("POST", URL, content=body, headers=headers)

    async def until(self, reached: Callable[[], object]) -> None:
        """Wait for what the server does after its client has left."""
        async with asyncio.timeout(10):
            while not reached():
                await asyncio.sleep(0.005)

    async def until_ended(self, name: str) -> None:
        """Wait until a resolver has ended."""
        await self.until(lambda: name in self.ended)

    @staticmethod
    def error(response: httpx.Response) -> dict[str, Any]:
        """The only error of an answer, after a check of the shape that all have."""
        (error,) = response.json()["errors"]
        assert error["message"]
        assert error["extensions"]["requestId"] == response.headers["x-request-id"]
        return {**error["extensions"], "message": error["message"]}

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        """A real server on this machine; yields its port."""
        async with listen(self.app, **http.uvicorn_options(self.settings)) as port:
            yield port

    @asynccontextmanager
    async def socket(
        self, protocol: str = "graphql-transport-ws", **headers: str
    ) -> AsyncIterator[websockets.ClientConnection]:
        """A WebSocket to a real server."""
        async with (
            self.serving() as port,
            websockets.connect(
                f"ws://127.0.0.1:{port}{URL}",
                subprotocols=[protocol],
                additional_headers=_header_names(headers),
                compression=None,
            ) as socket,
        ):
            yield socket


def _header_names(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


async def _failing_check() -> None:
    raise ConnectionError("no route to db.internal")


async def _passing_check() -> None:
    pass


@pytest.fixture
def rule(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> None:
    """Names the rule that a test is about in its report."""
    record_property("rule", request.param)


@pytest.fixture
def make_toy() -> Callable[..., Toy]:
    def make(**values: Any) -> Toy:
        settings = Settings(**values)
        toy = Toy(http.Application(openapi_url=None), settings)
        metrics = Metrics(lambda: {"primary": {"size": 10, "in_use": 3}})

        def observe(record: RequestRecord) -> None:
            toy.records.append(record)
            metrics.observe(record)

        http.mount_graphql(
            toy.app,
            settings=settings,
            schema=Toy.schema,
            get_context=toy.get_context,
            has_valid_token=toy.has_valid_token,
            key_set={"keys": [{"kty": "OKP"}]},
            observer=OperationObserver(observe),
        )
        checks = {"database": _failing_check, "migrations": _passing_check}
        routes = [metrics_endpoint(metrics.render_now), *health.build_routes(checks, reveal=not settings.is_production)]
        toy.app.router.routes.extend(routes)
        return toy

    return make


@pytest.fixture
def toy(make_toy: Callable[..., Toy]) -> Toy:
    return make_toy()
