"""Members, invitations, API keys and the audit log of the back office."""

from datetime import UTC, datetime

import pytest

from tests.support.browser_scenarios import BrowserScenarios
from tests.support.client_scenarios import Answers
from tests.support.factories import World, create_person

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

MANY = 33
"""So many that not all are on the first page."""
LONG_AGO = datetime(2026, 3, 1, 11, 30, tzinfo=UTC)


async def people(world: World, count: int) -> dict[str, str]:
    """Make a second owner and some members; give their ids by the names of variables."""
    acme = world.acme
    owner = await create_person(world.app, world.connection, "second-owner@acme.example.com", acme.tenant_id, "owner")
    ids = {"SECOND_OWNER": owner.id, "ADMIN": acme.admin.id}
    for number in range(1, count + 1):
        email = f"person-{number:02}@acme.example.com"
        person = await create_person(world.app, world.connection, email, acme.tenant_id, "member")
        ids[f"PERSON_{number}"] = person.id
    return {**ids, "MEMBER_EMAIL": acme.member.email, "ADMIN_EMAIL": acme.admin.email}


def answers_about(world: World) -> Answers:
    """What scenarios may ask for."""

    async def end(value: str) -> str:
        statement = f"UPDATE memberships SET ended_at = {value} WHERE id = $1"
        return str(await world.connection.execute(statement, world.acme.member.member_id))

    return {"join again": lambda: end("NULL"), "remove": lambda: end("clock_timestamp()")}


async def test_members_are_found_changed_and_removed(scenarios: BrowserScenarios, world: World) -> None:
    await scenarios.run("members.mjs", **await people(world, MANY))


async def test_members_are_refused_what_they_may_not(scenarios: BrowserScenarios, world: World) -> None:
    await scenarios.run("members_refused.mjs", **await people(world, 4))


async def test_whoever_leaves_a_tenant_is_out_of_it(scenarios: BrowserScenarios, world: World) -> None:
    await scenarios.run("members_leave.mjs", answers_about(world), MEMBER_EMAIL=world.acme.member.email)


async def test_people_are_invited(scenarios: BrowserScenarios, world: World) -> None:
    await scenarios.run("members_invitations.mjs", **await people(world, 0))


async def test_api_keys_are_shown_once(scenarios: BrowserScenarios, world: World) -> None:
    await scenarios.run("members_keys.mjs", **await people(world, 0))


async def test_the_audit_log_says_what_who_and_when(scenarios: BrowserScenarios, world: World) -> None:
    acme = world.acme
    entry = {"tenant_id": acme.tenant_id, "table_name": "tenants", "row_id": acme.tenant_id, "action": "UPDATE"}
    values = {"request_id": "", "operation": "", "values_digest": b"none", "created_at": LONG_AGO}
    await world.add("audit_log", **entry, **values)
    variables = await people(world, 0)
    await scenarios.run("audit.mjs", **variables, ADMIN_TOKEN=acme.admin.client.token or "")
