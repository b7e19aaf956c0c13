"""The GraphQL endpoint: POST and GET, WebSocket and server-sent events on one path.

An HTTP request takes a short way of its own: it is read, checked and refused before a context is built for it,
and JSON goes through orjson, so that the bytes of a compiled query's `data` pass through untouched. A GET runs
queries alone, since a link must change nothing. WebSockets and streams are the library's view's.
"""

from collections.abc import Callable
from datetime import timedelta
from json import JSONDecodeError
from typing import Any, ClassVar, cast

from graphql import GraphQLError
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.schema import BaseSchema
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult, SubscriptionExecutionResult
from strawberry.types.graphql import OperationType
from strawberry.types.unset import UnsetType

from atrium.graphiql import GRAPHIQL_PATH
from atrium.http import request_parsing
from atrium.http.middleware import get_header
from atrium.http.operation_request import ContextGetter, OperationRequest, ResponseHeaders
from atrium.http.responses import (
    JSON_MEDIA_TYPE,
    OK,
    RequestRefused,
    build_response,
    classify_outcome,
    encode_json,
    format_error,
    is_request_error,
    negotiate_media_type,
    status_of,
)
from atrium.http.websockets import SocketAdapter, SocketHandler, SocketSession
from atrium.logs import RequestRecord

CONNECTION_INIT_SECONDS = 10  # how long a WebSocket may stay silent before connection_init

_STREAM = "text/event-stream"
_ALLOWED = {
    "GET": frozenset({OperationType.QUERY}),
    "POST": frozenset({OperationType.QUERY, OperationType.MUTATION}),
}


