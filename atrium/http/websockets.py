"""GraphQL over WebSocket, by the protocol `graphql-transport-ws`.

The library speaks the protocol; this adds what it leaves open: messages of the wrong shape close the socket
instead of failing in it, each operation gets a context and a record of its own, errors carry a code and the
operation's id, a syntax error ends its operation and not the socket, and the socket ends with its token.
"""

import asyncio
import copy
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from graphql import GraphQLError
from starlette.websockets import WebSocket, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
    Operation,
)
from strawberry.subscriptions.protocols.graphql_transport_ws.types import ConnectionInitMessage, Message
from strawberry.types import ExecutionResult

from atrium.http.operation_request import ContextGetter, OperationRequest
from atrium.http.responses import RequestRefused, classify_outcome, format_error
from atrium.logs import RequestRecord

CLOSE_UNAUTHORIZED = 4401
CLOSE_FORBIDDEN = 4403
REASON_BYTES = 123  # a close frame holds 125 bytes, two of them for the code
ID_LENGTH = 128

_MESSAGES = frozenset({"connection_init", "ping", "pong", "subscribe", "complete"})
_PARENT_ID_LENGTH = 112  # of 128, which leaves room for the number of the operation
_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class SocketSession:
    """One WebSocket: how its operations get their contexts, and what `connection_init` said."""

    connection: WebSocket
    record: RequestRecord
    get_context: ContextGetter
    on_finish: Callable[[RequestRecord], None]
    connection_params: Mapping[str, object] = field(default_factory=dict)
    expires_at: datetime | None = None
    operation_numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def connect(self) -> None:
        """Have the client recognised, once, by a context that is then dropped.

        Raises:
            RequestRefused: as the context getter does.
        """
        context = await self.get_context(OperationRequest(self.connection, self.record, params=self.connection_params))
        self.expires_at = getattr(context, "expires_at", None)

    def new_record(self) -> RequestRecord:
        """The record of the next operation; its id is the socket's with a number."""
        return RequestRecord(
            request_id=f"{self.record.request_id[:_PARENT_ID_LENGTH]}.{next(self.operation_numbers)}",
            method=self.record.method,
            path=self.record.path,
            client_address=self.record.client_address,
            user_agent=self.record.user_agent,
        )


class SocketAdapter(ASGIWebSocketAdapter):
    """The library's view of a socket; closing it twice or with a long reason does no harm."""

    async def close(self, code: int, reason: str) -> None:
        """Close the socket, unless it is closed already."""
        if self.ws.application_state is not WebSocketState.DISCONNECTED:
            await super().close(code, reason.encode()[:REASON_BYTES].decode(errors="ignore"))


class SocketOperation(Operation[Any, None]):
    """One operation, whose errors carry codes and its id."""

    def __init__(self, source: Operation[Any, None], handler: "SocketHandler", record: RequestRecord) -> None:
        super().__init__(handler, source.id, source.query, source.variables, source.operation_name)
        self.record = record

    async def send_initial_errors(self, errors: list[GraphQLError]) -> None:
        """Say that nothing was executed, and why."""
        self.record.outcome = "refused"
        await self.send_errors([format_error(error, self.record.request_id) for error in errors])

    async def send_errors(self, errors: Sequence[Any]) -> None:
        """End the operation with errors as they are sent."""
        await self.send_operation_message({"id": self.id, "type": "error", "payload": list(errors)})

    async def send_next(self, execution_result: ExecutionResult) -> None:
        """Send one result."""
        payload: Any = {"data": execution_result.data}
        if execution_result.errors:
            payload["errors"] = [format_error(error, self.record.request_id) for error in execution_result.errors]
            self.record.outcome = classify_outcome(payload["errors"])
        if execution_result.extensions:
            payload["extensions"] = execution_result.extensions
        await self.send_operation_message({"id": self.id, "type": "next", "payload": payload})


class SocketHandler(BaseGraphQLTransportWSHandler[Any, None]):
    """Serves one socket; `context` is its `SocketSession`, and in an operation the operation's own context."""

    expiry: asyncio.Task[None] | None = None

    async def handle_message(self, message: Message) -> None:
        """Act on one message, or close the socket with 4400 where it is none."""
        if fault := invalid_message_reason(message):
            await self.handle_invalid_message(fault)
        else:
            await super().handle_message(message)

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        """Acknowledge a client that the context getter recognises; close with 4401 or 4403 for another."""
        if message.get("payload") is None:
            message.pop("payload", None)
        session = self.context
        try:
            await super().handle_connection_init(message)
        except RequestRefused as refusal:
            code = CLOSE_UNAUTHORIZED if refusal.code == "UNAUTHENTICATED" else CLOSE_FORBIDDEN
            await self.websocket.close(code, refusal.message)
            return
        if self.connection_acknowledged and session.expires_at is not None and self.expiry is None:
            self.expiry = asyncio.create_task(self._expire(session.expires_at))

    async def run_operation(self, operation: Operation[Any, None]) -> None:
        """Run one operation with a context and a record of its own."""
        session: SocketSession = self.context
        record = session.new_record()
        scoped = copy.copy(self)  # all state is shared but the context
        own = SocketOperation(operation, scoped, record)
        try:
            request = OperationRequest(session.connection, record, params=session.connection_params)
            scoped.context = await session.get_context(request)
            await super(SocketHandler, scoped).run_operation(own)
        except RequestRefused as refusal:
            record.outcome = "refused"
            await own.send_errors([refusal.to_error(record.request_id)])
        except Exception:
            record.outcome = "internal"
            _logger.exception("operation failed", extra={"fields": {"request_id": record.request_id}})
            if operation.id in self.operations:
                await own.send_errors([RequestRefused.internal().to_error(record.request_id)])
        finally:
            record.finish()
            session.on_finish(record)

    async def shutdown(self) -> None:
        """End what still runs for this socket."""
        if self.expiry is not None:
            self.expiry.cancel()
        await super().shutdown()

    async def _expire(self, at: datetime) -> None:
        await asyncio.sleep((at - datetime.now(UTC)).total_seconds())
        await self.websocket.close(CLOSE_UNAUTHORIZED, "The access token has expired")

    @staticmethod
    def _get_pre_execution_close_reason(_error: GraphQLError) -> str | None:
        # The library would close the whole socket for a syntax error of one operation.
        return None


def invalid_message_reason(message: object) -> str | None:
    """What is wrong with the shape of a message; None if it can be acted on."""
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
    shapes: tuple[tuple[str, Any], ...] = (("query", str), ("variables", dict | None), ("operationName", str | None))
    return next((f"Invalid {name}" for name, kind in shapes if not isinstance(payload.get(name), kind)), None)
