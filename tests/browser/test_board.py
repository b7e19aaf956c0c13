"""The board of the back office in Chromium: what one person does on it, what two do at once, and what is refused."""

import pytest

from tests.support.browser_scenarios import BrowserScenarios
from tests.support.factories import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_tasks_are_moved_by_every_means(scenarios: BrowserScenarios) -> None:
    await scenarios.run("board.mjs")


async def test_a_long_touch_drags_a_card(scenarios: BrowserScenarios) -> None:
    await scenarios.run("board_touch.mjs")


async def test_changes_of_others_appear_and_conflicts_are_a_choice(scenarios: BrowserScenarios, world: World) -> None:
    member = world.acme.member
    await scenarios.run("board_live.mjs", MEMBER=member.email, MEMBER_TOKEN=member.client.token or "")


async def test_a_task_is_edited_with_its_comments(scenarios: BrowserScenarios, world: World) -> None:
    member = world.acme.member
    await scenarios.run("board_task.mjs", MEMBER=member.email, MEMBER_TOKEN=member.client.token or "")


async def test_refusals_are_said_and_nothing_is_lost(scenarios: BrowserScenarios) -> None:
    await scenarios.run("board_refusals.mjs")
