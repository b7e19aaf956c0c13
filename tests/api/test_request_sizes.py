"""What the largest things take fits into one request, however a client writes it; before a login, little does."""

import json
from typing import Any

import pytest

from tests.support.factories import World

FOUR_BYTES = "\U0001f600"
CREATE = "mutation($i: CreateDocumentInput!) { createDocument(input: $i) { ... on Document { content } } }"


@pytest.mark.parametrize("is_escaped", [False, True])
@pytest.mark.parametrize("character", ["\u4e2d", FOUR_BYTES, '"', "\\"])
async def test_the_longest_document_fits(world: World, character: str, *, is_escaped: bool) -> None:
    content = character * 100_000
    body: dict[str, Any] = {"query": CREATE, "variables": {"i": {"title": "t", "content": content}}}
    client = world.acme.owner.client
    answer = await world.app.http.post(
        "/graphql",
        content=json.dumps(body, ensure_ascii=is_escaped).encode(),
        headers={"authorization": f"Bearer {client.token}", "content-type": "application/json"},
    )
    assert answer.json()["data"]["createDocument"]["content"] == content


async def test_a_thousand_people_with_the_longest_names_fit(world: World) -> None:
    people = [
        {"email": f"{number:04}@{'a' * 60}.{'b' * 60}.{'c' * 60}.{'d' * 55}.example", "fullName": FOUR_BYTES * 100}
        for number in range(1000)
    ]
    outcomes = "... on CreatedUserOutcomes { outcomes { result { __typename } } } ... on Error { code message }"
    answer = await world.acme.owner.client.mutate("createUsers", outcomes, users=people)
    assert [each["result"]["__typename"] for each in answer["outcomes"]] == ["Invitation"] * 1000


async def test_a_thousand_tasks_with_the_longest_titles_fit(world: World) -> None:
    rows = [
        {"id": f"Task:{number:08}-0000-7000-8000-000000000000", "title": FOUR_BYTES * 200} for number in range(1000)
    ]
    outcomes = "... on TaskOutcomes { outcomes { result { __typename } } } ... on Error { code message }"
    answer = await world.acme.owner.client.mutate("updateTasks", outcomes, tasks=rows)
    assert {each["result"]["__typename"] for each in answer["outcomes"]} == {"NotFound"}


async def test_before_a_login_little_is_read(world: World) -> None:
    query = "query($x: Boolean!) { viewer @include(if: $x) { email } }"
    body = json.dumps({"query": query, "variables": {"x": True}})
    for headers in ({}, {"authorization": "Bearer a.b.c"}, {"authorization": "Bearer atrium_forged"}):
        for size, status in ((65_536, 200), (65_537, 413)):
            answer = await world.app.http.post(
                "/graphql", content=body.ljust(size), headers={**headers, "content-type": "application/json"}
            )
            assert answer.status_code == status, (headers, size, answer.text)
