"""Passwords, measured: making 1,000 people with `createUsers`, and how long logins take meanwhile.

`uv run python -m bench.passwords` takes about two minutes.
"""

import asyncio
import statistics
import sys
import time
from contextlib import suppress
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from atrium.demo import OWNER_EMAIL, PASSWORD, TENANT_SLUG
from bench.orders import OrderBench, open_bench

CREATE_USERS = "mutation($input: CreateUsersInput!) { createUsers(input: $input) { __typename } }"
LOGIN = "mutation($input: LoginInput!) { login(input: $input) { __typename } }"
PEOPLE = 1_000
IDLE_SECONDS = 15.0
CLIENTS = 2  # who log in, one time after the other
PAUSE_SECONDS = 0.1


async def main() -> None:
    """Measure and print."""
    table = Table("createUsers", "seconds", "server CPU s", "more MB", "logins", "p50 ms", "p99 ms", "longest ms")
    async with open_bench() as bench:
        idle = asyncio.create_task(asyncio.sleep(IDLE_SECONDS))
        table.add_row("none", "", "", "", *_row(await _log_in_while(bench, idle)))
        for label, extra in (("1,000 invited", {}), ("1,000 with passwords", {"password": "Passw0rd!"})):
            before, cpu, began = bench.server.memory(), bench.server.cpu(), time.perf_counter()
            creating = asyncio.create_task(_create(bench, label[6:9], extra))
            times = await _log_in_while(bench, creating)
            took = (time.perf_counter() - began, bench.server.cpu() - cpu, bench.server.memory() - before)
            table.add_row(label, *(f"{each:.1f}" for each in took), *_row(times))
    Console().print(table)


async def _create(bench: OrderBench, name: str, extra: dict[str, str]) -> None:
    users = [{"email": f"{name}{n}@bench.example.com", "fullName": f"Person {n}", **extra} for n in range(PEOPLE)]
    bench.http.timeout = httpx.Timeout(600)
    await bench.execute(CREATE_USERS, input={"users": users})


async def _log_in_while(bench: OrderBench, going_on: "asyncio.Task[None]") -> list[float]:
    """Log in again and again until something else has ended; return how long each took, in milliseconds."""
    times: list[float] = []

    async def client() -> None:
        given = {"email": OWNER_EMAIL, "password": PASSWORD, "tenant": TENANT_SLUG}
        while True:
            began = time.perf_counter()
            answer: dict[str, Any] = await bench.execute(LOGIN, input=given)
            if answer["login"]["__typename"] != "Session":
                raise RuntimeError(answer)
            times.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(PAUSE_SECONDS)

    clients = [asyncio.create_task(client()) for _ in range(CLIENTS)]
    await asyncio.wait([going_on, *clients], return_when=asyncio.FIRST_COMPLETED)
    for each in clients:
        if each.done():
            await each  # it fails
        each.cancel()
        with suppress(asyncio.CancelledError):
            await each
    await going_on
    return times


def _row(times: list[float]) -> list[str]:
    if len(times) < 2:  # which have no quantiles
        return [str(len(times)), "", "", f"{max(times, default=0):.0f}"]
    p99 = statistics.quantiles(times, n=100, method="inclusive")[98]
    return [str(len(times)), f"{statistics.median(times):.0f}", f"{p99:.0f}", f"{max(times):.0f}"]


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
