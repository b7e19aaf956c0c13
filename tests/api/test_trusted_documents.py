"""Documents by hash or id on every protocol: trusted ones, automatic persisted ones, and what is refused."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from atrium import document_admin, http, trusted_documents
from graph import execution
from graph.compiler import executor
from graph.execution import DocumentCache
from graph.runtime.complexity import Limits, parse_document
from graph.schema import create_schema
from models.database.errors import DatabaseUnavailable
from models.lru import CacheUsage
from tests.conftest import Urls
from tests.support.client import App, Client, listen, run_app
from tests.support.factories import World, create_world
from tests.support.protocols import PROTOCOLS, Sender

pytestmark = pytest.mark.asyncio(loop_scope="module")

TITLES = "query Titles($first: Int = 5) { tasks(first: $first) { nodes { id title } totalCount } }"
ANONYMOUS = "mutation Enter($input: LoginInput!) { login(input: $input) { __typename } }"
OTHER = "{ tasks(first: 3) { nodes { id } } }"
CREDENTIALS = {"input": {"email": "nobody@example.com", "password": "wrong horse battery"}}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def by_hash(text: str, **more: Any) -> dict[str, Any]:
    """What Apollo Client and urql send."""
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest(text)}}, **more}


MANIFEST = {"titles": TITLES, digest(ANONYMOUS): ANONYMOUS}

WAYS: dict[str, dict[str, Any]] = {
    "documentId": {"documentId": "titles"},
    "documentId, a prefixed hash": {"documentId": f"sha256:{digest(TITLES)}"},
    "documentId, a bare hash": {"documentId": digest(TITLES)},
    "Relay's id": {"id": "titles"},
    "Relay's doc_id": {"doc_id": "titles"},
    "Apollo's hash": by_hash(TITLES),
    "Apollo's hash, the manifest's id": {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "titles"}}},
    "with its text": {"documentId": "titles", "query": TITLES},
    "with its operation's name": {"documentId": "titles", "operationName": "Titles"},
}


@dataclass
class Ground:
    """A server in one mode, and those who ask it."""

    world: World
    url: str
    http: httpx.AsyncClient

    def sender(self, token: str | None) -> Sender:
        return Sender(self.url, self.http, token)

    @property
    def owner(self) -> Sender:
        return self.sender(self.world.acme.owner.client.token)


async def store(urls: Urls, folder: Path, documents: dict[str, str]) -> None:
    path = folder / "persisted-documents.json"
    path.write_text(json.dumps(documents))
    await document_admin.add_manifest(urls.owner, create_schema(compiler=False), path)


ALL_MODES = {"allowed": ("allowed", True), "only": ("only", True), "only, reference executor": ("only", False)}


def in_modes(*names: str) -> pytest.MarkDecorator:
    """Run a test on servers in these modes alone."""
    return pytest.mark.parametrize("ground", [ALL_MODES[name] for name in names], ids=names, indirect=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=ALL_MODES.values(), ids=ALL_MODES.keys())
async def ground(
    make_database: Callable[[], Awaitable[Urls]],
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Ground]:
    mode, compiler = request.param
    urls = await make_database()
    await store(urls, tmp_path_factory.mktemp("manifest"), MANIFEST)
    connection = await asyncpg.connect(urls.plain("owner"))
    async with run_app(urls, documents=mode, compiler=compiler) as app:
        options = http.uvicorn_options(app.components.settings)
        async with listen(app.fastapi, **options) as port, httpx.AsyncClient(timeout=30) as client:
            world = await create_world(app, connection)
            yield Ground(world, f"http://127.0.0.1:{port}/graphql", client)
    await connection.close()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("way", WAYS)
async def test_a_trusted_document_is_found_by_whatever_clients_send(
    ground: Ground, way: str, protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    found = await PROTOCOLS[protocol](ground.owner, WAYS[way])
    assert (found.codes, found.is_whole) == ((), True)
    async with asyncio.timeout(10):
        while not (lines := [line for line in logged(caplog) if line.get("operation_name") == "Titles"]):
            await asyncio.sleep(0.01)
    assert [line["document_id"] for line in lines] == ["titles"]


def logged(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [record.__dict__["fields"] for record in caplog.records if record.name == "atrium.request"]


@pytest.mark.parametrize("protocol", ["POST", "SSE", "WebSocket"])
async def test_a_trusted_document_may_be_sent_by_hash_before_a_login(ground: Ground, protocol: str) -> None:
    found = await PROTOCOLS[protocol](ground.sender(None), by_hash(ANONYMOUS, variables=CREDENTIALS))
    assert found.codes == ()


async def test_a_mutation_is_not_run_by_get(ground: Ground) -> None:
    found = await PROTOCOLS["GET"](ground.sender(None), by_hash(ANONYMOUS, variables=CREDENTIALS))
    assert (found.codes, found.status) == (("METHOD_NOT_ALLOWED",), 405)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_text_beside_another_documents_id_is_refused(ground: Ground, protocol: str) -> None:
    found = await PROTOCOLS[protocol](ground.owner, {"documentId": "titles", "query": OTHER})
    assert found.codes == ("PERSISTED_QUERY_MISMATCH",)


async def test_metrics_count_by_document(ground: Ground) -> None:
    await PROTOCOLS["POST"](ground.owner, WAYS["documentId"])
    metrics = (await ground.world.app.http.get("/metrics")).text
    [count] = [line for line in metrics.splitlines() if line.startswith("atrium_document_operations_total{")][-1:]
    assert 'document="titles"' in metrics
    assert float(count.rpartition(" ")[2]) >= 1


REFUSED = {
    "a text": {"query": OTHER},
    "a text with its hash": by_hash(OTHER, query=OTHER),
    "an unknown hash": by_hash(OTHER),
    "an unknown id": {"documentId": "nothing"},
    "no GraphQL": {"query": "{ tasks"},
    "introspection": {"query": "{ __schema { types { name } } }"},
    "a text with a space more": {"query": f"{TITLES} "},
}


@in_modes("only", "only, reference executor")
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", REFUSED)
async def test_a_trusted_only_server_refuses_everything_else_without_parsing(
    ground: Ground, name: str, protocol: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    parsed: list[str] = []
    monkeypatch.setattr(execution, "parse_document", lambda source, _limits: parsed.append(source))
    for sender in (ground.owner, ground.sender(None)):
        found = await PROTOCOLS[protocol](sender, REFUSED[name])
        assert found.codes == ("DOCUMENT_NOT_TRUSTED",)
    assert parsed == []
    assert [record for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_the_text_of_a_trusted_document_is_trusted(ground: Ground, protocol: str) -> None:
    assert (await PROTOCOLS[protocol](ground.owner, {"query": TITLES})).codes == ()


@in_modes("allowed")
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_where_others_are_allowed_an_unknown_one_is_not_found(ground: Ground, protocol: str) -> None:
    for body in (by_hash(OTHER), {"documentId": "nothing"}):
        assert (await PROTOCOLS[protocol](ground.owner, body)).codes == ("PERSISTED_QUERY_NOT_FOUND",)
    assert (await PROTOCOLS[protocol](ground.owner, by_hash(OTHER, query=OTHER))).codes == ()
    assert (await PROTOCOLS[protocol](ground.owner, by_hash(OTHER))).codes == ("PERSISTED_QUERY_NOT_FOUND",)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_request_that_says_nothing_is_still_a_bad_one(ground: Ground, protocol: str) -> None:
    found = await PROTOCOLS[protocol](ground.owner, {"query": ""})
    assert found.codes == ("BAD_REQUEST",)


@in_modes("only")
async def test_a_refusal_costs_less_than_parsing(
    ground: Ground, record_property: Callable[[str, object], None]
) -> None:
    lookup = ground.world.app.components.build_document_lookup()
    fields = " ".join(f"a{number}: tasks(first: 1) {{ nodes {{ id title status }} }}" for number in range(40))
    text = f"{{ {fields} }}"
    request = http.request_parsing.parse_operation({"query": text}, "http")

    def refuse() -> None:
        with pytest.raises(http.RequestRefused):
            lookup.resolve(request.query, request.reference, None, None)  # type: ignore[arg-type]  # never reached

    def cpu(work: Callable[[], object]) -> float:
        spent = []
        for _ in range(20):
            begun = time.process_time()
            work()
            spent.append(time.process_time() - begun)
        return min(spent)

    refused, parsed = cpu(refuse), cpu(lambda: parse_document(text, Limits()))
    record_property(
        "summary",
        f"A trusted-only server refuses {len(text):,} characters in {refused * 1e6:.0f} µs of CPU;"
        f" parsing them takes {parsed * 1e6:,.0f} µs",
    )
    assert refused * 5 < parsed


@pytest.fixture
async def urls(make_database: Callable[[], Awaitable[Urls]]) -> Urls:
    return await make_database()


@pytest_asyncio.fixture(loop_scope="module")
async def owner_connection(urls: Urls) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(urls.plain("owner"))
    yield connection
    await connection.close()


async def post(client: Client, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {client.token}"} if client.token else {}
    answer: dict[str, Any] = (await client.http.post("/graphql", json=body, headers=headers)).json()
    return answer


async def codes(client: Client, body: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in (await post(client, body)).get("errors", [])]


async def test_the_first_request_finds_everything_prepared(
    urls: Urls, owner_connection: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store(urls, tmp_path, MANIFEST)
    async with run_app(urls, documents="only", compiler=True) as app:
        world = await create_world(app, owner_connection)

        def fail(*_args: Any, **_options: Any) -> Any:
            raise AssertionError("this was to be done at the start")

        for module, name in ((execution, "parse_document"), (execution, "_validate"), (executor, "build_plan")):
            monkeypatch.setattr(module, name, fail)
        for person in (world.acme.owner, world.acme.admin, world.acme.member):
            for variables in ({}, {"first": 7}):
                answer = await post(person.client, {"documentId": "titles", "variables": variables})
                assert answer["data"]["tasks"]["totalCount"] == 0
                assert answer["extensions"] == {"executor": "compiler"}


async def test_processes_learn_of_changes_without_a_restart(
    urls: Urls, owner_connection: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trusted_documents, "REFRESH_SECONDS", 0.01)
    async with run_app(urls, documents="only") as one, run_app(urls, documents="only") as other:
        world = await create_world(one, owner_connection)
        clients = [each.client_with(world.acme.owner.client.token) for each in (one, other)]
        body = {"documentId": "titles"}
        assert [await codes(client, body) for client in clients] == [["DOCUMENT_NOT_TRUSTED"]] * 2
        await store(urls, tmp_path, MANIFEST)
        await until(clients, body, [])
        await until_pinned(one, 2)
        await document_admin.remove_documents(urls.owner, ["titles"])
        await until(clients, body, ["DOCUMENT_NOT_TRUSTED"])
        await until_pinned(one, 1)
        assert one.components.schema.cache_usages.get("plans_ahead", None) in (None, CacheUsage(0, 0))


async def until(clients: list[Client], body: dict[str, Any], expected: list[str]) -> None:
    """Wait until all processes answer so; each looks by itself."""
    async with asyncio.timeout(20):
        while [await codes(client, body) for client in clients] != [expected] * len(clients):
            await asyncio.sleep(0.01)


async def until_pinned(app: App, count: int) -> None:
    async with asyncio.timeout(20):
        while app.components.schema.cache_usages["pinned_documents"].entries != count:
            await asyncio.sleep(0.01)


async def test_a_server_whose_database_fails_keeps_what_it_has(
    urls: Urls, owner_connection: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store(urls, tmp_path, MANIFEST)
    async with run_app(urls, documents="only") as app:
        world = await create_world(app, owner_connection)
        documents = app.components.trusted_documents

        def fail(*_args: Any) -> Any:
            raise DatabaseUnavailable

        monkeypatch.setattr(app.components.database, "installation_transaction", fail)
        await documents.refresh()
        assert await codes(world.acme.owner.client, {"documentId": "titles"}) == []


@pytest_asyncio.fixture(loop_scope="module")
async def registering(urls: Urls, owner_connection: asyncpg.Connection) -> AsyncIterator[World]:
    """A server that keeps automatic persisted queries."""
    async with run_app(urls, persisted_queries=True) as app:
        yield await create_world(app, owner_connection)


async def test_a_query_is_registered_and_then_sent_by_its_hash(registering: World) -> None:
    owner, member = registering.acme.owner.client, registering.acme.member.client
    answer = await post(owner, by_hash(OTHER))
    assert [error["message"] for error in answer["errors"]] == ["PersistedQueryNotFound"]
    assert await codes(owner, by_hash(OTHER)) == ["PERSISTED_QUERY_NOT_FOUND"]
    assert await codes(owner, by_hash(OTHER, query=OTHER)) == []
    assert await codes(owner, by_hash(OTHER)) == []
    assert await codes(member, by_hash(OTHER)) == [], "the same tenant"


async def test_another_tenants_hash_is_not_found(registering: World) -> None:
    assert await codes(registering.acme.owner.client, by_hash(OTHER, query=OTHER)) == []
    others = (registering.globex.owner.client, registering.outsider.client, registering.nobody)
    for client in others:
        assert await codes(client, by_hash(OTHER)) == ["PERSISTED_QUERY_NOT_FOUND"]


async def test_nothing_is_registered_before_a_login(registering: World) -> None:
    text = "{ __typename }"
    assert await codes(registering.nobody, by_hash(text, query=text)) == []
    for client in (registering.nobody, registering.acme.owner.client):
        assert await codes(client, by_hash(text)) == ["PERSISTED_QUERY_NOT_FOUND"]


async def test_a_hash_that_does_not_match_is_refused_and_not_registered(registering: World) -> None:
    client = registering.acme.owner.client
    assert await codes(client, by_hash(OTHER, query=TITLES)) == ["PERSISTED_QUERY_MISMATCH"]
    assert await codes(client, by_hash(OTHER)) == ["PERSISTED_QUERY_NOT_FOUND"]


@pytest.mark.parametrize(
    "persisted",
    [None, 5, [], {}, {"version": 1}, {"version": 2, "sha256Hash": "0" * 64}, {"version": 1, "sha256Hash": 5}],
)
async def test_a_malformed_hash_is_none(registering: World, persisted: Any) -> None:
    body = {"extensions": {"persistedQuery": persisted}}
    assert await codes(registering.acme.owner.client, body) == ["BAD_REQUEST"]
    assert await codes(registering.acme.owner.client, {**body, "query": OTHER}) == []


@pytest_asyncio.fixture(loop_scope="module")
async def plain(urls: Urls, owner_connection: asyncpg.Connection) -> AsyncIterator[Ground]:
    """A server with neither, as it is by default."""
    async with run_app(urls) as app:
        options = http.uvicorn_options(app.components.settings)
        async with listen(app.fastapi, **options) as port, httpx.AsyncClient(timeout=30) as client:
            yield Ground(await create_world(app, owner_connection), f"http://127.0.0.1:{port}/graphql", client)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_server_without_either_says_that_it_does_not_support_them(plain: Ground, protocol: str) -> None:
    for body in (by_hash(OTHER), {"documentId": "titles"}, {"id": "titles"}, {"doc_id": "titles"}):
        found = await PROTOCOLS[protocol](plain.owner, body)
        assert found.codes == ("PERSISTED_QUERY_NOT_SUPPORTED",)
    for body in (by_hash(OTHER, query=OTHER), {"documentId": "titles", "query": OTHER}, {"id": "7", "query": OTHER}):
        assert (await PROTOCOLS[protocol](plain.owner, body)).codes == ()


async def test_clients_know_the_refusal_by_its_words(plain: Ground) -> None:
    answer = await post(plain.world.acme.owner.client, by_hash(OTHER))
    assert [error["message"] for error in answer["errors"]] == ["PersistedQueryNotSupported"]


async def test_nothing_but_a_trusted_document_is_kept_for_good() -> None:
    schema = create_schema()
    cache: DocumentCache = schema.document_cache
    assert cache.pin(schema.graphql, "{ nowhere }") is None
    assert cache.pin(schema.graphql, "query A { __typename } query B { __typename }") is None
    assert cache.pin(schema.graphql, TITLES) is not None
    kept = cache.usage["pinned_documents"]
    assert kept.entries == 1
    assert cache.pin(schema.graphql, TITLES) is cache.find(TITLES, "Titles") is cache.find(TITLES, None)
    assert cache.find(TITLES, "Other") is None
    assert cache.usage["pinned_documents"] == kept
    cache.unpin(TITLES)
    assert cache.usage["pinned_documents"].bytes == 0
    assert cache.find(TITLES, None) is None
