"""HTTP: everything between the socket and the schema.

`mount_graphql` joins the parts on an application. A GraphQL request passes FastAPI by: CORS, the
request's record and time limit, the endpoint.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from strawberry.schema import BaseSchema

from atrium.http.connections import ConnectionCounter, ConnectionLimits, SocketProtocol
from atrium.http.consistency import HEADER_NAME as CONSISTENCY_HEADER
from atrium.http.document_lookup import DocumentLookup
from atrium.http.endpoint import GraphQLEndpoint, get_record
from atrium.http.fast_path import FastPath, Operations
from atrium.http.fast_protocol import FastHttpProtocol
from atrium.http.middleware import RequestMiddleware, choose_request_id
from atrium.http.negotiation import OK
from atrium.http.operation_request import COST_HEADER, SQL_HEADER, ContextGetter, OperationRequest, TokenCheck
from atrium.http.request_heads import HeadReader
from atrium.http.request_parsing import BodyLimits
from atrium.http.responses import RequestRefused, Responder, refuse_outside_graphql
from atrium.http.server import GraphQLServer
from atrium.http.shutdown import Shutdown
from atrium.logs import RequestRecord, log_request
from atrium.operation_observer import OperationObserver
from atrium.settings import Settings
from atrium.web.routes import page_routes

__all__ = [
    "GRAPHQL_PATH",
    "Application",
    "ContextGetter",
    "FastPath",
    "GraphQLServer",
    "OperationRequest",
    "Operations",
    "RequestRefused",
    "mount_graphql",
    "uvicorn_options",
]

GRAPHQL_PATH = "/graphql"
ALLOWED_HEADERS = (
    *("authorization", "content-type", "x-request-id", CONSISTENCY_HEADER, "idempotency-key", "x-requested-with"),
    COST_HEADER,
    SQL_HEADER,
    *("traceparent", "tracestate", "baggage", "sentry-trace"),  # what browsers' tracing adds to a request
    *("apollographql-client-name", "apollographql-client-version", "graphql-client-name", "graphql-client-version"),
    *("apollo-require-preflight", "graphql-require-preflight", "x-apollo-operation-name"),
)
"""Request headers that pages of other origins may send: Atrium's own, and those that clients and tracers add."""
EXPOSED_HEADERS = ("x-request-id", CONSISTENCY_HEADER, "retry-after")
PREFLIGHT_SECONDS = 600
KEY_SET_SECONDS = 300


class CodedCORSMiddleware(CORSMiddleware):
    """Starlette's, whose refusals have the shape of every error."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer a preflight request."""
        response = super().preflight_response(request_headers)
        if response.status_code == OK:
            return response
        refusal = RequestRefused("BAD_REQUEST", f"{bytes(response.body).decode()}.")
        own = choose_request_id(request_headers.get("x-request-id"))
        coded = refuse_outside_graphql(refusal, own)
        kept = [(name, value) for name, value in response.raw_headers if not name.startswith(b"content-")]
        coded.raw_headers += [*kept, (b"x-request-id", own.encode())]
        return coded


class ConditionalCORSMiddleware:
    """CORS for requests that name an origin; the others have no use for it and are spared its cost."""

    def __init__(self, app: ASGIApp, *, rules: Mapping[str, Any]) -> None:
        self._app = app
        self._with_cors = CodedCORSMiddleware(app, **rules)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one WebSocket."""
        has_origin = any(name == b"origin" for name, _ in scope.get("headers", ()))
        await (self._with_cors if has_origin else self._app)(scope, receive, send)


class Application(FastAPI):
    """FastAPI, but for requests of the GraphQL endpoint: they have no use for its layers, and pass them by."""

    graphql_app: ASGIApp | None = None
    fast_path: FastPath | None = None
    """What answers ordinary requests past all layers; `FastHttpProtocol` looks for it."""
    shutdown: Shutdown
    """How it ends; `GraphQLServer` has to be told."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one WebSocket, or the application's life."""
        if self.graphql_app is not None and scope.get("path") == GRAPHQL_PATH:
            await self.graphql_app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def mount_graphql(
    app: Application,
    *,
    settings: Settings,
    schema: BaseSchema,
    get_context: ContextGetter,
    has_valid_token: TokenCheck,
    key_set: Mapping[str, Any],
    observer: OperationObserver,
    documents: DocumentLookup | None = None,
    operations: Operations | None = None,
) -> None:
    """Serve a schema with all that belongs to it.

    Adds the endpoint, the pages and `/schema.graphql` where the settings have them on, and
    `/.well-known/jwks.json` with `key_set`; gives every request a record, which is logged, and has `observer` look at
    each operation; and gives every error the shape of a GraphQL answer. `documents` finds the text of
    operations that come without. With `operations`, ordinary requests are answered on the fast path.
    """

    def finish(record: RequestRecord) -> None:
        (observer.finish if _is_operation(record) else log_request)(record)

    app.shutdown, responder = Shutdown(settings.shutdown_seconds), Responder(settings.http_status)
    documents = documents or DocumentLookup()
    endpoint = GraphQLEndpoint(
        schema,
        get_context=get_context,
        has_valid_token=has_valid_token,
        shutdown=app.shutdown,
        timeout=settings.request_timeout_seconds,
        long_timeout=settings.bulk_password_timeout_seconds,
        body_limits=BodyLimits(settings.body_limit_bytes, settings.anonymous_body_limit_bytes),
        responder=responder,
        explorer=settings.explorer_enabled,
        allows_origin=_build_origin_check(settings),
        observer=observer,
        documents=documents,
    )
    rules, options = _cors_rules(settings), _request_options(settings, app.shutdown, finish)
    graphql_app = RequestMiddleware(endpoint, refuse=responder.refuse, on_start=observer.start, **options)
    app.graphql_app = ConditionalCORSMiddleware(graphql_app, rules=rules)
    if operations is not None:
        heads = _build_head_reader(settings, operations, responder)
        app.fast_path = FastPath(operations, heads, documents, app.shutdown, graphql_app.limit, observer)
    _serve_other_paths(app, rules, options, _build_routes(settings, schema, key_set))


