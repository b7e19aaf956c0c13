"""What goes wrong or is done by operators while people work, each by itself and mended again."""

import asyncio
import base64
import itertools
import os
import secrets
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import asyncpg

from atrium.embedded.standby import Standby
from bench.environment import BenchEnvironment
from bench.soak.mailbox import Mailbox
from bench.soak.nodes import Node
from tests.support.replication import suspend

__all__ = ["TOKEN_MINUTES", "FaultPlan", "create_signing_key"]

TOKEN_MINUTES = 2  # of an access token, after which an old key may be dropped
HALT_SECONDS = 20
LOCK_SECONDS = 5
RECOVERY_SECONDS = 240
OWN = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name LIKE 'atrium%'"
SELECT_OWN = f"SELECT pid {OWN} LIMIT 1"
END_OWN = f"SELECT pg_terminate_backend(pid) {OWN}"


def create_signing_key() -> str:
    """Return a new key, as `ATRIUM_SIGNING_KEYS` holds it."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


@dataclass
class FaultPlan:
    """The faults, in the order in which they come again and again."""

    environment: BenchEnvironment
    nodes: list[Node]
    standby: Standby
    mailbox: Mailbox
    counts: dict[str, int] = field(default_factory=dict)
    current: list[str] = field(default_factory=list)
    """Those since the last look at it."""

    async def run(self, every: float, ends: float) -> None:
        """Have one of them so often, in seconds, until a moment of `time.monotonic`; all are mended then."""
        for name, fault in itertools.cycle(self._faults.items()):
            await asyncio.sleep(min(every, max(0.0, ends - time.monotonic())))
            if time.monotonic() >= ends:
                return
            self.current.append(name)
            await fault()
            self.counts[name] = self.counts.get(name, 0) + 1

    @property
    def _faults(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {
            "worker killed": self.kill_worker,
            "node restarted": self.restart_node,
            "replica halted": self.halt_replica,
            "keys rotated": self.rotate_keys,
            "database crashed": self.crash_database,
            "mail refused": self.refuse_mail,
            "connections ended": self.end_connections,
            "purge": self.purge,
            "table locked": self.lock_table,
            "node killed": self.kill_node,
        }

    async def kill_worker(self) -> None:
        """Kill a worker, which its supervisor starts again."""
        node = self.nodes[0]
        victim = node.serving()[0]
        victim.kill()
        async with asyncio.timeout(RECOVERY_SECONDS):
            while victim in node.serving() or len(node.serving()) < node.workers:
                await asyncio.sleep(0.1)

    async def restart_node(self) -> None:
        """Restart the node of one process, as a deployment does."""
        await self.nodes[1].replace_workers()

    async def kill_node(self) -> None:
        """Kill the node of one process, and start it again."""
        node = self.nodes[1]
        await node.kill()
        node.is_ready = False
        node.start()
        await node.wait_until_ready()

    async def rotate_keys(self) -> None:
        """Sign with a new key, as docs/operations.md says."""
        old, new = self.nodes[0].settings["signing_keys"], create_signing_key()
        for keys in (f"{old},{new}", f"{new},{old}", new):
            if keys == new:
                await asyncio.sleep(60 * TOKEN_MINUTES)
            for node in self.nodes:
                node.settings["signing_keys"] = keys
                await node.replace_workers()

    async def halt_replica(self) -> None:
        """Halt the replica like a machine that hangs."""
        with suspend(self.standby):
            await asyncio.sleep(HALT_SECONDS)

    async def crash_database(self) -> None:
        """Kill a process of the database, whereupon it ends all and recovers from its log."""
        superuser = await self.connect()
        pid = await superuser.fetchval(SELECT_OWN)
        await superuser.close()
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(RECOVERY_SECONDS):
            while True:
                await asyncio.sleep(0.2)
                try:
                    await (await self.connect()).close()
                except (asyncpg.PostgresError, OSError):
                    continue
                return

    async def refuse_mail(self) -> None:
        """Have the mail server tell senders to come back."""
        self.mailbox.is_refusing = True
        await asyncio.sleep(HALT_SECONDS)
        self.mailbox.is_refusing = False

    async def end_connections(self) -> None:
        """End all connections of Atrium's to the primary."""
        superuser = await self.connect()
        await superuser.execute(END_OWN)
        await superuser.close()

    async def purge(self) -> None:
        """Delete what has expired, and the trash."""
        await asyncio.to_thread(self.nodes[0].run_command, "purge", "--older-than", "0")

    async def lock_table(self) -> None:
        """Lock the tasks, as a migration would that should have been written otherwise."""
        superuser = await self.connect()
        async with superuser.transaction():
            await superuser.execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
            await asyncio.sleep(LOCK_SECONDS)
        await superuser.close()

    async def connect(self) -> asyncpg.Connection:
        """Return a connection of its own to the primary, as the superuser."""
        return await asyncpg.connect(self.environment.superuser_url)
