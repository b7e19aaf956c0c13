"""The protocol of PostgreSQL as far as pipelined statements need it: Bind, Execute and Sync, and what answers them.

See "Message Formats" and "Extended Query" in the chapter "Frontend/Backend Protocol" of PostgreSQL's documentation.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import MAXYEAR, MINYEAR, date, datetime
from decimal import Decimal
from struct import Struct
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from models.database.errors import CANCELLED_SQLSTATE, ConnectionLost, Preempted, is_connection_lost
from models.database.limiter import Slot
from models.database.pool import CANCEL_GRACE_SECONDS, AutocommitConnection

__all__ = [
    "NotPipelined",
    "OnResult",
    "Parameters",
    "PipelinedConnection",
    "StatementPace",
    "StatementResult",
    "StatementRun",
    "encode_parameters",
]

SHORT_SECONDS = 0.005  # that a statement may take which shares a connection
MIN_RUNS = 20  # before it counts as short
MAX_RUNS = 2_000  # that are remembered: more recent ones count for more
SLOW_SHARE = 100  # one of so many may take longer

INT16, INT32 = Struct("!h"), Struct("!i")
HEADER_BYTES = 5  # of a message: its kind, and its length
NULL = INT32.pack(-1)
EXECUTE_AND_SYNC = b"E\x00\x00\x00\x09\x00\x00\x00\x00\x00S\x00\x00\x00\x04"
ONE_COLUMN = INT16.pack(1)
IDLE = ord("I")  # outside any transaction
DATA_ROW, ERROR, READY = ord("D"), ord("E"), ord("Z")
# BindComplete, CommandComplete, EmptyQueryResponse, NoticeResponse, ParameterStatus, NotificationResponse
PASSED_OVER = frozenset(b"2CINSA")


OnResult: TypeAlias = Callable[[bytes | None, Exception | None], None]
"""Called once with the text in UTF-8, or with None and no error where there is no row.

