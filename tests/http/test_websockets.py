"""GraphQL over WebSocket, on a real server."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from websockets import ConnectionClosed, InvalidStatus

from tests.support.assertions import bounded_cpu

INIT = {"type": "connection_init"}


async def send(socket: Any, *messages: Any) -> None:
    for message in messages:
        await socket.send(message if isinstance(message, str | bytes) else json.dumps(message))


async def receive(socket: Any) -> dict[str, Any]:
    async with asyncio.timeout(10):
        text = await socket.recv()
    assert isinstance(text, str), "browsers' clients read text frames alone"
    message: dict[str, Any] = json.loads(text)
    return message


async def _read_until_closed(socket: Any) -> None:
    async with asyncio.timeout(10):
        while True:
            await socket.recv()


async def wait_for_close(socket: Any) -> tuple[int, str]:
    """The code and reason with which the server closes, whatever it says before."""
    with pytest.raises(ConnectionClosed) as caught:
        await _read_until_closed(socket)
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


def subscribe(query: str, identifier: str = "1", **more: Any) -> dict[str, Any]:
    return {"type": "subscribe", "id": identifier, "payload": {"query": query, **more}}


async def test_all_operations(toy: Any) -> None:
    async with toy.socket(x_request_id="mine") as socket:
        await send(socket, INIT)
        assert await receive(socket) == {"type": "connection_ack"}
        for query, data in [("{ __typename }", {"__typename": "Query"}), ("mutation { change }", {"change": "done"})]:
            await send(socket, subscribe(query))
            assert await receive(socket) == {"type": "next", "id": "1", "payload": {"data": data}}
            assert await receive(socket) == {"type": "complete", "id": "1"}
        await send(socket, subscribe("subscription S($to: Int!) { count(to: $to) }", "2", variables={"to": 2}))
        answers = [await receive(socket) for _ in range(3)]
        assert [answer.get("payload", {}).get("data") for answer in answers] == [{"count": 0}, {"count": 1}, None]
    assert [(record.request_id, record.operation_type) for record in toy.records] == [
        ("mine.1", "query"),
        ("mine.2", "mutation"),
        ("mine.3", "subscription"),
    ]


async def test_each_operation_has_its_own_context(toy: Any) -> None:
    async with toy.socket() as socket:
        await send(socket, {**INIT, "payload": {"Authorization": "Bearer mine"}})
        await receive(socket)
        await send(socket, subscribe("{ who }", "1"))
        assert (await receive(socket))["payload"]["data"] == {"who": "Bearer mine"}
        await receive(socket)
        await send(socket, subscribe("{ who }", "2"))
        await receive(socket)
    assert len(toy.calls) == 3, "one to recognise the client, one for each operation"
    assert len({id(call.record) for call in toy.calls}) == 3


async def test_errors_have_codes_and_the_operation_id(toy: Any) -> None:
    async with toy.socket(x_request_id="mine") as socket:
        await send(socket, INIT)
        await receive(socket)
        cases = [
            ("{", "error", "GRAPHQL_PARSE_FAILED"),
            ("{ nowhere }", "error", "GRAPHQL_VALIDATION_FAILED"),
            ("query A { __typename } query A { __typename }", "error", "GRAPHQL_VALIDATION_FAILED"),
            ("fragment F on Query { __typename }", "error", "GRAPHQL_VALIDATION_FAILED"),
            ("subscription { count }", "error", "GRAPHQL_VALIDATION_FAILED"),
            ("{ forbidden }", "next", "FORBIDDEN"),
            ("{ broken }", "next", "INTERNAL"),
        ]
        for number, (query, kind, code) in enumerate(cases, 1):
            await send(socket, subscribe(query))
            message = await receive(socket)
            errors = message["payload"] if kind == "error" else message["payload"]["errors"]
            assert (message["type"], errors[0]["extensions"]["code"]) == (kind, code)
            assert errors[0]["extensions"]["requestId"] == f"mine.{number}"
            assert "hunter2" not in json.dumps(message)
            if kind == "next":
                await receive(socket)
    outcomes = [record.outcome for record in toy.records]
    assert outcomes == [*["refused"] * 5, "error", "internal"]


DEEP = json.dumps(subscribe("{a}")).replace('"{a}"', '"{a}","variables":' + '{"a":' * 500 + "1" + "}" * 500)


@pytest.mark.parametrize(
    "message",
    [
        b"{}",
        "",
        "{",
        "[]",
        "1",
        "null",
        '"a"',
        "{}",
        '{"type":1}',
        '{"type":["subscribe"]}',
        '{"type":"other"}',
        '{"type":"subscribe"}',
        '{"type":"subscribe","id":1,"payload":{"query":"{a}"}}',
        '{"type":"subscribe","id":"","payload":{"query":"{a}"}}',
        json.dumps(subscribe("{a}", "x" * 129)),
        '{"type":"subscribe","id":"1"}',
        '{"type":"subscribe","id":"1","payload":[]}',
        '{"type":"subscribe","id":"1","payload":{}}',
        '{"type":"subscribe","id":"1","payload":{"query":1}}',
        '{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":[]}}',
        '{"type":"subscribe","id":"1","payload":{"query":"{a}","operationName":1}}',
        '{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":{"a":"\\u0000"}}}',
        '{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":{"a":NaN}}}',
        '{"type":"complete"}',
        '{"type":"complete","id":["a"]}',
        DEEP,
    ],
)
async def test_what_is_no_message_closes_the_socket(toy: Any, message: str | bytes) -> None:
    async with toy.socket() as socket:
        with bounded_cpu():
            await send(socket, INIT, message)
            code, _reason = await wait_for_close(socket)
        assert code == 4400


async def test_close_reason_fits_its_frame(toy: Any) -> None:
    async with toy.socket() as socket:
        name = "ü" * 128
        await send(socket, INIT, subscribe("{ stuck }", name), subscribe("{ stuck }", name))
        code, reason = await wait_for_close(socket)
    assert (code, len(reason.encode())) == (4409, 123)


@pytest.mark.parametrize(("authorization", "limit"), [("Bearer forged", 1024), ("Bearer valid", 2048)])
async def test_message_limit(make_toy: Any, authorization: str, limit: int) -> None:
    toy = make_toy(body_limit_bytes=2048, anonymous_body_limit_bytes=1024)
    message = json.dumps(subscribe("{ __typename }"))
    async with toy.socket() as socket:
        await send(socket, {**INIT, "payload": {"authorization": authorization}}, message.ljust(limit))
        assert [(await receive(socket))["type"] for _ in range(3)] == ["connection_ack", "next", "complete"]
        await send(socket, message.ljust(limit + 1))
        assert (await wait_for_close(socket))[0] in {1009, 4400}


async def test_message_limit_before_the_client_is_recognised(make_toy: Any) -> None:
    toy = make_toy(body_limit_bytes=2048, anonymous_body_limit_bytes=1024)
    async with toy.socket() as socket:
        init = {**INIT, "payload": {"authorization": "Bearer valid"}}
        await send(socket, json.dumps(init).ljust(1025))
        assert (await wait_for_close(socket))[0] == 4400


async def test_operation_before_init(toy: Any) -> None:
    async with toy.socket() as socket:
        await send(socket, subscribe("{ __typename }"))
        assert (await wait_for_close(socket))[0] == 4401


async def test_refused_client(toy: Any) -> None:
    async with toy.socket() as socket:
        await send(socket, {**INIT, "payload": {"authorization": "Bearer expired"}})
        assert await wait_for_close(socket) == (4403, "The access token has expired.")


async def test_null_payload_of_init(toy: Any) -> None:
    async with toy.socket() as socket:
        await send(socket, {**INIT, "payload": None})
        assert await receive(socket) == {"type": "connection_ack"}


async def test_socket_ends_with_its_token(toy: Any) -> None:
    toy.expires_at = datetime.now(UTC) + timedelta(seconds=0.2)
    async with toy.socket() as socket:
        await send(socket, INIT, subscribe("subscription { endless }"))
        assert (await wait_for_close(socket))[0] == 4403
    await toy.until_ended("endless")


async def test_completed_operation_ends(toy: Any) -> None:
    async with toy.socket() as socket:
        await send(socket, INIT, subscribe("subscription { endless }"))
        await receive(socket)
        assert (await receive(socket))["type"] == "next"
        await send(socket, {"type": "complete", "id": "1"})
        await toy.until_ended("endless")


async def test_operations_end_with_their_socket(toy: Any) -> None:
    async with toy.socket() as socket:
        await send(socket, INIT, subscribe("{ stuck }"))
        await receive(socket)
        await send(socket, {"type": "ping"})
        assert await receive(socket) == {"type": "pong"}
        await socket.close()
        await toy.until_ended("stuck")


@pytest.mark.parametrize(
    ("settings", "origin", "allowed"),
    [
        ({}, "http://localhost:5173", True),
        ({}, "https://evil.example", False),
        ({"environment": "production"}, "http://localhost:5173", False),
        ({"environment": "production", "cors_origins": "https://app.example"}, "https://app.example", True),
    ],
)
async def test_pages_of_other_origins(make_toy: Any, settings: dict[str, str], origin: str, *, allowed: bool) -> None:
    toy = make_toy(**settings)
    if allowed:
        async with toy.socket(origin=origin) as socket:
            await send(socket, INIT)
            assert await receive(socket) == {"type": "connection_ack"}
    else:
        with pytest.raises(InvalidStatus, match="403"):
            async with toy.socket(origin=origin):
                pass


async def test_only_the_current_protocol_is_spoken(toy: Any) -> None:
    async with toy.socket(protocol="graphql-ws") as socket:
        assert (await wait_for_close(socket))[0] == 4406


async def test_an_operation_too_many_is_refused_with_a_code(toy: Any) -> None:
    async with toy.socket(x_request_id="mine") as socket:
        await send(socket, INIT, *(subscribe("subscription { endless }", f"{number}") for number in range(101)))
        messages = [await receive(socket) for _ in range(102)]
        [refused] = [message for message in messages if message["type"] == "error"]
        [error] = refused["payload"]
        assert (refused["id"], error["extensions"]["code"]) == ("100", "TOO_MANY_OPERATIONS")
        assert error["extensions"]["allowed"] == 100
        await send(socket, {"type": "complete", "id": "0"}, {"type": "ping"})
        assert (await receive(socket))["type"] == "pong"
        await send(socket, subscribe("{ __typename }", "again"))
        assert (await receive(socket))["id"] == "again"
    request_id = error["extensions"]["requestId"]
    assert [record.outcome for record in toy.records if record.request_id == request_id] == ["refused"]


async def test_an_operation_without_a_query_is_refused_with_a_code(toy: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with toy.socket() as socket:
        await send(socket, INIT, subscribe(""))
        await receive(socket)
        message = await receive(socket)
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "BAD_REQUEST")
    assert [record.outcome for record in toy.records] == ["refused"]
    assert [record for record in caplog.records if record.exc_info] == []


async def test_a_late_query_is_cancelled(make_toy: Any) -> None:
    toy = make_toy(request_timeout_seconds=0.1)
    async with toy.socket() as socket:
        await send(socket, INIT, subscribe("{ stuck }", "q"), subscribe("subscription { endless }", "s"))
        messages = [await receive(socket) for _ in range(3)]
        assert {"type": "next", "id": "s", "payload": {"data": {"endless": 1}}} in messages
        message = next(message for message in messages if message.get("id") == "q")
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "TIMEOUT")
        await toy.until_ended("stuck")
        await send(socket, {"type": "ping"})
        assert await receive(socket) == {"type": "pong"}, "the subscription goes on, and so does the socket"
    assert sorted(record.outcome for record in toy.records) == ["ok", "timeout"]


async def test_a_fault_while_a_client_is_recognised_closes_the_socket(
    toy: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with toy.socket() as socket:
        await send(socket, {**INIT, "payload": {"Authorization": "Bearer bug"}})
        assert (await wait_for_close(socket))[0] == 1011
    assert "hunter2" in caplog.text


async def test_a_fault_in_an_operation_is_logged_once(toy: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with toy.socket() as socket:
        await send(socket, INIT, subscribe("subscription { failing }"))
        messages = [await receive(socket) for _ in range(3)]
        await send(socket, {"type": "ping"})
        assert (await receive(socket))["type"] in {"pong", "complete"}
    assert messages[2]["payload"]["errors"][0]["extensions"]["code"] == "INTERNAL"
    traces = [record.name for record in caplog.records if record.exc_info]
    assert traces == ["strawberry.execution", "atrium.http.responses"], "the first is of the toy's schema"
