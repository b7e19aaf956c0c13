"""The GraphQL endpoint: POST and GET, WebSocket and server-sent events on one path.

An HTTP request takes a short way of its own: it is read, checked and refused before a context is built for it,
and JSON goes through orjson, so that the bytes of a compiled query's `data` pass through untouched. A GET runs
queries alone, since a link must change nothing. Subscriptions get an event stream where the client accepts one; queries
and mutations only where it prefers that to JSON. WebSockets are the library's view's.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from json import JSONDecodeError
from typing import Any, ClassVar, cast

from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.schema import BaseSchema
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType
from strawberry.types.unset import UnsetType

from atrium.http import request_parsing
from atrium.http.document_lookup import DocumentLookup
from atrium.http.long_work import within_request
from atrium.http.middleware import get_header
from atrium.http.negotiation import EVENT_STREAM, GRAPHQL_JSON, JSON_MEDIA_TYPE
from atrium.http.operation_request import ContextGetter, OperationRequest, ResponseHeaders, TokenCheck
from atrium.http.request_parsing import BodyLimits
from atrium.http.responses import (
    RequestRefused,
    Responder,
    encode_json,
    format_error,
    is_request_error,
    note_errors,
)
from atrium.http.shutdown import Shutdown
from atrium.http.streams import EventStream
from atrium.http.websockets import BoundedWebSocket, SocketAdapter, SocketHandler, SocketSession
from atrium.logs import RequestRecord
from atrium.operation_observer import OperationObserver
from atrium.web.built_pages import EXPLORER
from models.database.timeouts import Pacer, SharedTimeout

MOST_OPERATIONS = 100  # that run at once on a WebSocket
STARTS = 1  # operations on WebSockets that begin in one iteration of the event loop
CONNECTION_INIT_SECONDS = 10  # how long a WebSocket may stay silent before connection_init

SINGLE_CONNECTION = b"x-graphql-event-stream-token"
NO_SINGLE_CONNECTION = "The single connection mode of graphql-sse is not served: use distinct connections."
NOT_ACCEPTABLE = f"There is {GRAPHQL_JSON}, {JSON_MEDIA_TYPE} and {EVENT_STREAM}; `Accept` names none of them."
_ALLOWED = {
    "GET": frozenset({OperationType.QUERY}),
    "POST": frozenset({OperationType.QUERY, OperationType.MUTATION}),
}


class GraphQLEndpoint(GraphQL[Any, None]):
    """An ASGI application that serves one schema.

    `get_context` builds the context of each operation. `shutdown` says that the process ends. A query or mutation on a
    WebSocket may take `timeout` seconds; whoever serves requests bounds theirs. What takes long on purpose may take
    `long_timeout` seconds of its own. `allows_origin` decides which pages of
    other origins may open a WebSocket. `observer` looks at each operation on a WebSocket; HTTP requests belong to
    whoever opened their records. `documents` finds the text of each operation.
    """

    graphql_transport_ws_handler_class = SocketHandler
    websocket_adapter_class = SocketAdapter
    _protocols: ClassVar = (GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL)

    def __init__(
        self,
        schema: BaseSchema,
        *,
        get_context: ContextGetter,
        has_valid_token: TokenCheck,
        shutdown: Shutdown,
        timeout: float,
        long_timeout: float,
        body_limits: BodyLimits,
        responder: Responder,
        explorer: bool,
        allows_origin: Callable[[str], bool],
        observer: OperationObserver,
        documents: DocumentLookup,
    ) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            subscription_protocols=self._protocols,
            max_subscriptions_per_connection=MOST_OPERATIONS,
            connection_init_wait_timeout=timedelta(seconds=CONNECTION_INIT_SECONDS),
        )
        self._context_getter = get_context
        self._shutdown = shutdown
        self._timeout = timeout
        self._has_valid_token = has_valid_token
        self._body_limits = body_limits
        self._responder = responder
        self._long_limit = SharedTimeout(long_timeout)
        shutdown.bound(self._long_limit)
        self._explorer = explorer
        self._allows_origin = allows_origin
        self._observer = observer
        self._documents = documents
        self._starts = Pacer(STARTS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one WebSocket."""
        if scope["type"] == "websocket":
            await self.run(BoundedWebSocket(scope, receive, send, self._body_limits.anonymous))
            return
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except RequestRefused as refusal:
            record = get_record(request)
            note_errors(record, [refusal.to_error("")], refused=True)
            response = self._responder.refuse(refusal, record.request_id, get_header(scope, b"accept"))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        accept = get_header(request.scope, b"accept") or ""
        if self._explorer and "text/html" in accept and request.method == "GET" and not request.scope["query_string"]:
            # A person opened the endpoint in a browser.
            return RedirectResponse(f"{EXPLORER.path.strip('/')}/", status_code=303)
        chosen = self._responder.negotiate(accept)
        if not chosen.is_acceptable and request.method in _ALLOWED:
            raise RequestRefused("NOT_ACCEPTABLE", NOT_ACCEPTABLE)
        try:
            operation = await self._read_operation(request, "sse" if chosen.streams else "http")
        except JSONDecodeError as error:
            raise RequestRefused("BAD_REQUEST", f"Not valid JSON: {error.msg}.") from None
        response = request.scope["state"]["collected"] = ResponseHeaders()
        long_work = partial(within_request, request, self._long_limit)
        call = OperationRequest(
            request, get_record(request), response, streams=chosen.prefers_stream, long_work=long_work
        )
        context = await self._context_getter(call)
        operation.query = self._documents.resolve(operation.query, operation.reference, context, call.record)
        try:
            result = await self._execute(request.method, operation, context)
        except InvalidOperationTypeError as error:
            if error.operation_type is OperationType.SUBSCRIPTION and chosen.streams:
                return await self._subscribe(request, replace(call, streams=True), operation)
            raise _of_another_type(error) from None
        payload = await self.process_result(request, result)
        final: Response
        if chosen.prefers_stream:
            final = self._stream(call, _only(payload), None)
        else:
            final = self._responder.answer(payload, chosen)
        final.raw_headers += response.raw_headers
        return final

    async def _read_operation(
        self, request: Request, protocol: request_parsing.ResponseProtocol
    ) -> request_parsing.OperationData:
        single = request.method == "PUT" or get_header(request.scope, SINGLE_CONNECTION) is not None
        if single and request.method in _ALLOWED:
            raise RequestRefused("BAD_REQUEST", NO_SINGLE_CONNECTION)
        if request.method == "POST":
            request_parsing.require_json(get_header(request.scope, b"content-type"))
            request_parsing.require_identity(get_header(request.scope, b"content-encoding"))
            declared = get_header(request.scope, b"content-length")
            record = get_record(request)
            record.is_arriving = True
            check = partial(self._has_valid_token, OperationRequest(request, record))
            body = await request_parsing.read_body(request.receive, declared, self._body_limits, check)
            record.is_arriving = False
            return request_parsing.parse_operation(request_parsing.decode_json(body), protocol)
        if request.method != "GET":
            allowed = ", ".join(_ALLOWED)
            message = NO_SINGLE_CONNECTION if single else f"GraphQL is served by {allowed}."
            raise RequestRefused("METHOD_NOT_ALLOWED", message, {"allow": allowed})
        return request_parsing.parse_query_string(request.scope["query_string"], protocol)

    async def _execute(self, method: str, operation: GraphQLRequestData, context: Any) -> ExecutionResult:
        try:
            return await self.schema.execute(
                operation.query,
                variable_values=operation.variables,
                context_value=context,
                operation_name=operation.operation_name,
                allowed_operation_types=_ALLOWED[method],
                operation_extensions=operation.extensions,
            )
        except CannotGetOperationTypeError as error:
            return ExecutionResult(data=None, errors=[GraphQLError(error.as_http_error_reason())])

    async def _subscribe(self, request: Request, call: OperationRequest, asked: GraphQLRequestData) -> EventStream:
        context = await self._context_getter(call)
        results = await self.schema.stream(
            asked.query,
            variable_values=asked.variables,
            context_value=context,
            operation_name=asked.operation_name,
            operation_extensions=asked.extensions,
            allowed_operation_types={OperationType.SUBSCRIPTION},
        )

        async def payloads() -> AsyncIterator[GraphQLHTTPResponse]:
            async with aclosing(results) as found:
                async for result in found:
                    yield await self.process_result(request, cast("ExecutionResult", result))

        return self._stream(call, payloads(), getattr(context, "expires_at", None))

    def _stream(
        self, call: OperationRequest, payloads: AsyncIterator[GraphQLHTTPResponse], expires_at: datetime | None
    ) -> EventStream:
        return EventStream(payloads, request_id=call.record.request_id, shutdown=self._shutdown, expires_at=expires_at)

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        """A result as it is sent: with codes and the request's id in its errors, without `data` if not executed."""
        payload: GraphQLHTTPResponse = {"data": result.data}
        if result.errors:
            record = get_record(request)
            errors = [format_error(error, record.request_id) for error in result.errors]
            refused = is_request_error(result.data, result.errors)
            payload = {"errors": list(errors)} if refused else {"data": result.data, "errors": list(errors)}
            note_errors(record, errors, refused=refused)
        if result.extensions:
            payload["extensions"] = result.extensions
        return payload

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> SocketSession:  # noqa: ARG002  the library's signature
        """Return the session of a WebSocket, from which each of its operations gets its context."""
        assert isinstance(request, BoundedWebSocket), "the context of an HTTP request is built on its way"
        return SocketSession(
            request,
            get_record(request),
            self._context_getter,
            self._observer,
            self._shutdown,
            self._timeout,
            self._long_limit.seconds,
            self._has_valid_token,
            self._body_limits.authenticated,
            self._starts,
            self._documents,
        )

    async def on_ws_connect(self, context: SocketSession) -> UnsetType | dict[str, object] | None:
        """Recognise the client of a new connection."""
        await context.connect()
        return UnsetType()

    def is_websocket_origin_allowed(self, _request: WebSocket, origin: str) -> bool:
        """Return whether a page of another origin may connect: by the same rule as for its other requests."""
        return self._allows_origin(origin)

    def decode_json(self, data: str | bytes) -> object:
        """Return a WebSocket message's JSON.

        Raises:
            JSONDecodeError: for what is none, and the library closes the socket.
        """
        return request_parsing.decode_json(data)

    def encode_json(self, data: object) -> str:
        """Return JSON as text: bytes would become binary frames on a WebSocket, which browsers' clients cannot read."""
        return encode_json(data).decode()


def _of_another_type(error: InvalidOperationTypeError) -> RequestRefused:
    if error.operation_type is OperationType.MUTATION:
        return RequestRefused("METHOD_NOT_ALLOWED", "Mutations are sent by POST.", {"allow": "POST"})
    return RequestRefused("BAD_REQUEST", f"Subscriptions need a WebSocket or `Accept: {EVENT_STREAM}`.")


async def _only(payload: GraphQLHTTPResponse) -> AsyncIterator[GraphQLHTTPResponse]:
    yield payload


def get_record(connection: Request | WebSocket) -> RequestRecord:
    """Return the record that was opened for this request."""
    record: RequestRecord = connection.scope["state"]["record"]
    return record
