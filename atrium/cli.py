"""The command line: `atrium serve` and the work of operators."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import nullcontext
from datetime import timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from graphql import build_schema
from rich.progress import Progress

from atrium import (
    admin,
    article_import,
    client_config,
    document_admin,
    documents,
    maintenance,
    migrate_command,
    new_domain,
    serving,
    startup_checks,
)
from atrium import demo as demo_data
from atrium.command_database import console, open_current_database, open_unchecked_database
from atrium.interpreter import describe_interpreter
from atrium.web.build import WebAction, build_for_person
from graph import schema as graphql_schema
from services.errors import IllegalTransition

__all__ = ["main"]

ROOT = Path(__file__).parent.parent
SCHEMA_FILE = ROOT / "schema.graphql"
CLIENTS_FOLDER = ROOT / client_config.FOLDER

main = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)


class SuperuserAction(StrEnum):
    """What `atrium superuser` does."""

    GRANT = "grant"
    REVOKE = "revoke"


Port = Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")]
Host = Annotated[str | None, typer.Option(help="Address to listen on.")]


@main.command()
def serve(
    port: Port = None,
    host: Host = None,
    replicas: Annotated[int, typer.Option(help="Read replicas of the embedded database to start.", min=0, max=8)] = 0,
    workers: Annotated[int | None, typer.Option(help="Processes that serve the port.", min=1, max=256)] = None,
    *,
    no_web: Annotated[bool, typer.Option("--no-web", help="Do not build the pages, even if there are none.")] = False,
) -> None:
    """Serve. In development: start the embedded database if no other is given, migrate, and load the demo data once."""
    given = {"port": port, "host": host, "workers": workers, "web_build": False if no_web else None}
    changes = {name: value for name, value in given.items() if value is not None}
    with open_unchecked_database(for_server=True, logs_in_production=True, **changes) as (settings, urls):
        if not settings.is_production:
            migrate_command.migrate_database(urls)
        asyncio.run(startup_checks.require_usable_database(settings, urls))
        if urls.is_embedded:
            demo_data.load_once(urls.owner, settings)
        with startup_checks.start_replicas(settings, urls, replicas) as replicated:
            serving.run_server(replicated, urls, console, changes)


@main.command(name="migrate")
def migrate_(
    to: Annotated[str, typer.Option(help="The revision to go up to; none is taken back.")] = "head",
    from_: Annotated[
        str | None, typer.Option("--from", help="With --sql: the revision to begin at, or `base`, without a database.")
    ] = None,
    *,
    sql: Annotated[bool, typer.Option("--sql", help="Run nothing; print the SQL, for psql.")] = False,
) -> None:
    """Bring the database up to date."""
    if from_ and not sql:
        raise typer.BadParameter("--from goes with --sql.")
    if sql:
        print(migrate_command.write_sql(from_, to), end="")  # noqa: T201  # for a shell
        return
    with open_unchecked_database() as (_settings, urls), console.status("Migrating"):
        migrate_command.migrate_database(urls, to)
    console.print(
        "The database is up to date." if to == "head" else f"The database is at revision {to} or a later one."
    )


@main.command()
def demo(
    scale: Annotated[
        float, typer.Option(help="1: 2,000 people, 5,000 tasks, 5,000 orders, 5,000 articles in acme.", min=0.001)
    ] = 0.01,
) -> None:
    """Load the demo data: two tenants, acme and globex, with something of everything."""
    with open_unchecked_database() as (settings, urls):
        migrate_command.migrate_database(urls)
        demo_data.load(urls.owner, settings, scale=scale, console=console)


@main.command()
def schema(
    old: Annotated[Path | None, typer.Argument(help="An older schema in SDL, to compare with.")] = None,
    *,
    check: Annotated[bool, typer.Option(help="Write nothing; fail if one of the files says something else.")] = False,
    documents: Annotated[
        str | None, typer.Option(help="Which documents must still work: `stored`, or the path of a manifest.")
    ] = None,
) -> None:
    """Write schema.graphql, and what clients and their generators need beside it: possible types, keys and scalars.

    With an older schema or documents, write nothing, and say what the current schema breaks. It fails where a document
    no longer works, and without documents where any document might not.
    """
    current = graphql_schema.create_schema()
    if old is not None or documents is not None:
        with open_current_database() if documents == document_admin.STORED else nullcontext() as opened:
            owner_url = None if opened is None else opened[1].owner
            _report(asyncio.run(document_admin.check_schema(current, old, documents, owner_url)))
        return
    text = current.as_str() + "\n"
    beside = {CLIENTS_FOLDER / name: made for name, made in client_config.client_files(build_schema(text)).items()}
    files = {SCHEMA_FILE: text, **beside}
    different = [path for path, made in files.items() if not path.exists() or path.read_text() != made]
    if check and different:
        console.print(f"{', '.join(path.name for path in different)}: not what the code says, run `atrium schema`.")
        raise typer.Exit(1)
    for path in different:
        path.parent.mkdir(exist_ok=True)
        path.write_text(files[path])


def _report(report: document_admin.Report) -> None:
    """Print what a command has to say, and fail if it is not good."""
    for line in report.output:
        print(line)  # noqa: T201  # for a shell
    for message in report.messages:
        console.print(message, soft_wrap=True, markup=False)
    if not report.is_good:
        raise typer.Exit(1)


@main.command(name="documents")
def documents_(
    action: Annotated[document_admin.DocumentsAction, typer.Argument(help="add, list, check or remove.")],
    names: Annotated[
        list[str] | None,
        typer.Argument(help="To add: manifests, folders of .graphql files, or backoffice. To remove: ids."),
    ] = None,
) -> None:
    """Store trusted documents for all processes, list them, check that they fit the schema, or remove some."""
    if bool(names) != (action in document_admin.NAMING):
        raise typer.BadParameter("Name what to add or to remove, and nothing otherwise.")
    with open_current_database() as (settings, urls):
        report = asyncio.run(document_admin.run(action, names or [], urls.owner, settings))
    _report(report)


@main.command()
def docs(
    *, check: Annotated[bool, typer.Option(help="Write nothing; fail if a document says something else.")] = False
) -> None:
    """Write the parts of the documents that follow from the code; in a checkout only."""
    if not (ROOT / "docs").is_dir():
        console.print("This works in a checkout of Atrium, where its documents are.")
        raise typer.Exit(1)
    different = documents.outdated_documents(ROOT)
    if check and different:
        console.print(f"{', '.join(path.name for path in different)}: run `atrium docs`.")
        raise typer.Exit(1)
    for path, text in different.items():
        path.write_text(text, encoding="utf-8")


@main.command()
def web(action: Annotated[WebAction, typer.Argument(help="What to do.")]) -> None:
    """Build the pages that are served beside the API, such as the explorer; in a checkout only."""
    assert action is WebAction.BUILD
    if not build_for_person(partial(console.print, soft_wrap=True, markup=False)):
        raise typer.Exit(1)


@main.command(name="new-domain")
def new_domain_(
    name: Annotated[str, typer.Argument(help="A plural in lower case, such as invoices.")],
    fields: Annotated[str, typer.Option(help='Such as "number:str:unique, customer:member, issued:date, due:date?".')],
) -> None:
    """Write a new domain with its migration and its tests; in a checkout only."""
    try:
        paths = new_domain.create_domain(ROOT, new_domain.parse_domain(name, fields))
    except new_domain.FieldError as error:
        console.print(str(error), style="red", soft_wrap=True, markup=False)
        raise typer.Exit(1) from None
    console.print("\n".join(paths), markup=False)


@main.command()
def token(
    email: Annotated[str, typer.Option(help="Whose.")],
    tenant: Annotated[str | None, typer.Option(help="The slug of the tenant to enter.")] = None,
) -> None:
    """Print an access token for somebody, as their login would give it."""
    with open_current_database() as (settings, urls):
        print(asyncio.run(admin.issue_token(urls.owner, settings, email=email, tenant=tenant)))  # noqa: T201  # for a shell


@main.command()
def suspend(
    email: Annotated[str | None, typer.Option(help="A person, in every tenant.")] = None,
    tenant: Annotated[str | None, typer.Option(help="A tenant, by its slug.")] = None,
) -> None:
    """Suspend an account or a tenant at once; nothing is deleted."""
    _set_active(email, tenant, active=False)


@main.command()
def resume(
    email: Annotated[str | None, typer.Option(help="A person.")] = None,
    tenant: Annotated[str | None, typer.Option(help="A tenant, by its slug.")] = None,
) -> None:
    """Resume a suspended account or tenant."""
    _set_active(email, tenant, active=True)


@main.command()
def superuser(
    action: Annotated[SuperuserAction, typer.Argument(help="grant or revoke.")],
    email: Annotated[str, typer.Option(help="Whose account.")],
) -> None:
    """Let somebody see and suspend accounts and tenants through the API, or no longer, at once; the last one stays."""
    is_granted = action is SuperuserAction.GRANT
    _administer(lambda owner_url: admin.set_superuser(owner_url, email=email, is_superuser=is_granted))


@main.command()
def account_log(
    email: Annotated[str, typer.Option(help="Whose.")],
    last: Annotated[int, typer.Option(help="How many entries.", min=1, max=10_000)] = 50,
) -> None:
    """Print what happened to an account, one JSON object a line, the newest first."""
    with open_current_database() as (_settings, urls):
        for entry in asyncio.run(admin.account_log(urls.owner, email=email, most=last)):
            print(json.dumps(entry, default=str))  # noqa: T201  # for a shell


@main.command()
def doctor() -> None:
    """Check the settings and the database as `serve` does; say what was seen, and the first thing that is wrong."""
    with open_unchecked_database(for_server=True) as (settings, urls):
        seen = asyncio.run(startup_checks.require_usable_database(settings, urls))
    console.print(startup_checks.describe_database(urls, seen), soft_wrap=True, markup=False)
    console.print(describe_interpreter(), soft_wrap=True, markup=False)
    console.print("All well.")


@main.command()
def replay(
    *, repair: Annotated[bool, typer.Option(help="Set right what differs; without it, only compare.")] = False
) -> None:
    """Rebuild all orders from their events and compare them with the tables, while the server runs."""
    with open_current_database() as (_settings, urls), Progress(console=console) as progress:
        different = asyncio.run(maintenance.replay(urls.runtime, urls.owner, progress, repair=repair))
    for slug, order_id in different:
        console.print(f"{slug}: Order:{order_id} {'was' if repair else 'is'} not what its events say")
    console.print("Every order is what its events say." if not different or repair else "Run it with --repair.")
    if different and not repair:
        raise typer.Exit(1)


@main.command(name="verify-audit")
def verify_audit() -> None:
    """Make sure that every event and audit entry is still there, unchanged and in its place, tenant by tenant."""
    with open_current_database() as (_settings, urls), Progress(console=console) as progress:
        report = asyncio.run(maintenance.verify(urls.runtime, urls.owner, progress))
    for slug, damage in report.faults:
        where = "" if damage.position is None else f" at position {damage.position}"
        console.print(f"{slug}: {damage.source} {damage.entry_id}{where} {damage.reason}", style="red", soft_wrap=True)
    if report.first_gap is not None:
        console.print(f"The feed has nothing at position {report.first_gap}: it was taken out.", style="red")
    console.print(f"{report.entries:,} entries verified; {report.unsequenced:,} wait for their positions.")
    if not report.is_intact:
        raise typer.Exit(1)
    console.print(f"The head is position {report.head[0]}, {report.head[1]}", soft_wrap=True)


@main.command()
def import_articles(
    file: Annotated[Path, typer.Argument(help="One JSON object a line: title, content, language, status.")],
    tenant: Annotated[str, typer.Option(help="The slug of the tenant.")],
    author: Annotated[str | None, typer.Option(help="Whose they are, by address; else the first owner's.")] = None,
    skip: Annotated[int, typer.Option(help="Lines to leave out at the beginning.", min=0)] = 0,
) -> None:
    """Import articles from a file of any size; lines that are no article are named and left out."""
    with open_current_database() as (_settings, urls), Progress(console=console) as progress:
        work = article_import.import_articles(urls.owner, file, progress, tenant=tenant, author=author, skip=skip)
        done = asyncio.run(work)
    for line, reason in done.first_rejected:
        console.print(f"line {line}: {reason}", markup=False)
    console.print(f"{done.articles} articles imported, {done.rejected} lines refused.")
    if done.rejected:
        raise typer.Exit(1)


@main.command()
def purge(
    older_than: Annotated[
        int | None, typer.Option(help="Also documents that have been in the trash for so many days.", min=0, max=36_500)
    ] = None,
) -> None:
    """Delete what has expired: keys and tokens, and documents that were deleted long ago."""
    with open_current_database() as (settings, urls), Progress(console=console) as progress:
        lifetime = timedelta(hours=settings.idempotency_key_hours)
        purged = asyncio.run(maintenance.purge(urls.owner, keys_older_than=lifetime))
        age = None if older_than is None else timedelta(days=older_than)
        gone = None if age is None else asyncio.run(maintenance.purge_trash(urls.runtime, urls.owner, progress, age))
    counts = (f"{count} {name.replace('_', ' ')}" for name, count in purged._asdict().items())
    console.print(f"Purged {', '.join(counts)}.")
    if gone is not None:
        console.print(f"Purged {gone} documents, with what the audit log held of them.")


def _set_active(email: str | None, tenant: str | None, *, active: bool) -> None:
    if (email is None) == (tenant is None):
        raise typer.BadParameter("Name a person or a tenant.")
    _administer(lambda owner_url: admin.set_account_active(owner_url, email=email, tenant=tenant, active=active))


def _administer(work: Callable[[str], Coroutine[Any, Any, None]]) -> None:
    """Run what changes an account or a tenant, as the owner role; a refusal ends the command with one sentence."""
    with open_current_database() as (_settings, urls):
        try:
            asyncio.run(work(urls.owner))
        except IllegalTransition as refusal:
            console.print(refusal.message)
            raise typer.Exit(1) from None
