"""GraphQL over WebSocket, by the protocol `graphql-transport-ws`.

The library speaks the protocol; this adds what it leaves open: messages of the wrong shape close the socket
instead of failing in it, each operation gets a context and a record of its own, errors carry a code and the
operation's id, a syntax error ends its operation and not the socket, queries and mutations have a time limit, and the
socket ends with its token, or with the process.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import count
from json import JSONDecodeError
from typing import Any, cast

from graphql import GraphQLError
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
    Operation,
)
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    Message,
    SubscribeMessage,
)
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from atrium.http.document_lookup import NO_REFERENCE, DocumentLookup, DocumentReference, read_reference
from atrium.http.operation_request import ContextGetter, OperationRequest, TokenCheck
from atrium.http.responses import RequestRefused, format_error, is_request_error, note_errors
from atrium.http.shutdown import CLIENT_CLOSE_SECONDS, SERVICE_RESTART, SOCKET_SECONDS, Shutdown
from atrium.logs import RequestRecord
from atrium.operation_observer import OperationObserver
from graph.fields.errors import CLOSE_CODE
from models.database.timeouts import Pacer
from models.timings import collect_timings

CLOSE_FORBIDDEN = 4403
REASON_BYTES = 123  # a close frame holds 125 bytes, two of them for the code
ID_LENGTH = 128

_MESSAGES = frozenset({"connection_init", "ping", "pong", "subscribe", "complete"})
_PARENT_ID_LENGTH = 112  # of 128, which leaves room for the number of the operation
_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class SocketSession:
    """One WebSocket: how its operations get their contexts, and what `connection_init` said."""

    connection: "BoundedWebSocket"
    record: RequestRecord
    get_context: ContextGetter
    observer: OperationObserver
    """Looks at each operation."""
    shutdown: Shutdown
    timeout: float
    """Seconds that a query or mutation may take."""
    long_timeout: float
    """Seconds that what takes long on purpose may take, beside."""
    has_valid_token: TokenCheck
    authenticated_message_bytes: int
    """Most bytes of a message from a client with a valid token."""
    starts: Pacer
    """Spreads the starts of operations: a client that comes back opens hundreds of subscriptions at once."""
    documents: DocumentLookup
    """Finds the text of each operation."""
    connection_params: Mapping[str, object] = field(default_factory=dict)
    expires_at: datetime | None = None
    operation_numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def connect(self) -> None:
        """Have the client recognised, once, by a context that is then dropped.

        Raises:
            RequestRefused: as the context getter does.
        """
        call = OperationRequest(self.connection, self.record, params=self.connection_params, connects=True)
        context = await self.get_context(call)
        self.expires_at = getattr(context, "expires_at", None)
        if await self.has_valid_token(call):
            self.connection.message_bytes = self.authenticated_message_bytes

    def new_record(self) -> RequestRecord:
        """Return the record of the next operation; its id is the socket's with a number."""
        record = RequestRecord(
            request_id=f"{self.record.request_id[:_PARENT_ID_LENGTH]}.{next(self.operation_numbers)}",
            method=self.record.method,
            path=self.record.path,
            client_address=self.record.client_address,
            user_agent=self.record.user_agent,
            trace_parent=self.record.trace_parent,
            trace_state=self.record.trace_state,
        )
        self.observer.start(record)
        return record


class BoundedWebSocket(WebSocket):
    """A socket whose messages have a limit of their own, smaller than the server's until its client is recognised."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, message_bytes: int) -> None:
        super().__init__(scope, receive, send)
        self.message_bytes = message_bytes

    async def receive_text(self) -> str:
        """Receive the next message.

        Raises:
            JSONDecodeError: it is too long, and the library closes the socket.
        """
        text = await super().receive_text()
        if len(text.encode()) > self.message_bytes:
            raise JSONDecodeError("longer than the limit", "", 0)
        return text


class SocketAdapter(ASGIWebSocketAdapter):
    """The library's view of a socket; closing it twice or with a long reason does no harm."""

    async def close(self, code: int, reason: str) -> None:
        """Close the socket, unless it is closed already; break it off where the client does not read."""
        if self.ws.application_state is WebSocketState.DISCONNECTED:
            return
        try:
            async with asyncio.timeout(CLIENT_CLOSE_SECONDS):
                await super().close(code, reason.encode()[:REASON_BYTES].decode(errors="ignore"))
        except TimeoutError:
            if abort := self.ws.scope["state"].get("abort"):
                abort()


