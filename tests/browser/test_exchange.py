"""Import and export of the back office."""

import pytest

from tests.support.browser_scenarios import BrowserScenarios
from tests.support.factories import World
from tests.support.tenant_people import add_people

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

MANY = 101
"""So many members that not all are on one page."""


async def test_files_hold_what_is_stored(scenarios: BrowserScenarios, world: World) -> None:
    await scenarios.run("exchange_export.mjs", **await add_people(world, MANY))


async def test_what_files_hold_is_imported_and_what_is_refused_can_be_mended(
    scenarios: BrowserScenarios,
) -> None:
    await scenarios.run("exchange_import.mjs")


async def test_each_kind_is_imported(scenarios: BrowserScenarios, world: World) -> None:
    await scenarios.run("exchange_kinds.mjs", **await add_people(world))


async def test_an_import_comes_to_an_end_that_is_known(scenarios: BrowserScenarios, world: World) -> None:
    await scenarios.run("exchange_faults.mjs", **await add_people(world))


@pytest.mark.parametrize("server_settings", [{"actor_cost_maximum": 6_000, "actor_cost_rate": 2_000}])
async def test_an_import_waits_where_the_server_limits_it(scenarios: BrowserScenarios, world: World) -> None:
    await scenarios.run("exchange_limited.mjs", ADMIN_EMAIL=world.acme.admin.email)
