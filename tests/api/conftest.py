"""Grounds that all tests of a file share, since what one of them does is no matter to the others.

After each test the log is searched for everything that clients have sent so far in this process.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio

from tests.support.case_context import CaseContext, enter_as
from tests.support.factories import World, make_superuser
from tests.support.logged_lines import LoggedLines
from tests.support.operation_cases import run_world
from tests.support.sent_values import SENT


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def founded_world(make_database: Callable[[], Awaitable[Any]]) -> AsyncIterator[World]:
    """The two tenants."""
    async with run_world(await make_database()) as world:
        yield world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(founded_world: World) -> CaseContext:
    """Somebody who may do everything in acme, and what superusers may."""
    stage = await enter_as(founded_world, founded_world.acme, "owner")
    assert stage.actor is not None
    await make_superuser(founded_world.connection, stage.actor)
    await stage.client.run("{ tasks { totalCount } }")  # the first request pays for imports and caches
    return stage


@pytest.fixture(scope="session")
def logged_lines() -> Iterator[LoggedLines]:
    """What is logged, from the lines of requests upwards, while the values that clients send are taken down."""
    lines, root, own = LoggedLines(), logging.getLogger(), logging.getLogger("atrium")
    level, SENT.is_taking = own.level, True
    own.setLevel(logging.INFO)
    root.addHandler(lines)
    yield lines
    root.removeHandler(lines)
    own.setLevel(level)
    SENT.is_taking = False


@pytest.fixture(autouse=True)
def _log_without_values(logged_lines: LoggedLines) -> Iterator[None]:
    yield
    if leaks := logged_lines.take_leaks(SENT.values):
        told = "\n".join(f"{value!r} in {line}" for value, line in leaks)
        pytest.fail(f"the log holds what a client sent:\n{told}", pytrace=False)
