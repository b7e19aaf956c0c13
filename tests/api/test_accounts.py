"""Accounts through HTTP: registering, logging in and out, and who one is."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import jwt

from atrium import admin
from graph.schema import create_schema
from models.base import new_id, now
from tests.conftest import Urls
from tests.support.client import Client
from tests.support.factories import PASSWORD, World

VIEWER = "id email fullName isActive isSuperuser lastLogin createdAt role tenant { slug }"
ERROR = "... on Error { message code }"
FIELDS = "... on InvalidInput { fields { path message } }"
SESSION = f"... on Session {{ accessToken refreshToken expiresAt tenant {{ slug }} viewer {{ {VIEWER} }} }} {ERROR}"
REGISTERED = f"{SESSION} {FIELDS} ... on AlreadyExists {{ field }}"
LOGGED_IN = f"{SESSION} {FIELDS} ... on RateLimited {{ retryAfter }}"
ENDED = f"... on SessionsEnded {{ count }} {ERROR}"
ME = f"{{ viewer {{ {VIEWER} }} }}"
NEW = {"email": "New.Person@Example.com", "fullName": "New Person", "password": PASSWORD}


async def login(client: Client, email: str, password: str = PASSWORD, **more: Any) -> dict[str, Any]:
    return await client.mutate("login", LOGGED_IN, email=email, password=password, **more)


async def test_a_person_registers_logs_in_and_leaves(world: World) -> None:
    nobody = world.nobody
    registered = await nobody.mutate("register", REGISTERED, **NEW)
    assert registered["__typename"] == "Session"
    assert registered["tenant"] is None
    me = (await world.app.client_with(registered["accessToken"]).run(ME))["viewer"]
    assert me == registered["viewer"]
    assert (me["email"], me["fullName"], me["role"], me["tenant"]) == (
        "new.person@example.com",
        "New Person",
        None,
        None,
    )
    assert (me["isActive"], me["isSuperuser"]) == (True, False)

    entered = await login(nobody, "new.person@EXAMPLE.com")
    assert entered["viewer"]["lastLogin"] > me["lastLogin"]
    claims = jwt.decode(entered["accessToken"], options={"verify_signature": False})
    assert (claims["sub"], claims["exp"] - claims["iat"]) == (me["id"], 30 * 60)

    renewed = await nobody.mutate("refresh", SESSION, refreshToken=entered["refreshToken"])
    assert renewed["refreshToken"] != entered["refreshToken"]
    client = world.app.client_with(renewed["accessToken"])
    assert (await client.run("mutation { logout { count } }"))["logout"] == {"count": 1}
    assert await client.error_codes(ME) == ["UNAUTHENTICATED"]
    assert await world.app.client_with(entered["accessToken"]).error_codes(ME) == ["UNAUTHENTICATED"]
    late = await nobody.mutate("refresh", SESSION, refreshToken=renewed["refreshToken"])
    assert (late["__typename"], late["code"]) == ("InvalidToken", "INVALID_TOKEN")


async def test_registering_is_refused_with_what_a_form_can_show(world: World) -> None:
    taken = await world.nobody.mutate("register", REGISTERED, **{**NEW, "email": "MEMBER@acme.example.com"})
    assert (taken["__typename"], taken["code"], taken["field"]) == ("AlreadyExists", "ALREADY_EXISTS", "email")
    wrong = await world.nobody.mutate("register", REGISTERED, email="nobody", fullName=" ", password="password")
    assert (wrong["__typename"], wrong["code"]) == ("InvalidInput", "BAD_USER_INPUT")
    assert [problem["path"] for problem in wrong["fields"]] == ["email", "fullName", "password", "password", "password"]
    assert await world.connection.fetchval("SELECT count(*) FROM users") == 9


async def test_who_am_i_with_and_without_a_token(world: World) -> None:
    member = world.acme.member
    me = (await member.client.run(ME))["viewer"]
    assert (me["id"], me["email"]) == (str(member.user_id), member.email)
    assert (me["role"], me["tenant"]) == ("MEMBER", {"slug": "acme"})
    assert (await world.nobody.run(ME))["viewer"] is None
    tokens = world.app.components.auth.tokens
    claims: dict[str, Any] = {"user_id": member.user_id, "session_id": member.session_id}
    expired, _ = tokens.issue(tenant_id=None, role=None, now=now() - timedelta(hours=1), **claims)
    unknown, _ = tokens.issue(tenant_id=None, role=None, user_id=member.user_id, session_id=new_id())
    promoted, _ = tokens.issue(tenant_id=world.acme.tenant_id, role="OWNER", **claims)
    foreign, _ = tokens.issue(tenant_id=world.globex.tenant_id, role="MEMBER", **claims)
    assert member.client.token
    for token in ("x", member.client.token + "x", expired, unknown, promoted, foreign, "Bearer"):
        assert await world.app.client_with(token).error_codes(ME) == ["UNAUTHENTICATED"], token
    assert await world.acme.removed.client.error_codes(ME) == ["UNAUTHENTICATED"]


async def test_the_password_hash_never_leaves(world: World) -> None:
    assert "hash" not in create_schema().as_str().lower()
    registered = await world.nobody.send(
        f"mutation($i: RegisterInput!) {{ register(input: $i) {{ {REGISTERED} }} }}", i=NEW
    )
    assert "argon2" not in json.dumps(registered)
    assert PASSWORD not in json.dumps(registered)


async def test_unknown_wrong_and_inactive_read_the_same(world: World, urls: Urls) -> None:
    await admin.set_account_active(urls.owner, email="admin@acme.example.com", tenant=None, active=False)
    answers = [
        await login(world.nobody, "unknown@example.com"),
        await login(world.nobody, "member@acme.example.com", "Wrong-0ne!"),
        await login(world.nobody, "admin@acme.example.com"),
    ]
    assert answers[0]["code"] == "INVALID_CREDENTIALS"
    assert answers[1:] == answers[:1] * 2
    assert await world.acme.admin.client.error_codes(ME) == ["UNAUTHENTICATED"]
    assert (await world.acme.member.client.run(ME))["viewer"]


async def test_many_logins_in_one_request_are_counted_one_by_one(world: World) -> None:
    checks = world.app.components.auth.passwords.checks
    one = 'login(input: {{email: "member@acme.example.com", password: "Wrong-{n}!"}}) {{ __typename }}'
    many = " ".join(f"a{n}: " + one.format(n=n) for n in range(20))
    answers = [answer["__typename"] for answer in (await world.nobody.run(f"mutation {{ {many} }}")).values()]
    assert answers == ["InvalidCredentials"] * 5 + ["RateLimited"] * 15
    assert world.app.components.auth.passwords.checks - checks == 5
    limited = await login(world.nobody, "member@acme.example.com")
    assert limited["code"] == "RATE_LIMITED"
    assert 0 < limited["retryAfter"] <= 15 * 60
    too_many = " ".join(f"a{n}: " + one.format(n=n) for n in range(100))
    assert await world.nobody.error_codes(f"mutation {{ {too_many} }}") == ["DOCUMENT_TOO_COMPLEX"]


async def test_a_refresh_token_is_good_once_but_for_a_lost_answer(world: World) -> None:
    entered = await login(world.nobody, "member@acme.example.com")
    token = entered["refreshToken"]
    twins = await asyncio.gather(*(world.nobody.mutate("refresh", SESSION, refreshToken=token) for _ in range(2)))
    assert len({twin["refreshToken"] for twin in twins}) == 1
    client = world.app.client_with(twins[0]["accessToken"])
    assert (await client.run(ME))["viewer"]["tenant"] == {"slug": "acme"}
    await world.connection.execute("UPDATE sessions SET rotated_at = rotated_at - interval '61 seconds'")
    for copy in (token, twins[0]["refreshToken"], "rt.x", ""):
        answer = await world.nobody.mutate("refresh", SESSION, refreshToken=copy)
        assert answer["__typename"] == "InvalidToken"
    assert await client.error_codes(ME) == ["UNAUTHENTICATED"]


async def test_sessions_are_seen_and_ended_one_by_one_or_all(world: World) -> None:
    listed = "{ viewer { sessions { totalCount nodes { id isCurrent ip userAgent } } } }"
    member, email = world.acme.member, world.acme.member.email
    tokens = [(await login(world.nobody, email))["accessToken"] for _ in range(3)]
    first = world.app.client_with(tokens[0])
    found = (await first.run(listed))["viewer"]["sessions"]
    assert found["totalCount"] == 4
    assert [node["isCurrent"] for node in found["nodes"]] == [False, False, True, False]
    assert {(node["ip"], node["userAgent"] or "") for node in found["nodes"][:3]} >= {
        ("127.0.0.1", world.app.http.headers["user-agent"])
    }
    newest = found["nodes"][0]["id"]
    assert (await first.mutate("revokeSession", ENDED, id=newest))["count"] == 1
    assert (await first.mutate("revokeSession", ENDED, id=newest))["code"] == "NOT_FOUND"
    foreign = f"LoginSession:{world.acme.owner.session_id}"
    assert (await first.mutate("revokeSession", ENDED, id=foreign))["code"] == "NOT_FOUND"
    assert await world.app.client_with(tokens[2]).error_codes(ME) == ["UNAUTHENTICATED"]
    assert (await first.run("mutation { logoutEverywhere { count } }"))["logoutEverywhere"] == {"count": 3}
    for client in (first, world.app.client_with(tokens[1]), member.client):
        assert await client.error_codes(ME) == ["UNAUTHENTICATED"]
    assert (await world.acme.owner.client.run(ME))["viewer"]


async def test_a_password_is_changed_by_who_knows_it(world: World) -> None:
    client, email = world.acme.member.client, world.acme.member.email
    other = world.app.client_with((await login(world.nobody, email))["accessToken"])
    given = {"currentPassword": "Wrong-0ne!", "newPassword": "An0ther-one!"}
    assert (await client.mutate("changePassword", ENDED, **given))["code"] == "INVALID_CREDENTIALS"
    given["currentPassword"] = PASSWORD
    weak = await client.mutate("changePassword", f"{ENDED} {FIELDS}", **{**given, "newPassword": "Weak1"})
    assert [problem["path"] for problem in weak["fields"]] == ["newPassword", "newPassword"]
    assert (await other.run(ME))["viewer"]
    assert (await client.mutate("changePassword", ENDED, **given))["count"] == 1
    assert await other.error_codes(ME) == ["UNAUTHENTICATED"]
    assert (await client.run(ME))["viewer"]
    assert (await login(world.nobody, email))["code"] == "INVALID_CREDENTIALS"
    assert (await login(world.nobody, email, "An0ther-one!"))["viewer"]["email"] == email


async def test_ones_name_is_changed_unless_it_moved_on(world: World) -> None:
    client = world.acme.member.client
    fields = (
        f"{ERROR} {FIELDS}"
        "... on Viewer { fullName version } ... on VersionConflict { currentVersion current { id } }"
    )
    changed = await client.mutate("updateViewer", fields, fullName=" Ada ", expectedVersion=1)
    assert (changed["fullName"], changed["version"]) == ("Ada", 2)
    late = await client.mutate("updateViewer", fields, fullName="Eve", expectedVersion=1)
    assert (late["code"], late["currentVersion"], late["current"]) == ("VERSION_CONFLICT", 2, None)
    wrong = await client.mutate("updateViewer", fields, fullName="")
    assert [problem["path"] for problem in wrong["fields"]] == ["fullName"]
    named = '{ users(filter: {fullName: {contains: "ada"}}) { nodes { fullName email } } }'
    assert (await client.run(named))["users"]["nodes"] == [{"fullName": "Ada", "email": world.acme.member.email}]


async def test_without_a_tenant_only_the_account_can_be_used(world: World) -> None:
    entered = await login(world.nobody, world.outsider.email)
    client = world.app.client_with(entered["accessToken"])
    for query in ("{ tasks { totalCount } }", "{ users { totalCount } }", "{ projects { totalCount } }"):
        answer = await client.send(query)
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]
        assert "Choose a tenant" in answer["errors"][0]["message"]
        assert await world.nobody.error_codes(query) == ["UNAUTHENTICATED"]
    assert (await client.run("{ tenant { name } viewer { memberships { nodes { role } } } }")) == {
        "tenant": None,
        "viewer": {"memberships": {"nodes": []}},
    }


async def test_one_enters_another_tenant_without_logging_in_again(world: World) -> None:
    member = world.acme.member
    also = {"tenant_id": world.globex.tenant_id, "user_id": member.user_id, "role": "ADMIN"}
    await world.add("memberships", **also, full_name="", email="")
    unnamed = await login(world.nobody, member.email)
    assert (unnamed["tenant"], unnamed["viewer"]["role"]) == (None, None)
    client = world.app.client_with(unnamed["accessToken"])
    places = "{ viewer { memberships { nodes { role tenant { slug } } } } }"
    nodes = (await client.run(places))["viewer"]["memberships"]["nodes"]
    assert [(node["tenant"]["slug"], node["role"]) for node in nodes] == [("acme", "MEMBER"), ("globex", "ADMIN")]
    switched = await client.mutate("switchTenant", f"{SESSION} {FIELDS}", tenant="globex")
    assert (switched["refreshToken"], switched["tenant"], switched["viewer"]["role"]) == (
        None,
        {"slug": "globex"},
        "ADMIN",
    )
    assert (await world.app.client_with(switched["accessToken"]).run(ME))["viewer"]["tenant"] == {"slug": "globex"}
    renewed = await world.nobody.mutate("refresh", SESSION, refreshToken=unnamed["refreshToken"])
    assert renewed["tenant"] == {"slug": "globex"}
    wrong = await client.mutate("switchTenant", f"{SESSION} {FIELDS}", tenant="nowhere")
    assert [problem["path"] for problem in wrong["fields"]] == ["tenant"]
    named = await login(world.nobody, member.email, tenant="acme")
    assert (named["tenant"], named["viewer"]["role"]) == ({"slug": "acme"}, "MEMBER")
    refused = await login(world.nobody, world.outsider.email, tenant="acme")
    assert [problem["path"] for problem in refused["fields"]] == ["tenant"]