class SocketOperation(Operation[Any, None]):
    """One operation, whose errors carry codes and its id."""

    def __init__(
        self,
        source: Operation[Any, None],
        handler: "SocketHandler",
        record: RequestRecord,
        reference: DocumentReference = NO_REFERENCE,
    ) -> None:
        super().__init__(handler, source.id, source.query, source.variables, source.operation_name)
        self.record = record
        self.reference = reference
        self.is_late = False
        self.seconds = 0.0
        self._session: SocketSession = handler.session
        self._timer: asyncio.TimerHandle | None = None

    def limit_time(self, task: "asyncio.Task[Any]", seconds: float) -> None:
        """Give it so much time from now on."""
        self.end_limit()
        self.seconds = seconds
        self._timer = task.get_loop().call_later(seconds, self.expire, task)

    def end_limit(self) -> None:
        """Take as long as it may from here on."""
        if self._timer is not None:
            self._timer.cancel()

    @asynccontextmanager
    async def long_work(self, task: "asyncio.Task[Any]") -> AsyncIterator[None]:
        """Give it the time of what takes long on purpose, and afterwards that of an operation that has just begun."""
        self.limit_time(task, self._session.long_timeout)
        try:
            yield
        finally:
            if not self.is_late:
                self.limit_time(task, self._session.timeout)

    async def run(self, session: SocketSession) -> None:
        """Run it to its end.

        Raises:
            RequestRefused: it is not run.
        """
        task = asyncio.current_task()
        assert task is not None, "each operation has its task"
        long_work = partial(self.long_work, task)
        call = OperationRequest(session.connection, self.record, params=session.connection_params, long_work=long_work)
        context = await session.get_context(call)
        results = await self.handler.schema.stream(
            session.documents.resolve(self.query, self.reference, context, self.record),
            variable_values=self.variables,
            context_value=context,
            operation_name=self.operation_name,
        )
        async with aclosing(results) as found:
            async for result in found:
                if isinstance(result, PreExecutionError):
                    await self.send_initial_errors(result.errors or [])
                else:
                    await self.send_next(cast("ExecutionResult", result))
        await self.send_operation_message({"id": self.id, "type": "complete"})

    def expire(self, task: "asyncio.Task[Any]") -> None:
        """Break it off, unless it is a subscription or has answered."""
        if self.record.operation_type != "subscription" and not self.completed:
            self.is_late = True
            task.cancel()

    async def send_initial_errors(self, errors: list[GraphQLError]) -> None:
        """Say that nothing was executed, and why."""
        shown = [format_error(error, self.record.request_id) for error in errors]
        note_errors(self.record, shown, refused=True)
        await self.send_errors(shown)

    async def send_errors(self, errors: Sequence[Any]) -> None:
        """End the operation with errors as they are sent."""
        await self.send_operation_message({"id": self.id, "type": "error", "payload": list(errors)})

    async def refuse(self, refusal: RequestRefused) -> None:
        """End the operation with a refusal."""
        errors = [refusal.to_error(self.record.request_id)]
        note_errors(self.record, errors, refused=True)
        await self.send_errors(errors)

    async def send_next(self, execution_result: ExecutionResult) -> None:
        """Send one result."""
        payload: Any = {"data": execution_result.data}
        if execution_result.errors:
            payload["errors"] = [format_error(error, self.record.request_id) for error in execution_result.errors]
            refused = is_request_error(execution_result.data, execution_result.errors)
            note_errors(self.record, payload["errors"], refused=refused)
        if execution_result.extensions:
            payload["extensions"] = execution_result.extensions
        await self.send_operation_message({"id": self.id, "type": "next", "payload": payload})


