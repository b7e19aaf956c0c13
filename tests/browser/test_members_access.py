"""Invitations and API keys of the back office: who else gets into a tenant."""

import pytest

from tests.support.browser_scenarios import BrowserScenarios
from tests.support.factories import World
from tests.support.tenant_people import add_people

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_people_are_invited(scenarios: BrowserScenarios, world: World) -> None:
    await scenarios.run("members_invitations.mjs", **await add_people(world))


async def test_api_keys_are_shown_once(scenarios: BrowserScenarios, world: World) -> None:
    await scenarios.run("members_keys.mjs", **await add_people(world))
