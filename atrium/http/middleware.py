"""What every request gets: an id, an address, a time limit, safe headers, and an account of how it went.

This is plain ASGI around everything else, since it is on the way of every request.
"""

import logging
import re
import time
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid4

from atrium.http.responses import RawResponse, RequestRefused, is_fault
from atrium.http.shutdown import Shutdown
from atrium.logs import RequestRecord
from models.database.timeouts import SharedTimeout, TimeoutScope
from models.timings import collect_timings

ADDRESS_LENGTH = 45
USER_AGENT_LENGTH = 500
BAD_REQUEST = 400  # the first of the statuses that refuse
STATUS_CLIENT_CLOSED_REQUEST = 499  # the customary status, never sent, of a request whose client went away

SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_logger = logging.getLogger(__name__)

Network = IPv4Network | IPv6Network
Headers = Sequence[tuple[bytes, bytes]]
Refuse = Callable[[RequestRefused, str, str | None], RawResponse]
"""Makes the answer to a refused request, from the request's id and its `Accept`."""


def get_header(scope: Scope, name: bytes) -> str | None:
    """A header's value in a request that has a record, those of several lines joined by commas; None if there is none.

    They are looked through once, since every request is asked for several of them.
    """
    state = scope["state"]
    if "headers" not in state:
        found: dict[bytes, bytes] = {}
        for key, value in scope["headers"]:
            found[key] = b"%s,%s" % (found[key], value) if key in found else value
        state["headers"] = found
    value = state["headers"].get(name)
    return None if value is None else value.decode("latin-1")


def choose_request_id(offered: str | None) -> str:
    """The id a client offered, if it is 1 to 128 of A-Z, a-z, 0-9, dot, underscore and hyphen; else a new one."""
    return offered if offered and _REQUEST_ID.fullmatch(offered) else str(uuid4())


def resolve_client_address(peer: str | None, forwarded: str | None, trusted: Sequence[Network]) -> str | None:
    """Return the client's address: the peer, or what the nearest trusted proxies forward.

    `X-Forwarded-For` is read from the right, as long as the address that wrote an entry is trusted; the first
    address that is not is the client. What stands further left could have been written by anybody.
    """
    if not trusted or not forwarded:
        return peer[:ADDRESS_LENGTH] if peer else None
    address = _parse_address(peer or "")
    for entry in reversed(forwarded.split(",")):
        if address is None or not _is_trusted(address, trusted):
            break
        further = _parse_address(entry)
        if further is None:
            break
        address = further
    return str(address)[:ADDRESS_LENGTH] if address else (peer or "")[:ADDRESS_LENGTH] or None


def _parse_address(text: str) -> IPv4Address | IPv6Address | None:
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    """Return whether an address is one of a trusted proxy."""
    parsed = _parse_address(address) if trusted else None
    return parsed is not None and _is_trusted(parsed, trusted)


def _is_trusted(address: IPv4Address | IPv6Address, trusted: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in trusted)


def read_user_agent(header: str | None) -> str | None:
    """Return what is kept of a `User-Agent` header."""
    return header[:USER_AGENT_LENGTH].replace("\x00", "") if header else None


def open_record(scope: Scope, trusted: Sequence[Network]) -> RequestRecord:
    """Return the record of a request that has just arrived, also put into its state as `record`."""
    state = scope.setdefault("state", {})
    peer = scope["client"][0] if scope.get("client") else None
    setback = state.get("setback")
    record = RequestRecord(
        request_id=choose_request_id(get_header(scope, b"x-request-id")),
        method=scope.get("method", "WEBSOCKET"),
        path=scope["path"],
        client_address=resolve_client_address(peer, get_header(scope, b"x-forwarded-for"), trusted),
        user_agent=read_user_agent(get_header(scope, b"user-agent")),
        trace_parent=get_header(scope, b"traceparent"),
        trace_state=get_header(scope, b"tracestate"),
        span=state.get("span"),
        started=setback.started if setback else time.perf_counter(),
        timings=setback.timings if setback else None,
    )
    state["record"] = record
    return record


