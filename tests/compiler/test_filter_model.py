"""Filters, orders and pages of lists are what a model of them in plain Python says."""

import os
import random
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
from graphql import get_named_type

from tests.conftest import Urls
from tests.support.differential import BothExecutors, Caller, run_both
from tests.support.filter_model import FilterModel
from tests.support.random_filters import random_filter
from tests.support.random_queries import QueryMaker
from tests.support.random_values import to_json

LISTS = {"tasks": "Task", "orders": "Order", "documents": "Document", "products": "Product", "articles": "Article"}
SHARE, ALL = 60, 1_000
ME = "{ viewer { user { id } } }"


@pytest.fixture
async def executors(urls: Urls, owner_connection: asyncpg.Connection) -> AsyncIterator[BothExecutors]:
    async with run_both(urls, owner_connection) as found:
        for table in ("tasks", "documents"):  # what is live is in no project in the trash, but for rows made at random
            await owner_connection.execute(
                f"UPDATE {table} SET project_id = NULL FROM projects p"
                f" WHERE p.id = {table}.project_id AND p.deleted_at IS NOT NULL AND {table}.deleted_at IS NULL"
            )
        yield found


async def visible_objects(caller: Caller, name: str, model: FilterModel) -> list[dict[str, Any]]:
    """Everything that somebody sees of a list."""
    found: list[dict[str, Any]] = []
    query = f"query($after: String) {{ {name}(first: 100, after: $after) {{ nodes {model.selection()} "
    query += "pageInfo { hasNextPage endCursor } } }"
    after = None
    while True:
        page = (await caller.compiled.run(query, after=after))[name]
        found += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return found


async def walk(caller: Caller, query: str, name: str, variables: dict[str, Any]) -> tuple[list[str], int] | None:
    """The ids of a whole list, page by page, and what it says of its length; None if it is refused."""
    ids: list[str] = []
    while True:
        answer = await caller.compiled.send(query, **variables)
        if "errors" in answer:
            assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_USER_INPUT"}, answer
            return None
        page = answer["data"][name]
        ids += [node["id"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            return ids, page["totalCount"]
        variables = {**variables, "after": page["pageInfo"]["endCursor"]}


async def compare_with_model(executors: BothExecutors, count: int) -> tuple[int, int]:
    """Ask for random lists of random people; give how many were compared, and how many of those held something."""
    seed = int(os.environ.get("ATRIUM_TEST_SEED") or secrets.randbits(40))
    randomness, root = random.Random(seed), executors.schema.query_type
    assert root is not None
    people = [caller for caller in executors.people if caller.name in {"owner", "admin", "member"}]
    seen: dict[tuple[str, str], tuple[FilterModel, list[dict[str, Any]]]] = {}
    compared = with_rows = 0
    while compared < count:
        caller, (name, type_name) = randomness.choice(people), randomness.choice(list(LISTS.items()))
        if (caller.name, name) not in seen:
            viewer_id = (await caller.compiled.run(ME))["viewer"]["user"]["id"]
            model = FilterModel(executors.schema, type_name, viewer_id)
            seen[caller.name, name] = model, await visible_objects(caller, name, model)
        model, objects = seen[caller.name, name]
        maker, arguments = QueryMaker(executors.schema, caller.known, randomness), root.fields[name].args
        given = to_json(random_filter(maker, get_named_type(arguments["filter"].type)))
        order = to_json(maker.order(arguments["orderBy"])) or [{"field": "CREATED_AT"}]
        declared = f"$f: {type_name}Filter, $o: [{type_name}Order!], $n: Int, $after: String"
        call = f"{name}(filter: $f, orderBy: $o, first: $n, after: $after)"
        query = f"query({declared}) {{ {call} {{ totalCount nodes {{ id }} pageInfo {{ hasNextPage endCursor }} }} }}"
        variables = {"f": given, "o": order, "n": randomness.choice([1, 2, 3, 7, 100])}
        found = await walk(caller, query, name, variables)
        if found is None:
            continue
        expected = [each["id"] for each in model.sort(model.select(objects, given), order)]
        assert found == (expected, len(expected)), f"seed {seed}, {caller.name}: {call} {variables}"
        compared += 1
        with_rows += bool(expected)
    return compared, with_rows


async def test_lists_are_what_the_model_says(executors: BothExecutors) -> None:
    compared, with_rows = await compare_with_model(executors, SHARE)
    assert with_rows > compared / 4


@pytest.mark.exhaustive
async def test_lists_are_what_the_model_says_for_long(
    executors: BothExecutors, record_property: Callable[[str, object], None]
) -> None:
    compared, with_rows = await compare_with_model(executors, ALL)
    record_property("summary", f"{compared} lists agree with the model, {with_rows} of them with rows")
    assert with_rows > compared / 4
