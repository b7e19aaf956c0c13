"""Connections to addresses that name several hosts: to the one that takes writes, or whatever else is asked for.

The driver tries the hosts one after the other within one limit of time. A host that answers nothing at all, such as a
machine that is off, would take all of it, and the next one would never be tried. So the next one is tried when the one
before it has failed, or has said nothing for a moment, and whichever is good first is taken.
"""

import asyncio
from asyncio.staggered import staggered_race
from collections.abc import Sequence
from functools import partial
from typing import Any, TypeAlias, cast

import asyncpg
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

__all__ = [
    "CONNECT_SECONDS",
    "Address",
    "HostConnector",
    "create_unpooled_engine",
    "driver_address",
    "engine_options",
    "has_several_hosts",
]

CONNECT_SECONDS = 5.0  # that a connection may take to open, whichever host it leads to

Address: TypeAlias = tuple[str, int] | str
"""Where a connection leads to: host and port, or the path of a socket."""

HEAD_START_SECONDS = 0.5  # of a host before the next one is tried as well


class HostConnector:
    """Opens connections, to the one host or to one of several, beginning with the one that was good last."""

    def __init__(self) -> None:
        """Prepare it; nothing connects yet."""
        self._last_good = 0

    async def connect(self, *, timeout: float, **options: Any) -> asyncpg.Connection:  # noqa: ASYNC109  # the driver's name
        """Open a connection, as `asyncpg.connect` does with these options.

        Args:
            timeout: seconds for all hosts together.
            options: the driver's; with several hosts `host` and `port` are lists.

        Raises:
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError: whatever the driver
            says, of a host that answered if there is one.
        """
        hosts = options.get("host")
        if not isinstance(hosts, Sequence) or isinstance(hosts, str):
            return await asyncpg.connect(timeout=timeout, **options)
        addresses = list(zip(hosts, options["port"], strict=True))
        order = [number % len(addresses) for number in range(self._last_good, self._last_good + len(addresses))]
        named = [{"host": addresses[number][0], "port": addresses[number][1]} for number in order]
        attempts = [partial(asyncpg.connect, timeout=timeout, **{**options, **each}) for each in named]
        async with asyncio.timeout(timeout):
            found, winner, errors = await staggered_race(attempts, HEAD_START_SECONDS)
        if winner is None:
            said = [error for error in errors if error is not None]
            raise next((error for error in said if isinstance(error, asyncpg.PostgresError)), said[-1])
        self._last_good, connection = order[winner], cast("asyncpg.Connection", found)
        return connection


def driver_address(driver: Any) -> Address:
    """Return where one of the driver's connections leads to."""
    address: Address = driver._addr  # noqa: SLF001  # nothing public tells
    return address


def has_several_hosts(url: URL) -> bool:
    """Return whether an address names several hosts."""
    return isinstance(url.query.get("host"), tuple)


def engine_options(timeout: float) -> dict[str, Any]:
    """Return the `connect_args` of an engine whose address may name several hosts."""
    return {"timeout": timeout, "async_creator_fn": HostConnector().connect}


def create_unpooled_engine(url: str) -> AsyncEngine:
    """Return an engine that keeps no connections, for what is done once."""
    return create_async_engine(url, poolclass=NullPool, connect_args=engine_options(CONNECT_SECONDS))
