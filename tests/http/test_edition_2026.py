"""GraphQL over HTTP, first edition (September 2026): a test for each MUST and SHOULD of a server but its statuses."""

import json
from typing import Any

import pytest

from tests.support.http_rules import ECHO, GRAPHQL, JSON, QUERY, WITH_CHARSET, post, require_request_error, states

# URL


@states("MUST", "URL")
async def test_a_schema_is_served_at_a_url(toy: Any) -> None:
    assert (await post(toy, query="{ __schema { queryType { name } } }")).json()["data"]["__schema"]


@states("SHOULD", "URL")
async def test_who_is_not_permitted_gets_a_4xx(toy: Any) -> None:
    require_request_error(await toy.post(QUERY, accept=GRAPHQL, authorization="Bearer forbidden"), 403)


@states("SHOULD", "URL")
async def test_who_is_permitted_does_not_depend_on_the_request(toy: Any) -> None:
    texts = ["{ who }", "mutation { change }", "{ nowhere }", "{"]
    answers = [await toy.post(json.dumps({"query": text}), authorization="Bearer expired") for text in texts]
    assert [answer.status_code for answer in answers] == [401] * len(texts)


# Serialization Format


@states("MUST", "Serialization Format")
async def test_json_is_supported(toy: Any) -> None:
    assert (await post(toy, query="{ who }")).json() == {"data": {"who": "nobody"}}


@states("MUST", "Media Types")
async def test_without_a_charset_utf_8_is_assumed(toy: Any) -> None:
    text = json.dumps({"query": ECHO, "variables": {"t": "Ärger 🏃"}}, ensure_ascii=False).encode()
    response = await toy.post(text, content_type=JSON, accept=GRAPHQL)
    assert json.loads(response.content.decode("utf-8")) == {"data": {"echo": "Ärger 🏃"}}


# Request


@states("MUST", "Request")
async def test_post_is_accepted(toy: Any) -> None:
    assert (await toy.post(QUERY, accept=GRAPHQL)).status_code == 200


@states("MUST", "GET")
async def test_the_parameters_of_a_get_are_in_its_query_string(toy: Any) -> None:
    parameters = {"query": f"query A {{ who }} {ECHO.replace('query', 'query B')}", "operationName": "B"}
    response = await toy.get("/graphql", {**parameters, "variables": '{"t":"a b+c"}', "extensions": "{}"})
    assert (response.status_code, response.json()) == (200, {"data": {"echo": "a b+c"}})


@states("MUST", "GET")
@pytest.mark.parametrize("name", ["variables", "extensions"])
async def test_maps_of_a_get_are_json(toy: Any, name: str) -> None:
    assert (await toy.get("/graphql", {"query": "{ who }", name: "{"}, accept=GRAPHQL)).status_code == 400


@states("MUST", "GET")
async def test_an_empty_optional_parameter_is_none(toy: Any) -> None:
    empty = {"operationName": "", "variables": "", "extensions": ""}
    response = await toy.get("/graphql", {"query": "{ who }", **empty}, accept=GRAPHQL)
    assert (response.status_code, response.json()) == (200, {"data": {"who": "nobody"}})


@states("MUST", "GET")
async def test_a_name_null_is_a_name(toy: Any) -> None:
    parameters = {"query": "query null { who } query other { __typename }", "operationName": "null"}
    assert (await toy.get("/graphql", parameters)).json() == {"data": {"who": "nobody"}}


@states("MUST", "GET")
async def test_a_get_never_executes_a_mutation(toy: Any) -> None:
    texts = ["mutation { change }", "query A { who } mutation B { change }"]
    for text in texts:
        parameters = {"query": text, "operationName": "B" if "B" in text else ""}
        require_request_error(await toy.get("/graphql", parameters, accept=GRAPHQL), 405)
    assert toy.ended == []


@states("SHOULD", "GET")
async def test_a_mutation_by_get_gets_405_and_allow(toy: Any) -> None:
    response = await toy.get("/graphql", {"query": "mutation { change }"}, accept=GRAPHQL)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


@states("MUST", "POST")
async def test_json_in_utf_8_is_supported(toy: Any) -> None:
    for content_type in (JSON, f"{JSON}; charset=utf-8", 'Application/JSON; charset="UTF-8"'):
        assert (await toy.post(QUERY, content_type=content_type, accept=GRAPHQL)).status_code == 200


@states("MUST", "POST")
async def test_a_body_without_a_charset_is_utf_8(toy: Any) -> None:
    latin = json.dumps({"query": ECHO, "variables": {"t": "Ä"}}, ensure_ascii=False).encode("latin-1")
    assert (await toy.post(latin, content_type=JSON, accept=GRAPHQL)).status_code == 400


@states("SHOULD", "POST")
async def test_a_body_without_a_content_type_gets_a_4xx(toy: Any) -> None:
    response = await toy.send("POST", "/graphql", content=QUERY, headers={"accept": GRAPHQL})
    assert "content-type" not in response.request.headers
    require_request_error(response, 415)


