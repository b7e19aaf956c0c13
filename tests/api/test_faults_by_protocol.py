"""Every fault by every protocol and both executors: the same code, its status, one line in the log, and its outcome."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from atrium import http
from graph.fields.errors import CLOSE_CODE, STATUS
from graph.runtime.compiled_statements import CompiledStatements
from graph.runtime.reader import LazyReadSession
from models.base import now
from tests.conftest import Urls
from tests.support.client import listen, run_app
from tests.support.factories import World, create_world
from tests.support.protocols import PROTOCOLS, Sender

pytestmark = pytest.mark.asyncio(loop_scope="module")

TASKS = {"query": "{ tasks { totalCount } }"}
CREATE = {"query": 'mutation { createTask(input: {title: "a"}) { __typename } }'}
OK, PARTIAL_SUCCESS = 200, 294
SETTINGS = {"request_timeout_seconds": 1.5, "pool_size": 1, "admission_wait_seconds": 0.2, "limit_depth": 5}


@dataclass
class Ground:
    """A server on a world, with one executor or the other, and everybody who asks it."""

    world: World
    url: str
    lock: asyncpg.Connection
    http: httpx.AsyncClient

    def sender(self, token: str | None) -> Sender:
        return Sender(self.url, self.http, token)

    @property
    def owner(self) -> Sender:
        return self.sender(self.world.acme.owner.client.token)

    @property
    def nobody(self) -> Sender:
        return self.sender(None)

    @property
    def late(self) -> Sender:
        """Somebody whose token has expired."""
        person = self.world.acme.owner
        assert person.session_id is not None
        token, _ = self.world.app.components.auth.tokens.issue(
            user_id=person.user_id,
            tenant_id=person.tenant_id,
            role=person.role,
            session_id=person.session_id,
            now=now() - timedelta(days=1),
        )
        return self.sender(token)

    async def outcomes(self) -> dict[str, float]:
        """How many operations were counted, by outcome."""
        found: dict[str, float] = {}
        for line in (await self.world.app.http.get("/metrics")).text.splitlines():
            if line.startswith("atrium_operations_total{"):
                outcome = line.partition('outcome="')[2].partition('"')[0]
                found[outcome] = found.get(outcome, 0) + float(line.rpartition(" ")[2])
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[True, False], ids=["compiled", "reference"])
async def ground(make_database: Callable[[], Awaitable[Urls]], request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    urls = await make_database()
    connection, lock = await asyncpg.connect(urls.plain("owner")), await asyncpg.connect(urls.plain("owner"))
    async with run_app(urls, compiler=request.param, **SETTINGS) as app:
        options = http.uvicorn_options(app.components.settings)
        async with listen(app.fastapi, **options) as port, httpx.AsyncClient(timeout=30) as client:
            world = await create_world(app, connection)
            yield Ground(world, f"http://127.0.0.1:{port}/graphql", lock, client)
    await connection.close()
    await lock.close()


@contextlib.asynccontextmanager
async def nothing(_ground: Ground) -> AsyncIterator[None]:
    yield


@contextlib.asynccontextmanager
async def locked(ground: Ground) -> AsyncIterator[None]:
    """While tasks cannot be read: statements wait until they are cancelled."""
    async with ground.lock.transaction():
        await ground.lock.execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
        yield


@contextlib.asynccontextmanager
async def busy(ground: Ground) -> AsyncIterator[None]:
    """While the only connection is in use."""
    database, identity = ground.world.app.components.database, ground.world.acme.owner.identity
    async with database.read(identity):
        yield


@contextlib.asynccontextmanager
async def full(ground: Ground) -> AsyncIterator[None]:
    """While there is no room for tasks."""
    await ground.lock.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    yield
    await ground.lock.execute("DROP FUNCTION refuse CASCADE")


@contextlib.asynccontextmanager
async def broken(_ground: Ground) -> AsyncIterator[None]:
    """While whatever reads fails, for a reason that nobody has thought of."""

    async def fail(*_args: Any, **_options: Any) -> Any:
        raise RuntimeError("hunter2")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LazyReadSession, "open", fail)
        patch.setattr(CompiledStatements, "fetch", fail)
        yield


@dataclass(frozen=True)
class Fault:
    """One way to go wrong."""

    body: dict[str, Any]
    code: str
    outcome: str
    executes: bool = False
    """Whether fields are executed, so that the answer has data, even if it is null, and a status of success."""
    who: str = "owner"
    during: Callable[[Ground], contextlib.AbstractAsyncContextManager[None]] = nothing
    status: int | None = None
    """The status where it is another than the code's."""
    closes: bool = False
    """Whether the socket is closed, before there is an operation to speak of."""


