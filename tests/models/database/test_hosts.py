"""Addresses that name several hosts: one that is silent keeps nobody from the next."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest
from sqlalchemy import URL, make_url

from atrium import migrate
from models.database import Database
from models.database.hosts import HostConnector
from models.database.inspection import inspect_database
from models.database.pool import connect_dedicated
from tests.conftest import Urls


@dataclass
class SilentHost:
    """It takes connections like a machine that hangs, and says nothing."""

    port: int
    asked: int = 0


@pytest.fixture
async def silent() -> AsyncIterator[SilentHost]:
    host, ends = SilentHost(0), asyncio.Event()

    async def ask(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host.asked += 1
        await ends.wait()
        writer.close()

    async with await asyncio.start_server(ask, "127.0.0.1", 0) as server:
        host.port = server.sockets[0].getsockname()[1]
        yield host
        ends.set()


def address(urls: Urls, *ports: int) -> URL:
    """The database's address on several ports, of which 0 is its own."""
    url = make_url(urls.runtime)
    hosts = tuple(f"{url.host}:{port or url.port}" for port in ports)
    bare = url.set(host=None, port=None)
    return bare.update_query_dict({"target_session_attrs": "read-write", "host": hosts})


async def test_a_silent_host_is_passed_and_not_asked_again_while_the_next_one_is_good(
    urls: Urls, silent: SilentHost
) -> None:
    text = address(urls, silent.port, 0).render_as_string(hide_password=False)
    database = Database(text, connect=20, has_reserve=False)
    async with asyncio.timeout(10):
        await database.ping()
        await asyncio.gather(*(database.ping() for _ in range(5)))  # each on a connection of its own
    assert silent.asked == 1
    await database.close()


async def test_whatever_connects_passes_a_silent_host(urls: Urls, silent: SilentHost) -> None:
    url = address(urls, silent.port, 0)
    text = url.render_as_string(hide_password=False)
    async with asyncio.timeout(10):
        connection = await connect_dedicated(url, "test")
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()
        assert (await inspect_database(text, {})).role == make_url(urls.runtime).username
        assert await migrate.has_compatible_revision(text)
    assert silent.asked >= 3


async def test_where_no_host_is_good_the_error_says_what_one_of_them_said(urls: Urls, silent: SilentHost) -> None:
    nowhere = make_url(urls.runtime).set(database="nothing_of_this_name")
    _, options = nowhere.get_dialect()().create_connect_args(nowhere)
    for ports in ([1, options["port"]], [options["port"], 1]):
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            await HostConnector().connect(timeout=10, **{**options, "host": ["127.0.0.1"] * 2, "port": ports})
    for ports in ([1, 1], [1]):
        with pytest.raises(ConnectionRefusedError):
            await HostConnector().connect(timeout=10, **{**options, "host": ["127.0.0.1"] * len(ports), "port": ports})
    with pytest.raises(TimeoutError):
        await HostConnector().connect(timeout=0.1, **{**options, "host": ["127.0.0.1"] * 2, "port": [silent.port] * 2})


async def test_a_connection_that_is_terminated_while_it_is_out_is_given_back_without_an_error(urls: Urls) -> None:
    """As when another primary is found, just after somebody's commit."""
    database = Database(urls.runtime)
    async with database.engine.connect():
        database.abort()
    await database.ping()
    await database.close()
