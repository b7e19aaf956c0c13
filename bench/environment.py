"""Where everything is measured: one database with the demo data, and the caller.

Before each sample the outbox is drained: entries that one server wrote are sealed neither in the turn of another nor at
its cost.
"""

import asyncio
import contextlib
import json
import os
import re
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import psutil
from rich.console import Console

from atrium import demo, migrate
from atrium.admin import issue_token
from atrium.demo import OWNER_EMAIL, TENANT_SLUG
from atrium.embedded.server import DATABASE, SUPERUSER_ROLE, Server
from atrium.settings import Settings
from bench.queries import SampleIds

__all__ = ["POOL", "TOKEN_MINUTES", "BenchEnvironment", "Sealer", "asyncpg_url", "load_demo", "open_environment"]

POOL = 2 * (os.cpu_count() or 1)  # connections of each server, unless another number is asked for
TOKEN_MINUTES = 1440  # so that no run outlives its token

SELECT_IDENTITY = """
SELECT m.tenant_id::text AS tenant, m.user_id::text AS user, m.role, (
    SELECT s.id::text FROM sessions s WHERE s.user_id = m.user_id ORDER BY s.created_at DESC LIMIT 1
) AS session FROM memberships m JOIN tenants t ON t.id = m.tenant_id WHERE m.email = $1 AND t.slug = $2
"""
SELECT_ORDERS = "SELECT id::text FROM orders WHERE tenant_id = $1::uuid ORDER BY id"
SELECT_TASKS = "SELECT id::text FROM tasks WHERE tenant_id = $1::uuid AND deleted_at IS NULL ORDER BY id"
SELECT_PRODUCTS = "SELECT id::text FROM products WHERE tenant_id = $1::uuid AND sku LIKE 'bench-%' ORDER BY id"

SHELF = 64  # products to order, so that buyers seldom meet
FULL_SHELF = 1_000_000_000  # of each: no run orders as many
FILL_SHELF = """
INSERT INTO products (tenant_id, id, sku, name, price_minor, currency, stock_quantity)
SELECT $1::uuid, gen_random_uuid(), 'bench-' || n, 'Washer ' || n, 100 + n, 'EUR', $3 FROM generate_series(1, $2) n
ON CONFLICT (tenant_id, sku_key) DO UPDATE SET stock_quantity = $3
"""

SEAL_BATCH = 500  # entries
SEAL_SECONDS = 60.0
WAIT_SECONDS = 1.0  # for another sealer that is at it, before the stopped ones go on
FEED_SECONDS = 5.0
FEED_QUERY = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'atrium feed'"
WRITTEN_TABLES = "tasks, orders, order_items, order_numbers, products, events, audit_log, unsealed, feed"

LOGGED_STATEMENT = re.compile(rb"\[(\d+)\] .*LOG:  (?:execute [^:]+|statement): ")

# What a server does all the time it does on connections with names of their own, such as `atrium feed`.
BACKGROUND_PROCESSES = (
    "SELECT pid FROM pg_stat_activity WHERE pid = pg_backend_pid() OR application_name LIKE 'atrium %'"
)


class Sealer(Protocol):
    """A server that seals entries of the outbox while it is not stopped."""

    is_paused: bool

    @property
    def process(self) -> psutil.Process:
        """Return its process."""

    def pause(self) -> None:
        """Stop it."""

    def resume(self) -> None:
        """Let it go on."""