@states("MUST", "JSON Encoding")
async def test_other_properties_are_ignored(toy: Any) -> None:
    for extra in ({"id": 7}, {"qeury": "{"}, {"onError": "NULL", "a.b": [{}]}):
        response = await post(toy, query="{ who }", **extra)
        assert (response.status_code, response.json()) == (200, {"data": {"who": "nobody"}})


@states("MUST", "JSON Encoding")
async def test_null_is_none_for_an_optional_parameter(toy: Any) -> None:
    response = await post(toy, query="{ who }", operationName=None, variables=None, extensions=None)
    assert response.json() == {"data": {"who": "nobody"}}


@states("MUST", "JSON Encoding")
async def test_extensions_may_hold_anything(toy: Any) -> None:
    response = await post(toy, query="{ who }", extensions={"a": {"b": [1, None]}})
    assert (response.status_code, response.json()) == (200, {"data": {"who": "nobody"}})


# Response


@states("MUST", "Body")
async def test_the_body_is_a_graphql_response(toy: Any) -> None:
    for text in ("{ who }", "{ forbidden who }", "{ broken }", "{ nowhere }", "{", ""):
        body = (await post(toy, query=text)).json()
        assert set(body) <= {"data", "errors", "extensions"}
        assert "data" in body or body["errors"]
        assert "errors" not in body or all(error["message"] for error in body["errors"])


@states("MUST", "Body")
async def test_the_media_type_of_the_response_is_named(toy: Any) -> None:
    for accept in (GRAPHQL, JSON, "*/*"):
        for text in ("{ who }", "{ forbidden }", "{"):
            assert (await post(toy, accept, query=text)).headers["content-type"].startswith((GRAPHQL, JSON))


@states("SHOULD", "Body")
async def test_the_charset_of_the_response_is_named(toy: Any) -> None:
    for accept in (GRAPHQL, JSON, "*/*"):
        for text in ("{ who }", "{"):
            assert (await post(toy, accept, query=text)).headers["content-type"].endswith("; charset=utf-8")


@states("MUST", "Body")
async def test_graphql_responses_are_supported(toy: Any) -> None:
    assert (await post(toy, GRAPHQL, query="{ who }")).headers["content-type"] == WITH_CHARSET


@states("MUST", "Body")
async def test_the_accepted_type_of_the_highest_priority_is_sent(toy: Any) -> None:
    for accept, expected in (
        (f"{JSON};q=0.9, {GRAPHQL}", GRAPHQL),
        (f"{GRAPHQL};q=0.8, {JSON}", JSON),
        (f"{GRAPHQL}, {JSON}", GRAPHQL),
        (f"text/html, {GRAPHQL};q=0.1", GRAPHQL),
        (f"*/*;q=0.1, {GRAPHQL};q=0.2", GRAPHQL),
        (f"image/png, {JSON};q=0", None),
    ):
        response = await post(toy, accept, query="{ who }")
        assert response.headers["content-type"].partition(";")[0] == (expected or GRAPHQL)
        assert response.status_code == (200 if expected else 406)


@states("MUST", "Body")
async def test_what_is_not_acceptable_is_not_executed(toy: Any) -> None:
    response = await post(toy, "image/png", query="mutation { change }")
    assert (response.status_code, toy.ended) == (406, [])


@states("SHOULD", "Body")
async def test_what_is_not_acceptable_gets_406(toy: Any) -> None:
    require_request_error(await post(toy, "text/html, image/*", query="{ who }"), 406)


@states("SHOULD", "Body")
async def test_to_a_legacy_client_success_is_labelled_json(toy: Any) -> None:
    for text in ("{ who }", "{ forbidden }", "{ broken }"):
        response = await post(toy, JSON, query=text)
        assert response.is_success
        assert response.headers["content-type"] == f"{JSON}; charset=utf-8"


@states("SHOULD", "Body")
async def test_to_a_legacy_client_an_error_is_what_it_is_to_others(toy: Any) -> None:
    for text in ("{", "{ nowhere }", "fragment F on Query { who }"):
        legacy, other = await post(toy, JSON, query=text), await post(toy, GRAPHQL, query=text)
        require_request_error(legacy, other.status_code)


# Validation


@states("SHOULD", "Validation")
async def test_all_rules_are_applied(toy: Any) -> None:
    for text in (
        "{ nowhere }",
        "{ who { a } }",
        "{ echo }",
        "{ echo(text: 1) }",
        "{ echo(text: $t) }",
        "query($t: String) { echo(text: $t) }",
        "query($t: String) { who }",
        "{ ...F }",
        "{ who } fragment F on Query { who }",
        "{ who } { who }",
        "query A { who } query A { who }",
        '{ echo(text: "a") echo(text: "b") }',
        "{ who @nowhere }",
    ):
        require_request_error(await post(toy, query=text), 422)