class GraphQLEndpoint(GraphQL[Any, None]):
    """An ASGI application that serves one schema.

    `get_context` builds the context of each operation. `allows_origin` decides which pages of other origins may
    open a WebSocket. `on_finish` is handed the record of each operation on a WebSocket when it is over; those of
    HTTP requests belong to whoever opened them.
    """

    graphql_transport_ws_handler_class = SocketHandler
    websocket_adapter_class = SocketAdapter
    _protocols: ClassVar = (GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL)

    def __init__(
        self,
        schema: BaseSchema,
        *,
        get_context: ContextGetter,
        body_limit: int,
        graphiql: bool,
        allows_origin: Callable[[str], bool],
        on_finish: Callable[[RequestRecord], None],
    ) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            subscription_protocols=self._protocols,
            connection_init_wait_timeout=timedelta(seconds=CONNECTION_INIT_SECONDS),
        )
        self._context_getter = get_context
        self._body_limit = body_limit
        self._graphiql = graphiql
        self._allows_origin = allows_origin
        self._on_finish = on_finish

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one WebSocket."""
        if scope["type"] == "websocket":
            await self.run(WebSocket(scope, receive, send))
            return
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except RequestRefused as refusal:
            record = get_record(request)
            record.outcome = "refused"
            response = refusal.to_response(record.request_id, get_header(scope, b"accept"))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        accept = get_header(request.scope, b"accept") or ""
        if self._graphiql and "text/html" in accept and request.method == "GET" and not request.scope["query_string"]:
            return RedirectResponse(GRAPHIQL_PATH, status_code=303)  # a person opened the endpoint in a browser
        operation = await self._read_operation(request, "sse" if _STREAM in accept else "http")
        response = request.scope["state"]["collected"] = ResponseHeaders()
        context = await self._context_getter(OperationRequest(request, get_record(request), response))
        if operation.protocol == "sse":
            return await self._stream(request, operation, context, response)
        result = await self._execute(request.method, operation, context)
        payload = await self.process_result(request, result)
        chosen = negotiate_media_type(accept)
        status = OK if chosen == JSON_MEDIA_TYPE or "data" in payload else status_of(payload["errors"] or [])
        final = build_response(payload, status=status, media_type=chosen)
        final.raw_headers += response.raw_headers
        return final

    async def _read_operation(self, request: Request, protocol: request_parsing.ResponseProtocol) -> GraphQLRequestData:
        if request.method == "POST":
            request_parsing.require_json(get_header(request.scope, b"content-type"))
            declared = get_header(request.scope, b"content-length")
            body = await request_parsing.read_body(request.receive, declared, self._body_limit)
            return request_parsing.parse_operation(self._parse_json(body), protocol)
        if request.method != "GET":
            allowed = ", ".join(_ALLOWED)
            raise RequestRefused("METHOD_NOT_ALLOWED", f"GraphQL is served by {allowed}.", {"allow": allowed})
        request_parsing.require_short_query_string(request.scope["query_string"])
        parameters: dict[str, Any] = dict(QueryParams(request.scope["query_string"]))
        for name in ("variables", "extensions"):
            if name in parameters:
                parameters[name] = self._parse_json(parameters[name])
        return request_parsing.parse_operation(parameters, protocol)

    def _parse_json(self, data: str | bytes) -> Any:
        try:
            return request_parsing.decode_json(data)
        except JSONDecodeError as error:
            raise RequestRefused("BAD_REQUEST", f"Not valid JSON: {error.msg}.") from None

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
        except InvalidOperationTypeError as error:
            if error.operation_type is OperationType.MUTATION:
                raise RequestRefused("METHOD_NOT_ALLOWED", "Mutations are sent by POST.", {"allow": "POST"}) from None
            raise RequestRefused("BAD_REQUEST", f"Subscriptions need a WebSocket or `Accept: {_STREAM}`.") from None

    async def _stream(
        self, request: Request, operation: GraphQLRequestData, context: Any, response: Response
    ) -> Response:
        allowed = _ALLOWED[request.method] | {OperationType.SUBSCRIPTION}
        result = await self.schema.stream(
            operation.query,
            variable_values=operation.variables,
            context_value=context,
            operation_name=operation.operation_name,
            operation_extensions=operation.extensions,
            allowed_operation_types=allowed,
        )
        return await self._create_streaming_response(
            request=request,
            result=cast("SubscriptionExecutionResult", result),
            protocol=operation.protocol,
            sub_response=response,
        )

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        """A result as it is sent: with codes and the request's id in its errors, without `data` if not executed."""
        payload: GraphQLHTTPResponse = {"data": result.data}
        if result.errors:
            record = get_record(request)
            errors = [format_error(error, record.request_id) for error in result.errors]
            refused = is_request_error(result.data, result.errors)
            payload = {"errors": list(errors)} if refused else {"data": result.data, "errors": list(errors)}
            record.outcome = classify_outcome(errors, refused=refused)
        if result.extensions:
            payload["extensions"] = result.extensions
        return payload

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> SocketSession:  # noqa: ARG002  the library's signature
        """The session of a WebSocket; each of its operations gets its context from there."""
        assert isinstance(request, WebSocket), "the context of an HTTP request is built on its way"
        return SocketSession(request, get_record(request), self._context_getter, self._on_finish)

    async def on_ws_connect(self, context: SocketSession) -> UnsetType | dict[str, object] | None:
        """Recognise the client of a new connection."""
        await context.connect()
        return UnsetType()

    def is_websocket_origin_allowed(self, _request: WebSocket, origin: str) -> bool:
        """Whether a page of another origin may connect: by the same rule as for its other requests."""
        return self._allows_origin(origin)

    def decode_json(self, data: str | bytes) -> object:
        """A WebSocket message's JSON.

        Raises:
            JSONDecodeError: for what is none or is too long, and the library closes the socket.
        """
        if len(data) > self._body_limit:
            raise JSONDecodeError("longer than the limit", "", 0)
        return request_parsing.decode_json(data)

    def encode_json(self, data: object) -> str:
        """JSON as text: bytes would become binary frames on a WebSocket, which browsers' clients cannot read."""
        return encode_json(data).decode()


def get_record(connection: Request | WebSocket) -> RequestRecord:
    """The record that was opened for this request."""
    record: RequestRecord = connection.scope["state"]["record"]
    return record