@dataclass
class BenchEnvironment:
    """The database, its addresses, and acme's owner, the caller."""

    folder: Path
    server: Server = field(repr=False)
    superuser: asyncpg.Connection
    secret: str
    identity: dict[str, str]
    token: str
    data: SampleIds
    pool: int = POOL
    """How many connections each server has."""
    sealers: list[Sealer] = field(default_factory=list)
    """The servers of Atrium's that run, stopped or not."""
    unix_socket: bool = False
    """Whether the database is reached by one, and not by TCP."""

    @property
    def superuser_url(self) -> str:
        """Return the address of the database as its superuser, for asyncpg."""
        return asyncpg_url(self.server.database_url(SUPERUSER_ROLE, DATABASE))

    @property
    def peer_variables(self) -> dict[str, str]:
        """Return what every peer is told."""
        return {
            "BENCH_OWNER_URL": asyncpg_url(self.server.owner_url),
            "BENCH_RUNTIME_URL": asyncpg_url(self.server.runtime_url),
            "BENCH_POOL": str(self.pool),
            "BENCH_TENANT": self.identity["tenant"],
            "BENCH_USER": self.identity["user"],
            "BENCH_IDENTITY": json.dumps(self.identity),
            "BENCH_SETTINGS": json.dumps({f"app.{key}_id": self.identity[key] for key in ("tenant", "user")}),
        }

    def database_cpu(self) -> float:
        """CPU seconds used so far by all processes of the database."""
        main = psutil.Process(psutil.Process(self.superuser.get_server_pid()).ppid())
        total = 0.0
        for process in (main, *main.children()):
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total

    async def read_json(self, query: str) -> Any:
        """Return the one value of a query, which is JSON."""
        return json.loads(await self.superuser.fetchval(query))

    async def settle(self) -> None:
        """Let nothing of what was written before disturb what is measured next."""
        if await self.drain():
            await self.superuser.execute(f"VACUUM {WRITTEN_TABLES}")
            await self.superuser.execute("CHECKPOINT")

    async def wait_for_feed(self) -> None:
        """Wait until Atrium's feed is connected, which it may have to do again after it was stopped for a while."""
        deadline = time.monotonic() + FEED_SECONDS
        while not await self.superuser.fetchval(FEED_QUERY) and time.monotonic() < deadline:
            await asyncio.sleep(0.05)

    async def count_unsealed(self) -> int:
        """Return how many entries wait in the outbox."""
        return int(await self.superuser.fetchval("SELECT count(*) FROM unsealed"))

    async def drain(self) -> int:
        """Seal all that waits in the outbox; return how much it was.

        Raises:
            RuntimeError: it does not become empty.
        """
        found = left = await self.count_unsealed()
        began = time.monotonic()
        resumed: list[Sealer] = []
        while left:
            waited = time.monotonic() - began
            if waited > SEAL_SECONDS:
                raise RuntimeError(f"{left} entries of the outbox are not sealed after {SEAL_SECONDS:.0f} s")
            if waited > WAIT_SECONDS and not resumed:  # whoever has the lock may be one that was stopped
                resumed = [sealer for sealer in self.sealers if sealer.is_paused]
                for sealer in resumed:
                    sealer.resume()
            if await self.superuser.fetchval("SELECT atrium_seal($1)", SEAL_BATCH) <= 0:
                await asyncio.sleep(0.02)
            left = await self.count_unsealed()
        for sealer in resumed:
            sealer.pause()
        return found

    @asynccontextmanager
    async def count_statements(self) -> AsyncIterator[list[int]]:
        """Count statements: appends how many the database was asked for within, BEGIN and COMMIT among them."""
        found: list[int] = []
        await self._set_log_statement("all")
        log = self.folder / "postgres" / "log"
        begun = log.stat().st_size
        try:
            yield found
        finally:
            await self._set_log_statement("none")
            background = {row["pid"] for row in await self.superuser.fetch(BACKGROUND_PROCESSES)}
            with log.open("rb") as lines:
                lines.seek(begun)
                said = [LOGGED_STATEMENT.search(line) for line in lines]
            found.append(sum(match is not None and int(match[1]) not in background for match in said))

    async def _set_log_statement(self, what: str) -> None:
        await self.superuser.execute(f"ALTER SYSTEM SET log_statement = '{what}'")
        await self.superuser.execute("SELECT pg_reload_conf()")
        await asyncio.sleep(0.1)


@asynccontextmanager
async def open_environment(
    folder: Path, *, scale: float, console: Console, pool: int = POOL, unix_socket: bool = False
) -> AsyncIterator[BenchEnvironment]:
    """Bring the database up in a folder, with the demo data at this scale, for as long as this lasts."""
    server = Server.start(folder, unix_socket=unix_socket)
    try:
        await asyncio.to_thread(migrate.upgrade, server.owner_url, server.runtime_url)
        secret = secrets.token_urlsafe(32)
        settings = Settings(secret_key=secret, access_token_minutes=TOKEN_MINUTES)
        await load_demo(server, scale, console)
        written = await issue_token(server.owner_url, settings, email=OWNER_EMAIL, tenant=TENANT_SLUG)
        superuser = await asyncpg.connect(asyncpg_url(server.database_url(SUPERUSER_ROLE, DATABASE)))
        owner = await asyncpg.connect(asyncpg_url(server.owner_url))
        who: dict[str, str] = dict(await owner.fetchrow(SELECT_IDENTITY, OWNER_EMAIL, TENANT_SLUG) or {})
        await owner.execute(FILL_SHELF, who["tenant"], SHELF, FULL_SHELF)
        queries = SELECT_ORDERS, SELECT_TASKS, SELECT_PRODUCTS
        orders, tasks, products = [[row[0] for row in await owner.fetch(query, who["tenant"])] for query in queries]
        await owner.close()
        sample = SampleIds(who["tenant"], orders, tasks, products, who["user"])
        yield BenchEnvironment(folder, server, superuser, secret, who, written, sample, pool, unix_socket=unix_socket)
        await superuser.close()
    finally:
        server.stop()


async def load_demo(server: Server, scale: float, console: Console) -> None:
    """Top the demo data up to a scale."""
    await asyncio.to_thread(_load, server, scale, console)


def asyncpg_url(url: str) -> str:
    """Return an address without SQLAlchemy's driver."""
    return url.replace("+asyncpg", "")


def _load(server: Server, scale: float, console: Console) -> None:
    demo.load(server.owner_url, Settings(), scale=scale, console=console)
