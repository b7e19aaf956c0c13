"""What `bench.write_changes` runs in each checkout: serves a database, and loads it as the lines of its input say.

It uses nothing but what checkouts have had for long, since it imports the modules of the one that it runs in.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
from rich.console import Console

from bench.environment import BenchEnvironment, asyncpg_url, open_environment
from bench.load import REQUEST_COUNT, SCRIPT, find_wrk
from bench.queries import OPERATIONS
from bench.servers import ATRIUM, RunningServer, run_server

SCALE = 0.1  # of the demo data
POOL = 10  # connections, the default
TASKS, TITLES = 400, 50  # that are updated, and titles for each of them: what is so already is no change
LOOK_SECONDS = 0.01  # between looks at what connections wait for

TEXTS = {
    "updateTask": "mutation($input: UpdateTaskInput!) { updateTask(input: $input) { ... on Task { id title } } }",
    "createTask": "mutation($input: CreateTaskInput!) { createTask(input: $input) { ... on Task { id title } } }",
    "placeOrder": "mutation($input: PlaceOrderInput!) { placeOrder(input: $input) {"
    " ... on Order { id status totalAmount { amount currency } shippingAddress } } }",
}
WAITS = """
SELECT wait_event, count(*) FROM pg_stat_activity
WHERE application_name LIKE 'atrium%' AND wait_event_type IN ('Lock', 'LWLock', 'IO') GROUP BY 1
"""
NOTIFY_WAIT = "object"  # the lock of all databases; nothing else that Atrium does waits for an object
LOG_WAITS = {"WALWrite", "WALSync", "WalSync", "WalWrite"}


async def main() -> None:
    """Serve until the input ends."""
    with tempfile.TemporaryDirectory(prefix="atrium-bench-") as folder:
        async with open_environment(Path(folder), scale=SCALE, console=Console(quiet=True), pool=POOL) as environment:
            with run_server(ATRIUM, environment) as server:
                print("ready", flush=True)
                while line := await asyncio.to_thread(sys.stdin.readline):
                    request = json.loads(line)
                    figures = await measure(server, request["operation"], request["writers"], request["seconds"])
                    print(json.dumps(figures), flush=True)


async def measure(server: RunningServer, operation: str, writers: int, seconds: int) -> dict[str, float]:
    """Load the server with so many clients; return what it did."""
    environment = server.environment
    file = environment.folder / "requests"
    file.write_text("".join(json.dumps(body) + "\n" for body in requests(server, operation)))
    await environment.superuser.execute("CHECKPOINT")
    waits: Counter[str] = Counter()
    server_cpu, database_cpu = server.cpu(), environment.database_cpu()
    looking = asyncio.create_task(look(environment.superuser, waits))
    found = await load(server, file, writers, seconds)
    looking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await looking
    await until_none_waits(environment)
    if found["failed"]:
        raise RuntimeError(str(found))
    worked, looks = found["requests"] + writers / 2, max(1, waits["looks"])
    return {
        "per_second": found["requests"] / found["seconds"],
        "p50": found["p50"],
        "p99": found["p99"],
        "server_cpu": 1000 * (server.cpu() - server_cpu) / worked,
        "database_cpu": 1000 * (environment.database_cpu() - database_cpu) / worked,
        "notify_waits": waits[NOTIFY_WAIT] / looks,
        "log_waits": waits["log"] / looks,
    }


async def until_none_waits(environment: BenchEnvironment) -> None:
    """Wait until all that was written is sequenced."""
    owner = await asyncpg.connect(asyncpg_url(environment.server.owner_url))
    while await owner.fetchval("SELECT count(*) FROM unsealed"):
        await asyncio.sleep(0.05)
    await owner.close()


def requests(server: RunningServer, operation: str) -> list[dict[str, Any]]:
    """Return requests that differ."""
    chance = Random()  # noqa: S311  # no secret, and other titles in each sample
    if operation == "placeOrder":
        orders = (OPERATIONS["Q9"].variables(chance, server.environment.data) for _ in range(REQUEST_COUNT))
        return [{"query": TEXTS[operation], "variables": variables} for variables in orders]
    tasks = server.environment.data.tasks[:TASKS]
    inputs: list[dict[str, Any]] = [
        {"title": f"Count the boxes {chance.randrange(10**9)}"} for _ in range(TASKS * TITLES)
    ]
    if operation == "updateTask":
        inputs = [{"id": f"Task:{chance.choice(tasks)}", **each} for each in inputs]
    return [{"query": TEXTS[operation], "variables": {"input": each}} for each in inputs]


async def look(superuser: asyncpg.Connection, waits: Counter[str]) -> None:
    """Count in how many looks some connection waits for what."""
    while True:
        seen = {row["wait_event"] for row in await superuser.fetch(WAITS)}
        waits.update(seen)
        waits.update({"looks": 1, "log": int(bool(seen & LOG_WAITS))})
        await asyncio.sleep(LOOK_SECONDS)


async def load(server: RunningServer, file: Path, writers: int, seconds: int) -> dict[str, Any]:
    """Run wrk with so many connections."""
    command = [find_wrk(), "-t1", f"-c{writers}", f"-d{seconds}s", "--timeout", "30s", "-s", str(SCRIPT)]
    for name, value in server.headers.items():
        command += ["-H", f"{name}: {value}"]
    process = await asyncio.create_subprocess_exec(*command, server.url, "--", str(file), stdout=subprocess.PIPE)
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(output.decode())
    figures: dict[str, Any] = json.loads(output.decode().splitlines()[-1])
    return figures


if __name__ == "__main__":
    asyncio.run(main())
