"""Commands as an operator meets them: what is refused, in one sentence, and what is seen."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
import typer
from click.testing import Result
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError
from typer.testing import CliRunner

from atrium import cli, migrate, server, startup_checks
from atrium.interpreter import describe_interpreter
from models.database.errors import DatabaseUnavailable
from tests.conftest import Cluster, Urls
from tests.support.client import SECRET_KEY

WITHOUT_DATABASE = {"schema", "docs", "new-domain", "web"}
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "serve": (),
    "migrate": (),
    "demo": (),
    "token": ("--email", "somebody@example.com"),
    "suspend": ("--tenant", "acme"),
    "resume": ("--tenant", "acme"),
    "account-log": ("--email", "somebody@example.com"),
    "superuser": ("grant", "--email", "somebody@example.com"),
    "documents": ("list",),
    "doctor": (),
    "replay": (),
    "verify-audit": (),
    "import-articles": ("articles.jsonl", "--tenant", "acme"),
    "purge": (),
}
"""Every command that needs a database, with what it cannot do without."""

MIGRATING = {"serve", "migrate", "demo"}


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without any settings."""
    monkeypatch.chdir(tmp_path)


def variables(urls: Urls, **others: str) -> dict[str, str]:
    """Settings of a database that is there."""
    return {
        "ATRIUM_DATABASE_URL": urls.runtime,
        "ATRIUM_DATABASE_OWNER_URL": urls.owner,
        "ATRIUM_SECRET_KEY": SECRET_KEY,
        **others,
    }


def run(command: str, given: dict[str, str]) -> Result:
    """Run a command with these settings."""
    return CliRunner().invoke(cli.main, [command, *ARGUMENTS[command]], env=given)


async def refusal(command: str, given: dict[str, str]) -> str:
    """The one sentence by which a command is refused."""
    ended = await asyncio.to_thread(run, command, given)
    assert isinstance(ended.exception, SystemExit), (command, ended.exception)
    assert (ended.exit_code, ended.stdout) == (1, ""), (command, ended.output)
    [sentence] = ended.stderr.splitlines()
    return sentence


def test_every_command_that_needs_a_database_is_tried() -> None:
    group = typer.main.get_command(cli.main)
    assert set(group.commands) - WITHOUT_DATABASE == set(ARGUMENTS)  # type: ignore[attr-defined]  # it is a group


