"""The fast path: how ordinary requests are answered whose head was seen before and whose statement is known.

Such a request is a POST of JSON, or a GET, by somebody whose token or API key was verified, for an operation that was
compiled before. It is read, checked, admitted and run by the same functions as any other, but without the layers that
prepare for everything else that a request may be. Whatever is not ordinary, and whatever goes wrong, goes the long way
with the same bytes, so that refusals and errors are worded in one place.
"""

import time
from dataclasses import dataclass, replace
from functools import cached_property
from json import JSONDecodeError
from typing import Any

import orjson
from uuid_utils import uuid4

from atrium.http.document_lookup import DocumentLookup
from atrium.http.middleware import STATUS_CLIENT_CLOSED_REQUEST, Headers, choose_request_id
from atrium.http.negotiation import OK
from atrium.http.operation_request import Setback
from atrium.http.request_heads import Authenticate, HeadReader, ReadHead, write_headers
from atrium.http.request_parsing import decode_json, parse_operation, parse_query_string
from atrium.http.responses import RequestRefused
from atrium.http.shutdown import Shutdown
from atrium.logs import RequestRecord
from atrium.operation_observer import OperationObserver
from graph.compiler import NOTHING_UPDATED, Compiler, ReadyOperation
from graph.runtime.caller import Caller
from graph.runtime.compiled_statements import CompiledStatements
from graph.runtime.operation_cost import OperationCost
from graph.runtime.operation_log import OperationLog
from models.database.errors import ConnectionLost, PoolTimeout, Preempted
from models.database.read_routing import ReadRouter, RoutingReason
from models.database.timeouts import SharedTimeout
from models.database.topology import PRIMARY, ServerGroup
from models.database.wire import OnResult, StatementRun, encode_parameters
from models.timings import OperationTimings, collect_timings
from services.cost_buckets import CostBuckets
from services.errors import Unavailable
from services.permissions import Actor

__all__ = ["FastPath", "FastRequest", "Operations"]

PATH = "/graphql"


