"""The samples of docs/clients.md as files, and scenarios in Node that use them against a server.

Each `.mjs` file of tests/clients is a scenario. It asks the test for what no client can do by a line, `ask: restart`.
"""

import asyncio
import contextlib
import json
import os
import re
import shutil
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from models.base import now
from tests.conftest import Urls
from tests.support.case_context import enter_as
from tests.support.doc_pages import page_text
from tests.support.factories import PASSWORD, Tenant, World, make_superuser
from tests.support.operation_cases import NODE_BUILDERS, build_values
from tests.support.ports import free_port
from tests.support.server_process import Process, served
from tests.support.source_files import ROOT

__all__ = [
    "CLIENTS",
    "LAG_SECONDS",
    "Answers",
    "Restarted",
    "Scenarios",
    "make_everything",
    "member_answers",
    "run_command",
    "session_of",
    "write_samples",
]

PAGE = "docs/clients.md"
CLIENTS = ROOT / "tests" / "clients"
SCENARIO_SECONDS = 240
SHORT_SECONDS = 6
"""How long the token is good that ends while a scenario follows events."""
LAG_SECONDS = 300
"""How far replicas lag behind: nothing arrives there while a test lasts."""

SAMPLE = re.compile(r"^```\w+ (\S+\.\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DOCUMENT = re.compile(r"^```graphql\n((?:query|mutation|subscription) (\w+).*?)^```$", re.MULTILINE | re.DOTALL)

LEAST_FAST_SHARE = 0.95

Answers = dict[str, Callable[[], Awaitable[str]]]


def write_samples(folder: Path) -> None:
    """Write the page's samples, its operations under the names that the samples give them, and what is the reader's."""
    folder.mkdir()
    page = page_text(PAGE)
    for name, text in SAMPLE.findall(page):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    documents = {_constant_name(name): text for text, name in DOCUMENT.findall(page)}
    lines = [f"export const {name} = {json.dumps(text)};\n" for name, text in documents.items()]
    (folder / "documents.ts").write_text("".join(lines), encoding="utf-8")
    for name in ("app.ts", "package.json"):
        shutil.copy(CLIENTS / name, folder)
    shutil.copy(ROOT / "schema.graphql", folder)
    shutil.copytree(ROOT / "clients", folder / "clients")


def _constant_name(operation: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation).upper()


async def session_of(world: World, tenant: Tenant | None = None) -> dict[str, Any]:
    """A session of the member's of acme, or of another tenant."""
    fields = "... on Session { accessToken refreshToken expiresAt tenant { slug } }"
    entered = tenant or world.acme
    given = {"email": entered.member.email, "password": PASSWORD, "tenant": entered.slug}
    return await world.nobody.mutate("login", fields, **given)


@dataclass(frozen=True)
class PathCounts:
    """How many operations a server answered."""

    ordinary: int
    """Queries and compiled updates, over HTTP and without an error."""
    fast: int
    """Those that took the fast path, by the server's own metric."""

    @classmethod
    async def read(cls, process: Process) -> "PathCounts":
        """Return the counts of a server so far."""
        async with httpx.AsyncClient() as http:
            text = (await http.get(f"{process.url}/metrics")).text
        found = re.search(r"(?m)^atrium_fast_path_operations_total (\S+)$", text)
        assert found is not None
        lines = [json.loads(line) for line in process.lines if line.startswith("{")]
        return cls(sum(map(_is_ordinary, lines)), int(float(found[1])))

    def since(self, before: "PathCounts") -> "PathCounts":
        """Return what came after this."""
        return PathCounts(self.ordinary - before.ordinary, self.fast - before.fast)

    def __str__(self) -> str:
        return f"{self.fast} of {self.ordinary}"


def _is_ordinary(line: dict[str, Any]) -> bool:
    """Whether a line of the log tells of a query, or of an update that one statement carried out."""
    if line["message"] not in {"POST /graphql", "GET /graphql"} or line["outcome"] != "ok":
        return False
    kind = line.get("operation_type")
    return kind == "query" or (kind == "mutation" and line.get("executor") == "compiler")


@dataclass
class Scenarios:
    """Runs scenarios against a server, as a member of acme or another tenant; the owner acts beside."""

    node: Path
    folder: Path
    world: World
    process: Process

    async def run_for_each_tenant(self, name: str, answers: Answers | None = None, **variables: str) -> str:
        """Run one for each of the two tenants; gives how many of its ordinary requests took the fast path.

        The first request of a document takes the long way by nature. So it is the second run that counts: another
        person, of another tenant, opens the same application, with a login and connections of their own.

        Raises:
            AssertionError: one failed, or the fast path was taken too seldom.
        """
        counts = [await PathCounts.read(self.process)]
        for tenant in (self.world.acme, self.world.globex):
            await self.run(name, answers, tenant=tenant, **variables)
            counts.append(await PathCounts.read(self.process))
        first, second = counts[1].since(counts[0]), counts[2].since(counts[1])
        said = f"{name}: {second} queries and compiled updates took the fast path; of who came first, {first}"
        assert second.ordinary, said
        assert second.fast >= LEAST_FAST_SHARE * second.ordinary, said
        return said

    async def run(
        self, name: str, answers: Answers | None = None, *, tenant: Tenant | None = None, **variables: str
    ) -> None:
        """Run one until it ends well.

        Raises:
            AssertionError: it failed; has what it printed.
        """
        environment = {
            "ENDPOINT": f"{self.process.url}/graphql",
            "OWNER_TOKEN": (tenant or self.world.acme).owner.client.token or "",
            "LOGIN": json.dumps(await session_of(self.world, tenant)),
            **variables,
        }
        hooks = ["--import", "./setup.mjs", "--import", "./relay-hooks.mjs"]
        await run_command([self.node, *hooks, name], self.folder, environment, answers or {})


async def run_command(
    command: list[Any], folder: Path, environment: dict[str, str] | None = None, answers: Answers | None = None
) -> str:
    """Run a command; answer what it asks for, and give what it printed.

    Raises:
        AssertionError: it failed; has what it printed.
    """
    pipe = asyncio.subprocess.PIPE
    env = os.environ | (environment or {})
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=env, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    assert process.stdout
    assert process.stdin
    output = ""
    try:
        async with asyncio.timeout(SCENARIO_SECONDS):
            async for line in process.stdout:
                output += line.decode()
                if line.startswith(b"ask: "):
                    assert answers is not None
                    process.stdin.write(f"{await answers[line.decode()[5:].strip()]()}\n".encode())
            assert await process.wait() == 0, output
    except TimeoutError:
        raise AssertionError(f"it did not end; it printed:\n{output}") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    return output


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


async def make_everything(world: World) -> str:
    """Make something of every type of Node in acme; gives a token that reads it all, and the ids by type, as JSON."""
    stage = await enter_as(world, world.acme, "owner")
    assert stage.actor is not None
    await make_superuser(world.connection, stage.actor)
    ids = await build_values(NODE_BUILDERS, stage)
    return json.dumps({"token": stage.actor.client.token, "ids": ids})
