"""Operations on the fast path that took long, and those whose time was over."""

from typing import Any

import pytest

from tests.support.raw_http import TASKS, Server, body_of, rename, request, token_of


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"slow_operation_seconds": 1e-6}


def slow(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """The fields of the last line."""
    found: dict[str, Any] = [line for line in caplog.records if line.name == "atrium.slow"][-1].__dict__["fields"]
    return found


async def test_they_are_told_with_their_statement(server: Server, task: str, caplog: pytest.LogCaptureFixture) -> None:
    await server.warm_update(task)
    for asked, kind in (
        (request(body_of(TASKS), token=token_of(server)), "query"),
        (rename(server, task, "Something personal"), "mutation"),
    ):
        before = await server.count_fast()
        assert b"200 OK" in await server.ask(asked, fast=True)
        assert await server.count_fast() == before + 1
        line = slow(caplog)
        assert (line["operation_type"], line["statements"]) == (kind, 1)
        assert 0 < line["database_ms"] <= line["duration_ms"] + 0.01
        assert "tasks" in line["slowest"][0]["sql"]
        assert "Something personal" not in str(line)


@pytest.mark.parametrize("settings", [{"slow_operation_seconds": 0.2, "request_timeout_seconds": 0.5}])
async def test_one_whose_time_was_over_is_told_too(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    asked = request(body_of(TASKS), token=token_of(server))
    await server.warm(asked)
    async with server.world.connection.transaction():
        await server.world.connection.execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
        assert b"504" in await server.ask(asked, fast=True)
    line = slow(caplog)
    assert line["outcome"] == "timeout"
    assert line["duration_ms"] >= 500
    assert line["database_ms"] >= 200
    assert "tasks" in line["slowest"][0]["sql"]
