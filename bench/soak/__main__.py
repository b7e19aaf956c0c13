"""Run it: `uv run python -m bench.soak --minutes 30 --rate 30 --fault-every 3`."""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console

from atrium.demo import OWNER_EMAIL, PASSWORD, TENANT_SLUG
from atrium.embedded.standby import Standby, run_standbys
from bench.environment import BenchEnvironment, open_environment
from bench.servers import COST_VARIABLES, UNLIMITED
from bench.soak.clients import Figures, Person
from bench.soak.faults import TOKEN_MINUTES, FaultPlan, create_signing_key
from bench.soak.followers import EventStreamFollower, Follower, WebSocketFollower
from bench.soak.mailbox import run_mail_server
from bench.soak.nodes import Balancer, Node, run_node
from bench.soak.traffic import Traffic
from bench.soak.watch import COLUMNS, Sample, find_losses, growth, tables, take_sample
from tests.support.ports import free_port

PEOPLE = 8  # sessions of the tenant's owner
PERIOD_SECONDS = 60
DELIVERY_SECONDS = 60  # in which followers must have got all in the end
WORKERS = 2  # of the first node
CHECKS = (("verify-audit",), ("replay",), ("doctor",))


@dataclass
class Soak:
    """All that runs."""

    environment: BenchEnvironment
    nodes: list[Node]
    traffic: Traffic
    followers: list[Follower]
    faults: FaultPlan
    console: Console

    async def watch(self, total: Figures, samples: list[Sample]) -> None:
        """Take a sample each period, and print it."""
        began = last = time.monotonic()
        while True:
            await asyncio.sleep(PERIOD_SECONDS - (time.monotonic() - last))
            figures, self.traffic.figures = self.traffic.figures, Figures()
            self._measure_feed(figures)
            events, self.faults.current[:] = tuple(self.faults.current), []
            now = time.monotonic()
            minute, seconds, last = (now - began) / 60, now - last, now
            samples.append(
                await take_sample(minute, seconds, figures, self.nodes, self.environment.superuser_url, events)
            )
            cells = zip(COLUMNS, samples[-1].cells(), strict=True)
            self.console.print("; ".join(f"{title} {cell}" for title, cell in cells))
            total.add(figures)

    def _measure_feed(self, figures: Figures) -> None:
        received, created = self.followers[0].received_at, self.traffic.created
        figures.feed += [received.pop(task) - created[task] for task in received.keys() & created.keys()]

    async def run(self, minutes: float, rate: float, fault_every: float) -> int:
        """Run for so long; print what became of it; return how the command is to end."""
        total, samples, stops = Figures(), list[Sample](), asyncio.Event()
        async with _background(*(follower.run() for follower in self.followers)):
            await asyncio.gather(*(follower.is_open.wait() for follower in self.followers))
            async with _background(self.watch(total, samples)):
                traffic = asyncio.create_task(self.traffic.run(rate, stops))
                await self.faults.run(60 * fault_every, time.monotonic() + 60 * minutes)
                stops.set()
                await traffic
            total.add(self.traffic.figures)
            with suppress(TimeoutError):
                await self._wait_for_delivery()
        return await self._report(total, samples)

    async def _wait_for_delivery(self) -> None:
        async with asyncio.timeout(DELIVERY_SECONDS):
            while any(set(self.traffic.created) - set(follower.created) for follower in self.followers):
                await asyncio.sleep(0.1)

    async def _report(self, total: Figures, samples: list[Sample]) -> int:
        self.console.print(*tables(total, samples))
        wrong = total.failures + await find_losses(self.traffic, self.followers, self.environment.superuser_url)
        wrong += [f"{total.stale} reads were stale"] if total.stale else []
        for words in CHECKS:
            try:
                said = await asyncio.to_thread(self.nodes[0].run_command, *words)
                self.console.print(f"atrium {' '.join(words)}: {said.splitlines()[-1]}")
            except RuntimeError as failed:
                wrong.append(str(failed))
        for line in (
            f"faults: {self.faults.counts}",
            f"sent again: {dict(total.retries)}",
            f"{len(self.traffic.created):,} new tasks, each on {len(self.followers)} followers",
            f"{self.faults.mailbox.received} letters, {self.faults.mailbox.refused} refused at first",
            f"{self.traffic.letters_asked_again} letters asked for again, as they were lost with a process",
            f"the slowest letter took {max(total.letters, default=0):.1f} s",
            *growth(samples),
            *wrong[:20],
            f"{len(wrong)} things are wrong" if wrong else "nothing failed, nothing was stale, lost or doubled",
        ):
            self.console.print(line)
        return int(bool(wrong))