class SocketHandler(BaseGraphQLTransportWSHandler[Any, None]):
    """Serves one socket; `context` is its `SocketSession`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._expiry: asyncio.Task[None] | None = None
        self._records: dict[str, RequestRecord] = {}
        """Those of the operations that run, by their ids."""
        self._references: dict[str, DocumentReference] = {}
        """How operations that are about to run name their documents, by their ids."""

    @property
    def session(self) -> SocketSession:
        """Return what is known of the socket."""
        session: SocketSession = self.context
        return session

    async def handle(self) -> None:
        """Serve the socket until it is closed."""
        sockets = self.session.shutdown.sockets
        sockets.add(self.end)
        try:
            await super().handle()
        finally:
            sockets.discard(self.end)

    async def handle_message(self, message: Message) -> None:
        """Act on one message, or close the socket with 4400 where it is none."""
        if fault := invalid_message_reason(message):
            await self.handle_invalid_message(fault)
        else:
            await super().handle_message(message)

    async def handle_invalid_message(self, error_message: str) -> None:
        """Close the socket of a client that does not speak the protocol."""
        self.session.record.outcome = "refused"
        await super().handle_invalid_message(error_message)

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        """Acknowledge a client that the context getter recognises, and close the socket of another."""
        if message.get("payload") is None:
            message.pop("payload", None)
        session = self.session
        try:
            await super().handle_connection_init(message)
        except RequestRefused as refusal:
            await self._turn_away(refusal)
        except Exception:
            _logger.exception("connection failed", extra={"fields": {"request_id": session.record.request_id}})
            await self._turn_away(RequestRefused.internal())
        if self.connection_acknowledged and session.expires_at is not None and self._expiry is None:
            self._expiry = asyncio.create_task(self._expire(session.expires_at))

    async def _turn_away(self, refusal: RequestRefused) -> None:
        note_errors(self.session.record, [refusal.to_error("")], refused=True)
        await self.websocket.close(CLOSE_CODE.get(refusal.code, CLOSE_FORBIDDEN), refusal.message)

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        """Begin an operation, or refuse it: there are too many, or the process ends."""
        refusal = self._refusal() if self.connection_acknowledged and message["id"] not in self.operations else None
        if refusal is None:
            payload: Any = message["payload"]
            self._references[message["id"]] = read_reference(payload)
            payload.setdefault("query", "")
            await super().handle_subscribe(message)
            return
        record = self.session.new_record()
        try:
            self.operations[message["id"]] = source = Operation(self, message["id"], "", None, None)
            await SocketOperation(source, self, record).refuse(refusal)
        finally:
            record.finish()
            self.session.observer.finish(record)

    def _refusal(self) -> RequestRefused | None:
        most = self.max_subscriptions_per_connection
        if most is not None and len(self.operations) >= most:
            message = f"This socket has {most} operations under way: end one first."
            return RequestRefused("TOO_MANY_OPERATIONS", message, details={"allowed": most})
        return self.session.shutdown.refusal() if self.session.shutdown.has_begun.is_set() else None

    async def run_operation(self, operation: Operation[Any, None]) -> None:
        """Run one operation with a context and a record of its own, within the time limit if it has one result."""
        session, task = self.session, asyncio.current_task()
        assert task is not None, "each operation has its task"
        reference = self._references.pop(operation.id, NO_REFERENCE)
        await session.starts.wait()
        record = self._records[operation.id] = session.new_record()
        own = SocketOperation(operation, self, record, reference)
        own.limit_time(task, session.timeout)
        try:
            with collect_timings(record.timings):
                await own.run(session)
        except RequestRefused as refusal:
            await own.refuse(refusal)
        except asyncio.CancelledError:
            if not own.is_late:
                raise
            task.uncancel()
            await own.refuse(RequestRefused("TIMEOUT", f"The operation took longer than {own.seconds:g} seconds."))
        except Exception:
            _logger.exception("operation failed", extra={"fields": {"request_id": record.request_id}})
            note_errors(record, [RequestRefused.internal().to_error("")])
            if operation.id in self.operations:
                await own.refuse(RequestRefused.internal())
        finally:
            own.end_limit()
            self._records.pop(operation.id, None)
            record.finish()
            session.observer.finish(record)

    async def end(self) -> None:
        """Close the socket since the process ends: queries and mutations are answered first, if that is soon."""
        tasks = [
            operation.task
            for name, operation in self.operations.items()
            if operation.task is not None
            and not (name in self._records and self._records[name].operation_type == "subscription")
        ]
        pause = asyncio.create_task(asyncio.sleep(self.session.shutdown.draw_delay()))
        await asyncio.wait([*tasks, pause], timeout=SOCKET_SECONDS)
        await self.websocket.close(SERVICE_RESTART, "The server is restarting")

    async def shutdown(self) -> None:
        """End what still runs for this socket."""
        if self._expiry is not None:
            self._expiry.cancel()
        await super().shutdown()

    async def _expire(self, at: datetime) -> None:
        await asyncio.sleep((at - datetime.now(UTC)).total_seconds())
        await self.websocket.close(CLOSE_CODE["UNAUTHENTICATED"], "The access token has expired")


def invalid_message_reason(message: object) -> str | None:
    """Return what is wrong with the shape of a message; None if it can be acted on."""
    if not isinstance(message, dict) or not isinstance(message.get("type"), str) or message["type"] not in _MESSAGES:
        return "Unknown message"
    if message["type"] in {"subscribe", "complete"}:
        identifier = message.get("id")
        if not isinstance(identifier, str) or not 0 < len(identifier) <= ID_LENGTH:
            return "Invalid id"
    return _invalid_payload_reason(message.get("payload")) if message["type"] == "subscribe" else None


def _invalid_payload_reason(payload: object) -> str | None:
    if not isinstance(payload, dict):
        return "Invalid payload"
    text: Any = str if read_reference(payload).is_empty else str | None
    shapes: tuple[tuple[str, Any], ...] = (("query", text), ("variables", dict | None), ("operationName", str | None))
    return next((f"Invalid {name}" for name, kind in shapes if not isinstance(payload.get(name), kind)), None)
