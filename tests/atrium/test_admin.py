"""What operators do from the command line: people and tenants put out and let in, and who is a superuser."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from atrium import cli
from tests.conftest import Urls
from tests.support.factories import World

Run = Callable[..., Any]


@pytest.fixture
def run(urls: Urls, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on the test's own database; commands bring an event loop of their own."""
    monkeypatch.setenv("ATRIUM_DATABASE_URL", urls.runtime)
    monkeypatch.setenv("ATRIUM_DATABASE_OWNER_URL", urls.owner)

    async def run(*arguments: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, cli.main, list(arguments))

    return run


async def states(world: World) -> tuple[Any, ...]:
    query = """
        SELECT (SELECT is_active FROM users WHERE id = $1), (SELECT is_superuser FROM users WHERE id = $1),
            (SELECT is_active FROM tenants WHERE id = $2)
    """
    return tuple(await world.connection.fetchrow(query, world.acme.member.user_id, world.acme.tenant_id))


async def test_people_and_tenants_are_put_out_and_let_in(run: Run, world: World) -> None:
    email, tasks = world.acme.member.email, "{ tasks { totalCount } }"
    assert (await run("suspend", "--email", f" {email.upper()}")).exit_code == 0
    assert await states(world) == (False, False, True)
    assert await world.acme.member.client.error_codes(tasks) == ["UNAUTHENTICATED"]
    assert (await run("suspend", "--tenant", "ACME")).exit_code == 0
    assert await world.acme.owner.client.error_codes(tasks) == ["UNAUTHENTICATED"]
    assert (await run("resume", "--email", email)).exit_code == 0
    assert (await run("resume", "--tenant", "acme")).exit_code == 0
    assert await states(world) == (True, False, True)
    assert await world.acme.member.client.error_codes(tasks) == []


async def test_superusers_are_made_and_unmade_and_one_stays(run: Run, world: World) -> None:
    member, other = world.acme.member.email, world.outsider.email
    for _ in range(2):
        assert (await run("superuser", "grant", "--email", member)).exit_code == 0
    assert await states(world) == (True, True, True)
    assert (await run("superuser", "revoke", "--email", member)).exit_code == 1
    assert (await run("suspend", "--email", member)).exit_code == 1
    assert await states(world) == (True, True, True)
    assert (await run("superuser", "grant", "--email", other)).exit_code == 0
    assert (await run("superuser", "revoke", "--email", member)).exit_code == 0
    assert await states(world) == (True, False, True)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("suspend", "--email", "nobody@example.com"), 1),
        (("resume", "--tenant", "nothing"), 1),
        (("superuser", "grant", "--email", "nobody@example.com"), 1),
        (("superuser", "revoke", "--email", "no address"), 1),
        (("superuser", "promote", "--email", "owner@acme.example.com"), 2),
        (("superuser", "grant"), 2),
        (("suspend",), 2),
        (("suspend", "--email", "owner@acme.example.com", "--tenant", "acme"), 2),
    ],
)
async def test_whom_there_is_not_is_said(run: Run, world: World, arguments: tuple[str, ...], code: int) -> None:
    before = await states(world)
    assert (await run(*arguments)).exit_code == code
    assert await states(world) == before
    assert await world.connection.fetchval("SELECT count(*) FROM superuser_acts") == 0