An error is `ConnectionLost`, `Preempted`, `PoolTimeout`, `TimeoutError` or `NotPipelined`.
"""


class NotPipelined(Exception):
    """The statement has to be run by the driver, who says what is wrong; it changed nothing."""


class StatementPace:
    """How long a statement has taken so far, as far as that decides with whom it shares a connection."""

    __slots__ = ("_runs", "_slow")

    def __init__(self) -> None:
        self._runs = self._slow = 0

    @property
    def is_short(self) -> bool:
        """Return whether 99 of 100 runs took less than `SHORT_SECONDS`."""
        return self._runs >= MIN_RUNS and self._slow * SLOW_SHARE <= self._runs

    def add(self, seconds: float) -> None:
        """Count a run."""
        self._runs += 1
        self._slow += seconds > SHORT_SECONDS
        if self._runs >= MAX_RUNS:
            self._runs //= 2
            self._slow //= 2


class Parameters(NamedTuple):
    """Parameters of a statement in text format."""

    size: int
    """How many they are."""
    data: bytes
    """As Bind has them, one after the other."""


NO_PARAMETERS = Parameters(0, b"")


@dataclass(slots=True, eq=False)
class StatementRun:
    """One run of a statement that enters by itself."""

    statement: str
    parameters: Parameters
    tenant_id: UUID | None
    ends_at: float
    """When nobody waits for it any longer, by the monotonic clock."""
    pace: StatementPace
    on_result: OnResult
    is_update: bool = False
    is_search: bool = False
    is_shared: bool = field(init=False)
    """Whether it may share a connection."""
    waits_until: float = 0.0
    is_reported: bool = False

    def __post_init__(self) -> None:
        """Decide how it is run."""
        self.is_shared = not self.is_update and not self.is_search and self.pace.is_short


StatementResult: TypeAlias = tuple[StatementRun, bytes | None, Exception | None]
"""A run that has ended, and what its `on_result` is told."""


class PipelinedConnection(asyncio.Protocol):
    """A connection of the driver's, for as long as its statements are pipelined."""

    def __init__(
        self,
        slot: Slot,
        connection: AutocommitConnection,
        on_results: "Callable[[PipelinedConnection, Sequence[StatementResult]], None]",
        on_lost: "Callable[[PipelinedConnection], None]",
    ) -> None:
        """Take it over.

        Args:
            slot: the right to it.
            connection: an idle one.
            on_results: told of statements that have ended, in their order.
            on_lost: told when it is lost, with what is in flight.
        """
        self.slot = slot
        self.in_flight: deque[StatementRun] = deque()
        self.began_at = 0.0
        """When the first statement in flight began to run."""
        self.cancelled_at: float | None = None
        self.is_usable = True
        self._connection = connection
        self._on_results, self._on_lost = on_results, on_lost
        self._cancelling: asyncio.Task[None] | None = None
        self._buffer = bytearray()
        self._needed = 0  # bytes of the message that the buffer begins with
        self._value: bytes | None = None
        self._sqlstate: str | None = None
        self._driver_protocol = connection.driver._protocol  # noqa: SLF001  # nothing public takes a connection over
        self._transport = connection.driver._transport  # noqa: SLF001  # likewise
        self._transport.set_protocol(self)

    def has_prepared(self, run: StatementRun) -> bool:
        """Return whether a statement is prepared on it."""
        return run.statement in self._connection.statements

    def may_share(self, about_to: Sequence[StatementRun] = ()) -> bool:
        """Return whether another short statement may follow those in flight, and those that are about to be sent."""
        return self.is_usable and all(run.is_shared for run in (*self.in_flight, *about_to))

    def send(self, runs: Sequence[StatementRun]) -> None:
        """Begin to run statements, one after the other."""
        if not self.in_flight:
            self.began_at = time.monotonic()
        data = b"".join([part for run in runs for part in self._bind(run)])
        self.in_flight.extend(runs)
        self._transport.write(data)

    def _bind(self, run: StatementRun) -> tuple[bytes, ...]:
        name = self._connection.statements[run.statement][0].get_name().encode()
        size, data = run.parameters
        length = INT32.size + 2 + len(name) + 3 * INT16.size + len(data)
        # The unnamed portal; all parameters, and the result, are text.
        return b"B", INT32.pack(length), b"\0", name, b"\0\0\0", INT16.pack(size), data, b"\0\0", EXECUTE_AND_SYNC

    def data_received(self, data: bytes) -> None:
        """Take what the server says."""
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._needed:
                return
            data, self._buffer = bytes(self._buffer), bytearray()
        results: list[StatementResult] = []
        begin, size = 0, len(data)
        self._needed = HEADER_BYTES
        while size - begin >= HEADER_BYTES:
            end = begin + 1 + INT32.unpack_from(data, begin + 1)[0]
            if end > size:
                self._needed = end - begin
                break
            kind = data[begin]
            if kind == READY:
                if not self.in_flight or data[begin + HEADER_BYTES] != IDLE:
                    self._break_off()
                    break
                results.append((self.in_flight.popleft(), self._value, self._error()))
                self._value = self._sqlstate = None
            elif end < begin + HEADER_BYTES or not self._take(kind, data[begin + HEADER_BYTES : end]):
                self._break_off()
                break
            begin = end
        if begin < size:
            self._buffer = bytearray(data[begin:])
        if results:
            self._finish(results)

    def _take(self, kind: int, body: bytes) -> bool:
        """Take one message; return whether it is one that may come."""
        if kind == DATA_ROW:
            value = body[INT16.size + INT32.size :]
            is_null = body[INT16.size : INT16.size + INT32.size] == NULL
            self._value = None if is_null else value
            return body.startswith(ONE_COLUMN)
        if kind == ERROR:
            self._value, self._sqlstate = None, _sqlstate(body)
            return bool(self.in_flight)  # else it is why the server ends the connection
        return kind in PASSED_OVER

    def _error(self) -> Exception | None:
        """Return what the statement that ends now has failed with."""
        code = self._sqlstate
        if code is None:
            return None
        if is_connection_lost(code):
            return ConnectionLost()
        if code == CANCELLED_SQLSTATE and self.slot.is_reserved and self.cancelled_at is None:
            return Preempted()
        return NotPipelined()

    def _finish(self, results: Sequence[StatementResult]) -> None:
        now = time.monotonic()
        seconds = (now - self.began_at) / len(results)
        self.began_at = now
        for run, _, _ in results:
            run.pace.add(seconds)
        self._on_results(self, results)

    def _break_off(self) -> None:
        """Give up a connection whose server says what may not come."""
        self.is_usable = False
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the driver, and whoever waits."""
        self.is_usable = False
        self._driver_protocol.connection_lost(exc)
        self._on_lost(self)

    def cancel(self, now: float) -> None:
        """Ask the server to break off what it runs for this connection; nothing more is sent on it."""
        self.cancelled_at, self.is_usable = now, False
        loop = asyncio.get_running_loop()
        cancel = self._connection.driver._cancel(loop.create_future())  # noqa: SLF001  # nothing public cancels
        self._cancelling = loop.create_task(cancel)

    async def wait_for_cancel(self) -> bool:
        """Wait a moment until no cancel request is under way; return whether there is none."""
        if self._cancelling is None:
            return True
        _, late = await asyncio.wait([self._cancelling], timeout=CANCEL_GRACE_SECONDS)
        for task in late:
            task.cancel()
        return not late

    def terminate(self) -> None:
        """End it at once."""
        self.is_usable = False
        self._connection.driver.terminate()

    def give_up(self) -> AutocommitConnection:
        """Hand it back to the driver."""
        if not self._transport.is_closing():
            self._transport.set_protocol(self._driver_protocol)
            if self._buffer:  # the beginning of a message that nobody asked for
                self._driver_protocol.data_received(bytes(self._buffer))
        return self._connection


def encode_parameters(values: Sequence[Any], first: Parameters = NO_PARAMETERS) -> Parameters | None:
    """Return parameters in text format; None if there is one whose text is not known here.

    Args:
        values: what the parameters are.
        first: those before them, which were encoded earlier.
    """
    parts = [first.data]
    for value in values:
        if value is None:
            parts.append(NULL)
            continue
        try:
            text = _encode(value)
        except ValueError:
            return None
        parts += INT32.pack(len(text)), text
    return Parameters(first.size + len(values), b"".join(parts))


def _encode(value: Any) -> bytes:
    """Return the text of a parameter that is not NULL.

    Raises:
        ValueError: it has none.
    """
    encode = _ENCODERS.get(type(value))
    if encode is not None:
        return encode(value)
    if isinstance(value, str):  # a member of an enum
        return value.encode()
    if isinstance(value, UUID):  # as the driver makes ids
        return _encode_plain(value)
    raise ValueError


def _encode_bool(value: bool) -> bytes:  # noqa: FBT001  # one of many such functions
    return b"t" if value else b"f"


def _encode_list(values: Sequence[Any]) -> bytes:
    return b"{%s}" % b",".join(map(_encode_element, values))


def _encode_element(value: Any) -> bytes:
    if value is None:
        return b"NULL"
    if isinstance(value, list | tuple):
        raise ValueError  # noqa: TRY004  # as any other value without a text
    text = _encode(value)
    return b'"%s"' % text.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def _encode_moment(value: datetime) -> bytes:
    if value.tzinfo is None:
        raise ValueError  # the driver refuses it, or reads it in another way
    return _encode_day(value)


def _encode_day(value: date) -> bytes:
    """Return the text of a day or a moment.

    Raises:
        ValueError: it may be one that the driver takes for infinite, or cannot convert to UTC.
    """
    if not MINYEAR < value.year < MAXYEAR:
        raise ValueError
    return value.isoformat().encode()


def _encode_plain(value: Any) -> bytes:
    return str(value).encode()


_ENCODERS: Mapping[type, Callable[[Any], bytes]] = {
    str: str.encode,
    UUID: _encode_plain,
    int: _encode_plain,
    Decimal: _encode_plain,
    bool: _encode_bool,
    datetime: _encode_moment,
    date: _encode_day,
    list: _encode_list,
    tuple: _encode_list,
}


def _sqlstate(body: bytes) -> str:
    """Return the code of an ErrorResponse."""
    for part in body.split(b"\0"):
        if part.startswith(b"C"):
            return part[1:].decode("latin-1")
    return ""
