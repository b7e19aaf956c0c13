"""What a row contains goes to the trash with it, and comes back: tasks, documents and whatever else says so."""

import pytest

import models
from graph.fields.declared import NODE_TYPES
from models.base import contents_of, table_of
from tests.support.case_context import CaseContext
from tests.support.domain_cases import merged

CONTENTS = {table.name: column for table, column in contents_of(table_of(models.Project))}
TYPES = {table_of(binding.collection.model).name: name for name, binding in NODE_TYPES.items()}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("table", CONTENTS)
async def test_what_is_in_a_project_goes_to_the_trash_and_back_with_it(stage: CaseContext, table: str) -> None:
    type_name, connection = TYPES[table], stage.world.connection
    made = await merged("nodes")[type_name](stage)
    row_id = made.partition(":")[2]
    project_id = await connection.fetchval(f"SELECT {CONTENTS[table]} FROM {table} WHERE id = $1::uuid", row_id)
    if project_id is None:
        project_id = await stage.add("projects", name="Apollo")
        await connection.execute(f"UPDATE {table} SET {CONTENTS[table]} = $1 WHERE id = $2::uuid", project_id, row_id)
    project = {"id": f"Project:{project_id}"}
    assert await is_there(stage, made)
    await stage.client.mutate("deleteProject", "... on Project { id }", **project)
    assert not await is_there(stage, made), (
        f"Write LIVE into `visible` of services/{table}.py: what is in the trash with its project is not seen."
    )
    await stage.client.mutate("restoreProject", "... on Project { id }", **project)
    assert await is_there(stage, made)


async def is_there(stage: CaseContext, global_id: str) -> bool:
    """Whether somebody who may see everything finds it."""
    answer = await stage.client.run("query($id: ID!) { node(id: $id) { id } }", id=global_id)
    return bool(answer["node"])
