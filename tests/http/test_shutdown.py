"""Sockets and event streams of a process that ends: not all of their clients come back in one moment."""

import pytest

from atrium.http.shutdown import MAX_SPREAD_SECONDS, Shutdown

DRAWS = 2_000


async def nothing() -> None:
    """What ends a socket."""


@pytest.mark.parametrize(("sockets", "streams"), [(100, 0), (0, 100), (50, 50), (5_000, 0), (0, 5_000)])
async def test_the_more_are_open_the_longer_they_are_spread(sockets: int, streams: int) -> None:
    shutdown = Shutdown(1)
    shutdown.sockets = {lambda _number=number: nothing() for number in range(sockets)}
    shutdown.streams = streams
    longest = MAX_SPREAD_SECONDS if sockets + streams > 100 else 0.1
    drawn = [shutdown.draw_delay() for _ in range(DRAWS)]
    assert 0.9 * longest < max(drawn) <= longest
    assert min(drawn) < 0.1 * longest
