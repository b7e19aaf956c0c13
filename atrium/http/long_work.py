"""Work that takes long on purpose, such as hashing 1,000 passwords: it has a time limit of its own.

While it goes on, nothing else would notice that the client has gone, and that nobody wants the result any more.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request

from models.database.timeouts import SharedTimeout, TimeoutScope

__all__ = ["within_request"]


@asynccontextmanager
async def within_request(request: Request, limit: SharedTimeout) -> AsyncIterator[None]:
    """Give the request the time of `limit` for what is done here, and cancel it when its client goes.

    Afterwards it has as much time as a request that has just come.
    """
    scope: TimeoutScope = request.scope["state"]["time"]

    async def cancel_when_gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        scope.fail(ClientDisconnect())

    before = scope.move_to(limit)
    watching = asyncio.create_task(cancel_when_gone())
    try:
        yield
    finally:
        watching.cancel()
        scope.move_to(before)
