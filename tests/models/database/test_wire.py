"""Pipelined statements against a scripted server: every message at every point, cut at every byte."""

from datetime import UTC, date, datetime, timedelta, timezone
from struct import pack
from typing import Any
from uuid import UUID

import pytest

from models.database.errors import ConnectionLost, Preempted
from models.database.limiter import Slot
from models.database.wire import NotPipelined, PipelinedConnection, StatementPace, StatementRun, encode_parameters

Result = tuple[str, bytes | None, type[Exception] | None]


class Transport:
    """Takes down what is sent, and says what protocol it has."""

    def __init__(self) -> None:
        self.sent = b""
        self.is_aborted = False
        self.protocol: Any = None

    def write(self, data: bytes) -> None:
        self.sent += data

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def is_closing(self) -> bool:
        return self.is_aborted

    def abort(self) -> None:
        self.is_aborted = True


class Driver:
    """The driver's connection, and its protocol."""

    def __init__(self) -> None:
        self._transport = Transport()
        self._protocol = self
        self.lost: list[Exception | None] = []
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.append(exc)


class Prepared:
    def __init__(self, name: str) -> None:
        self._name = name

    def get_name(self) -> str:
        return self._name


class Idle:
    """An idle connection with two prepared statements."""

    def __init__(self) -> None:
        self.driver = Driver()
        self.statements = {"SELECT 1": (Prepared("s1"), (), 0.0), "SELECT 2": (Prepared("s2"), (), 0.0)}


class Scripted:
    """A connection whose server is the test."""

    def __init__(self, *, is_reserved: bool = False) -> None:
        self.results: list[Result] = []
        self.is_lost = False
        self.idle = Idle()
        slot = Slot(None, general_only=False, is_reserved=is_reserved)
        self.connection = PipelinedConnection(slot, self.idle, self._take, self._lose)  # type: ignore[arg-type]  # it looks like one

    def _take(self, _connection: PipelinedConnection, results: Any) -> None:
        self.results += [(run.statement, value, error and type(error)) for run, value, error in results]

    def _lose(self, _connection: PipelinedConnection) -> None:
        self.is_lost = True

    def send(self, *statements: str) -> None:
        self.connection.send([run_of(each) for each in statements])

    @property
    def transport(self) -> Transport:
        return self.idle.driver._transport  # noqa: SLF001  # the driver has nothing public either


def run_of(statement: str, *values: Any) -> StatementRun:
    parameters = encode_parameters(values)
    assert parameters is not None
    return StatementRun(statement, parameters, None, float("inf"), StatementPace(), lambda _value, _error: None)


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + pack("!i", 4 + len(body)) + body


def row(*values: bytes | None) -> bytes:
    columns = [pack("!i", -1) if value is None else pack("!i", len(value)) + value for value in values]
    return message(b"D", pack("!h", len(values)) + b"".join(columns))


def error(code: str, severity: bytes = b"ERROR") -> bytes:
    return message(b"E", b"S" + severity + b"\0C" + code.encode() + b"\0MCsomething\0\0")


BOUND, DONE, READY = message(b"2"), message(b"C", b"SELECT 1\0"), message(b"Z", b"I")
ASYNCHRONOUS = {
    "notice": message(b"N", b"SNOTICE\0C00000\0Mx\0\0"),
    "setting": message(b"S", b"TimeZone\0UTC\0"),
    "notification": message(b"A", pack("!i", 7) + b"channel\0\0"),
}


def answer(value: bytes | None) -> bytes:
    return BOUND + row(value) + DONE + READY


def test_what_is_sent_is_bind_execute_and_sync() -> None:
    scripted = Scripted()
    scripted.connection.send([run_of("SELECT 2", "a", None, 7)])
    bind = b"\0s2\0" + pack("!h", 0) + pack("!h", 3)
    bind += pack("!i", 1) + b"a" + pack("!i", -1) + pack("!i", 1) + b"7" + pack("!h", 0)
    assert scripted.transport.sent == message(b"B", bind) + message(b"E", b"\0" + pack("!i", 0)) + message(b"S")


TWO: list[Result] = [("SELECT 1", b'{"a":"\xc3\xa9"}', None), ("SELECT 2", None, None), ("SELECT 1", b"", None)]
TWO_BYTES = answer(b'{"a":"\xc3\xa9"}') + answer(None) + answer(b"")


@pytest.mark.parametrize("between", [b"", *ASYNCHRONOUS.values()], ids=["nothing", *ASYNCHRONOUS])
def test_answers_are_read_however_they_are_cut(between: bytes) -> None:
    messages = [answer(b'{"a":"\xc3\xa9"}'), answer(None), answer(b"")]
    whole = between + between.join([part for each in messages for part in _split(each)]) + between
    for first in range(len(whole)):
        for second in (first, first + 1, min(first + 7, len(whole))):
            scripted = Scripted()
            scripted.send("SELECT 1", "SELECT 2", "SELECT 1")
            for piece in (whole[:first], whole[first:second], whole[second:]):
                if piece:
                    scripted.connection.data_received(piece)
            assert scripted.results == TWO


def _split(data: bytes) -> list[bytes]:
    """Return the messages of what a server says."""
    parts = []
    while data:
        end = 1 + int.from_bytes(data[1:5])
        parts.append(data[:end])
        data = data[end:]
    return parts


def test_answers_are_read_byte_by_byte() -> None:
    scripted = Scripted()
    scripted.send("SELECT 1", "SELECT 2", "SELECT 1")
    for at in range(len(TWO_BYTES)):
        scripted.connection.data_received(TWO_BYTES[at : at + 1])
    assert scripted.results == TWO


