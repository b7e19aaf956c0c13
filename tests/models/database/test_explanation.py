"""Plans of statements: of any parameters, with row-level security in them, and without running anything."""

import asyncpg
import pytest

from tests.conftest import Urls
from tests.support.client import App
from tests.support.factories import World


async def test_a_plan_is_made_of_any_parameters_and_nothing_is_run(world: World) -> None:
    database = world.app.components.database
    update = "UPDATE tasks SET title = $1::text WHERE tenant_id = $2::uuid AND id = $3::uuid"
    for _ in range(2):  # on the same connection: nothing is left behind
        plan = "\n".join(await database.explain(update))
        assert "Update on tasks" in plan
        assert "$3" in plan
        assert "One-Time Filter" in plan, "the policy is in it, which compares the tenant with the caller's"
    assert await database.explain("SELECT 1") == ["Result  (cost=0.00..0.01 rows=1 width=4)"]


async def test_what_has_no_plan_leaves_the_connection_as_it_was(app: App) -> None:
    database = app.components.database
    with pytest.raises(asyncpg.PostgresSyntaxError):
        await database.explain("SELECT FROM WHERE")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.explain("SELECT * FROM alembic_version, pg_authid")
    assert await database.explain("SELECT 1")
    await database.ping()


async def test_it_is_explained_as_the_runtime_role(app: App, urls: Urls) -> None:
    owner = await asyncpg.connect(urls.plain("owner"))
    await owner.execute("CREATE TABLE secrets (value text)")
    await owner.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app.components.database.explain("SELECT value FROM secrets WHERE value = $1")
