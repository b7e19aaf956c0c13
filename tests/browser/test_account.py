"""The account's pages in Chromium: from a registration to the end of all sessions, and what a login lives through."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from atrium import document_admin
from atrium.document_admin import DocumentsAction
from atrium.settings import Settings
from models.base import now
from tests.conftest import Urls
from tests.support.browser_scenarios import BrowserScenarios
from tests.support.client_scenarios import Answers
from tests.support.factories import Person, World
from tests.support.server_process import Process, served

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

MAILED = re.compile(r"http://\S+?/app(/[a-z-]+#token=[\w.-]+)")
MANY = 12


def answers_about(world: World, person: Person, process: Process) -> Answers:
    """What scenarios may ask for."""

    async def mailed_link() -> str:
        return str(MAILED.findall("\n".join(process.lines))[-1])

    async def end_sessions() -> str:
        ended = "UPDATE sessions SET revoked_at = clock_timestamp() WHERE user_id = $1 AND revoked_at IS NULL"
        return str(await world.connection.execute(ended, person.user_id))

    async def log_in_elsewhere() -> str:
        values = {"user_id": person.user_id, "tenant_id": person.tenant_id, "refresh_digest": "none"}
        await world.add("sessions", **values, expires_at=now() + timedelta(days=1))
        return "done"

    async def end_other_sessions() -> str:
        ended = "UPDATE sessions SET revoked_at = clock_timestamp() WHERE user_id = $1 AND refresh_digest = 'none'"
        await world.connection.execute(ended, person.user_id)
        return "done"

    async def many_events() -> str:
        for _ in range(MANY):
            await log_in_elsewhere()
        return await end_other_sessions()

    return {
        "mailed link": mailed_link,
        "end sessions": end_sessions,
        "log in elsewhere": log_in_elsewhere,
        "end other sessions": end_other_sessions,
        "many events": many_events,
    }


async def test_who_is_not_logged_in_comes_in(scenarios: BrowserScenarios, world: World) -> None:
    answers = answers_about(world, world.acme.owner, scenarios.process)
    await scenarios.run("account_open.mjs", answers, ADMIN_TOKEN=world.acme.admin.client.token or "")


async def test_an_account_is_its_owners(scenarios: BrowserScenarios, world: World) -> None:
    await scenarios.run("account_page.mjs", answers_about(world, world.acme.owner, scenarios.process))


async def test_a_login_lives_through_its_token_and_other_tabs(scenarios: BrowserScenarios, world: World) -> None:
    answers = answers_about(world, world.acme.owner, scenarios.process)
    await scenarios.run("account_session.mjs", answers, OTHER_EMAIL=world.acme.member.email)


async def test_each_tab_is_in_its_own_tenant(scenarios: BrowserScenarios, world: World) -> None:
    also = {"tenant_id": world.globex.tenant_id, "user_id": world.acme.owner.user_id, "role": "MEMBER"}
    await world.add("memberships", **also, full_name="", email="")
    await scenarios.run("account_tenants.mjs")


@pytest.mark.usefixtures("pages")
async def test_trusted_documents_are_enough(
    node: Path, workshop: Path, browser: str, world: World, urls: Urls, tmp_path: Path
) -> None:
    report = await document_admin.run(DocumentsAction.ADD, ["backoffice"], urls.owner, Settings())
    assert report.is_good, report.messages
    async with served(urls, tmp_path, documents="only") as process:
        await BrowserScenarios(node, workshop, browser, world, process).run("account_documents.mjs")
