"""Idempotency keys: a call that is repeated, late or at the same time, makes one thing."""

import ast
import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import get_named_type

import models
from graph.schema import create_schema
from models.base import new_id, now
from models.tasks import Task, TaskStatus
from services import projects, tasks, tenants
from services.errors import IdempotencyConflict, InvalidInput, NotFound
from services.writes.idempotency import key_scope
from tests.support.factories import Person, World
from tests.support.service_client import ServiceClient, invalid_paths, wait_until_blocked
from tests.support.source_files import sources


async def create_task(
    rules: ServiceClient, person: Person, title: str = "Once", key: str | None = "key", **values: Any
) -> Task:
    return await rules.apply(person, tasks.create, values={"title": title, **values}, idempotency_key=key)


async def count(world: World, table: str = "tasks") -> int:
    return int(await world.connection.fetchval(f"SELECT count(*) FROM {table}"))


async def test_the_same_call_makes_one_thing_and_answers_it_as_it_is_now(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    task = await create_task(rules, member, status=TaskStatus.TODO)
    await rules.apply(world.acme.admin, tasks.update, id=task.id, changes={"title": "Changed"})
    again = await create_task(rules, member, status=TaskStatus.TODO)
    assert (again.id, again.title, again.version) == (task.id, "Changed", 2)
    assert await count(world) == 1


async def test_without_a_key_every_call_makes_a_thing(rules: ServiceClient, world: World) -> None:
    made = {(await create_task(rules, world.acme.member, key=None)).id for _ in range(2)}
    assert len(made) == 2
    assert await count(world, "idempotency_keys") == 0


async def test_another_input_under_the_same_key_is_a_conflict(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    await create_task(rules, member, "Once", description="a")
    others: list[dict[str, Any]] = [{"title": "Twice"}, {"description": None}, {"due_date": now()}]
    for other in others:
        with pytest.raises(IdempotencyConflict):
            await create_task(rules, member, **{"title": "Once", "description": "a", **other})
    with pytest.raises(IdempotencyConflict):
        await create_task(rules, member, "Once")
    assert await count(world) == 1


async def test_ten_twins_at_once_make_one_thing(rules: ServiceClient, world: World) -> None:
    made = await asyncio.gather(*(create_task(rules, world.acme.member) for _ in range(10)))
    assert len({task.id for task in made}) == 1
    started = await asyncio.gather(
        *(rules.apply(world.acme.admin, projects.create, name="One", idempotency_key="key") for _ in range(10))
    )
    assert len({project.id for project in started}) == 1
    assert (await count(world), await count(world, "projects")) == (1, 1)


async def test_a_twin_waits_and_takes_over_when_the_first_fails(rules: ServiceClient, world: World) -> None:
    actor, twins = rules.actor(world.acme.member), []

    async def fail() -> None:
        async with rules.database.write(actor.identity) as session:
            await tasks.create(session, actor, values={"title": "Once"}, idempotency_key="key")
            twins.append(asyncio.create_task(create_task(rules, world.acme.member)))
            await wait_until_blocked(world.connection)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert (await twins[0]).title == "Once"
    assert await count(world) == 1


async def test_a_refused_call_is_decided_anew(rules: ServiceClient, world: World) -> None:
    member, project_id = world.acme.member, new_id()
    with pytest.raises(InvalidInput):
        await create_task(rules, member, project_id=project_id)
    assert await count(world, "idempotency_keys") == 0
    await world.add("projects", id=project_id, tenant_id=world.acme.tenant_id, name="Meanwhile")
    task = await create_task(rules, member, project_id=project_id)
    assert task.project_id == project_id
    assert (await create_task(rules, member, project_id=project_id)).id == task.id


async def test_a_repeated_call_is_answered_although_it_would_now_be_refused(rules: ServiceClient, world: World) -> None:
    acme = world.acme
    project = await rules.apply(acme.admin, projects.create, name="Apollo")
    given: dict[str, Any] = {"project_id": project.id, "assignee_id": acme.member.member_id}
    task = await create_task(rules, acme.admin, **given)
    await rules.apply(acme.owner, tenants.remove, id=acme.member.member_id)
    await rules.apply(acme.admin, tasks.update, id=task.id, changes={"project_id": None})
    await rules.apply(acme.admin, projects.delete, id=project.id)
    assert (await create_task(rules, acme.admin, **given)).id == task.id
    assert await count(world) == 1


async def test_what_is_gone_is_not_made_again(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    task = await create_task(rules, member)
    await rules.apply(member, tasks.delete, id=task.id)
    with pytest.raises(NotFound):
        await create_task(rules, member)
    assert await count(world) == 0


async def test_a_key_belongs_to_one_person_one_mutation_and_one_tenant(rules: ServiceClient, world: World) -> None:
    acme, globex = world.acme, world.globex
    also = {"tenant_id": globex.tenant_id, "user_id": acme.admin.user_id, "role": "ADMIN"}
    await world.add("memberships", **also, full_name="", email="")
    opened = await rules.login(acme.admin.email, tenant="globex")
    elsewhere = Person(acme.admin.user_id, acme.admin.email, world.app.client_with(opened.access_token))
    made = [(await create_task(rules, person)).id for person in (acme.admin, acme.member, elsewhere)]
    assert len(set(made)) == 3
    project = await rules.apply(acme.admin, projects.create, name="Once", idempotency_key="key")
    assert project.id not in made
    assert (await create_task(rules, acme.admin)).id == made[0]


def scopes() -> set[str]:
    """The scopes of keys in all rules."""
    return {scope for source in sources("services") for scope in scopes_in(source.tree)}


def scopes_in(tree: ast.Module) -> Iterator[str]:
    """The scopes that a module names itself, and those of the rows that it creates by their WriteRules."""
    written = {
        ast.unparse(node.targets[0]): ast.unparse(node.value.args[0])
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func) == "WriteRules"
    }
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        called = ast.unparse(call.func)
        if called == "create_row":
            yield key_scope("create", getattr(models, written[ast.unparse(call.args[2])]))
        elif called == "key_scope" and isinstance(call.args[1], ast.Name):
            yield key_scope(ast.literal_eval(call.args[0]), getattr(models, call.args[1].id), many=bool(call.keywords))


def test_a_scope_is_the_name_of_the_mutation_that_takes_the_key() -> None:
    mutations = create_schema().graphql.mutation_type
    assert mutations is not None
    inputs = {name: get_named_type(field.args["input"].type) for name, field in mutations.fields.items() if field.args}
    assert scopes() == {name for name, type_ in inputs.items() if "idempotencyKey" in getattr(type_, "fields", {})}
    assert {"createTask", "placeOrder", "restockProducts", "importArticles"} <= scopes()


async def test_a_key_has_1_to_255_characters(rules: ServiceClient, world: World) -> None:
    for key in ("", "x" * 256, "a\0b"):
        with pytest.raises(InvalidInput) as refused:
            await create_task(rules, world.acme.member, key=key)
        assert invalid_paths(refused.value) == ["idempotency_key"]
    assert await count(world) == 0
    assert (await create_task(rules, world.acme.member, key="Ж" * 255)).id == (
        await create_task(rules, world.acme.member, key="Ж" * 255)
    ).id