FAULTS = {
    "syntax": Fault({"query": "{ tasks"}, "GRAPHQL_PARSE_FAILED", "refused"),
    "syntax of a subscription": Fault({"query": "subscription { taskChanged("}, "GRAPHQL_PARSE_FAILED", "refused"),
    "validation": Fault({"query": "{ nowhere }"}, "GRAPHQL_VALIDATION_FAILED", "refused"),
    "unknown operation": Fault(
        {"query": "query A { __typename }", "operationName": "B"}, "GRAPHQL_VALIDATION_FAILED", "refused"
    ),
    "no operation": Fault({"query": "fragment F on Query { __typename }"}, "GRAPHQL_VALIDATION_FAILED", "refused"),
    "several operations": Fault(
        {"query": "query A { __typename } query B { __typename }"}, "GRAPHQL_VALIDATION_FAILED", "refused"
    ),
    "empty query": Fault({"query": ""}, "BAD_REQUEST", "refused"),
    "limit": Fault({"query": "{ a " * 6 + "}" * 6}, "DOCUMENT_TOO_COMPLEX", "refused"),
    "auth missing": Fault(TASKS, "UNAUTHENTICATED", "error", executes=True, who="nobody"),
    "auth expired": Fault(TASKS, "UNAUTHENTICATED", "error", executes=True, who="late", closes=True),
    "forbidden": Fault({"query": "{ invitations { totalCount } }"}, "FORBIDDEN", "error", executes=True, who="member"),
    "bad input": Fault({"query": "{ tasks(first: 1000) { totalCount } }"}, "BAD_USER_INPUT", "error", executes=True),
    "bad variable": Fault(
        {"query": "query($n: Int) { tasks(first: $n) { totalCount } }", "variables": {"n": "a"}},
        "BAD_USER_INPUT",
        "refused",
    ),
    "overload": Fault(TASKS, "SERVICE_UNAVAILABLE", "unavailable", executes=True, during=busy),
    "full disk": Fault(CREATE, "SERVICE_UNAVAILABLE", "unavailable", executes=True, during=full),
    "timeout": Fault(TASKS, "TIMEOUT", "timeout", during=locked),
    "internal": Fault(TASKS, "INTERNAL", "internal", executes=True, during=broken),
}


def sender(ground: Ground, fault: Fault) -> Sender:
    if fault.who == "member":
        return ground.sender(ground.world.acme.member.client.token)
    found: Sender = getattr(ground, fault.who)
    return found


def expected_status(fault: Fault, protocol: str) -> int:
    """What the HTTP status, or the code that closes the socket, is to be."""
    if protocol == "WebSocket":
        return CLOSE_CODE[fault.code] if fault.closes else 0
    if fault.executes:
        return OK if protocol == "SSE" else PARTIAL_SUCCESS
    begun = protocol == "SSE" and fault.code not in {"BAD_REQUEST", "TIMEOUT"}
    return OK if begun else STATUS[fault.code]


BY_PROTOCOL = [
    (name, protocol)
    for name, fault in FAULTS.items()
    for protocol in PROTOCOLS
    if fault.body != CREATE or protocol != "GET"
]


