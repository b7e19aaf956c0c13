"""The runbooks of load, as docs/runbooks.md has them: tenant noisy, feed stuck."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from tests.conftest import Urls
from tests.support.client import run_app
from tests.support.doc_steps import fill_in, run_commands, run_sql, runbook_block
from tests.support.factories import World, create_world
from tests.support.replication import CREATE_TASK
from tests.support.subscription_client import collect_subscription

LIMITS = {"actor_cost_maximum": 20_000, "tenant_cost_maximum": 40_000, "actor_cost_rate": 1, "tenant_cost_rate": 1}
TASKS_CREATED = 40  # of 400 points each
TASKS = "{ tasks { totalCount } }"
KILL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name = 'atrium feed'"
)
CHANGES = "subscription($after: String) { taskChanged(after: $after) { task { title } } }"


async def test_a_noisy_tenant_is_found_put_out_and_let_in_again(
    urls: Urls, owner_connection: asyncpg.Connection
) -> None:
    async with run_app(urls, **LIMITS) as app:
        world = await create_world(app, owner_connection)
        noisy, quiet = world.acme.member, world.globex.member
        for number in range(TASKS_CREATED):
            await noisy.client.run(CREATE_TASK, input={"title": str(number)})
        await quiet.client.run(TASKS)
        await app.components.cost_buckets.report()
        [spenders] = await run_sql(urls.owner, runbook_block("Tenant noisy", "Look"))
        assert [(row["slug"], row["email"]) for row in spenders[:2]] == [("acme", noisy.email), ("acme", None)]
        assert {row["slug"] for row in spenders[2:]} == {"globex"}
        assert spenders[0]["left"] < spenders[0]["most"] / 2

        await run_commands(urls, "Tenant noisy", "Mend")
        assert await noisy.client.error_codes(TASKS) == ["UNAUTHENTICATED"]
        assert (await quiet.client.run(TASKS))["tasks"]["totalCount"] == 0
        await run_commands(urls, "Tenant noisy", "Over")
        assert (await noisy.client.run(TASKS))["tasks"]["totalCount"] == TASKS_CREATED


IN_THE_WAY = {
    "blocker": ("BEGIN", "LOCK TABLE feed IN SHARE MODE"),
    "pid": ("SELECT pg_advisory_lock(hashtext('atrium sealer'))",),
}
"""By the column that tells of it, what somebody did in psql and left there; making an index takes the same lock."""


@asynccontextmanager
async def left_open(urls: Urls, statements: tuple[str, ...]) -> AsyncIterator[int]:
    """A session of psql in which somebody did this; gives its process.

    It waits for a lock that the sequencer has for as long as that is connected, and gets it before that connects again.
    """
    connection = await asyncpg.connect(urls.plain("superuser"), server_settings={"application_name": "psql"})
    superuser = await asyncpg.connect(urls.plain("superuser"))
    try:
        for statement in statements:
            doing = asyncio.create_task(connection.execute(statement))
            while not (await asyncio.wait([doing], timeout=1))[0]:
                await superuser.execute(KILL)
        yield connection.get_server_pid()
    finally:
        connection.terminate()
        await superuser.close()


@pytest.mark.parametrize("column", IN_THE_WAY)
async def test_who_stands_in_the_way_of_the_feed_is_found_and_ended(world: World, urls: Urls, column: str) -> None:
    look, mend = runbook_block("Feed stuck", "Look"), runbook_block("Feed stuck", "Mend")
    cursor = (await world.acme.member.client.run("{ feedCursor }"))["feedCursor"]
    async with left_open(urls, IN_THE_WAY[column]) as guilty:
        await world.acme.member.client.run(CREATE_TASK, input={"title": "Plan"})
        found = await look_until_seen(urls, look, column, guilty)
        assert found["waiting"] > 0
        assert found["program"] == "psql"
        await run_sql(urls.superuser, fill_in(mend, {"4711": guilty}))
        [seen] = await collect_subscription(world, world.acme.owner, CHANGES, 1, after=cursor)
        assert seen["task"]["title"] == "Plan"
    assert "0 wait for their positions" in await run_commands(urls, "Feed stuck", "Over")


async def look_until_seen(urls: Urls, look: str, column: str, guilty: int) -> dict[str, object]:
    """Look as the page says, until the sequencer has come as far as the obstacle; gives what was seen."""
    async with asyncio.timeout(20):
        while True:
            [[queue], holders, _] = await run_sql(urls.superuser, look)
            for holder in holders:
                if holder[column] == guilty:
                    program = holder["blocking_program" if column == "blocker" else "application_name"]
                    return {"waiting": queue["waiting"], "program": program}
            await asyncio.sleep(0.05)
