"""The runbooks of access, as docs/runbooks.md has them: a key leaked, an account was taken over."""

import base64
import os
from typing import Any

from tests.conftest import Urls
from tests.support.client import App, run_app
from tests.support.doc_steps import fill_in, run_commands, run_sql, runbook_block
from tests.support.factories import PASSWORD, World, make_superuser
from tests.support.mailbox import sent_emails, token_from_email

VIEWER = "{ viewer { email } }"
TASKS = "{ tasks { totalCount } }"
SESSION = "... on Session { accessToken refreshToken } ... on Error { code }"
EXAMPLE_KEY, EXAMPLE_EMAIL = "0198c0de5a1f7c3e9b2d4f6a8c0e1f23", "somebody@example.com"
NEXT_PASSWORD = "An0ther-one!"


async def log_in(app: App, email: str, password: str = PASSWORD) -> dict[str, Any]:
    return await app.client_with().mutate("login", SESSION, email=email, password=password, tenant="acme")


async def refresh(app: App, session: dict[str, Any]) -> dict[str, Any]:
    return await app.client_with().mutate("refresh", SESSION, refreshToken=session["refreshToken"])


async def key_ids(app: App) -> list[str]:
    return [key["kid"] for key in (await app.http.get("/.well-known/jwks.json")).json()["keys"]]


async def test_tokens_of_a_leaked_signing_key_are_good_no_more(world: World, urls: Urls) -> None:
    member, leaked = world.acme.member, world.app
    session = await log_in(leaked, member.email)
    made = await world.acme.owner.client.mutate("createApiKey", "... on ApiKey { token }", name="Robot", role="MEMBER")
    assert member.session_id is not None
    forged, _ = leaked.components.auth.tokens.issue(
        user_id=member.user_id, tenant_id=world.acme.tenant_id, role="MEMBER", session_id=member.session_id
    )
    assert (await leaked.client_with(forged).run(VIEWER))["viewer"]["email"] == member.email

    export = runbook_block("Signing key leaked", "Mend", "sh")
    assert export.strip() == 'export ATRIUM_SIGNING_KEYS="$(openssl rand -base64 32)"'
    key = base64.b64encode(os.urandom(32)).decode()
    async with run_app(urls, secret_key=None, signing_keys=(key,)) as app:
        assert len(await key_ids(app)) == 1
        assert set(await key_ids(app)).isdisjoint(await key_ids(leaked))
        for token in (forged, session["accessToken"]):
            assert await app.client_with(token).error_codes(VIEWER) == ["UNAUTHENTICATED"]
        carried_on = await refresh(app, session)
        assert "code" not in carried_on, "which is why all sessions are ended"
        await run_sql(urls.owner, runbook_block("Signing key leaked", "Mend"))
        assert (await refresh(app, carried_on))["code"] == "INVALID_TOKEN"
        assert await app.client_with(carried_on["accessToken"]).error_codes(VIEWER) == ["UNAUTHENTICATED"]
        assert (await app.client_with(made["token"]).run(TASKS))["tasks"]["totalCount"] == 0
        again = await log_in(app, member.email)
        assert (await app.client_with(again["accessToken"]).run(VIEWER))["viewer"]["email"] == member.email


async def test_a_leaked_api_key_is_found_by_its_text_and_revoked(world: World, urls: Urls) -> None:
    owner = world.acme.owner
    made = await owner.client.mutate("createApiKey", "... on ApiKey { token }", name="Robot", role="MEMBER")
    machine = world.app.client_with(made["token"])
    await machine.mutate("createTask", "... on Task { id }", title="By whoever has the key")
    kind, tenant, key_id, _ = made["token"].split(".")
    assert (kind, tenant) == ("key", world.acme.tenant_id.hex)

    look, mend = runbook_block("API key leaked", "Look"), runbook_block("API key leaked", "Mend")
    [[key], done] = await run_sql(urls.owner, fill_in(look, {EXAMPLE_KEY: key_id}))
    assert (key["slug"], key["name"], key["maker"], key["revoked_at"]) == ("acme", "Robot", owner.email, None)
    assert [(entry["operation"], entry["table_name"]) for entry in done] == [("createTask", "tasks")]
    await run_sql(urls.owner, fill_in(mend, {EXAMPLE_KEY: key_id}))
    assert await machine.error_codes(TASKS) == ["UNAUTHENTICATED"]
    [[revoked], _] = await run_sql(urls.owner, fill_in(look, {EXAMPLE_KEY: key_id}))
    assert revoked["revoked_at"] is not None
    assert revoked["last_used_at"] == key["last_used_at"]


async def test_an_account_that_was_taken_over_is_given_back(world: World, urls: Urls) -> None:
    app, member = world.app, world.acme.member
    examples = {EXAMPLE_EMAIL: member.email}
    await make_superuser(world.connection, world.outsider)  # the last one keeps its powers
    await make_superuser(world.connection, member)
    stolen = await log_in(app, member.email)
    assert "LOGGED_IN" in await run_commands(urls, "Account taken over", "Look", examples)

    await run_commands(urls, "Account taken over", "Mend", examples)
    await run_sql(urls.owner, fill_in(runbook_block("Account taken over", "Mend"), examples))
    assert await app.client_with(stolen["accessToken"]).error_codes(VIEWER) == ["UNAUTHENTICATED"]
    await run_commands(urls, "Account taken over", "Over", examples)

    assert await app.client_with(stolen["accessToken"]).error_codes(VIEWER) == ["UNAUTHENTICATED"]
    assert (await refresh(app, stolen))["code"] == "INVALID_TOKEN"
    assert (await log_in(app, member.email))["code"] == "INVALID_CREDENTIALS"
    await world.nobody.mutate("requestPasswordReset", "... on Error { code }", email=member.email)
    token = token_from_email(next(letter for letter in reversed(sent_emails(world)) if letter.to == member.email))
    given = {"token": token, "newPassword": NEXT_PASSWORD}
    await world.nobody.mutate("resetPassword", "... on SessionsEnded { count }", **given)
    back = app.client_with((await log_in(app, member.email, NEXT_PASSWORD))["accessToken"])
    assert (await back.run(VIEWER))["viewer"]["email"] == member.email
    assert await back.error_codes("{ accounts { totalCount } }") == ["FORBIDDEN"]
