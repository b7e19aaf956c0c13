"""What goes wrong on the fast path is answered as on the long way, and nothing is done twice."""

import asyncio
import re

import asyncpg
import pytest

from graph.compiler import Compiler
from graph.compiler.plans import Plan
from models.database.identity import NOBODY
from tests.conftest import Urls
from tests.support.raw_http import TASKS, Exchange, Server, body_of, comparable, rename, request, token_of

KILL_WAITING = (
    "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name = 'atrium' AND wait_event_type = 'Lock'"
)


def error_code(exchange: Exchange) -> str:
    found = re.search(rb'"code":"(\w+)"', exchange.answers)
    assert found is not None, exchange.answers
    return found[1].decode()


@pytest.mark.parametrize("settings", [{"request_timeout_seconds": 0.5}])
async def test_a_request_that_takes_too_long_is_answered_alike(server: Server, task: str) -> None:
    read = request(body_of(TASKS), token=token_of(server))
    await server.warm_update(task)
    async with server.world.connection.transaction():
        await server.world.connection.execute("LOCK tasks IN ACCESS EXCLUSIVE MODE")
        for asked in (read, rename(server, task, "C")):
            assert await server.assert_equal(asked) == 0
            assert error_code(await server.exchange(asked, fast=True)) == "TIMEOUT"
    assert (await server.world.connection.fetchval("SELECT title FROM tasks")) == "B"


@pytest.mark.parametrize("settings", [{"admission_wait_seconds": 0.1, "pool_size": 2}])
async def test_a_full_pool_is_answered_alike(server: Server, task: str) -> None:
    read = request(body_of(TASKS), token=token_of(server))
    await server.warm_update(task)
    database = server.world.app.components.database
    async with database.read(NOBODY), database.read(NOBODY):
        for asked in (read, rename(server, task, "C")):
            assert await server.assert_equal(asked) == 0
            assert error_code(await server.exchange(asked, fast=True)) == "SERVICE_UNAVAILABLE"


async def test_an_update_whose_connection_is_lost_is_not_done_again(server: Server, task: str, urls: Urls) -> None:
    await server.warm_update(task)
    superuser = await asyncpg.connect(urls.plain("superuser"))
    async with server.world.connection.transaction():
        await server.world.connection.execute("SELECT FROM tasks FOR UPDATE")
        async with server.connect(fast=True) as connection:
            await connection.send(rename(server, task, "C"))
            async with asyncio.timeout(10):
                while not await superuser.fetchval(KILL_WAITING):
                    await asyncio.sleep(0.005)  # it announces in no other way that it waits
            answer = await connection.answer()
    assert b'"code":"SERVICE_UNAVAILABLE"' in answer
    assert (await server.world.connection.fetchval("SELECT title FROM tasks")) == "B"
    await superuser.close()


async def test_a_query_whose_connection_is_lost_is_run_again(server: Server, urls: Urls) -> None:
    asked = request(body_of(TASKS), token=token_of(server))
    await server.warm(*[asked] * 12)
    superuser = await asyncpg.connect(urls.plain("superuser"))
    async with server.world.connection.transaction():
        await server.world.connection.execute("LOCK tasks IN ACCESS EXCLUSIVE MODE")
        async with server.connect(fast=True) as first, server.connect(fast=True) as second:
            await first.send(asked)
            await second.send(asked)
            async with asyncio.timeout(10):
                while not await superuser.fetchval(KILL_WAITING):
                    await asyncio.sleep(0.005)  # they announce in no other way that they wait
            await server.world.connection.execute("ROLLBACK")
            answers = [await first.answer(), await second.answer()]
    assert [comparable(each) for each in answers] == [comparable(await server.ask(asked, fast=False))] * 2
    await superuser.close()


async def test_queries_go_on_while_tables_change(server: Server) -> None:
    asked = request(body_of(TASKS), token=token_of(server))
    await server.warm(*[asked] * 12)
    expected = comparable(await server.ask(asked, fast=False))
    for change in ("ADD note text", "DROP note"):
        await server.world.connection.execute(f"ALTER TABLE tasks {change}")
        assert comparable(await server.ask(asked, fast=True)) == expected


@pytest.mark.parametrize("settings", [{"actor_cost_maximum": 3_000, "actor_cost_rate": 1}])
async def test_what_an_actor_cannot_pay_is_answered_alike(server: Server) -> None:
    asked = request(body_of(TASKS), token=token_of(server))
    await server.warm(asked)
    async with server.connect(fast=True) as connection:
        while b"200 OK" in (answer := await connection.ask(asked)):
            pass
        assert b'"code":"RATE_LIMITED"' in answer
        assert b"retry-after: " in answer


@pytest.mark.parametrize("settings", [{"header_timeout_seconds": 0.3}])
async def test_a_body_that_drips_takes_the_long_way_in_time(server: Server) -> None:
    asked = request(body_of(TASKS), token=token_of(server))
    await server.warm(asked)
    before = await server.count_fast()
    async with server.connect(fast=True) as connection:
        for piece in (asked[:-3], asked[-3:-2], asked[-2:-1]):
            await connection.send(piece)
            await asyncio.sleep(0.2)  # time that passes is what takes it there
        answer = await connection.ask(asked[-1:])
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert await server.count_fast() == before


@pytest.mark.parametrize("settings", [{"documents": "only"}])
async def test_trusted_documents_alone_are_answered(server: Server) -> None:
    asked = request(body_of(TASKS), token=token_of(server))
    assert await server.assert_equal(asked) == 0
    assert error_code(await server.exchange(asked, fast=True)) == "DOCUMENT_NOT_TRUSTED"


async def test_a_connection_that_is_ended_meanwhile_gets_its_answer_first(server: Server) -> None:
    asked = request(body_of(TASKS), token=token_of(server))
    await server.warm(asked)
    before = await server.count_fast()
    async with server.world.connection.transaction():
        await server.world.connection.execute("LOCK tasks IN ACCESS EXCLUSIVE MODE")
        async with server.connect(fast=True) as connection:
            await connection.send(asked)
            await server.wait_until_begun()
            ending = asyncio.create_task(server.listening.aclose())
            await server.app.shutdown.has_begun.wait()
            await server.world.connection.execute("ROLLBACK")
            answer = await connection.answer()
            assert await connection.answer() == b""
            await ending
    assert b"connection: close\r\n" in answer
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert await server.count_fast() == before + 1


@pytest.mark.parametrize("fault", [(Compiler, "_find_plan"), (Plan, "own_values")], ids=lambda fault: fault[1])
async def test_a_fault_of_the_compiler_is_answered_alike(
    server: Server, monkeypatch: pytest.MonkeyPatch, fault: tuple[type, str]
) -> None:
    asked = request(body_of(TASKS), token=token_of(server))
    await server.warm(*[asked] * 3)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(*fault, fail)
    assert await server.assert_equal(asked) == 0