class RequestMiddleware:
    """Opens the record of each request, bounds its time, and hands the record on when it is over.

    A request that has not begun to answer after `timeout` seconds is cancelled and answered TIMEOUT, and one that has
    not when the process has to end SERVICE_UNAVAILABLE. An exception that nobody caught is logged and answered
    INTERNAL, without a word of it.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        trusted_proxies: Sequence[Network],
        timeout: float,
        shutdown: Shutdown,
        refuse: Refuse,
        on_finish: Callable[[RequestRecord], None],
        on_start: Callable[[RequestRecord], None] = lambda _record: None,
    ) -> None:
        self._app = app
        self._refuse = refuse
        self._trusted = trusted_proxies
        self.limit = SharedTimeout(timeout)
        self._shutdown = shutdown
        shutdown.bound(self.limit)
        self._on_start, self._on_finish = on_start, on_finish

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one WebSocket."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        record = open_record(scope, self._trusted)
        try:
            if scope["type"] == "http":
                self._on_start(record)
                await self._serve(scope, receive, send, record)
            else:
                await self._serve_socket(scope, receive, send, record)
        finally:
            record.finish()
            if record.status >= BAD_REQUEST and record.outcome == "ok":
                record.outcome = "refused"
            self._on_finish(record)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, record: RequestRecord) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                message["headers"] = _with_defaults(message.get("headers", ()), record.request_id)
            await send(message)

        async def send_and_disarm(message: Message) -> None:
            if message["type"] == "http.response.start":
                stay.disarm()
            await send_with_headers(message)

        try:
            with self.limit.scope() as stay, collect_timings(record.timings):
                _begin_time(scope, stay)
                await self._app(scope, receive, send_and_disarm)
        except ClientDisconnect:
            record.status, record.outcome = STATUS_CLIENT_CLOSED_REQUEST, "abandoned"
        except Exception as error:
            late = isinstance(error, TimeoutError) and stay.has_expired
            refusal = self._timeout_error(record, stay.seconds) if late else RequestRefused.internal()
            record.outcome = ("refused" if self._shutdown.is_late else "timeout") if late else "internal"
            record.error_code = refusal.code if is_fault(refusal.code) else None
            if record.status:  # the answer has begun: all that is left is to break it off
                raise
            if not late:
                _logger.exception("request failed", extra={"fields": {"request_id": record.request_id}})
            response = self._refuse(refusal, record.request_id, get_header(scope, b"accept"))
            if collected := scope["state"].get("collected"):
                response.raw_headers += collected.raw_headers  # what was done before it failed is done
            await response(scope, receive, send_with_headers)

    async def _serve_socket(self, scope: Scope, receive: Receive, send: Send, record: RequestRecord) -> None:
        async def send_with_request_id(message: Message) -> None:
            if message["type"] == "websocket.accept":
                record.status = 101
                message["headers"] = [*message.get("headers", ()), _id_header(record.request_id)]
            elif message["type"] == "websocket.close" and not record.status:
                record.status, record.outcome = 403, "refused"
            await send(message)

        await self._app(scope, receive, send_with_request_id)

    def _timeout_error(self, record: RequestRecord, seconds: float) -> RequestRefused:
        if self._shutdown.is_late:
            return self._shutdown.refusal()
        if record.is_arriving:
            message = f"The request was not sent within {seconds:g} seconds."
            return RequestRefused("REQUEST_TIMEOUT", message, {"connection": "close"})
        return RequestRefused("TIMEOUT", f"The request took longer than {seconds:g} seconds.")


def _begin_time(scope: Scope, stay: TimeoutScope) -> None:
    """Let the application know of its time limit; one that was over on the fast path is over."""
    scope["state"]["time"] = stay
    if setback := scope["state"].get("setback"):
        setback.resume(stay)


def _id_header(value: str) -> tuple[bytes, bytes]:
    return b"x-request-id", value.encode("ascii")


def _with_defaults(headers: Headers, value: str) -> list[tuple[bytes, bytes]]:
    present = {name for name, _ in headers}
    return [*headers, _id_header(value), *(pair for pair in SECURITY_HEADERS if pair[0] not in present)]