@pytest.mark.parametrize(("name", "protocol"), BY_PROTOCOL)
async def test_a_fault_is_the_same_by_every_protocol(
    ground: Ground, name: str, protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    fault, is_socket = FAULTS[name], protocol == "WebSocket"
    caplog.set_level("INFO")
    before = await ground.outcomes()
    async with fault.during(ground):
        found = await PROTOCOLS[protocol](sender(ground, fault), fault.body)
    is_closed = fault.closes and is_socket
    assert (found.codes, found.status) == (() if is_closed else (fault.code,), expected_status(fault, protocol))
    assert found.is_whole
    count = (0 if is_closed else 1) + is_socket
    lines = await logged(caplog, count)
    operation = lines[0]
    assert (operation["outcome"], len(lines)) == ("refused" if is_closed else fault.outcome, count)
    traces = [record for record in caplog.records if record.exc_info]
    assert bool(traces) == (fault.code == "INTERNAL"), traces
    assert [record for record in traces if record.__dict__["fields"]["request_id"] != operation["request_id"]] == []
    after = await ground.outcomes()
    changed = {outcome: after[outcome] - before[outcome] for outcome in after if after[outcome] != before[outcome]}
    assert changed == ({} if is_closed else {fault.outcome: 1})


async def logged(caplog: pytest.LogCaptureFixture, count: int) -> list[dict[str, Any]]:
    """The lines of requests, which come a moment after their answers: of operations first, then of the socket."""
    async with asyncio.timeout(10):
        while True:
            records = [record for record in caplog.records if record.name == "atrium.request"]
            lines = [record.__dict__["fields"] for record in records if "graphql" in record.getMessage()]
            if len(lines) >= count:
                return lines
            await asyncio.sleep(0.01)


async def test_a_fault_of_ours_tells_nothing(ground: Ground, caplog: pytest.LogCaptureFixture) -> None:
    async with broken(ground):
        answer = await ground.world.acme.owner.client.send(TASKS["query"])
    assert "hunter2" not in str(answer)
    assert "hunter2" in caplog.text


HOSTILE = [
    {"query": "\ufeff"},
    {"query": " "},
    {"query": "#"},
    {"query": "{}"},
    {"query": "{" * 300},
    {"query": '"""'},
    {"query": "{ __typename }" * 2},
    {"query": "{ __typename @skip(if: 1) }"},
    {"query": "query($a: [[[[Int]]]]) { __typename }", "variables": {"a": [[[["a"]]]]}},
    {"query": "query($a: Task) { __typename }", "variables": {"a": 1}},
    {"query": "query($a: Int!) { tasks(first: $a) { totalCount } }", "variables": {"a": 10**30}},
    {"query": "{ tasks(first: " + "9" * 5_000 + ") { totalCount } }"},
    {"query": "{ ...f } fragment f on Query { ...f }"},
    {"query": "{ ...f } fragment f on Query { ...g } fragment g on Query { ...f }"},
    {"query": "type A { b: Int }"},
    {"query": "extend type Query { b: Int } { __typename }"},
    {"query": "subscription { a: taskChanged { cursor } b: taskChanged { cursor } }"},
    {"query": "subscription { __typename }"},
    {"query": "subscription { taskChanged(after: 1) { cursor } }"},
    {"query": "subscription { taskChanged { cursor } }"},
    {"query": 'mutation { createTask(input: {title: "a"}) { __typename } }'},
    {"query": 'mutation { login(input: {email: "a", password: "b"}) { __typename } }'},
    {"query": 'mutation { refresh(input: {refreshToken: "rt.a"}) { __typename } }'},
    {"query": "mutation($i: LoginInput!) { login(input: $i) { __typename } }", "variables": {"i": {"email": []}}},
    {"query": '{ node(id: "\\u0000") { id } }'},
    {"query": "{ nodes(ids: []) { id } viewer { id } }"},
    {"query": "{ a: __typename ... @skip(if: true) { b: __typename } }", "operationName": "\u00e9"},
    {"query": "{ __typename }", "variables": {"a": {"b": [None] * 1_000}}},
    {"query": "{ __schema { types { fields { type { ofType { ofType { name } } } } } } }"},
]


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_nobody_raises_the_counter_of_our_faults(
    ground: Ground, protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = (await ground.outcomes())["internal"]
    for who in (ground.nobody, ground.sender("garbage"), ground.late):
        if protocol == "WebSocket" and who.token is not None:
            continue  # it is not let in
        for body in HOSTILE:
            async with asyncio.timeout(20):
                found = await PROTOCOLS[protocol](who, body)
            assert "INTERNAL" not in found.codes, body
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
    assert (await ground.outcomes())["internal"] == before
