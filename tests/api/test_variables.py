"""What is wrong with the variables of an operation: of its document, or of the values given for them."""

import re
from typing import Any

import pytest

from tests.support.factories import World

DOCUMENT_FAULTS = {
    "query($a: Int) { viewer { email } }": "never used",
    "query { tasks(first: $a) { totalCount } }": "not defined",
    "query($a: String) { tasks(first: $a) { totalCount } }": "used in position",
    "query($a: String) { node(id: $a) { id } }": "used in position",
    "query($a: Int, $a: Int) { tasks(first: $a) { totalCount } }": "only one variable",
    "query($a: Task) { viewer { email } }": "non-input type",
    "query($a: TaskFilter = {status: {eq: NEVER}}) { tasks(filter: $a) { totalCount } }": "NEVER",
    "mutation($a: Int) { logout }": "never used",
}


@pytest.mark.parametrize("document", DOCUMENT_FAULTS)
async def test_a_fault_of_the_document_is_of_validation(world: World, document: str) -> None:
    errors = (await world.acme.member.client.send(document))["errors"]
    assert {error["extensions"]["code"] for error in errors} == {"GRAPHQL_VALIDATION_FAILED"}
    assert any(DOCUMENT_FAULTS[document] in error["message"] for error in errors), errors


LIST = "query($f: TaskFilter, $o: [TaskOrder!], $n: Int) { tasks(filter: $f, orderBy: $o, first: $n) { totalCount } }"
CREATE = "mutation($i: CreateTaskInput!) { createTask(input: $i) { __typename } }"
VALUE_FAULTS: list[tuple[str, dict[str, Any], str]] = [
    (LIST, {"f": {"statu": 1}}, '{"statu": 1}'),
    (LIST, {"f": {"text": None, "statu": True}}, '{"text": null, "statu": true}'),
    (LIST, {"f": {"status": {"eq": False}}}, "value: false"),
    (LIST, {"f": {"status": {"eq": {"a": None, "b": [True, "it's"]}}}}, '{"a": null, "b": [true, "it\'s"]}'),
    (LIST, {"f": {"status": {"eq": {"a": {"b": {"c": {}}}}}}}, "cannot represent non-string value."),
    (LIST, {"f": ["a"]}, 'found: ["a"].'),
    (LIST, {"n": "three"}, 'value: "three"'),
    (LIST, {"n": list(range(100))}, "cannot represent non-integer value"),
    (LIST, {"o": {"field": None}}, "not to be null"),
    (CREATE, {"i": None}, "not to be null"),
    (CREATE, {}, "to be provided"),
    (CREATE, {"i": {"title": None}}, "not to be null"),
    (CREATE, {"i": {"title": ["None", "found: x"]}}, '["None", "found: x"]'),
]
PYTHON = re.compile(r"(?<![\"\w])(None|True|False)\b|[\[{]'|'[}\]]|\.\.\.")


@pytest.mark.parametrize(("document", "variables", "said"), VALUE_FAULTS)
async def test_a_fault_of_a_value_is_told_in_json(
    world: World, document: str, variables: dict[str, Any], said: str
) -> None:
    [error] = (await world.acme.member.client.send(document, **variables))["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert said in error["message"]
    assert PYTHON.search(error["message"]) is None, error["message"]


async def test_null_in_a_literal_is_called_null(world: World) -> None:
    [error] = (await world.acme.member.client.send("{ node(id: null) { id } }"))["errors"]
    assert (error["extensions"]["code"], "not to be null" in error["message"]) == ("GRAPHQL_VALIDATION_FAILED", True)


async def test_null_for_an_argument_with_a_default_is_its_default(world: World) -> None:
    client = world.acme.member.client
    search = 'query($o: ArticleSearchOrder) { searchArticles(query: "x", orderBy: $o) { totalCount } }'
    assert (await client.run(search, o=None))["searchArticles"] == {"totalCount": 0}
    suggest = 'query($n: Int) { suggestArticles(prefix: "x", first: $n) { id } }'
    assert (await client.run(suggest, n=None))["suggestArticles"] == []
