"""Heads of requests that were seen before: what a head says is read once, and remembered.

A client sends nearly the same head with each of its requests. What changes (the query string of a GET, the length of a
body, what tracing adds, the addresses that proxies add) is cut out and read each time; the rest is the key under which
everything else is remembered: who asks, until when, and how to answer. What is remembered was read by the parser and by
the same functions as in any other request, and its token or API key was verified. A head that is in any way unusual is
not remembered.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import httptools

from atrium.http import request_parsing
from atrium.http.connections import HOST, ConnectionLimits
from atrium.http.middleware import SECURITY_HEADERS, Headers, Network, read_user_agent, resolve_client_address
from atrium.http.operation_request import COST_HEADER, SQL_HEADER
from atrium.http.request_parsing import MAX_QUERY_STRING
from atrium.http.responses import RequestRefused, Responder
from models.database.identity import Identity, read_enter_arguments
from models.database.wire import Parameters, encode_parameters
from models.lru import CacheUsage, SegmentedLRU, size_of
from services.cost_buckets import CostAccount
from services.permissions import Actor

__all__ = ["HeadReader", "ReadHead", "RememberedHead", "write_headers"]

HEADS_BYTES = 8 * 2**20
HEAD_ENTRY_BYTES = 2_500  # of a remembered head beside its key, by measurement

_REQUEST_LINE = re.compile(
    rb"(POST|GET) /graphql(?:\?([A-Za-z0-9\-._~%%+&=!*'(),;:@/?$]{1,%d}))? HTTP/1\.1(?=\r\n)" % MAX_QUERY_STRING
)
_NAMES = (  # grouped by how they begin, which takes half the time
    rb"\r\n(content-length|atrium-consistency"
    rb"|x-(?:request-(?:id|start)|real-ip|forwarded-for|correlation-id|client-request-id|b3-(?:traceid|(?:parent)?spanid)"
    rb"|amzn-trace-id|amz-cf-id|azure-ref|cloud-trace-context|datadog-(?:trace-id|parent-id|tags)|vercel-id)"
    rb"|t(?:race(?:parent|state)|rue-client-ip)|b(?:aggage|3)|cf-(?:ray|connecting-ip)|f(?:orwarded|ly-request-id)"
    rb"|elastic-apm-traceparent|newrelic|sentry-trace|uber-trace-id):"
)
_CHANGING_LINE = re.compile(_NAMES + rb"([ -~]*)(?=\r\n)", re.IGNORECASE)
_CHANGING_NAME = re.compile(_NAMES, re.IGNORECASE)
_STRIDE = 3  # of a head that is split at these lines: what is between, a name, a value
_LENGTH = re.compile(rb"[0-9]{1,9}")
_KEPT_LINES = re.compile(rb"(?:\r\n[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[ \t]*[!-~\x80-\xff][ -~\t\x80-\xff]*)+")
_UNUSUAL = frozenset(
    (
        *(b"transfer-encoding", b"upgrade", b"expect", b"connection", b"te", b"trailer"),
        *(b"x-graphql-event-stream-token", COST_HEADER.encode(), SQL_HEADER.encode()),
    )
)
"""Headers that take a request the long way; `Connection` only if it says anything but `keep-alive`."""


@dataclass(frozen=True, slots=True)
class RememberedHead:
    """What a head says beside the lines that change."""

    actor: Actor
    account: CostAccount | None
    """What its operations are paid from."""
    expires_at: float
    """Until when its token or API key may be taken for granted, in seconds of the system's clock."""
    entry: Parameters
    """What a query's statement enters with."""
    kept_headers: int
    """How many headers it has that do not change."""
    accept: str | None
    user_agent: str | None
    before_length: bytes
    """The headers of an answer before the value of its length."""
    after_request_id: bytes
    """The headers of an answer behind its request id."""


@dataclass(slots=True)
class ReadHead:
    """The head of one request."""

    remembered: RememberedHead
    body_at: int
    """Where the body begins."""
    length: int
    """Length of the body."""
    query_string: bytes | None
    """What a GET asks for; None for a POST."""
    request_id: str | None
    """The id that the client offers."""
    client_address: str | None
    trace_parent: str | None
    """The `traceparent` header."""
    trace_state: str | None
    """The `tracestate` header."""


Authenticate = Callable[[str], tuple[Actor, float] | None]
"""Returns the actor of an `Authorization` header, and until when that holds; None unless its token or key is valid."""

AddedHeaders = Callable[[Headers], Headers]
"""Returns the headers that the answer to a request with these gets besides, such as those of CORS."""


