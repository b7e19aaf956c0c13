"""A server with the fast path, on a port."""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest

from atrium import http
from tests.conftest import Urls
from tests.support.client import COMPILER_ENABLED, listen, run_app
from tests.support.factories import create_world
from tests.support.raw_http import ORIGIN, Server

collect_ignore_glob = [] if COMPILER_ENABLED else ["test_*.py"]  # without the compiler there is no fast path


@pytest.fixture
def settings() -> dict[str, Any]:
    """What a test sets differently."""
    return {}


@pytest.fixture
async def server(
    urls: Urls, owner_connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> AsyncIterator[Server]:
    lines: list[dict[str, Any]] = []
    logger = logging.getLogger("atrium.request")
    monkeypatch.setattr(logger, "handle", lambda record: lines.append(record.fields))
    monkeypatch.setattr(logger, "level", logging.INFO)
    logger.manager._clear_cache()  # noqa: SLF001  # what loggers remember of their levels
    async with run_app(urls, cors_origins=[ORIGIN], cors_credentials=True, **settings) as app:
        assert app.fastapi.fast_path is not None
        world = await create_world(app, owner_connection)
        options = http.uvicorn_options(app.components.settings)
        async with AsyncExitStack() as listening:
            port = await listening.enter_async_context(listen(app.fastapi, **options))
            yield Server(app.fastapi, app.fastapi.fast_path, world, port, listening, lines)


@pytest.fixture
async def task(server: Server) -> str:
    made = await server.world.acme.admin.client.mutate("createTask", "... on Task { id }", title="Plan")
    return str(made["id"])