def _serve_other_paths(
    app: Application, rules: Mapping[str, Any], options: Mapping[str, Any], routes: Sequence[BaseRoute]
) -> None:
    """Serve the other paths, within the same layers as the endpoint."""
    app.router.routes.extend(routes)
    app.add_middleware(RequestMiddleware, refuse=refuse_outside_graphql, **options)
    app.add_middleware(ConditionalCORSMiddleware, rules=rules)  # the last one added is the first to see a request
    app.add_exception_handler(HTTPException, _handle_error)
    app.add_exception_handler(RequestValidationError, _handle_error)


def _build_head_reader(settings: Settings, operations: Operations, responder: Responder) -> HeadReader:
    return HeadReader(
        authenticate=operations.authenticate,
        account_of=operations.cost_buckets.account_of,
        responder=responder,
        added_headers=partial(added_headers, _cors_rules(settings)),
        trusted_proxies=settings.trusted_proxies,
        limits=connection_limits(settings),
        max_body_bytes=settings.body_limit_bytes,
    )


def _is_operation(record: RequestRecord) -> bool:
    return record.path == GRAPHQL_PATH and record.method != "WEBSOCKET"


def _build_routes(settings: Settings, schema: BaseSchema, key_set: Mapping[str, Any]) -> list[BaseRoute]:
    routes: list[BaseRoute] = [_key_set_route(key_set)]
    if settings.introspection_enabled:
        routes.append(_schema_route(schema))
    return [*routes, *page_routes(settings)]


def uvicorn_options(settings: Settings) -> dict[str, Any]:
    """Arguments for `uvicorn.Config` that this module counts on.

    Logging is Atrium's own. The peer's address is left as it is, since `trusted_proxies` decides whom to believe.
    """
    counter = ConnectionCounter(settings.connections_per_address, settings.trusted_proxies)
    responder = Responder(settings.http_status)
    return {
        "host": settings.host,
        "port": settings.port,
        "http": partial(FastHttpProtocol, limits=connection_limits(settings), counter=counter, refuse=responder.refuse),
        "ws": partial(SocketProtocol, counter=counter),
        "log_config": None,
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
        "ws_max_size": settings.body_limit_bytes,
        "ws_per_message_deflate": False,
    }


def connection_limits(settings: Settings) -> ConnectionLimits:
    """Return the bounds of a connection."""
    return ConnectionLimits(
        settings.header_limit_bytes,
        settings.header_limit_count,
        settings.header_timeout_seconds,
        settings.keep_alive_seconds,
    )


def added_headers(rules: Mapping[str, Any], headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers that CORS adds to the answer of a request with these."""
    found: list[tuple[bytes, bytes]] = []

    async def answer(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": OK, "headers": []})

    async def take(message: Message) -> None:
        found.extend(message["headers"])

    scope = {"type": "http", "method": "POST", "headers": list(headers)}
    with suppress(StopIteration):  # nothing in it waits
        ConditionalCORSMiddleware(answer, rules=rules)(scope, _receive_nothing, take).send(None)
    return found


async def _receive_nothing() -> Message:
    raise AssertionError


def _request_options(
    settings: Settings, shutdown: Shutdown, on_finish: Callable[[RequestRecord], None]
) -> dict[str, Any]:
    return {
        "shutdown": shutdown,
        "trusted_proxies": settings.trusted_proxies,
        "timeout": settings.request_timeout_seconds,
        "on_finish": on_finish,
    }


def _cors_rules(settings: Settings) -> dict[str, Any]:
    return {
        "allow_origins": settings.cors_origins or (),
        "allow_origin_regex": settings.cors_origin_pattern,
        "allow_methods": ("GET", "POST"),
        "allow_headers": (*ALLOWED_HEADERS, *settings.cors_headers),
        "allow_credentials": settings.cors_credentials,
        "expose_headers": EXPOSED_HEADERS,
        "max_age": PREFLIGHT_SECONDS,
    }


def _build_origin_check(settings: Settings) -> Callable[[str], bool]:
    origins = frozenset(settings.cors_origins or ())
    pattern = re.compile(settings.cors_origin_pattern) if settings.cors_origin_pattern else None

    def is_allowed(origin: str) -> bool:
        return "*" in origins or origin in origins or (pattern is not None and bool(pattern.fullmatch(origin)))

    return is_allowed


async def _handle_error(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        refusal = RequestRefused.from_status(error.status_code, str(error.detail), error.headers)
    else:
        refusal = RequestRefused("BAD_REQUEST", "The request is not valid.")
    return refuse_outside_graphql(refusal, get_record(request).request_id)


def _schema_route(schema: BaseSchema) -> Route:
    text: list[str] = []  # printed at first need, once

    async def schema_graphql(_request: Request) -> Response:
        if not text:
            text.append(schema.as_str())
        return PlainTextResponse(text[0])

    return Route("/schema.graphql", schema_graphql, methods=["GET"])


def _key_set_route(key_set: Mapping[str, Any]) -> Route:
    async def jwks(_request: Request) -> Response:
        return JSONResponse(dict(key_set), headers={"cache-control": f"public, max-age={KEY_SET_SECONDS}"})

    return Route("/.well-known/jwks.json", jwks, methods=["GET"])
