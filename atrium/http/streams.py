"""Server-sent events, by the protocol `graphql-sse` in its distinct connections mode: one operation, one stream.

An event `next` carries each result, and `complete` ends the stream. Before it ends by itself, since the access token
has expired or the process ends, a last `next` says so by its code. Lines end with a line feed alone, as the clients
that split them expect.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from atrium.http.negotiation import EVENT_STREAM
from atrium.http.responses import RequestRefused, encode_json
from atrium.http.shutdown import CLIENT_CLOSE_SECONDS, Shutdown

__all__ = ["EventStream"]

HEARTBEAT_SECONDS = 15.0  # after which a stream on which nothing happens shows that it lives
HEARTBEAT = b":\n\n"
COMPLETE = b"event: complete\ndata:\n\n"
HEADERS = (
    (b"content-type", EVENT_STREAM.encode()),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)


class EventStream(Response):
    """An HTTP answer that streams payloads until there are no more, its time is over, or the client has gone."""

    def __init__(
        self,
        payloads: AsyncIterator[Mapping[str, Any]],
        *,
        request_id: str,
        shutdown: Shutdown,
        expires_at: datetime | None = None,
    ) -> None:
        """Prepare it.

        Args:
            payloads: GraphQL answers, in their order.
            request_id: what errors carry.
            shutdown: what says that the process ends.
            expires_at: when the access token of whoever asked ends, and the stream with it.
        """
        self.status_code = 200
        self.raw_headers = list(HEADERS)
        self.background = None
        self._payloads = payloads
        self._request_id = request_id
        self._shutdown = shutdown
        self._expires_at = expires_at

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the stream."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        self._shutdown.streams += 1
        sending = asyncio.create_task(self._send_all(send))
        ending = asyncio.create_task(self._until_over(send))
        leaving = asyncio.create_task(_until_gone(receive))
        try:
            await asyncio.wait({sending, ending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._shutdown.streams -= 1
            for task in (sending, ending, leaving):
                task.cancel()
            await asyncio.gather(sending, ending, leaving, return_exceptions=True)
        if not sending.cancelled():
            sending.result()  # raises what went wrong
            await send(_body(COMPLETE, more=False))
        elif not ending.cancelled():
            await self._end(scope, send, ending.result())

    async def _send_all(self, send: Send) -> None:
        async with aclosing(self._payloads) as payloads:  # type: ignore[type-var]  # all of them are generators
            async for payload in payloads:
                await send(_body(_event(payload)))

    async def _until_over(self, send: Send) -> RequestRefused:
        """Show that the stream lives, until it is over; gives why it is."""
        clock, over = asyncio.get_running_loop().time, math.inf
        if self._expires_at is not None:
            over = clock() + (self._expires_at - datetime.now(UTC)).total_seconds()
        while (left := over - clock()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, HEARTBEAT_SECONDS)):
                    await self._shutdown.has_begun.wait()
            if self._shutdown.has_begun.is_set():
                await asyncio.sleep(self._shutdown.draw_delay())
                return self._shutdown.refusal()
            if over > clock():
                await send(_body(HEARTBEAT))
        return RequestRefused("UNAUTHENTICATED", "The access token has expired: refresh, and subscribe again.")

    async def _end(self, scope: Scope, send: Send, why: RequestRefused) -> None:
        """Say why the stream ends; break off the connection of a client that does not read it."""
        last = _event({"errors": [why.to_error(self._request_id)]}) + COMPLETE
        try:
            async with asyncio.timeout(CLIENT_CLOSE_SECONDS):
                await send(_body(last, more=False))
        except TimeoutError:
            if abort := scope["state"].get("abort"):
                abort()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _event(payload: Mapping[str, Any]) -> bytes:
    # Only white space between the tokens of JSON can be a line break; an event's data is one line.
    data = encode_json(payload).replace(b"\n", b" ").replace(b"\r", b" ")
    return b"event: next\ndata: %s\n\n" % data


def _body(data: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}
