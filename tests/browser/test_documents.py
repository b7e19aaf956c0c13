"""Documents, their trash and their past in the back office."""

import pytest

from tests.support.browser_scenarios import BrowserScenarios
from tests.support.factories import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_a_document_is_written_changed_found_and_reverted(scenarios: BrowserScenarios) -> None:
    await scenarios.run("documents.mjs")


async def test_several_people_change_one_document(scenarios: BrowserScenarios, world: World) -> None:
    await scenarios.run("documents_together.mjs", MEMBER_EMAIL=world.acme.member.email)
