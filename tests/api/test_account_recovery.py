"""Journeys through the mail, over HTTP: links that are opened, and answers that give nobody away."""

from typing import Any

import pytest

from tests.support.client import Client
from tests.support.factories import PASSWORD, World
from tests.support.mailbox import sent_emails, token_from_email

NEXT = "An0ther-one!"
REQUESTED = "... on MailRequested { validMinutes } ... on Error { code }"
LOGIN = "... on Session { accessToken } ... on Error { code }"


def token_sent_to(world: World, email: str) -> str:
    """The token in the newest letter to an address."""
    return token_from_email(next(letter for letter in reversed(sent_emails(world)) if letter.to == email))


async def test_who_forgot_a_password_comes_in_again(world: World) -> None:
    email, nobody = world.acme.member.email, world.nobody
    asked = await nobody.mutate("requestPasswordReset", REQUESTED, email=email)
    assert asked == {"__typename": "MailRequested", "validMinutes": 60}
    given = {"token": token_sent_to(world, email), "newPassword": NEXT}
    fields = "... on SessionsEnded { count } ... on Error { code } ... on InvalidInput { fields { path } }"
    weak = await nobody.mutate("resetPassword", fields, **{**given, "newPassword": "weak"})
    assert {problem["path"] for problem in weak["fields"]} == {"newPassword"}
    assert (await nobody.mutate("resetPassword", fields, **given))["count"] == 1
    assert (await nobody.mutate("resetPassword", fields, **given))["code"] == "INVALID_TOKEN"
    assert await world.acme.member.client.error_codes("{ viewer { id } }") == ["UNAUTHENTICATED"]
    assert (await nobody.mutate("login", LOGIN, email=email, password=PASSWORD))["code"] == "INVALID_CREDENTIALS"
    entered = await nobody.mutate("login", LOGIN, email=email, password=NEXT)
    verified = await world.app.client_with(entered["accessToken"]).run("{ viewer { emailVerifiedAt } }")
    assert verified["viewer"]["emailVerifiedAt"]


async def test_no_answer_says_who_has_an_account(world: World) -> None:
    headers = {"x-request-id": "same"}
    query = f"mutation($i: RequestPasswordResetInput!) {{ requestPasswordReset(input: $i) {{ {REQUESTED} }} }}"

    async def answers(email: str) -> list[tuple[int, bytes, Any]]:
        found = []
        for _ in range(6):
            body = {"query": query, "variables": {"i": {"email": email}}}
            answer = await world.app.http.post("/graphql", json=body, headers=headers)
            found.append((answer.status_code, answer.content, sorted(answer.headers.items())))
        return found

    known = await answers(world.acme.member.email)
    assert known == await answers("unknown@example.com")
    assert b"RATE_LIMITED" in known[-1][1]


async def test_an_address_is_proved_and_changed(world: World) -> None:
    member, fields = world.acme.member, "... on EmailVerified { email } ... on Error { code }"
    asked = await member.client.run(f"mutation {{ requestEmailVerification {{ {REQUESTED} }} }}")
    assert asked["requestEmailVerification"] == {"validMinutes": 24 * 60}
    proved = await world.nobody.mutate("verifyEmail", fields, token=token_sent_to(world, member.email))
    assert proved["email"] == member.email
    again = await member.client.run(f"mutation {{ requestEmailVerification {{ {REQUESTED} }} }}")
    assert again["requestEmailVerification"] == {"code": "ILLEGAL_TRANSITION"}
    for password, expected in (("Wrong-0ne!", "INVALID_CREDENTIALS"), (PASSWORD, None)):
        given = {"email": "next@example.com", "password": password}
        assert (await member.client.mutate("requestEmailChange", REQUESTED, **given)).get("code") == expected
    moved = await world.nobody.mutate("verifyEmail", fields, token=token_sent_to(world, "next@example.com"))
    assert moved["email"] == "next@example.com"
    assert (await member.client.run("{ viewer { email } }"))["viewer"] == {"email": "next@example.com"}


async def test_an_invitation_is_accepted_from_its_letter(world: World) -> None:
    invited = await world.globex.admin.client.mutate(
        "inviteMember", "... on Invitation { token }", email=world.outsider.email
    )
    token = token_sent_to(world, world.outsider.email)
    assert token == invited["token"]
    joined = await world.outsider.client.mutate("acceptInvitation", "... on Tenant { slug }", token=token)
    assert joined["slug"] == "globex"


@pytest.mark.parametrize("role", ["OWNER", "ADMIN", "MEMBER"])
async def test_a_machine_works_until_its_key_is_revoked(world: World, role: str) -> None:
    owner = world.acme.owner
    fields = "... on ApiKey { id token role lastUsedAt creator { id } } ... on Error { code }"
    made = await owner.client.mutate("createApiKey", fields, name="Robot", role=role)
    assert (made["role"], made["lastUsedAt"], made["creator"]["id"]) == (role, None, owner.id)
    machine = world.app.client_with(made["token"])
    title = "... on Task { title } ... on Error { code }"
    assert (await machine.mutate("createTask", title, title="By a machine"))["title"] == "By a machine"
    assert (await machine.run("{ tenant { slug } }"))["tenant"] == {"slug": "acme"}
    await _has_no_account(machine)
    listed = await owner.client.run(
        "{ apiKeys { nodes { id name token lastUsedAt } } viewer { apiKeys { totalCount } } }"
    )
    [shown] = listed["apiKeys"]["nodes"]
    assert (shown["name"], shown["token"]) == ("Robot", None)
    assert shown["lastUsedAt"]
    assert listed["viewer"]["apiKeys"]["totalCount"] == 1
    assert (await owner.client.mutate("revokeApiKey", fields, id=made["id"]))["id"] == made["id"]
    assert await machine.error_codes("{ tasks { totalCount } }") == ["UNAUTHENTICATED"]
    assert (await owner.client.mutate("revokeApiKey", fields, id=made["id"]))["code"] == "NOT_FOUND"


async def _has_no_account(machine: Client) -> None:
    for query in ("{ viewer { email } }", "{ apiKeys { totalCount } }", "mutation { logoutEverywhere { count } }"):
        assert await machine.error_codes(query) == ["FORBIDDEN"], query


async def test_what_is_no_key_is_nobody(world: World) -> None:
    for token in ("key.", "key.x.y.z", f"key.{'0' * 32}.{'0' * 32}.{'A' * 43}"):
        assert await world.app.client_with(token).error_codes("{ tasks { totalCount } }") == ["UNAUTHENTICATED"]
        assert await world.app.client_with(token).error_codes("{ viewer { id } }") == ["UNAUTHENTICATED"]
