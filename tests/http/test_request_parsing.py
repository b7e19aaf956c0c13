"""Hostile bodies: a clear coded error each, never a 500, and little work."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from json import JSONDecodeError
from typing import Any

import httpx
import pytest

from atrium.http.request_parsing import decode_json
from graph.fields.errors import STATUS
from tests.support.assertions import CPU_BUDGET_SECONDS, bounded_cpu

ECHO = "query($t: String!) { echo(text: $t) }"


def with_variable(raw: str) -> str:
    return f'{{"query":{json.dumps(ECHO)},"variables":{{"t":{raw}}}}}'


def nested_filter(levels: int) -> str:
    value = '{"inner":' * levels + "{}" + "}" * levels
    return f'{{"query":"query($f: Filter!) {{ search(by: $f) }}","variables":{{"f":{value}}}}}'


BAD_REQUESTS: dict[str, str | bytes] = {
    "nothing": "",
    "broken": '{"query":',
    "string": '"query"',
    "number": "1",
    "null": "null",
    "true": "true",
    "batch": '[{"query":"{ __typename }"}]',
    "empty array": "[]",
    "no query": "{}",
    "empty query": '{"query":""}',
    "null query": '{"query":null}',
    "query object": '{"query":{"a":1}}',
    "query number": '{"query":0}',
    "query array": '{"query":["a"]}',
    "operation name number": '{"query":"{a}","operationName":0}',
    "operation name array": '{"query":"{a}","operationName":["a"]}',
    "operation name object": '{"query":"{a}","operationName":{"a":1}}',
    "variables string": '{"query":"{a}","variables":"{}"}',
    "variables array": '{"query":"{a}","variables":[]}',
    "variables false": '{"query":"{a}","variables":false}',
    "extensions string": '{"query":"{a}","extensions":"a"}',
    "extensions array": '{"query":"{a}","extensions":["a"]}',
    "NaN": with_variable("NaN"),
    "Infinity": with_variable("-Infinity"),
    "10,000 digits": with_variable("9" * 10_000),
    "exponent": with_variable("1e99999"),
    "lone surrogate": with_variable('"\\ud800"'),
    "reversed surrogates": with_variable('"\\udc00\\ud800"'),
    "NUL escape": with_variable('"a\\u0000b"'),
    "NUL byte": with_variable('"a\x00b"'),
    "NUL in a name": '{"query":"{a}","variables":{"a\\u0000":1}}',
    "bad UTF-8": b'{"query":"{ __typename }","variables":{"t":"\xff\xfe"}}',
    "overlong UTF-8": b'{"query":"\xc0\x80"}',
    "UTF-16": '{"query":"{ __typename }"}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"query":"{ __typename }"}',
    "100,000 brackets": "[" * 100_000,
    "nested array": '{"query":"{a}","extensions":' + "[" * 60 + "]" * 60 + "}",
    "deep array": "[" * 100_000 + "]" * 100_000,
    "deep object": '{"a":' * 20_000 + "1" + "}" * 20_000,
    "deep input": nested_filter(900),
    "input below the recursion limit": nested_filter(200),
    "trailing garbage": '{"query":"{ __typename }"} {}',
    "single quotes": "{'query':'{a}'}",
}


def status_of(body: str | bytes) -> int:
    """400 for what is no JSON, and for an empty document, else 422: it is JSON, and no well-formed request."""
    try:
        value = decode_json(body)
    except JSONDecodeError:
        return 400
    return 400 if isinstance(value, dict) and value.get("query") == "" else 422


@pytest.fixture
async def measured(toy: Any) -> Callable[..., Awaitable[httpx.Response]]:
    """Posts a body and bounds the CPU time of its answer; the first request pays for imports and caches."""
    await toy.post('{"query":"{ __typename }"}')

    async def post(body: str | bytes, **headers: str) -> httpx.Response:
        with bounded_cpu():
            return await toy.post(body, authorization="Bearer valid", **headers)

    return post


@pytest.mark.parametrize("name", BAD_REQUESTS)
async def test_bad_request(toy: Any, measured: Any, name: str) -> None:
    toy.calls.clear()
    response = await measured(BAD_REQUESTS[name])
    assert (response.status_code, toy.error(response)["code"]) == (status_of(BAD_REQUESTS[name]), "BAD_REQUEST")
    assert toy.calls == [], "no context is built for a bad request"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (with_variable("1"), "BAD_USER_INPUT"),
        (with_variable("99999999999999999999"), "BAD_USER_INPUT"),
        (with_variable("[[[[]]]]"), "BAD_USER_INPUT"),
        ('{"query":"{ number(value: ' + "9" * 10_000 + ') }"}', "GRAPHQL_VALIDATION_FAILED"),
        ('{"query":"{ number(value: 2147483648) }"}', "GRAPHQL_VALIDATION_FAILED"),
        ('{"query":"{ echo(text: \\"\\\\ud800\\") }"}', "GRAPHQL_PARSE_FAILED"),
        ('{"query":"{ echo(text: \\"\\u0000\\") }"}', "BAD_REQUEST"),
        ('{"query":"' + "{a" * 5_000 + '"}', "GRAPHQL_PARSE_FAILED"),
        ('{"query":"{ echo(text: ' + "[" * 5_000 + '"}', "GRAPHQL_PARSE_FAILED"),
        ('{"query":"\\ufeff"}', "GRAPHQL_PARSE_FAILED"),
        ('{"query":" "}', "GRAPHQL_PARSE_FAILED"),
        ('{"query":"fragment F on Query { echo }"}', "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_bad_document_or_value(measured: Any, body: str, code: str) -> None:
    response = await measured(body, accept="application/graphql-response+json")
    assert response.status_code == STATUS[code]
    assert {error["extensions"]["code"] for error in response.json()["errors"]} == {code}


async def test_deepest_allowed_input(toy: Any) -> None:
    assert (await toy.post(nested_filter(29))).json() == {"data": {"search": ""}}
    assert (await toy.post(nested_filter(30))).status_code == 400  # deeper than JSON may be


async def test_escaped_backslash_is_no_nul(toy: Any) -> None:
    response = await toy.post(with_variable('"\\\\u0000"'))
    assert response.json() == {"data": {"echo": "\\u0000"}}


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({}, 422),
        ({"query": ""}, 400),
        ({"query": "{a}", "variables": "["}, 400),
        ({"query": "{a}", "variables": "1"}, 422),
        ({"query": "{a}", "variables": '{"a":"\\u0000"}'}, 400),
        ({"query": "{a}", "extensions": "[]"}, 422),
    ],
)
async def test_bad_query_string(toy: Any, parameters: dict[str, str], status: int) -> None:
    response = await toy.get("/graphql", parameters)
    assert (response.status_code, toy.error(response)["code"]) == (status, "BAD_REQUEST")


async def test_long_query_string(toy: Any) -> None:
    response = await toy.get("/graphql", {"query": "#" * 16_384})
    assert (response.status_code, toy.error(response)["code"]) == (414, "URI_TOO_LONG")


async def test_body_limit_is_exact(make_toy: Any) -> None:
    toy = make_toy(body_limit_bytes=2048, anonymous_body_limit_bytes=1024)
    body = '{"query":"{ __typename }"}'
    for limit, authorization in ((1024, "Bearer forged"), (1024, ""), (2048, "Bearer valid")):
        assert (await toy.post(body.ljust(limit), authorization=authorization)).status_code == 200
        response = await toy.post(body.ljust(limit + 1), authorization=authorization)
        assert (response.status_code, toy.error(response)["code"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_declared_length_is_refused_unread(toy: Any) -> None:
    async def unread() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    headers = {"content-type": "application/json", "content-length": "999999999999999999999999"}
    response = await toy.send("POST", "/graphql", content=unread(), headers=headers)
    assert response.status_code == 413


HEAD = b"POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


async def test_chunked_body_is_bounded_while_it_arrives(toy: Any) -> None:
    async with toy.serving() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + chunk(b" " * 16_384) * 4)
        await writer.drain()
        writer.write(chunk(b" "))  # one byte over the limit, and the body has not ended
        assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
        assert b"PAYLOAD_TOO_LARGE" in await reader.read()
        writer.close()


async def test_chunked_body_is_served(toy: Any) -> None:
    async with toy.serving() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + chunk(b'{"query":') + chunk(b'"{ __typename }"}') + b"0\r\n\r\n")
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        writer.close()


async def test_client_may_leave_before_the_end(toy: Any) -> None:
    async with toy.serving() as port:
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + chunk(b'{"query":'))
        await writer.drain()
        writer.close()
        await toy.until(lambda: toy.records)
    assert (toy.records[0].status, toy.records[0].outcome) == (499, "abandoned")


async def test_many_tiny_chunks_are_cheap(toy: Any) -> None:
    text = b'{"query":"{ __typename }"}'.ljust(200_000)

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(text), 2):
            yield text[start : start + 2]

    headers = {"content-type": "application/json", "authorization": "Bearer valid"}
    with bounded_cpu(8 * CPU_BUDGET_SECONDS):  # the client's own chunks cost most of it
        response = await toy.send("POST", "/graphql", content=chunks(), headers=headers)
    assert response.status_code == 200
