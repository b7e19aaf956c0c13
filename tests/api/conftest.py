"""Grounds that all tests of a file share, since what one of them does is no matter to the others."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest_asyncio

from tests.support.case_context import CaseContext, enter_as
from tests.support.factories import World, make_superuser
from tests.support.operation_cases import run_world


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