@pytest.mark.parametrize("command", ARGUMENTS)
@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"ATRIUM_DATABASE_URL": "postgres://a@b/c"}, "Set both ATRIUM_DATABASE_URL and ATRIUM_DATABASE_OWNER_URL"),
        (
            {"ATRIUM_DATABASE_OWNER_URL": "postgres://a@b/c", "ATRIUM_DATABASE_URL": ""},
            "Set both ATRIUM_DATABASE_URL and ATRIUM_DATABASE_OWNER_URL",
        ),
        ({"ATRIUM_DATABASE_REPLICA_URLS": "postgres://a@b/c"}, "ATRIUM_DATABASE_REPLICA_URLS needs"),
        (
            {"ATRIUM_DATABSE_URL": "postgres://a@b/c"},
            "ATRIUM_DATABSE_URL is no setting of Atrium: did you mean ATRIUM_DATABASE_URL?",
        ),
        ({"atrium_databse_url": "x"}, "ATRIUM_DATABSE_URL is no setting of Atrium: did you mean ATRIUM_DATABASE_URL?"),
        ({"ATRIUM_WORKERS_OF_THE_WORLD": "x"}, "ATRIUM_WORKERS_OF_THE_WORLD is no setting of Atrium."),
        ({"ATRIUM_TEST_COMPILR": "x"}, "ATRIUM_TEST_COMPILR is no setting of Atrium"),
        ({"ATRIUM_PORT": "x"}, "ATRIUM_PORT: "),
    ],
)
async def test_settings_that_cannot_be_meant_are_refused(
    command: str, given: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    assert (await refusal(command, given)).startswith(sentence)
    assert list(tmp_path.iterdir()) == [], "the embedded database was begun"


@pytest.mark.parametrize("command", ARGUMENTS)
async def test_a_file_of_settings_is_checked_too(command: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ATRIUM_DATA_DIRECTORY=x\nOTHER_PROGRAM=x\n")
    assert "did you mean ATRIUM_DATA_DIR?" in await refusal(command, {})
    (tmp_path / ".env").write_text("ATRIUM_DATABASE_URL=postgres://a@b/c\n")
    assert "ATRIUM_DATABASE_OWNER_URL" in await refusal(command, {})


async def sets_revision(connection: asyncpg.Connection, revision: str) -> None:
    """As by a release that no older program fits."""
    await connection.execute("UPDATE alembic_version SET version_num = $1", revision)
    await connection.execute(f"COMMENT ON TABLE alembic_version IS '{migrate.COMPATIBILITY}{revision}'")


@dataclass(frozen=True)
class Fault:
    """What may be wrong with a database, and what is said of it."""

    sentence: str
    make: Callable[[asyncpg.Connection], Awaitable[object]] | None = None
    """What the owner does to it."""
    change: Callable[[Urls], dict[str, str]] = variables


def elsewhere(**parts: object) -> Callable[[Urls], dict[str, str]]:
    """Both addresses, changed in these parts."""

    def changed(urls: Urls) -> dict[str, str]:
        made = [make_url(url).set(**parts).render_as_string(hide_password=False) for url in (urls.owner, urls.runtime)]
        return variables(Urls(urls.superuser, *made))

    return changed


NEWEST = migrate.newest_revision()
EMPTY_SCHEMA = (  # the extension first: its index options fail PostgreSQL's cascade
    "DROP EXTENSION pg_trgm CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public;"
    " GRANT USAGE ON SCHEMA public TO PUBLIC"
)
ALL_FAULTS = {
    "newer": Fault(
        f"The database is at revision 9001, newer than this program ({NEWEST}).", lambda c: sets_revision(c, "9001")
    ),
    "unknown": Fault(
        f"is at revision 1975ea83b712, which is none of this program's ({NEWEST}).",
        lambda c: sets_revision(c, "1975ea83b712"),
    ),
    "two revisions": Fault(
        "which is none of this program's", lambda c: c.execute("INSERT INTO alembic_version VALUES ('0001')")
    ),
    "another program's tables": Fault(
        "is not empty, and its tables are not Atrium's.",
        lambda c: c.execute(f"{EMPTY_SCHEMA};CREATE TABLE things (id integer)"),
    ),
    "another program's revision": Fault(
        "is at revision 0001, which is none of this program's",
        lambda c: c.execute(
            f"{EMPTY_SCHEMA};"
            "CREATE TABLE alembic_version (version_num text); GRANT SELECT ON alembic_version TO PUBLIC;"
            "INSERT INTO alembic_version VALUES ('0001')"
        ),
    ),
    "no revision": Fault("and its tables are not Atrium's.", lambda c: c.execute("DELETE FROM alembic_version")),
    "not there": Fault("does not answer: ", change=elsewhere(host="127.0.0.1", port=1)),
    "no such host": Fault("does not answer: ", change=elsewhere(host="nowhere.invalid")),
    "no such database": Fault('database "nothing" does not exist.', change=elsewhere(database="nothing")),
    "no such role": Fault("does not let ATRIUM_DATABASE_", change=elsewhere(username="nobody_there")),
}
"""What no command goes on with."""


@pytest.mark.parametrize("name", ALL_FAULTS)
async def test_databases_that_cannot_be_used_are_refused(
    name: str, urls: Urls, owner_connection: asyncpg.Connection
) -> None:
    fault = ALL_FAULTS[name]
    if fault.make is not None:
        await fault.make(owner_connection)
    for command in ARGUMENTS:
        assert fault.sentence in await refusal(command, fault.change(urls)), command
    said = await refusal("serve", fault.change(urls) | {"ATRIUM_ENVIRONMENT": "production"})
    assert fault.sentence in json.loads(said)["message"]


async def test_an_old_server_is_refused(urls: Urls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup_checks, "OLDEST_POSTGRESQL", 990_000)
    for command in ARGUMENTS:
        assert (await refusal(command, variables(urls))).startswith("Atrium needs PostgreSQL 99 or later, and this is")


async def test_exchanged_roles_are_refused(urls: Urls) -> None:
    exchanged = variables(Urls(urls.superuser, urls.runtime, urls.owner))
    for command in ARGUMENTS:
        sentence = await refusal(command, exchanged)
        assert ("does not own Atrium's tables" in sentence) or (command == "doctor" and "is an owner" in sentence)


async def test_roles_that_may_not_migrate_are_refused(
    make_database: Callable[[], Awaitable[Urls]], cluster: Cluster
) -> None:
    urls = await make_database()
    await cluster.admin(f"ALTER DATABASE {make_url(urls.owner).database} OWNER TO postgres")
    connection = await asyncpg.connect(urls.plain("superuser"))
    await connection.execute(EMPTY_SCHEMA)
    await connection.close()
    for command in MIGRATING:
        assert "may not create tables in" in await refusal(command, variables(urls)), command
    await cluster.admin(f"DROP DATABASE {make_url(urls.owner).database} WITH (FORCE)")


async def test_pending_migrations_are_refused_by_all_that_do_not_migrate(urls: Urls) -> None:
    await asyncio.to_thread(migrate.downgrade, urls.owner, urls.runtime, "-1")
    for command in ARGUMENTS.keys() - MIGRATING:
        assert await refusal(command, variables(urls)) == "Migrations are pending: run `atrium migrate` first."
    said = await refusal("serve", variables(urls, ATRIUM_ENVIRONMENT="production"))
    assert json.loads(said)["message"] == "Migrations are pending: run `atrium migrate` first."
    migrated = await asyncio.to_thread(run, "migrate", variables(urls))
    assert (migrated.exit_code, migrated.stderr) == (0, "The database is up to date.\n")


async def test_migrations_are_applied_up_to_a_revision(urls: Urls, owner_connection: asyncpg.Connection) -> None:
    await asyncio.to_thread(migrate.downgrade, urls.owner, urls.runtime, "0029")
    for revision, reached in (("0030", "0030"), ("0029", "0030"), (NEWEST, NEWEST), ("9001", None)):
        given = await asyncio.to_thread(
            CliRunner().invoke, cli.main, ["migrate", "--to", revision], env=variables(urls)
        )
        found = await owner_connection.fetchval("SELECT version_num FROM alembic_version")
        assert (given.exit_code, found) == ((0, reached) if reached else (1, NEWEST)), given.stderr
    assert len(given.stderr.splitlines()) == 1


async def test_the_sql_of_migrations_is_printed_and_nothing_is_run(
    urls: Urls, owner_connection: asyncpg.Connection
) -> None:
    await asyncio.to_thread(migrate.downgrade, urls.owner, urls.runtime, "0029")
    nowhere = {
        "ATRIUM_DATABASE_URL": "postgresql://wall@192.0.2.1/x",
        "ATRIUM_DATABASE_OWNER_URL": "postgresql://x@y/x",
    }
    for arguments, given, current, last in (
        ([], {}, "0029", NEWEST),
        (["--to", "0030"], {}, "0029", "0030"),
        (["--from", "0030"], nowhere, "0030", NEWEST),
        (["--from", "base", "--to", "0001"], nowhere, None, "0001"),
    ):
        variables_given = variables(urls, **given)
        ended = await asyncio.to_thread(
            CliRunner().invoke, cli.main, ["migrate", "--sql", *arguments], env=variables_given
        )
        expected = migrate.sql_script(variables_given["ATRIUM_DATABASE_URL"], current, last)
        assert (ended.exit_code, ended.stdout) == (0, expected), ended.stderr
        assert ("TO wall" in expected) is bool(given)
    assert await owner_connection.fetchval("SELECT version_num FROM alembic_version") == "0029"


def test_what_sql_cannot_be_printed_is_said_in_one_sentence(urls: Urls) -> None:
    unknown = CliRunner().invoke(cli.main, ["migrate", "--sql", "--from", "9001"], env=variables(urls))
    assert (unknown.exit_code, unknown.stdout, len(unknown.stderr.splitlines())) == (1, "", 1)
    assert "9001" in unknown.stderr
    alone = CliRunner().invoke(cli.main, ["migrate", "--from", "0030"], env=variables(urls))
    assert (alone.exit_code, "--from goes with --sql" in alone.stderr) == (2, True)


async def test_a_migration_waits_for_nobody_for_long(
    urls: Urls, owner_connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.to_thread(migrate.downgrade, urls.owner, urls.runtime, "-1")
    monkeypatch.setattr(migrate, "TABLE_LOCK_SECONDS", 0.1)
    async with owner_connection.transaction():
        await owner_connection.execute("LOCK TABLE alembic_version IN SHARE MODE")
        assert (await refusal("migrate", variables(urls))).endswith("Nothing of it was done; try again.")
    assert (await asyncio.to_thread(run, "migrate", variables(urls))).exit_code == 0


@pytest.mark.parametrize("environment", ["development", "production"])
async def test_doctor_says_what_it_saw(urls: Urls, environment: str) -> None:
    seen = await asyncio.to_thread(run, "doctor", variables(urls, ATRIUM_ENVIRONMENT=environment))
    server = make_url(urls.runtime)
    first, interpreter, last = seen.stderr.splitlines()
    assert first.startswith(
        f"Database {server.database} at {server.host}:{server.port}, role {server.username}, Postgr"
    )
    assert first.endswith(f", revision {NEWEST}.")
    assert interpreter == describe_interpreter()
    assert (seen.exit_code, last) == (0, "All well.")
    assert str(server.password) not in seen.output


@pytest.mark.parametrize(
    "wrong",
    [
        {"ATRIUM_SECRET_KEY": ""},
        {"ATRIUM_SECRET_KEY": "a" * 64},
        {"ATRIUM_SIGNING_KEYS": "bm9uZQ=="},
        {"ATRIUM_SMTP_URL": "smtp://mail.example.com"},
        {"ATRIUM_CORS_CREDENTIALS": "on"},
        {"ATRIUM_ENVIRONMENT": "prodution"},
    ],
)
async def test_doctor_refuses_what_serve_refuses(urls: Urls, wrong: dict[str, str]) -> None:
    given = variables(urls, ATRIUM_ENVIRONMENT="production") | wrong
    said = await refusal("serve", given)
    assert json.loads(said)["message"] == await refusal("doctor", given)


async def test_what_cannot_be_foreseen_is_a_line_of_the_log_too(urls: Urls, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(server.application, "build", fail)
    said = await refusal("serve", variables(urls, ATRIUM_ENVIRONMENT="production"))
    assert "ZeroDivisionError" in json.loads(said)["exception"]


def test_failures_on_the_way_are_said_where_a_trace_would_say_no_more() -> None:
    lost, forbidden, broken = (
        DBAPIError("SELECT", {}, cause)
        for cause in (
            asyncpg.ConnectionDoesNotExistError("closed\nin the middle"),
            asyncpg.InsufficientPrivilegeError("permission denied"),
            asyncpg.UndefinedColumnError("no such column"),
        )
    )
    assert startup_checks.describe_failure(lost) == "The database does not answer: closed."
    assert startup_checks.describe_failure(forbidden) == "The database refuses: permission denied."
    assert startup_checks.describe_failure(DatabaseUnavailable()) == "The database does not answer."
    assert startup_checks.describe_failure(TimeoutError()) == "The database does not answer: no answer in time."
    assert startup_checks.describe_failure(FileNotFoundError(2, "No such file", "a.jsonl")) == "a.jsonl: No such file."
    assert startup_checks.describe_failure(broken) is None
    assert startup_checks.describe_failure(ValueError()) is None
