"""The protocol of HTTP connections: ordinary requests take the fast path, all others uvicorn's."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from atrium.http.fast_path import FastPath, FastRequest
from atrium.http.negotiation import OK
from atrium.http.operation_request import Setback
from atrium.http.request_heads import ReadHead
from atrium.http.uvicorn_protocol import CoalescingHttpProtocol

__all__ = ["FastHttpProtocol"]

MAX_BODY_BYTES = 65_536  # of a request on the fast path, which is kept until it is whole


class FastHttpProtocol(CoalescingHttpProtocol):
    """Looks at what arrives between two requests, and hands it on with the same bytes unless it is ordinary.

    One request at a time is answered here. What arrives meanwhile is kept, and stops the reading.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._fast_path: FastPath | None = getattr(self.app, "fast_path", None)
        self._is_parsing = False
        """Whether the parser is within a request."""
        self._is_busy = False
        """Whether a request on the fast path is under way."""
        self._under_way: tuple[FastPath, FastRequest, bytes]
        """What runs it, the request, and the bytes that it came in."""
        self._ends = False
        """Whether the connection ends with the answer to the request that is under way."""
        self._kept = b""
        """What arrived behind the request that is under way; or a request whose body is not whole yet."""
        self._body_timer: asyncio.TimerHandle | None = None
        """Runs while the body of a request is not whole."""
        self._idle_since = 0.0
        """When a request on the fast path was answered last."""
        self._last_head: ReadHead | None = None
        """The head that was read last; the next one is often the same."""
        self._last_head_bytes = b""
        self._setback: Setback | None = None
        """Why the request that is handed to the parser comes from the fast path."""
        self._span: Any = None
        """The span that was begun for the request that is handed to the parser: a request is sampled once."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to serve a connection."""
        self._write = transport.write
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """End; a request whose body never came counts as one that was abandoned."""
        if not self._is_busy:
            self._take_long_way()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """End the connection once it is idle."""
        if self._is_busy:
            self._ends = True
        else:
            self._take_long_way()  # which answers a request whose body is under way
            super().shutdown()

    def data_received(self, data: bytes) -> None:
        """Take what arrived."""
        if self._kept:
            data, self._kept = self._kept + data, b""
        if self._is_busy:
            self._kept = data
            self.flow.pause_reading()
        elif self._fast_path is None or not self._is_between_requests or not self._begin(self._fast_path, data):
            super().data_received(data)

    @property
    def _is_between_requests(self) -> bool:
        return not (
            self._is_parsing
            or self._unfinished
            or self._unread
            or self._discards
            or self._refusal is not None
            or self.flow.write_paused
            or (self.cycle is not None and not self.cycle.response_complete)
        )

    def _begin(self, fast_path: FastPath, data: bytes) -> bool:
        """Begin to answer a request on the fast path; return False for one that has to take the long way."""
        head = self._last_head
        if head is None or not data.startswith(self._last_head_bytes) or not fast_path.is_valid(head):
            head = fast_path.read_head(data, self.client[0] if self.client else None)
            if head is None or head.length > MAX_BODY_BYTES:
                return False
            self._last_head, self._last_head_bytes = head, data[: head.body_at]
        missing = head.body_at + head.length - len(data)
        if missing > 0:
            self._kept = data
            self._stop_timer()
            if self._body_timer is None:  # pieces give it no more time
                self._body_timer = self.loop.call_later(self._limits.header_seconds, self._take_long_way)
            return True
        self._stop_waiting()
        span = fast_path.begin_span(head)
        request = None if missing else fast_path.prepare(head, data[head.body_at :], span)
        if request is None:
            self._span = span
            return False
        self._stop_timer()
        self._is_busy = True
        self._under_way = fast_path, request, data
        if not fast_path.start(request, self._on_result):
            self._run_in_task()
        return True

    def _stop_waiting(self) -> None:
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None

    def _take_long_way(self) -> None:
        """Hand the parser a request whose body is not whole yet."""
        self._stop_waiting()
        if self._kept:
            data, self._kept = self._kept, b""
            super().data_received(data)

    def _on_result(self, value: bytes | None, error: Exception | None) -> None:
        """Take the result of a request that was run without a task."""
        fast_path, request, _ = self._under_way
        try:
            result = fast_path.conclude(request, value, error)
        except BaseException:
            self._break_off()
            raise
        if result is None:
            self._run_in_task()
        else:
            self._answer(result)

    def _run_in_task(self) -> None:
        task = self.loop.create_task(self._run())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _run(self) -> None:
        fast_path, request, _ = self._under_way
        try:
            result = await fast_path.run(request)
        except BaseException:  # it is cancelled, since the process ends
            self._break_off()
            raise
        self._answer(result)

    def _break_off(self) -> None:
        """End a connection whose request cannot be answered."""
        self._is_busy = False
        self.transport.abort()

    def _answer(self, result: bytes | Setback) -> None:
        """Answer the request that is under way; one without an answer begins anew on the long way."""
        fast_path, request, data = self._under_way
        self._is_busy = False
        if self.transport.is_closing():
            fast_path.abandon(request)  # nobody is there to be answered, and a closed transport takes nothing
            return
        if isinstance(result, Setback):
            self._setback, self._span = result, request.span
            super().data_received(data)
            if self._ends:
                self.shutdown()
        else:
            self._send(fast_path, request, result)
            fast_path.finish(request)
            self.server_state.total_requests += 1
            if self._ends or self.transport.is_closing():  # writing may find that the client has gone
                self.transport.close()
                return
            self._idle_since = self.loop.time()
            if self.timeout_keep_alive_task is None:
                self._wait_for_request(self.timeout_keep_alive)
        if self._kept:
            self.flow.resume_reading()
            self.data_received(b"")

    def _wait_for_request(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        """End a connection that has been idle for too long.

        A request on the fast path leaves the timer alone, which therefore looks how long that was ago.
        """
        seconds = self.timeout_keep_alive
        is_idle = not self._is_busy and not self._kept
        left = self._idle_since + seconds - self.loop.time() if is_idle else seconds
        if left > 0:
            self._wait_for_request(left)
        else:
            super().timeout_keep_alive_handler()

    def _send(self, fast_path: FastPath, request: FastRequest, body: bytes) -> None:
        remembered = request.head.remembered
        self._write(
            b"".join(
                [
                    STATUS_LINE[OK],
                    fast_path.write_default_headers(self.server_state.default_headers),
                    remembered.before_length,
                    b"%d" % len(body),
                    b"\r\nx-request-id: ",
                    request.record.request_id.encode("ascii"),
                    remembered.after_request_id,
                    b"\r\n",
                    body,
                ]
            )
        )

    def on_message_begin(self) -> None:
        """Begin to read a request."""
        self._is_parsing = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin to serve a request.

        Raises:
            ValueError: it is refused; the parser gives up then.
        """
        super().on_headers_complete()
        if self._setback is not None:
            self.scope["state"]["setback"], self._setback = self._setback, None
        if self._span is not None:
            self.scope["state"]["span"], self._span = self._span, None

    def on_message_complete(self) -> None:
        """Take the end of a request."""
        self._is_parsing = False
        super().on_message_complete()
