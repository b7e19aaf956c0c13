"""The samples of docs/clients.md, as they stand there, run in Node with the clients that people use, against a server.

Each `.mjs` file here is a scenario. It asks the test for what no client can do by a line, `ask: restart`.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bench.node import NodeMissing, cache_folder, find_node, run_npm
from models.base import now
from tests.conftest import Urls
from tests.support.doc_pages import page_text
from tests.support.factories import PASSWORD, World
from tests.support.replication import ReplicatedCluster
from tests.support.server_process import Process, served
from tests.support.source_files import ROOT

CLIENTS = "docs/clients.md"
HERE = Path(__file__).parent
SCENARIO_SECONDS = 240
SHORT_SECONDS = 6
"""How long the token is good that ends while a scenario follows events."""
LAG_SECONDS = 300
"""How far replicas lag behind: nothing arrives there while a test lasts."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SAMPLE = re.compile(r"^```ts (\S+\.ts)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DOCUMENT = re.compile(r"^```graphql\n((?:query|mutation|subscription) (\w+).*?)^```$", re.MULTILINE | re.DOTALL)

Answers = dict[str, Callable[[], Awaitable[str]]]


def write_samples(folder: Path) -> None:
    """Write the page's samples, its operations under the names that the samples give them, and what is the reader's."""
    folder.mkdir()
    page = page_text(CLIENTS)
    for name, text in SAMPLE.findall(page):
        (folder / name).write_text(text, encoding="utf-8")
    documents = {_constant_name(name): text for text, name in DOCUMENT.findall(page)}
    lines = [f"export const {name} = {json.dumps(text)};\n" for name, text in documents.items()]
    (folder / "documents.ts").write_text("".join(lines), encoding="utf-8")
    shutil.copy(HERE / "app.ts", folder)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _constant_name(operation: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation).upper()


@pytest.fixture(scope="session")
def node() -> Path:
    """The Node of the dependency group; where it is not installed there is nothing to test with."""
    try:
        return find_node()
    except NodeMissing:
        pytest.skip("needs Node: uv run --group node pytest -m slow")


@pytest.fixture(scope="session")
def packages(node: Path) -> Path:  # noqa: ARG001  # skips without Node
    """The clients, installed once for each state of the lock file."""
    sources = [HERE / name for name in ("package.json", "package-lock.json", ".npmrc")]
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    cache = cache_folder("atrium-clients")
    if not (cache / digest).exists():
        folder = Path(tempfile.mkdtemp(dir=cache))
        for source in sources:
            shutil.copy(source, folder)
        run_npm(folder, "ci")
        try:
            folder.rename(cache / digest)
        except OSError:  # another process was faster
            shutil.rmtree(folder)
    return cache / digest / "node_modules"


@pytest.fixture
def workshop(packages: Path, tmp_path: Path) -> Path:
    """A folder with scenarios, samples, and the clients."""
    folder = tmp_path / "clients"
    folder.mkdir()
    for source in (HERE / "package.json", *HERE.glob("*.mjs")):
        shutil.copy(source, folder)
    (folder / "node_modules").symlink_to(packages)
    write_samples(folder / "samples")
    write_samples(folder / "other-tab")
    return folder


@dataclass
class Scenarios:
    """Runs scenarios against a server, as a member of acme; the owner acts beside."""

    node: Path
    folder: Path
    world: World
    process: Process

    async def login(self) -> dict[str, Any]:
        """A session of the member's."""
        fields = "... on Session { accessToken refreshToken expiresAt tenant { slug } }"
        given = {"email": self.world.acme.member.email, "password": PASSWORD, "tenant": "acme"}
        return await self.world.nobody.mutate("login", fields, **given)

    async def run(self, name: str, answers: Answers | None = None, **variables: str) -> None:
        """Run one until it ends well.

        Raises:
            AssertionError: it failed; has what it printed.
        """
        environment = {
            "ENDPOINT": f"{self.process.url}/graphql",
            "POSSIBLE_TYPES": json.dumps(possible_types()),
            "OWNER_TOKEN": self.world.acme.owner.client.token or "",
            "LOGIN": json.dumps(await self.login()),
            **variables,
        }
        await run_scenario([self.node, "--import", "./setup.mjs", name], self.folder, environment, answers or {})


async def run_scenario(command: list[Any], folder: Path, environment: dict[str, str], answers: Answers) -> None:
    """Run a command; answer what it asks for."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=os.environ | environment, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    assert process.stdout
    assert process.stdin
    output = ""
    try:
        async with asyncio.timeout(SCENARIO_SECONDS):
            async for line in process.stdout:
                output += line.decode()
                if line.startswith(b"ask: "):
                    process.stdin.write(f"{await answers[line.decode()[5:].strip()]()}\n".encode())
            assert await process.wait() == 0, output
    except TimeoutError:
        raise AssertionError(f"it did not end; it printed:\n{output}") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()


@dataclass
class Restarted:
    """A server that can be restarted on its port; a session may follow one subscription at a time."""

    urls: Urls
    folder: Path
    stack: AsyncExitStack
    port: int = field(default_factory=free_port)
    process: Process = field(init=False)

    async def start(self) -> str:
        """Start it."""
        settings = {"port": self.port, "subscriptions_per_session": 1}
        self.process = await self.stack.enter_async_context(served(self.urls, self.folder, **settings))
        return "started"

    async def restart(self) -> str:
        """End it in good order, and start it."""
        self.process.terminate()
        await self.process.wait(60)
        return await self.start()

    async def kill(self) -> str:
        """Kill it, and start it."""
        self.process.popen.kill()
        await self.process.wait(60)
        return await self.start()

    @property
    def answers(self) -> Answers:
        """What scenarios may ask for."""
        return {"restart": self.restart, "kill": self.kill}


def member_answers(world: World) -> Answers:
    """What scenarios may ask for about the member of acme, who runs them."""
    member, components = world.acme.member, world.app.components

    async def short_token() -> str:
        assert member.session_id is not None
        lifetime = timedelta(minutes=components.settings.access_token_minutes)
        issued = now() - lifetime + timedelta(seconds=SHORT_SECONDS)
        given = {"tenant_id": member.tenant_id, "role": member.role, "session_id": member.session_id, "now": issued}
        return components.auth.tokens.issue(user_id=member.user_id, **given)[0]

    async def other_role() -> str:
        owner = world.acme.owner.client
        return str(await owner.mutate("changeMemberRole", "... on User { role }", id=member.id, role="ADMIN"))

    async def end_session() -> str:
        ended = "UPDATE sessions SET revoked_at = clock_timestamp() WHERE user_id = $1"
        return str(await world.connection.execute(ended, member.user_id))

    return {"short token": short_token, "other role": other_role, "end session": end_session}


def possible_types() -> dict[str, list[str]]:
    """Which types each interface and union stands for, as the file for Apollo's cache says."""
    found: dict[str, list[str]] = json.loads((ROOT / "clients/possibleTypes.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture
async def process(urls: Urls, tmp_path: Path) -> AsyncIterator[Process]:
    async with served(urls, tmp_path) as process:
        yield process


@pytest.fixture
def scenarios(node: Path, workshop: Path, world: World, process: Process) -> Scenarios:
    return Scenarios(node, workshop, world, process)


async def test_the_samples_have_the_types_that_they_say(node: Path, workshop: Path) -> None:
    options = {
        "strict": True,
        "noEmit": True,
        "module": "nodenext",
        "target": "es2024",
        "lib": ["es2024", "dom", "dom.iterable"],
        "types": [],
        "allowImportingTsExtensions": True,
        "erasableSyntaxOnly": True,
        "skipLibCheck": True,
    }
    (workshop / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "include": ["samples"]}))
    await run_scenario([node, "node_modules/typescript/bin/tsc", "-p", "."], workshop, {}, {})


@pytest.mark.parametrize(
    ("locks", "late_seconds", "grace_seconds"),
    [("on", "", 0), ("off", "14", 60)],
    ids=["with locks", "without locks"],
)
async def test_two_tabs_stay_logged_in_each_in_its_tenant(
    locks: str,
    late_seconds: str,
    grace_seconds: int,
    node: Path,
    workshop: Path,
    world: World,
    urls: Urls,
    tmp_path: Path,
) -> None:
    member = world.acme.member
    also = {"tenant_id": world.globex.tenant_id, "user_id": member.user_id, "role": "MEMBER"}
    await world.add("memberships", **also, full_name="", email="")
    async with served(urls, tmp_path, refresh_grace_seconds=grace_seconds) as process:
        scenarios = Scenarios(node, workshop, world, process)
        await scenarios.run("tabs.mjs", LOCKS=locks, LATE_SECONDS=late_seconds)


@pytest.mark.parametrize("scenario", ["sockets.mjs", "streams.mjs"])
async def test_subscriptions_outlive_tokens_restarts_and_roles(
    scenario: str, node: Path, workshop: Path, world: World, urls: Urls, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        server = Restarted(urls, tmp_path, stack)
        await server.start()
        answers = {**server.answers, **member_answers(world)}
        await Scenarios(node, workshop, world, server.process).run(scenario, answers)


@pytest.mark.parametrize("scenario", ["urql.mjs", "apollo.mjs"])
async def test_a_library_queries_changes_and_follows(scenario: str, scenarios: Scenarios) -> None:
    await scenarios.run(scenario)


async def test_who_sends_the_position_back_reads_what_was_written(
    node: Path, workshop: Path, place: ReplicatedCluster, tmp_path: Path
) -> None:
    urls = Urls(place.server.superuser_url, place.server.owner_url, place.runtime)
    token = place.world.acme.member.client.token
    session = {"accessToken": token, "refreshToken": None, "expiresAt": "2999-01-01T00:00:00Z", "tenant": None}
    await place.set_lag(0)
    await place.wait_until_replayed()
    settings = {"database_replica_urls": ",".join(place.replica_urls), "replica_max_lag_seconds": 30}
    try:
        async with served(urls, tmp_path, **settings) as process:
            await place.set_lag(LAG_SECONDS)
            environment = {"ENDPOINT": f"{process.url}/graphql", "LOGIN": json.dumps(session)}
            command = [node, "--import", "./setup.mjs", "consistency.mjs"]
            await run_scenario(command, workshop, environment, {})
    finally:
        await place.set_lag(0)
