"""GraphQL over HTTP, first edition (September 2026): a test for each MUST and SHOULD about statuses."""

import asyncio
import json
from typing import Any

import pytest

from tests.http.test_connections import HOST, connected
from tests.support.factories import World
from tests.support.http_rules import ECHO, GRAPHQL, JSON, QUERY, WITH_CHARSET, post, require_request_error, states

POST = b"POST /graphql HTTP/1.1\r\nContent-Type: application/json\r\n" + HOST


@states("SHOULD", "Status Codes")
async def test_without_a_graphql_response_the_status_fits(toy: Any) -> None:
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    assert (await toy.send("OPTIONS", "/graphql", headers=asked)).status_code == 400
    assert (await toy.get("/nowhere", accept=GRAPHQL)).status_code == 404


@states("MUST", "Status Codes")
async def test_what_is_no_graphql_response_is_not_labelled_so(toy: Any) -> None:
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST", "accept": GRAPHQL}
    others = [
        await toy.send("OPTIONS", "/graphql", headers=asked),
        await toy.get("/nowhere", accept=GRAPHQL),
        await toy.get("/graphql", accept=f"text/html, {GRAPHQL}"),
    ]
    assert not any(GRAPHQL in response.headers.get("content-type", "") for response in others)


@states("MUST", "Status Codes")
async def test_data_gets_a_2xx(toy: Any) -> None:
    for accept in (GRAPHQL, JSON, "*/*"):
        for text in ("{ who }", "{ forbidden who }"):
            response = await post(toy, accept, query=text)
            assert response.json()["data"]["who"]
            assert response.is_success


@states("SHOULD", "Status Codes")
async def test_data_without_errors_gets_200(toy: Any) -> None:
    for accept in (GRAPHQL, JSON, "*/*"):
        assert (await post(toy, accept, query="{ who }")).status_code == 200


@states("SHOULD", "Status Codes")
async def test_data_with_errors_gets_294(toy: Any) -> None:
    response = await post(toy, query="{ forbidden who }")
    assert (response.status_code, response.headers["content-type"]) == (294, WITH_CHARSET)
    assert response.json()["data"] == {"forbidden": None, "who": "nobody"}


@states("SHOULD", "Status Codes")
async def test_null_data_with_errors_gets_294(toy: Any) -> None:
    response = await post(toy, query="{ broken }")
    assert (response.status_code, response.json()["data"]) == (294, None)


@states("SHOULD", "Partial success")
async def test_294_goes_with_its_own_media_type_alone(toy: Any) -> None:
    for accept in (JSON, "*/*", f"{JSON}, {GRAPHQL};q=0.5"):
        assert (await post(toy, accept, query="{ forbidden }")).status_code == 200


@states("MUST", "Status Codes")
async def test_without_data_the_status_is_4xx_or_5xx(toy: Any) -> None:
    for accept in (GRAPHQL, JSON, "*/*"):
        for text in ("", "{", "{ nowhere }", "fragment F on Query { who }"):
            assert (await post(toy, accept, query=text)).status_code in {400, 422}
        assert (await toy.post(QUERY, accept=accept, authorization="Bearer bug")).status_code == 500


@states("SHOULD", "Status Codes")
async def test_another_method_gets_405(toy: Any) -> None:
    for method in ("PUT", "PATCH", "DELETE"):
        require_request_error(await toy.send(method, "/graphql", headers={"accept": GRAPHQL}), 405)


@states("MUST", "Status Codes")
async def test_405_names_what_is_allowed(toy: Any) -> None:
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"):
        response = await toy.send(method, "/graphql")
        assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


@states("SHOULD", "Status Codes")
async def test_another_content_type_gets_415(toy: Any) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/graphql", f"{JSON}lines"):
        require_request_error(await toy.post(QUERY, content_type=content_type, accept=GRAPHQL), 415)


@states("SHOULD", "Status Codes")
async def test_nothing_acceptable_gets_406(toy: Any) -> None:
    require_request_error(await toy.get("/graphql", {"query": "{ who }"}, accept="text/csv"), 406)


@states("SHOULD", "Status Codes")
@pytest.mark.parametrize("part", ["head", "body"])
async def test_a_request_that_does_not_come_gets_408(make_toy: Any, part: str) -> None:
    toy = make_toy(header_timeout_seconds=0.2, request_timeout_seconds=0.2)
    status, headers = await over_the_wire(toy, POST if part == "head" else POST + b"Content-Length: 25\r\n\r\n{")
    assert (status, headers["content-type"]) == (408, WITH_CHARSET)


@states("SHOULD", "Status Codes")
async def test_a_uri_that_is_too_long_gets_414(toy: Any) -> None:
    require_request_error(await toy.get("/graphql", {"query": "#" * 16_384}, accept=GRAPHQL), 414)
    status, headers = await over_the_wire(toy, b"GET /graphql?query=" + b"a" * 20_000)
    assert (status, headers["content-type"]) == (414, WITH_CHARSET)