class FastContext:
    """What the compiler asks of an operation's context."""

    def __init__(self, actor: Actor, servers: ServerGroup, record: RequestRecord, cost: OperationCost) -> None:
        self.actor = actor
        self.cost = cost
        self.log = OperationLog(record)
        self.refusal: Exception | None = None
        self._servers = servers

    @cached_property
    def route(self) -> ReadRouter:
        """Which server is read."""
        return ReadRouter(self._servers)

    @cached_property
    def compiled(self) -> CompiledStatements:
        """What runs a statement in a task."""
        caller = Caller(self.actor, has_invalid_token=False, expires_at=None)
        return CompiledStatements(self.route, caller, self.log)

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
    span: Any = None
    """What the request would be traced by if it were sampled; None where nothing is traced."""


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
        observer: OperationObserver,
    ) -> None:
        """Prepare it.

        Args:
            operations: what runs them.
            heads: reads their heads.
            documents: finds their text.
            shutdown: tells when the process ends.
            limit: the time that a request may take.
            observer: looks at each request that was answered.
        """
        self.heads = heads
        self._servers = operations.servers
        self._compiler = operations.compiler
        self._max_cost = operations.max_cost
        self._documents = documents
        self._shutdown = shutdown
        shutdown.bound(operations.servers.primary.pipeline)
        self._limit = limit
        self._observer = observer
        extensions = b',"extensions":' + orjson.dumps({"executor": "compiler"}) if operations.shows_executor else b""
        self._end = extensions + b"}"
        self._default_headers: Headers = ()
        self._written_headers = b""

    def read_head(self, data: bytes, peer: str | None) -> ReadHead | None:
        """Return the head of an ordinary request that data begins with, if that can be answered here."""
        if self._servers.replicas or self._shutdown.has_begun.is_set():
            return None
        return self.heads.read(data, peer)

    def is_valid(self, head: ReadHead) -> bool:
        """Return whether a head that was read before may be answered here now."""
        return head.remembered.expires_at > time.time() and not self._shutdown.has_begun.is_set()

    def begin_span(self, head: ReadHead) -> Any:
        """Begin the span of a request; one that is recorded has to go the long way, which makes the span whole."""
        return self._observer.begin_span(head.trace_parent, head.trace_state)

    def prepare(self, head: ReadHead, body: bytes, span: Any = None) -> FastRequest | None:
        """Return the request with this body, admitted; None for one that has to go the long way."""
        if span is not None and span.is_recording():
            return None
        started = time.perf_counter()
        actor, offered = head.remembered.actor, head.request_id
        record = RequestRecord(
            str(uuid4()) if offered is None else choose_request_id(offered),
            "POST" if head.query_string is None else "GET",
            PATH,
            head.client_address,
            head.remembered.user_agent,
            head.trace_parent,
            status=OK,
            started=started,
        )
        cost = OperationCost(head.remembered.account)
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
                operation=operation.plan.mutation,
            )
            context.actor = Actor(identity, actor.permissions)
        return FastRequest(head, operation, context, record, span)

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

    def start(self, request: FastRequest, on_result: OnResult) -> bool:
        """Begin to run a request without a task, and hand `on_result` what `conclude` takes; False if it needs one."""
        plan, arguments = request.operation.plan, request.operation.arguments
        identity = request.context.actor.identity
        if not plan.uses or plan.reading is not None:
            return False
        try:
            if plan.mutation is None:
                parameters = encode_parameters(plan.own_values(arguments, identity), request.head.remembered.entry)
            else:
                parameters = encode_parameters(plan.values(arguments, identity))
        except Exception:  # noqa: BLE001  # it is met and worded again where the operation runs in a task
            return False
        if parameters is None:
            return False
        run = StatementRun(
            plan.sql,
            parameters,
            identity.tenant_id,
            time.monotonic() + self._limit.seconds,
            plan.pace,
            on_result,
            is_update=plan.mutation is not None,
            is_search=plan.is_search,
        )
        return self._servers.primary.pipeline.submit(run)

    def conclude(self, request: FastRequest, value: bytes | None, error: Exception | None) -> bytes | Setback | None:
        """Return the body of the answer, or why there is none; None for a request that has to be run in a task."""
        context, operation = request.context, request.operation
        is_update = operation.plan.mutation is not None
        if value:
            if not is_update:
                self._servers.observe(PRIMARY, RoutingReason.NO_REPLICA)
            context.log.statements += 1
            self._compiler.record(operation, context)
            if context.cost.is_used:
                context.cost.settle(value.decode())
            return b'{"data":' + value + self._end
        started = request.record.started
        if isinstance(error, TimeoutError):
            timings = OperationTimings.of_statement(operation.plan.sql, time.perf_counter() - started)
            setback = Setback(has_expired=True, started=started, timings=timings)
        elif isinstance(error, PoolTimeout) or (is_update and isinstance(error, ConnectionLost)):
            setback = Setback("Unavailable", Unavailable(), started=started)
        elif is_update and error is None:
            setback = Setback(NOTHING_UPDATED, started=started)
        else:
            context.route.general_only = isinstance(error, Preempted)
            return None
        context.cost.cancel()
        return setback

    async def run(self, request: FastRequest) -> bytes | Setback:
        """Return the body of the answer, or why there is none."""
        context, started = request.context, request.record.started
        timings = request.record.timings = self._observer.new_timings()
        try:
            with self._limit.scope(), collect_timings(timings):
                result = await self._compiler.run(request.operation, context)
        except TimeoutError:
            setback = Setback(has_expired=True, started=started, timings=timings)
        except Exception as error:  # noqa: BLE001  # nobody knows what was done, so that nothing must be done again
            setback = Setback(type(error).__name__, error, started=started)
        else:
            if result.declined is None:
                if context.cost.is_used:
                    context.cost.settle(result.text)
                return b'{"data":' + result.text.encode() + self._end
            statements = context.log.statements
            setback = Setback(result.declined, context.refusal, started=started, statements=statements, timings=timings)
        context.cost.cancel()
        return setback

    def write_default_headers(self, headers: Headers) -> bytes:
        """Return uvicorn's own headers as they are sent; it makes new ones each second."""
        if headers is not self._default_headers:
            self._default_headers, self._written_headers = headers, write_headers(headers)
        return self._written_headers

    def finish(self, request: FastRequest) -> None:
        """Account for a request that was answered."""
        request.record.took_fast_path = True
        self._account_for(request)

    def abandon(self, request: FastRequest) -> None:
        """Account for a request whose client went away before it was answered."""
        request.record.status, request.record.outcome = STATUS_CLIENT_CLOSED_REQUEST, "abandoned"
        self._account_for(request)

    def _account_for(self, request: FastRequest) -> None:
        record = request.record
        record.finish()
        if record.timings is None and self._observer.wants_timings(record):  # it was pipelined
            record.timings = OperationTimings.of_statement(request.operation.plan.sql, record.duration)
        self._observer.finish(record)