@asynccontextmanager
async def _background(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do some work for as long as this lasts; its own failure ends all."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in work]
        yield
        for task in tasks:
            task.cancel()


@contextmanager
def _run_nodes(environment: BenchEnvironment, standby: Standby, mail_port: int) -> Iterator[list[Node]]:
    """Run two nodes, of which the first has several workers."""
    server, keys = environment.server, create_signing_key()
    variables = {
        "ATRIUM_ENVIRONMENT": "production",
        "ATRIUM_DATABASE_URL": server.runtime_url,
        "ATRIUM_DATABASE_OWNER_URL": server.owner_url,
        "ATRIUM_DATABASE_REPLICA_URLS": standby.runtime_url,
        "ATRIUM_ACCESS_TOKEN_MINUTES": str(TOKEN_MINUTES),
        "ATRIUM_SMTP_URL": f"smtp://127.0.0.1:{mail_port}",
        "ATRIUM_MAIL_FROM": "Atrium <atrium@example.com>",
        "ATRIUM_PUBLIC_URL": "https://app.example.com",
        "ATRIUM_TRUSTED_PROXIES": "127.0.0.1/32",
        **dict.fromkeys(COST_VARIABLES, UNLIMITED),
    }
    with ExitStack() as stack:
        nodes = []
        for name, workers in (("one", WORKERS), ("two", 1)):
            (folder := environment.folder / name).mkdir()
            nodes.append(Node(name, folder, workers, variables, {"signing_keys": keys}))
            stack.enter_context(run_node(nodes[-1]))
        yield nodes


@asynccontextmanager
async def _open_soak(folder: Path, scale: float, seed: int, console: Console) -> AsyncIterator[Soak]:
    """Start all that runs."""
    quiet = Console(quiet=True)
    async with AsyncExitStack() as stack:
        environment = await stack.enter_async_context(open_environment(folder, scale=scale, console=quiet))
        (standby,) = stack.enter_context(run_standbys(environment.server, folder, 1))
        mail_port = free_port()
        mailbox = stack.enter_context(run_mail_server(mail_port))
        nodes = stack.enter_context(_run_nodes(environment, standby, mail_port))
        balancer = Balancer(nodes, Random(seed))  # noqa: S311  # chance is for variety
        stack.push_async_callback(balancer.close)
        await stack.enter_async_context(_background(balancer.watch()))
        for node in nodes:
            await node.wait_until_ready()
        people = [Person(balancer, OWNER_EMAIL, PASSWORD, TENANT_SLUG) for _ in range(PEOPLE)]
        traffic = Traffic(people, environment.data, mailbox, balancer.chance)
        await traffic.prepare()
        followers = [*(WebSocketFollower(people[0]) for _ in nodes), EventStreamFollower(people[0])]
        yield Soak(environment, nodes, traffic, followers, FaultPlan(environment, nodes, standby, mailbox), console)


async def _main(given: argparse.Namespace) -> int:
    console = Console(width=240)
    with tempfile.TemporaryDirectory(prefix="atrium-soak-") as folder:
        console.print(f"seed {given.seed}; what the nodes say: {folder}/*/log")
        async with _open_soak(Path(folder), given.scale, given.seed, console) as soak:
            return await soak.run(given.minutes, given.rate, given.fault_every)


def parse_arguments() -> argparse.Namespace:
    """Read the command's options."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=sys.modules["bench.soak"].__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="how long it lasts; 30 by default")
    parser.add_argument("--rate", type=float, default=20, help="operations begun a second; 20 by default")
    parser.add_argument("--fault-every", type=float, default=2, help="minutes between two faults; 2 by default")
    parser.add_argument("--scale", type=float, default=0.1, help="of the demo data; 0.1 by default")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of what is drawn")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(_main(parse_arguments())))