@states("SHOULD", "Status Codes")
async def test_headers_that_are_too_large_get_431(toy: Any) -> None:
    for more in (b"X-A: " + b"a" * 20_000, b"X-A: 1\r\n" * 101 + b"\r\n"):
        status, headers = await over_the_wire(toy, POST + more)
        assert (status, headers["content-type"]) == (431, WITH_CHARSET)


@states("SHOULD", "Status Codes")
async def test_a_body_that_is_too_large_gets_413(toy: Any) -> None:
    require_request_error(await toy.post(QUERY.ljust(65_537), accept=GRAPHQL), 413)


@states("SHOULD", "Status Codes")
async def test_a_body_that_is_no_json_gets_400(toy: Any) -> None:
    for text in ("NONSENSE", '{"query":', ""):
        require_request_error(await toy.post(text, accept=GRAPHQL), 400)


@states("SHOULD", "Status Codes")
async def test_what_is_no_well_formed_request_gets_422(toy: Any) -> None:
    for parameters in (
        {},
        {"qeury": "{ __typename }"},
        {"query": None},
        {"query": 7},
        {"query": "{ who }", "variables": [7]},
        {"query": "{ who }", "variables": "{}"},
        {"query": "{ who }", "operationName": 7},
        {"query": "{ who }", "extensions": []},
    ):
        require_request_error(await post(toy, **parameters), 422)
    for text in ("[]", f"[{QUERY}]", "null", "7"):
        require_request_error(await toy.post(text, accept=GRAPHQL), 422)


@states("SHOULD", "Status Codes")
async def test_a_document_that_does_not_parse_gets_400(toy: Any) -> None:
    for text in ("{", "nonsense", "", " ", "query {{ who }"):
        require_request_error(await post(toy, query=text), 400)


@states("SHOULD", "Status Codes")
async def test_a_document_that_is_not_valid_gets_422(toy: Any) -> None:
    require_request_error(await post(toy, query="{ nowhere }"), 422)


@states("SHOULD", "Status Codes")
async def test_an_operation_that_cannot_be_determined_gets_422(world: World) -> None:
    several = "query A { __typename } query B { __typename }"
    for parameters in (
        {"query": several},
        {"query": several, "operationName": "C"},
        {"query": "query A { __typename }", "operationName": "C"},
        {"query": "fragment F on Query { __typename }"},
    ):
        response = await world.app.http.post("/graphql", json=parameters, headers={"accept": GRAPHQL})
        require_request_error(response, 422)


@states("SHOULD", "Status Codes")
async def test_variables_that_cannot_be_coerced_get_422(toy: Any) -> None:
    for variables in ({}, {"t": None}, {"t": 7}, {"t": ["a"]}):
        require_request_error(await post(toy, query=ECHO, variables=variables), 422)


@states("SHOULD", "Status Codes")
async def test_who_has_no_token_that_is_good_gets_401(toy: Any) -> None:
    response = await toy.post(QUERY, accept=GRAPHQL, authorization="Bearer expired")
    require_request_error(response, 401)
    assert response.headers["www-authenticate"] == "Bearer"


@states("MUST", "Status Codes")
async def test_a_fault_of_the_server_gets_a_5xx(toy: Any) -> None:
    require_request_error(await toy.post(QUERY, accept=GRAPHQL, authorization="Bearer bug"), 500)


@states("SHOULD", "Status Codes")
async def test_overload_gets_503(toy: Any) -> None:
    require_request_error(await toy.post(QUERY, accept=GRAPHQL, authorization="Bearer unlucky"), 503)


@states("SHOULD", "Examples")
@pytest.mark.parametrize(
    "parameters",
    [
        {"query": "mutation { change nowhere }"},
        {"query": "mutation A { change }", "operationName": "C"},
        {"query": "mutation($v: Boolean!) { change @include(if: $v) }", "variables": {"v": 7}},
    ],
    ids=["validation", "operation", "variables"],
)
async def test_after_a_request_error_nothing_is_executed(toy: Any, parameters: dict[str, Any]) -> None:
    require_request_error(await post(toy, **parameters), 422)
    assert toy.ended == []


@states("SHOULD", "Examples")
async def test_errors_of_fields_are_no_errors_of_the_request(toy: Any) -> None:
    for accept in (GRAPHQL, JSON):
        for text in ("{ forbidden }", "{ broken }"):
            response = await post(toy, accept, query=text)
            assert response.is_success
            assert response.json()["errors"][0]["path"]


async def over_the_wire(toy: Any, data: bytes) -> tuple[int, dict[str, str]]:
    """The status and headers of the answer to what a client sends and does not end."""
    async with asyncio.timeout(10), connected(toy) as made:
        await made.send(data)
        status, headers, body = await made.answer()
    assert json.loads(body)["errors"]
    return status, headers