class HeadReader:
    """Reads the heads of ordinary requests, and remembers them."""

    def __init__(
        self,
        *,
        authenticate: Authenticate,
        account_of: Callable[[Identity], CostAccount | None],
        responder: Responder,
        added_headers: AddedHeaders,
        trusted_proxies: Sequence[Network],
        limits: ConnectionLimits,
        max_body_bytes: int,
    ) -> None:
        """Prepare it.

        Args:
            authenticate: verifies a token.
            account_of: says what an actor's operations are paid from.
            responder: says how a request is answered that accepts this and that.
            added_headers: says what headers an answer has besides.
            trusted_proxies: whose `X-Forwarded-For` is believed.
            limits: the bounds of a head.
            max_body_bytes: how many bytes a body has at most.
        """
        self._authenticate = authenticate
        self._account_of = account_of
        self._responder = responder
        self._added_headers = added_headers
        self._trusted_proxies = trusted_proxies
        self._limits = limits
        self._max_body_bytes = max_body_bytes
        self._remembered: SegmentedLRU[bytes, RememberedHead] = SegmentedLRU(HEADS_BYTES, _weigh)

    @property
    def usage(self) -> CacheUsage:
        """How much is remembered."""
        return self._remembered.usage

    def read(self, data: bytes, peer: str | None) -> ReadHead | None:
        """Return the head that data begins with; None if it is not complete, or not ordinary.

        Args:
            data: what arrived at the beginning of a message.
            peer: the address of the other end of the connection.
        """
        end, line = data.find(b"\r\n\r\n"), _REQUEST_LINE.match(data)
        if end < 0 or end > self._limits.header_bytes or line is None:
            return None
        method, query_string = line.groups()
        is_get = method == b"GET"
        parts = _CHANGING_LINE.split(data[line.end() : end + 2])
        changing: dict[bytes, bytes] = {}
        for name, value in zip(parts[1::_STRIDE], parts[2::_STRIDE], strict=True):
            changing[name.lower()] = value.strip(b" ")
        size = _length(changing, is_get=is_get)
        if len(changing) != len(parts) // _STRIDE or size is None or is_get != (query_string is not None):
            return None  # one of them comes twice, or there is no such length
        key = method + b"".join(parts[::_STRIDE])
        remembered, present = self._remembered.get(key), time.time()
        if remembered is None or remembered.expires_at <= present:
            remembered = self._read_first(data[: end + 4], key, len(method), len(changing))
            if remembered is None:
                return None
        count = remembered.kept_headers + len(changing)
        if size > self._max_body_bytes or count > self._limits.header_count:
            return None
        request_id, address = _text(changing, b"x-request-id"), self._client_address(peer, changing)
        trace_parent, trace_state = _text(changing, b"traceparent"), _text(changing, b"tracestate")
        return ReadHead(remembered, end + 4, size, query_string, request_id, address, trace_parent, trace_state)

    def _client_address(self, peer: str | None, changing: Mapping[bytes, bytes]) -> str | None:
        forwarded = _text(changing, b"x-forwarded-for") if self._trusted_proxies else None
        return resolve_client_address(peer, forwarded, self._trusted_proxies)

    def _read_first(self, head: bytes, key: bytes, lines_at: int, changing: int) -> RememberedHead | None:
        """Read a head that is not remembered, or has to be looked at again; remember it if it is ordinary."""
        lines = key[lines_at:-2]  # each with the line break before it
        headers = _parse(head)
        if headers is None or not _KEPT_LINES.fullmatch(lines) or _CHANGING_NAME.search(lines):
            return None
        named = dict(headers)
        if len(named) != len(headers) or not _is_ordinary(named, has_body=not key.startswith(b"GET")):
            return None
        accept = _text(named, b"accept")
        accepted = self._responder.negotiate(accept)
        if not accepted.is_acceptable or accepted.prefers_stream:
            return None
        known = self._authenticate(_text(named, b"authorization") or "")
        if known is None:
            return None
        content = self._responder.answer({"data": None}, accepted)
        before = [pair for pair in content.raw_headers if pair[0] != b"content-length"]
        added = (*SECURITY_HEADERS, *self._added_headers(headers))
        actor, expires_at = known
        entry = encode_parameters(read_enter_arguments(actor.identity))
        assert entry is not None, "ids and a role have a text"
        remembered = RememberedHead(
            actor,
            self._account_of(actor.identity),
            expires_at,
            entry,
            len(headers) - changing,
            accept,
            read_user_agent(_text(named, b"user-agent")),
            write_headers(before) + b"content-length: ",
            b"\r\n" + write_headers(added),
        )
        self._remembered.put(key, remembered)
        return remembered


class _Headers:
    """Takes down what the parser finds."""

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.is_complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Take the end of the head."""
        self.is_complete = True


def _parse(head: bytes) -> list[tuple[bytes, bytes]] | None:
    """Return the headers of a head, by the parser of all requests."""
    found = _Headers()
    try:
        httptools.HttpRequestParser(found).feed_data(head)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    return found.headers if found.is_complete else None


def _length(changing: Mapping[bytes, bytes], *, is_get: bool) -> int | None:
    """Return the length of the body, which a POST has to tell, and a GET must not; None otherwise."""
    length = changing.get(b"content-length")
    if is_get:
        return 0 if length is None else None
    return int(length) if length is not None and _LENGTH.fullmatch(length) else None


def _is_ordinary(headers: Mapping[bytes, bytes], *, has_body: bool) -> bool:
    """Return whether nothing in a head asks for anything special."""
    if headers.get(b"connection", b"").lower() == b"keep-alive":
        headers = {name: value for name, value in headers.items() if name != b"connection"}
    if not _UNUSUAL.isdisjoint(headers) or not HOST.fullmatch(headers.get(b"host", b"\0")):
        return False
    if not has_body:
        return True
    try:
        request_parsing.require_json(_text(headers, b"content-type"))
        request_parsing.require_identity(_text(headers, b"content-encoding"))
    except RequestRefused:
        return False
    return True


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")


def write_headers(headers: Headers) -> bytes:
    """Return headers as they are sent."""
    return b"".join([b"%s: %s\r\n" % pair for pair in headers])


def _weigh(key: bytes, _remembered: RememberedHead) -> int:
    return HEAD_ENTRY_BYTES + size_of(key)
