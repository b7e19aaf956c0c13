"""The samples of docs/clients.md, as they stand there, run in Node with real clients, against a server."""

import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest

from atrium import document_admin
from graph.schema import create_schema
from tests.conftest import Urls
from tests.support.client_scenarios import (
    LAG_SECONDS,
    Restarted,
    Scenarios,
    make_everything,
    member_answers,
    run_command,
)
from tests.support.factories import World
from tests.support.replication import ReplicatedCluster
from tests.support.server_process import served

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    ("locks", "late_seconds", "grace_seconds"),
    [("on", "", 0), ("off", "14", 60)],
    ids=["with locks", "without locks"],
)
async def test_two_tabs_stay_logged_in_each_in_its_tenant(
    locks: str,
    late_seconds: str,
    grace_seconds: int,
    node: Path,
    workshop: Path,
    world: World,
    urls: Urls,
    tmp_path: Path,
) -> None:
    member = world.acme.member
    also = {"tenant_id": world.globex.tenant_id, "user_id": member.user_id, "role": "MEMBER"}
    await world.add("memberships", **also, full_name="", email="")
    async with served(urls, tmp_path, refresh_grace_seconds=grace_seconds) as process:
        scenarios = Scenarios(node, workshop, world, process)
        await scenarios.run("tabs.mjs", LOCKS=locks, LATE_SECONDS=late_seconds)


@pytest.mark.parametrize("scenario", ["sockets.mjs", "streams.mjs"])
async def test_subscriptions_outlive_tokens_restarts_and_roles(
    scenario: str, node: Path, workshop: Path, world: World, urls: Urls, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        server = Restarted(urls, tmp_path, stack)
        await server.start()
        answers = {**server.answers, **member_answers(world)}
        await Scenarios(node, workshop, world, server.process).run(scenario, answers)


@pytest.mark.parametrize("scenario", ["urql.mjs", "graphcache.mjs", "apollo.mjs", "relay.mjs"])
async def test_a_library_queries_changes_and_follows(
    scenario: str, scenarios: Scenarios, record_property: Callable[[str, object], None]
) -> None:
    record_property("summary", await scenarios.run_for_each_tenant(scenario))


async def test_legacy_statuses_are_those_of_the_drafts(
    node: Path, workshop: Path, urls: Urls, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    async with served(urls, tmp_path, http_status="legacy") as process:
        printed = await run_command([node, "audits.mjs"], workshop, {"ENDPOINT": f"{process.url}/graphql"})
    record_property("summary", f"graphql-http's audits with ATRIUM_HTTP_STATUS=legacy: {printed.strip()}")


@pytest.mark.parametrize(
    "settings",
    [{}, {"persisted_queries": True}, {"documents": "allowed"}, {"documents": "only"}],
    ids=["off", "persisted", "allowed", "only"],
)
async def test_documents_are_sent_by_hash_or_id(
    settings: dict[str, Any],
    node: Path,
    workshop: Path,
    world: World,
    urls: Urls,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    manifest = tmp_path / "persisted-documents.json"
    manifest.write_text(json.dumps({"tasks-of-the-build": "query Tasks { tasks { totalCount __typename } }"}))
    await document_admin.add_manifest(urls.owner, create_schema(compiler=False), manifest)
    mode = settings.get("documents", "persisted" if settings else "off")
    async with served(urls, tmp_path, **settings) as process:
        scenarios = Scenarios(node, workshop, world, process)
        # In development urql wants the definitions of a document that it sends by its id.
        given = {"MODE": mode, "TASKS_ID": "tasks-of-the-build", "NODE_ENV": "production"}
        record_property("summary", f"{mode}, {await scenarios.run_for_each_tenant('persisted.mjs', **given)}")


async def test_caches_give_back_what_was_answered_to_every_query(
    scenarios: Scenarios, world: World, record_property: Callable[[str, object], None]
) -> None:
    everything = await make_everything(world)
    answers = {"everything": AsyncMock(return_value=everything)}
    record_property("summary", await scenarios.run_for_each_tenant("caches.mjs", answers))


async def test_who_sends_the_position_back_reads_what_was_written(
    node: Path, workshop: Path, place: ReplicatedCluster, tmp_path: Path
) -> None:
    urls = Urls(place.server.superuser_url, place.server.owner_url, place.runtime)
    token = place.world.acme.member.client.token
    session = {"accessToken": token, "refreshToken": None, "expiresAt": "2999-01-01T00:00:00Z", "tenant": None}
    settings = {"database_replica_urls": ",".join(place.replica_urls), "replica_max_lag_seconds": 30}
    async with served(urls, tmp_path, **settings) as process:
        await place.set_lag(LAG_SECONDS)
        environment = {"ENDPOINT": f"{process.url}/graphql", "LOGIN": json.dumps(session)}
        command = [node, "--import", "./setup.mjs", "consistency.mjs"]
        await run_command(command, workshop, environment)
