"""What rows were: rebuilt from the log, as of a moment or an entry, and forgotten for good."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError

from models import Project, Task
from models.base import Model, new_id
from services import tasks
from services.eventlog.row_history import redact, state_after, state_as_of
from tests.support.factories import Person, World
from tests.support.service_client import ServiceClient


async def as_of(rules: ServiceClient, person: Person, row_id: UUID, moment: Any, model: type[Model] = Task) -> Any:
    async with rules.database.read(rules.identity(person)) as session:
        return await state_as_of(session, rules.actor(person), model, row_id, moment)


async def after(rules: ServiceClient, person: Person, row_id: UUID, entry_id: UUID, model: type[Model] = Task) -> Any:
    async with rules.database.read(rules.identity(person)) as session:
        return await state_after(session, rules.actor(person), model, row_id, entry_id)


async def entries_of(world: World, row_id: UUID) -> list[Any]:
    """The log's entries of a row, the oldest first."""
    found = "SELECT id, created_at, action FROM audit_log WHERE row_id = $1 ORDER BY created_at"
    return list(await world.connection.fetch(found, row_id))


async def changed_task(rules: ServiceClient, world: World) -> list[Task]:
    """A task at each of its three versions."""
    task = await rules.apply(world.acme.member, tasks.create, values={"title": "A", "description": "first"})
    given = {"id": task.id}
    renamed = await rules.apply(world.acme.member, tasks.update, **given, changes={"title": "B"})
    return [task, renamed, await rules.apply(world.acme.member, tasks.update, **given, changes={"description": None})]


async def test_a_row_is_what_it_was_at_each_moment(rules: ServiceClient, world: World) -> None:
    versions = await changed_task(rules, world)
    entries = await entries_of(world, versions[0].id)
    assert len(entries) == len(versions)
    for version, entry in zip(versions, entries, strict=True):
        then = await as_of(rules, world.acme.member, version.id, entry["created_at"])
        for name in ("id", "tenant_id", "title", "description", "status", "created_by", "version", "due_date"):
            assert getattr(then, name) == getattr(version, name), name
        assert await after(rules, world.acme.member, version.id, entry["id"]) == then
        assert then.created_at == version.created_at


async def test_before_it_was_made_there_is_no_row(rules: ServiceClient, world: World) -> None:
    versions = await changed_task(rules, world)
    first = (await entries_of(world, versions[0].id))[0]
    before = first["created_at"] - timedelta(microseconds=1)
    assert await as_of(rules, world.acme.member, versions[0].id, before) is None
    assert await as_of(rules, world.acme.member, new_id(), first["created_at"]) is None
    assert await as_of(rules, world.globex.owner, versions[0].id, first["created_at"]) is None


async def test_an_entry_is_about_its_own_row_and_table(rules: ServiceClient, world: World) -> None:
    one, other = (await changed_task(rules, world))[0], (await changed_task(rules, world))[0]
    entry = (await entries_of(world, one.id))[0]["id"]
    assert await after(rules, world.acme.member, other.id, entry) is None
    assert await after(rules, world.acme.member, one.id, entry, Project) is None
    assert await after(rules, world.acme.member, one.id, new_id()) is None


async def test_what_is_gone_is_forgotten_on_demand(rules: ServiceClient, world: World) -> None:
    versions = await changed_task(rules, world)
    task_id, kept = versions[0].id, (await changed_task(rules, world))[0].id
    identity = rules.identity(world.acme.owner)
    with pytest.raises(DBAPIError, match="only what is gone can be forgotten"):
        async with rules.database.write(identity) as session:
            await redact(session, Task, task_id)
    await rules.apply(world.acme.member, tasks.delete, id=task_id)
    entries = await entries_of(world, task_id)
    async with rules.database.write(identity) as session:
        assert await redact(session, Task, task_id) == len(entries) == 4
    assert [row["action"] for row in await entries_of(world, task_id)][-1] == "PURGE"
    held = "SELECT count(*) FROM audit_log WHERE row_id = $1 AND (old_values IS NOT NULL OR new_values IS NOT NULL)"
    assert await world.connection.fetchval(held, task_id) == 0
    assert await world.connection.fetchval(held, kept) == 3
    assert await after(rules, world.acme.member, task_id, entries[0]["id"]) is None
    async with rules.database.write(identity) as session:
        assert await redact(session, Task, task_id) == 0
