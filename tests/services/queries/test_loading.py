"""Reading: rows by their keys, pages and counts under many parents, and what is computed of a row."""

from typing import Any
from uuid import UUID

import pytest

from models.base import new_id
from services import tasks
from services.errors import Forbidden
from services.permissions import Actor
from services.products import PRODUCTS
from services.queries.filter_parsing import NO_FILTER
from services.queries.loading import (
    Edge,
    bind_values,
    count_rows,
    counts_by_parent,
    expression_by_id,
    pages_by_parent,
    rows_by_key,
    slice_page,
)
from services.queries.page_request import PageRequest
from tests.support.factories import Person, World
from tests.support.service_client import ServiceClient

CURSOR = (("key",), new_id())


def request(**wanted: Any) -> PageRequest:
    return PageRequest.of(tasks.TASKS, "tasks", **wanted)


async def read(rules: ServiceClient, person: Person, rule: Any, *given: Any) -> Any:
    async with rules.database.read(rules.identity(person)) as session:
        return await rule(session, rules.actor(person), *given)


async def create_tasks(world: World, count: int, project_id: UUID | None = None) -> list[UUID]:
    ours = {"tenant_id": world.acme.tenant_id, "created_by": world.acme.owner.user_id, "project_id": project_id}
    return [await world.add("tasks", **ours, title=f"Task {number}") for number in range(count)]


@pytest.mark.parametrize(
    ("found", "backwards", "cursor", "kept", "has_next", "has_previous"),
    [
        (0, False, None, [], False, False),
        (2, False, None, [0, 1], False, False),
        (3, False, None, [0, 1], True, False),
        (2, False, CURSOR, [0, 1], False, True),
        (2, True, None, [1, 0], False, False),
        (3, True, None, [1, 0], False, True),
        (3, True, CURSOR, [1, 0], True, True),
    ],
)
def test_a_page_is_what_was_asked_for_and_says_what_else_there_is(
    found: int, cursor: Any, kept: list[int], *, backwards: bool, has_next: bool, has_previous: bool
) -> None:
    edges = [Edge(number, str(number)) for number in range(found)]
    asked = PageRequest(2, backwards, (("created_at", False),), NO_FILTER, cursor, "mark")  # as it stands there
    page = slice_page(edges, asked)
    assert [edge.node for edge in page.edges] == kept
    assert (page.has_next_page, page.has_previous_page) == (has_next, has_previous)


def test_binds_are_of_who_asks_what_is_asked_and_one_row_more() -> None:
    actor = Actor()
    assert bind_values(actor) == {"tenant_id": None, "user_id": None}
    values = bind_values(actor, request(first=5, filter={"status": {"eq": "TODO"}}))
    assert (values["limit"], values["filter_0"], "after_key_0" in values) == (6, "TODO", False)
    asked = PageRequest(5, False, (("title", False),), NO_FILTER, CURSOR, "mark")  # as it stands there
    values = bind_values(actor, asked)
    assert ((values["after_key_0"],), values["after_id"], values["fingerprint"]) == (*CURSOR, "mark")


async def test_rows_are_found_by_a_key_and_only_those_to_be_seen(rules: ServiceClient, world: World) -> None:
    one, two = await create_tasks(world, 2)
    found = await read(rules, world.acme.member, rows_by_key, tasks.TASKS, "id", [one, two, new_id()])
    assert {row_id: row.title for row_id, row in found.items()} == {one: "Task 0", two: "Task 1"}
    assert await read(rules, world.acme.member, rows_by_key, tasks.TASKS, "id", []) == {}
    assert await read(rules, world.globex.owner, rows_by_key, tasks.TASKS, "id", [one]) == {}


async def test_each_parent_has_a_page_and_a_count_of_its_own(rules: ServiceClient, world: World) -> None:
    parents = [await world.add("projects", tenant_id=world.acme.tenant_id, name=str(n)) for n in range(3)]
    theirs = [await create_tasks(world, count, parent) for count, parent in zip((0, 2, 4), parents, strict=True)]
    asked = request(first=2, order=[("created_at", False)])
    given = (tasks.TASKS, asked, "project_id", parents)
    pages = await read(rules, world.acme.member, pages_by_parent, *given)
    assert {parent: [edge.node.id for edge in page.edges] for parent, page in pages.items()} == {
        parent: made[:2] for parent, made in zip(parents, theirs, strict=True)
    }
    assert [pages[parent].has_next_page for parent in parents] == [False, False, True]
    assert await read(rules, world.acme.member, counts_by_parent, *given) == dict(zip(parents, (0, 2, 4), strict=True))
    assert await read(rules, world.acme.member, count_rows, tasks.TASKS, asked) == 6
    assert await read(rules, world.globex.owner, count_rows, tasks.TASKS, asked) == 0


async def test_what_is_restricted_takes_its_permission(rules: ServiceClient, world: World) -> None:
    values = {"sku": "tea", "name": "Tea", "price_minor": 1, "currency": "EUR"}
    tea = await world.add("products", tenant_id=world.acme.tenant_id, **values)
    given = (PRODUCTS, "units_sold", [tea, new_id()])
    assert await read(rules, world.acme.admin, expression_by_id, *given) == {tea: 0}
    assert await read(rules, world.globex.admin, expression_by_id, *given) == {}
    with pytest.raises(Forbidden):
        await read(rules, world.acme.member, expression_by_id, *given)