FAILURES = {
    "invalid value": ("22P02", NotPipelined),
    "changed result": ("0A000", NotPipelined),
    "unknown statement": ("26000", NotPipelined),
    "deadlock": ("40P01", NotPipelined),
    "shutdown": ("57P01", ConnectionLost),
    "connection failure": ("08006", ConnectionLost),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_statement_fails_alone(failure: str) -> None:
    code, expected = FAILURES[failure]
    for beginning in (b"", BOUND, BOUND + row(b"x"), BOUND + row(b"x") + DONE):
        scripted = Scripted()
        scripted.send("SELECT 1", "SELECT 2", "SELECT 1")
        scripted.connection.data_received(answer(b"a") + beginning + error(code) + READY + answer(b"c"))
        assert scripted.results == [("SELECT 1", b"a", None), ("SELECT 2", None, expected), ("SELECT 1", b"c", None)]


@pytest.mark.parametrize(("is_reserved", "expected"), [(True, Preempted), (False, NotPipelined)])
def test_what_a_reserved_connection_cuts_off_was_preempted(expected: type[Exception], *, is_reserved: bool) -> None:
    scripted = Scripted(is_reserved=is_reserved)
    scripted.send("SELECT 1")
    scripted.connection.data_received(error("57014") + READY)
    assert scripted.results == [("SELECT 1", None, expected)]


def test_a_connection_that_ends_loses_what_has_not_ended() -> None:
    for at in range(len(TWO_BYTES) + 1):
        scripted = Scripted()
        scripted.send("SELECT 1", "SELECT 2", "SELECT 1")
        if at:
            scripted.connection.data_received(TWO_BYTES[:at])
        ended = sum(at >= end for end in _ends(TWO_BYTES))
        assert scripted.results == TWO[:ended]
        scripted.connection.connection_lost(None)
        assert [run.statement for run in scripted.connection.in_flight] == [each[0] for each in TWO[ended:]]
        assert scripted.is_lost
        assert scripted.idle.driver.lost == [None]
        assert not scripted.connection.may_share()


def _ends(data: bytes) -> list[int]:
    """Return where ReadyForQuery ends."""
    ends, at = [], 0
    for part in _split(data):
        at += len(part)
        if part[:1] == b"Z":
            ends.append(at)
    return ends


MALFORMED = {
    "unknown kind": message(b"?", b"x"),
    "copy": message(b"H", b"\0\0\0"),
    "two columns": row(b"a", b"b"),
    "length too small": b"D\0\0\0\3",
    "negative length": b"D\xff\xff\xff\xff",
    "a transaction": message(b"Z", b"T"),
    "a failed transaction": message(b"Z", b"E"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_server_that_says_what_may_not_come_is_given_up(case: str) -> None:
    scripted = Scripted()
    scripted.send("SELECT 1", "SELECT 2")
    scripted.connection.data_received(answer(b"a") + BOUND + MALFORMED[case] + READY + answer(b"c"))
    assert scripted.results == [("SELECT 1", b"a", None)]
    assert scripted.transport.is_aborted
    assert not scripted.connection.is_usable


def test_an_answer_to_nothing_is_not_taken_for_that_of_the_next() -> None:
    scripted = Scripted()
    scripted.connection.data_received(READY)
    assert scripted.transport.is_aborted


def test_a_connection_goes_back_to_the_driver() -> None:
    scripted = Scripted()
    assert scripted.transport.protocol is scripted.connection
    scripted.connection.give_up()
    assert scripted.transport.protocol is scripted.idle.driver


@pytest.mark.parametrize("cut", [1, 5, 9])
def test_the_driver_gets_what_it_has_to_read_to_its_end(cut: int) -> None:
    """The server may tell of a setting at any time, of which a part may come with the last answer."""
    scripted = Scripted()
    scripted.send("SELECT 1")
    scripted.connection.data_received(answer(b"a") + ASYNCHRONOUS["setting"][:cut])
    scripted.connection.give_up()
    assert scripted.results == [("SELECT 1", b"a", None)]
    assert scripted.idle.driver.received == ASYNCHRONOUS["setting"][:cut]


def test_a_connection_that_the_server_ends_behind_an_answer_is_given_up() -> None:
    scripted = Scripted()
    scripted.send("SELECT 1")
    scripted.connection.data_received(answer(b"a") + error("57P01", b"FATAL"))
    assert scripted.results == [("SELECT 1", b"a", None)]
    assert not scripted.connection.is_usable


def test_a_statement_is_short_while_it_has_been() -> None:
    pace = StatementPace()
    assert not pace.is_short
    for _ in range(20):
        pace.add(0.001)
    assert pace.is_short
    pace.add(0.006)
    assert not pace.is_short
    for _ in range(100):
        pace.add(0.001)
    assert pace.is_short


class Odd:
    """A value whose text nobody knows."""


UNKNOWN = {
    "object": Odd(),
    "object in a list": [Odd()],
    "list in a list": [["a"]],
    "half a character": "\ud800",
    "bytes": b"a",
    "a day that is infinite to the driver": date.max,
    "another one": date.min,
    "a moment that is infinite to the driver": datetime.max.replace(tzinfo=UTC),
    "another moment": datetime.min.replace(tzinfo=UTC),
    "a moment before all that the driver knows": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_a_value_without_a_known_text_is_left_to_the_driver(case: str) -> None:
    assert encode_parameters([UUID(int=1), UNKNOWN[case]]) is None
