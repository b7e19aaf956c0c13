"""The fast path: how ordinary requests are answered whose head was seen before and whose statement is known.

Such a request is a POST of JSON, or a GET, by somebody whose token or API key was verified, for an operation that was
compiled before. It is read, checked, admitted and run by the same functions as any other, but without the layers that
prepare for everything else that a request may be. Whatever is not ordinary, and whatever goes wrong, goes the long way
with the same bytes, so that refusals and errors are worded in one place.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from json import JSONDecodeError
from typing import Any

import orjson
from uuid_utils import uuid4

from atrium.http.document_lookup import DocumentLookup
from atrium.http.middleware import choose_request_id
from atrium.http.negotiation import OK
from atrium.http.operation_request import Setback
from atrium.http.request_heads import Authenticate, HeadReader, ReadHead
from atrium.http.request_parsing import decode_json, parse_operation, parse_query_string
from atrium.http.responses import RequestRefused
from atrium.http.shutdown import Shutdown
from atrium.logs import RequestRecord
from graph.compiler import Compiler, ReadyOperation
from graph.runtime.caller import Caller
from graph.runtime.compiled_statements import CompiledStatements
from graph.runtime.operation_cost import OperationCost
from graph.runtime.operation_log import OperationLog
from models.database.read_routing import ReadRouter
from models.database.timeouts import SharedTimeout
from models.database.topology import ServerGroup
from services.cost_buckets import CostBuckets
from services.permissions import Actor

__all__ = ["FastPath", "FastRequest", "Operations"]

PATH = "/graphql"


class FastContext:
    """What the compiler asks of an operation's context."""

    __slots__ = ("actor", "compiled", "cost", "log", "refusal", "route")

    def __init__(self, actor: Actor, servers: ServerGroup, record: RequestRecord, cost: OperationCost) -> None:
        self.actor = actor
        self.cost = cost
        self.route = ReadRouter(servers)
        self.log = OperationLog(record)
        caller = Caller(actor, has_invalid_token=False, expires_at=None)
        self.compiled = CompiledStatements(self.route, caller, self.log)
        self.refusal: Exception | None = None

    def fail_with(self, refusal: Exception) -> None:
        """Have the operation fail with this."""
        self.refusal = refusal


@dataclass(slots=True)
class FastRequest:
    """One request on the fast path."""

    head: ReadHead
    operation: ReadyOperation
    context: FastContext
    record: RequestRecord


@dataclass(frozen=True, slots=True)
class Operations:
    """What operations on the fast path are run with."""

    authenticate: Authenticate
    compiler: Compiler
    servers: ServerGroup
    cost_buckets: CostBuckets
    max_cost: int
    """The largest cost that an operation may have."""
    shows_executor: bool
    """Whether responses say which executor answered."""


class FastPath:
    """Answers the ordinary requests of one application."""

    def __init__(
        self,
        operations: Operations,
        heads: HeadReader,
        documents: DocumentLookup,
        shutdown: Shutdown,
        limit: SharedTimeout,
        on_finish: Callable[[RequestRecord], None],
    ) -> None:
        """Prepare it.

        Args:
            operations: what runs them.
            heads: reads their heads.
            documents: finds their text.
            shutdown: tells when the process ends.
            limit: the time that a request may take.
            on_finish: is handed the record of each request that was answered.
        """
        self.heads = heads
        self._servers = operations.servers
        self._compiler = operations.compiler
        self._cost_buckets = operations.cost_buckets
        self._max_cost = operations.max_cost
        self._documents = documents
        self._shutdown = shutdown
        self._limit = limit
        self._on_finish = on_finish
        extensions = b',"extensions":' + orjson.dumps({"executor": "compiler"}) if operations.shows_executor else b""
        self._end = extensions + b"}"

    def read_head(self, data: bytes, peer: str | None) -> ReadHead | None:
        """Return the head of an ordinary request that data begins with, if that can be answered here."""
        if self._servers.replicas or self._shutdown.has_begun.is_set():
            return None
        return self.heads.read(data, peer)

    def prepare(self, head: ReadHead, body: bytes) -> FastRequest | None:
        """Return the request with this body, admitted; None for one that has to go the long way."""
        started = time.perf_counter()
        actor, offered = head.remembered.actor, head.request_id
        record = RequestRecord(
            str(uuid4()) if offered is None else choose_request_id(offered),
            "POST" if head.query_string is None else "GET",
            PATH,
            head.client_address,
            head.remembered.user_agent,
            status=OK,
            started=started,
        )
        cost = OperationCost(self._cost_buckets.account_of(actor.identity))
        context = FastContext(actor, self._servers, record, cost)
        try:
            if head.query_string is None:
                asked = parse_operation(decode_json(body), "http")
            else:
                asked = parse_query_string(head.query_string, "http")
            source = self._documents.resolve(asked.query, asked.reference, context, record)
        except (RequestRefused, JSONDecodeError):
            return None
        operation = self._compiler.find_ready(source, asked.operation_name, asked.variables, actor)
        if operation is None or (operation.plan.mutation is not None and head.query_string is not None):
            return None
        if not self._admit(operation, cost, asked.variables):
            return None
        if operation.plan.mutation is not None:
            identity = replace(
                actor.identity,
                request_id=record.request_id,
                ip=record.client_address or "",
                user_agent=record.user_agent or "",
            )
            context.actor = Actor(identity, actor.permissions)
        return FastRequest(head, operation, context, record)

    def _admit(self, operation: ReadyOperation, cost: OperationCost, variables: dict[str, Any] | None) -> bool:
        """Take what the operation asks for; nothing if it is refused."""
        model = operation.cost_model
        assert model is not None, "its document is cached"
        if cost.is_used and not cost.admit(model, variables, self._max_cost):
            return False
        estimate = cost.estimate
        if model.steps and (model.cost(variables) if estimate is None else estimate) > self._max_cost:
            cost.cancel()
            return False
        return True

    async def run(self, request: FastRequest) -> bytes | Setback:
        """Return the body of the answer, or why there is none."""
        context, started = request.context, request.record.started
        try:
            with self._limit.scope():
                result = await self._compiler.run(request.operation, context)
        except TimeoutError:
            setback = Setback(has_expired=True, started=started)
        except Exception as error:  # noqa: BLE001  # nobody knows what was done, so that nothing must be done again
            setback = Setback(type(error).__name__, error, started=started)
        else:
            if result.declined is None:
                if context.cost.is_used:
                    context.cost.settle(result.text)
                return b'{"data":' + result.text.encode() + self._end
            setback = Setback(result.declined, context.refusal, started=started)
        context.cost.cancel()
        return setback

    def finish(self, request: FastRequest) -> None:
        """Account for a request that was answered."""
        request.record.took_fast_path = True
        request.record.finish()
        self._on_finish(request.record)
