"""Members of the back office: found, given roles, refused, and gone."""

import pytest

from tests.support.browser_scenarios import BrowserScenarios
from tests.support.client_scenarios import Answers
from tests.support.factories import World
from tests.support.tenant_people import add_people

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

MANY = 33
"""So many that not all are on the first page."""


def answers_about(world: World) -> Answers:
    """What scenarios may ask for."""

    async def end(value: str) -> str:
        statement = f"UPDATE memberships SET ended_at = {value} WHERE id = $1"
        return str(await world.connection.execute(statement, world.acme.member.member_id))

    return {"join again": lambda: end("NULL"), "remove": lambda: end("clock_timestamp()")}


async def test_members_are_found_changed_and_removed(scenarios: BrowserScenarios, world: World) -> None:
    await scenarios.run("members.mjs", **await add_people(world, MANY))


async def test_members_are_refused_what_they_may_not(scenarios: BrowserScenarios, world: World) -> None:
    await scenarios.run("members_refused.mjs", **await add_people(world, 4))


async def test_whoever_leaves_a_tenant_is_out_of_it(scenarios: BrowserScenarios, world: World) -> None:
    await scenarios.run("members_leave.mjs", answers_about(world), MEMBER_EMAIL=world.acme.member.email)
