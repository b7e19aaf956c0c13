"""The audit log of the back office."""

from datetime import UTC, datetime

import pytest

from tests.support.browser_scenarios import BrowserScenarios
from tests.support.factories import World
from tests.support.tenant_people import add_people

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LONG_AGO = datetime(2026, 3, 1, 11, 30, tzinfo=UTC)


async def test_the_audit_log_says_what_who_and_when(scenarios: BrowserScenarios, world: World) -> None:
    tenant_id = world.acme.tenant_id
    entry = {"tenant_id": tenant_id, "table_name": "tenants", "row_id": tenant_id, "action": "UPDATE"}
    values = {"request_id": "", "operation": "", "values_digest": b"none", "created_at": LONG_AGO}
    await world.add("audit_log", **entry, **values)
    await scenarios.run("audit.mjs", **await add_people(world))
