"""The explorer in Chromium, against a server: what a person does on it, and what it must never do."""

from datetime import timedelta

import pytest

from models.base import now
from tests.support.browser_scenarios import BrowserScenarios
from tests.support.factories import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_a_login_is_in_every_tab_and_nowhere_else(scenarios: BrowserScenarios) -> None:
    await scenarios.run("explorer.mjs")


async def test_tenants_are_switched_and_keys_are_taken(scenarios: BrowserScenarios, world: World) -> None:
    owner = world.acme.owner
    also = {"tenant_id": world.globex.tenant_id, "user_id": owner.user_id, "role": "MEMBER"}
    await world.add("memberships", **also, full_name="", email="")
    given = {"name": "browser", "role": "MEMBER", "expiresAt": (now() + timedelta(days=1)).isoformat()}
    key = await owner.client.mutate("createApiKey", "... on ApiKey { token }", **given)
    await scenarios.run("tenants.mjs", API_KEY=key["token"])


async def test_subscriptions_are_followed_by_each_transport(scenarios: BrowserScenarios) -> None:
    await scenarios.run("subscriptions.mjs")


async def test_a_login_outlives_its_token(scenarios: BrowserScenarios, world: World) -> None:
    member = world.acme.member

    async def other_role() -> str:
        owner = world.acme.owner.client
        return str(await owner.mutate("changeMemberRole", "... on User { role }", id=member.id, role="ADMIN"))

    async def end_session() -> str:
        ended = "UPDATE sessions SET revoked_at = clock_timestamp() WHERE user_id = $1"
        return str(await world.connection.execute(ended, member.user_id))

    answers = {"other role": other_role, "end session": end_session}
    await scenarios.run("expiry.mjs", answers, EMAIL=member.email)


async def test_the_panel_shows_what_an_operation_is(scenarios: BrowserScenarios) -> None:
    await scenarios.run("operation.mjs")


async def test_pages_are_readable_for_everybody(scenarios: BrowserScenarios) -> None:
    await scenarios.run("pages.mjs")
