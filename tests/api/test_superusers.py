"""Superusers through HTTP, on both executors: lists, searches, suspensions, and refusals that change nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from atrium.http.negotiation import PARTIAL_SUCCESS
from graph.runtime.context import Context
from models.database import Database
from services import superusers
from services.permissions import Actor
from tests.support.client import Client, run_app
from tests.support.factories import PASSWORD, Person, World, create_person, create_world, make_superuser

LISTS = """{
    accounts(first: 100) { totalCount nodes { id email fullName isActive isSuperuser lastLogin createdAt } }
    tenants { totalCount nodes { id slug name isActive } }
    accountLog { totalCount nodes { id eventType account { email } email operation ip createdAt } }
    superuserActs { totalCount nodes {
        type actor { email } account { id email isActive } tenant { slug } ip userAgent requestId
    } }
}"""
LOGIN = "... on Session { accessToken refreshToken } ... on Error { code }"
ACCOUNT = "... on Account { id isActive } ... on Error { code message }"
TENANT = "... on ManagedTenant { id isActive } ... on Error { code message }"


@pytest.fixture(params=[True, False], ids=["compiled", "reference"])
async def installation(
    urls: Any, owner_connection: asyncpg.Connection, request: pytest.FixtureRequest
) -> AsyncIterator[World]:
    """The two tenants, on an application with or without the compiler."""
    async with run_app(urls, compiler=request.param) as app:
        yield await create_world(app, owner_connection)


@pytest.fixture
async def root(installation: World) -> Person:
    person = await create_person(installation.app, installation.connection, "root@example.com")
    await make_superuser(installation.connection, person)
    return person


async def test_a_superuser_lists_and_suspends(installation: World, root: Person) -> None:
    member, client = installation.acme.member, root.client
    before = await client.run(LISTS)
    assert before["tenants"]["totalCount"] == 2
    account = next(node for node in before["accounts"]["nodes"] if node["email"] == member.email)
    assert (account["id"], account["isActive"]) == (f"Account:{member.user_id}", True)
    assert before["accounts"]["totalCount"] == len(before["accounts"]["nodes"])
    assert await client.mutate("suspendAccount", ACCOUNT, id=account["id"]) == {
        "__typename": "Account",
        "id": account["id"],
        "isActive": False,
    }
    [tenant] = (await client.run('{ tenants(filter: { text: { contains: "GLOBE" } }) { nodes { id } } }'))["tenants"][
        "nodes"
    ]
    assert tenant == {"id": installation.globex.id}
    assert (await client.mutate("suspendTenant", TENANT, id=tenant["id"]))["isActive"] is False
    newest, older, *_ = (await client.run(LISTS))["superuserActs"]["nodes"]
    assert (newest["type"], newest["account"], newest["tenant"]) == ("TENANT_SUSPENDED", None, {"slug": "globex"})
    assert (older["type"], older["actor"]) == ("ACCOUNT_SUSPENDED", {"email": "root@example.com"})
    assert older["account"] == {"id": account["id"], "email": member.email, "isActive": False}
    assert older["ip"] == "127.0.0.1"
    assert older["requestId"]
    tasks = "{ tasks { totalCount } }"
    for out in (member.client, installation.globex.owner.client):
        assert await out.error_codes(tasks) == ["UNAUTHENTICATED"]
    await client.mutate("resumeAccount", ACCOUNT, id=account["id"])
    await client.mutate("resumeTenant", TENANT, id=tenant["id"])
    for again in (member.client, installation.globex.owner.client):
        assert await again.error_codes(tasks) == []


async def test_it_needs_no_tenant_and_minds_none(installation: World) -> None:
    owner = installation.acme.owner
    await make_superuser(installation.connection, owner)
    assert (await owner.client.run(LISTS))["tenants"]["totalCount"] == 2
    hidden = "query($id: ID!) { node(id: $id) { id } auditLog { totalCount } users { totalCount } }"
    project = await installation.add("projects", tenant_id=installation.globex.tenant_id, name="Theirs")
    seen = await owner.client.run(hidden, id=f"Project:{project}")
    assert seen["node"] is None
    assert seen["users"]["totalCount"] == 3


QUERIES = [
    "{ accounts { totalCount } }",
    "{ accounts(first: 1) { nodes { id } } }",
    '{ accounts(filter: { text: { contains: "x" } }) { nodes { id } } }',
    "{ tenants { totalCount } }",
    '{ tenants(filter: { text: { contains: "x" } }) { edges { cursor } } }',
    "{ accountLog { totalCount } }",
    "{ accountLog(first: 1) { nodes { id } } }",
    "{ superuserActs { totalCount } }",
    "{ superuserActs { nodes { id } } }",
    "{ viewer { email } accounts { totalCount } again: accounts { nodes { id } } }",
]


@pytest.mark.parametrize("query", QUERIES)
async def test_everybody_else_is_forbidden(installation: World, root: Person, query: str) -> None:
    for person in (installation.acme.owner, installation.outsider):
        assert set(await person.client.error_codes(query)) == {"FORBIDDEN"}
    assert set(await installation.nobody.error_codes(query)) == {"UNAUTHENTICATED"}
    assert await root.client.error_codes(query) == []
    await installation.connection.execute("UPDATE users SET is_superuser = false WHERE id = $1", root.user_id)
    assert set(await root.client.error_codes(query)) == {"FORBIDDEN"}


async def refusals_of(client: Client) -> set[str]:
    suspension = "mutation($input: SuspendAccountInput!) { suspendAccount(input: $input) { __typename } }"
    given = {"input": {"id": "Account:00000000-0000-7000-8000-000000000000"}}
    return {*await client.error_codes(QUERIES[0]), *await client.error_codes(suspension, **given)}


async def test_an_old_login_is_told_to_log_in_again(installation: World, root: Person) -> None:
    given = {"email": "root@example.com", "password": PASSWORD}
    session = await root.client.mutate("login", LOGIN, **given)
    client = installation.app.client_with(session["accessToken"])
    assert await refusals_of(client) == set()
    age = "UPDATE sessions SET authenticated_at = authenticated_at - $1::interval"
    await installation.connection.execute(age, timedelta(minutes=16))
    assert await refusals_of(client) == {"REAUTHENTICATION_REQUIRED"}
    assert await client.error_codes("{ viewer { email } }") == []
    renewed = await client.mutate("refresh", LOGIN, refreshToken=session["refreshToken"])
    client = installation.app.client_with(renewed["accessToken"])
    assert await refusals_of(client) == {"REAUTHENTICATION_REQUIRED"}
    session = await client.mutate("login", LOGIN, **given)
    assert await refusals_of(installation.app.client_with(session["accessToken"])) == set()
    await installation.connection.execute("UPDATE users SET is_superuser = false")
    await installation.connection.execute(age, timedelta(minutes=16))
    assert await refusals_of(installation.app.client_with(session["accessToken"])) == {"FORBIDDEN"}


async def test_an_old_login_does_not_fail_the_request(installation: World, root: Person) -> None:
    await installation.connection.execute("UPDATE sessions SET authenticated_at = NULL WHERE id = $1", root.session_id)
    headers = {"authorization": f"Bearer {root.client.token}", "accept": "application/graphql-response+json"}
    answer = await root.client.http.post("/graphql", json={"query": QUERIES[0]}, headers=headers)
    assert (answer.status_code, answer.json()["data"]) == (PARTIAL_SUCCESS, None)
    assert answer.json()["errors"][0]["extensions"]["code"] == "REAUTHENTICATION_REQUIRED"
    assert answer.json()["errors"][0]["message"].startswith("Log in again with your password")


async def test_nobody_suspends_themselves(root: Person) -> None:
    refused = await root.client.mutate("suspendAccount", ACCOUNT, id=f"Account:{root.user_id}")
    assert (refused["__typename"], refused["message"]) == ("IllegalTransition", "You cannot suspend your own account.")
    assert (await root.client.run(LISTS))["superuserActs"]["nodes"][0]["type"] == "SUPERUSER_GRANTED"


async def test_the_tenant_does_not_learn_where_a_superuser_asked_from(installation: World, root: Person) -> None:
    await root.client.mutate("suspendTenant", TENANT, id=installation.acme.id)
    await root.client.mutate("resumeTenant", TENANT, id=installation.acme.id)
    log = "{ auditLog { nodes { operation actor { fullName } ip userAgent changes { field after } } } }"
    entries = (await installation.acme.owner.client.run(log))["auditLog"]["nodes"][:2]
    assert [entry["operation"] for entry in entries] == ["resumeTenant", "suspendTenant"]
    for entry in entries:
        assert (entry["actor"], entry["ip"] or None, entry["userAgent"] or None) == (None, None, None)
        assert [change["field"] for change in entry["changes"]] == ["isActive"]


async def test_who_is_suspended_while_they_follow_gets_nothing_more(installation: World, root: Person) -> None:
    member, parts = installation.acme.member, installation.app.components
    context = Context(parts.database, Actor.of(member.identity), parts.auth, parts.feed)
    subscription = 'subscription { taskChanged(after: "0") { action } }'
    async with asyncio.timeout(30), aclosing(await parts.schema.subscribe(subscription, context_value=context)) as sent:
        await installation.acme.owner.client.mutate("createTask", "... on Task { id }", title="one")
        assert (await anext(sent)).data == {"taskChanged": {"action": "CREATE"}}
        await root.client.mutate("suspendAccount", ACCOUNT, id=f"Account:{member.user_id}")
        await installation.acme.owner.client.mutate("createTask", "... on Task { id }", title="two")
        last = await anext(sent)
    assert [error.extensions["code"] for error in last.errors] == ["UNAUTHENTICATED"]


async def test_the_command_line_and_the_api_are_one(installation: World, root: Person, urls: Any) -> None:
    operator = Database(urls.owner)
    async with operator.installation_transaction() as session:
        await superusers.suspend_or_resume(session, "account", installation.acme.member.user_id, active=False)
    await operator.close()
    [act] = [each for each in (await root.client.run(LISTS))["superuserActs"]["nodes"] if each["account"]][:1]
    assert (act["type"], act["actor"], act["account"]["isActive"]) == ("ACCOUNT_SUSPENDED", None, False)
