"""Articles of the back office."""

import pytest

from tests.support.browser_scenarios import BrowserScenarios
from tests.support.factories import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_an_article_is_written_published_found_and_changed(scenarios: BrowserScenarios, world: World) -> None:
    await scenarios.run("articles.mjs", MEMBER_EMAIL=world.acme.member.email)
