"""Demo data: a few companies in which every page of an app has something to show, or as much as measuring takes.

Everything is loaded as the owner role: accounts belong to no tenant, so row-level security would let the runtime role
make one of them at a time. What is loaded stays inside its tenant all the same, by the foreign keys, and each tenant is
filled under its own `app.tenant_id`, as in all maintenance.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from operator import itemgetter
from random import Random
from typing import Any

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from atrium.demo import articles, builders, documents, orders
from atrium.demo.builders import COMPANIES, OWNER_EMAIL, Company, CompanyContext, Person, RowBuilder, RowValues
from atrium.settings import Settings, SettingsError
from models import Model
from models.base import new_id
from models.database.hosts import create_unpooled_engine
from services.security import Passwords

__all__ = ["OWNER_EMAIL", "PASSWORD", "TENANT_SLUG", "load", "load_once"]

TENANT_SLUG = "acme"
PASSWORD = "Atrium-demo-1!"  # noqa: S105  # public on purpose, hence never in production

BUILDERS = (*builders.BUILDERS, *orders.BUILDERS, *articles.BUILDERS, *documents.BUILDERS)

BATCH_SIZE = 1_000  # rows
WORTH_ANALYZING = 0.1  # the scale from which on the planner should know at once what has come

# One at a time; whoever waited sees what the other has loaded.
TAKE_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('atrium demo'))")

TENANT_OR_OWNER_EXISTS = text("""
    SELECT EXISTS (SELECT FROM tenants WHERE slug = :slug OR name_key = lower(:name))
        OR EXISTS (SELECT FROM users WHERE email = :owner)
""")

# Nobody outside the demo has the owner's address, so a tenant with this member is the demo's own.
SELECT_DEMO_TENANT = text("""
    SELECT t.id FROM tenants t JOIN memberships m ON m.tenant_id = t.id WHERE t.slug = :slug AND m.email = :owner
""")

INSERT_TENANT = text(
    "INSERT INTO tenants (id, slug, name, created_at) VALUES (:id, :slug, :name, now() - interval '2 years')"
)

SET_TENANT = text("SELECT set_config('app.tenant_id', :tenant_id, true)")

SELECT_EMAILS = text("SELECT email FROM users WHERE email LIKE '%@' || :domain")

SELECT_PRODUCTS = text(
    "SELECT id, price_minor FROM products WHERE tenant_id = :tenant_id AND currency = 'EUR' ORDER BY id"
)

SELECT_LABELS = text("SELECT id FROM labels WHERE tenant_id = :tenant_id ORDER BY id")

SELECT_LAST_NUMBER = text("SELECT last FROM order_numbers WHERE tenant_id = :tenant_id")

SET_LAST_NUMBER = text("""
    INSERT INTO order_numbers VALUES (:tenant_id, :last) ON CONFLICT (tenant_id) DO UPDATE SET last = excluded.last
""")

SELECT_PEOPLE = text("""
    SELECT user_id, is_former FROM memberships WHERE tenant_id = :tenant_id AND email LIKE '%@' || :domain
    ORDER BY array_position(CAST(:logins AS text[]), email), email
""")


def load_once(owner_url: str, settings: Settings) -> None:
    """Load the smallest set, unless any of its tenants or owners are there already; in production nothing.

    All or nothing, also when killed; of processes that try it together one loads.
    """
    if not settings.is_production:
        asyncio.run(_load_companies(owner_url, COMPANIES, scale=0, console=Console(quiet=True), once=True))


def load(owner_url: str, settings: Settings, *, scale: float, console: Console, others: Sequence[str] = ()) -> None:
    """Top the demo's tenants up to the size of a scale, or to the smallest set if that is more.

    Adds what is missing and changes nothing that is there: new tasks go to new projects and to people of the demo.
    Nothing is taken away when there is more. All or nothing, also when killed.

    Args:
        owner_url: the database, as the owner role.
        settings: to refuse production.
        scale: 1 for 2,000 live members, 300 projects, 5,000 tasks, 500 products, 5,000 orders, 5,000 articles and
            2,000 documents in acme, and half of that in globex.
        console: where progress is shown.
        others: slugs of further tenants, each of acme's size.

    Raises:
        SettingsError: in production, or when a tenant or an owner's account of these names is not the demo's.
    """
    if settings.is_production:
        raise SettingsError("Everybody may know the password of the demo's people, so there are none in production.")
    companies = (*COMPANIES, *map(Company, others))
    asyncio.run(_load_companies(owner_url, companies, scale=scale, console=console, once=False))


async def _load_companies(
    owner_url: str, companies: Sequence[Company], *, scale: float, console: Console, once: bool
) -> None:
    engine = create_unpooled_engine(owner_url)
    try:
        async with engine.begin() as connection:
            await connection.execute(TAKE_LOCK)
            if once and await _any_exists(connection, companies):
                return
            grown = await _fill_all(connection, companies, scale, console)
        if grown and scale >= WORTH_ANALYZING:
            async with engine.begin() as connection:
                await connection.execute(text(f"ANALYZE {', '.join(sorted(grown))}"))
    finally:
        await engine.dispose()
    if not grown:
        console.print("There is as much already; nothing was added.")


async def _any_exists(connection: AsyncConnection, companies: Iterable[Company]) -> bool:
    """Return whether there is a tenant or an owner's account of one of these names, the demo's or not."""
    for company in companies:
        if await connection.scalar(TENANT_OR_OWNER_EXISTS, {"name": company.name, **_identity_parameters(company)}):
            return True
    return False


async def _fill_all(
    connection: AsyncConnection, companies: Iterable[Company], scale: float, console: Console
) -> set[str]:
    """Add what is missing everywhere; the names of the tables that grew."""
    password_hash, grown = await _hash_password(), set[str]()
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=console) as progress:
        for company in companies:
            context = await _enter_tenant(connection, company, password_hash)
            for builder in BUILDERS:
                grown |= await _fill(connection, context, builder, scale, progress)
            last = {"tenant_id": context.tenant_id, "last": context.last_order_number}
            await connection.execute(SET_LAST_NUMBER, last)
    return grown


async def _fill(
    connection: AsyncConnection, context: CompanyContext, builder: RowBuilder, scale: float, progress: Progress
) -> set[str]:
    """Add what is missing of one part; the names of the tables that grew."""
    numbers = range(await _count_rows(connection, context, builder), builder.target_count(context.company, scale))
    if not numbers:
        return set()
    context.people = await _select_people(connection, context)
    context.random = Random(f"{context.company.slug} {builder.table} {numbers}")  # noqa: S311  # the same each time
    grown = {builder.table}
    bar = progress.add_task(f"{context.company.slug}: {builder.table}", total=len(numbers))
    async for model, rows in _insert_rows(connection, builder.build_rows(context, numbers)):
        grown.add(str(model.__tablename__))
        progress.advance(bar, rows if model is builder.model else 0)
    progress.update(bar, completed=len(numbers))  # not all rows are counted
    return grown


async def _enter_tenant(connection: AsyncConnection, company: Company, password_hash: str) -> CompanyContext:
    """Enter the company's tenant, found if there is none.

    Raises:
        SettingsError: somebody else has its name, or its owner's address.
    """
    tenant_id = await connection.scalar(SELECT_DEMO_TENANT, _identity_parameters(company))
    if tenant_id is None:
        if await _any_exists(connection, [company]):
            raise SettingsError(f"There is a tenant {company.slug}, or its owner's account, that is not the demo's.")
        tenant_id = new_id()
        await connection.execute(INSERT_TENANT, {"id": tenant_id, "name": company.name, "slug": company.slug})
    await connection.execute(SET_TENANT, {"tenant_id": str(tenant_id)})
    taken = await connection.scalars(SELECT_EMAILS, {"domain": company.domain})
    sold = [dict(row) for row in (await connection.execute(SELECT_PRODUCTS, {"tenant_id": tenant_id})).mappings()]
    context = CompanyContext(company, tenant_id, password_hash, existing_emails=set(taken), products=sold)
    context.labels = list(await connection.scalars(SELECT_LABELS, {"tenant_id": tenant_id}))
    context.last_order_number = (
        await connection.scalar(SELECT_LAST_NUMBER, {"tenant_id": tenant_id}) or context.last_order_number
    )
    return context


async def _select_people(connection: AsyncConnection, context: CompanyContext) -> list[Person]:
    given = {"tenant_id": context.tenant_id, "domain": context.company.domain, "logins": context.company.login_emails}
    return [Person(*row) for row in await connection.execute(SELECT_PEOPLE, given)]


async def _count_rows(connection: AsyncConnection, context: CompanyContext, builder: RowBuilder) -> int:
    statement = f"SELECT count(*) FROM {builder.table} WHERE tenant_id = :tenant_id AND {builder.count_condition}"  # noqa: S608  # our names
    return await connection.scalar(text(statement), {"tenant_id": context.tenant_id}) or 0


async def _insert_rows(
    connection: AsyncConnection, rows: Iterator[RowValues]
) -> AsyncIterator[tuple[type[Model], int]]:
    """Insert rows, some at a time; say how many of which model it were."""
    batch: dict[type[Model], list[dict[str, Any]]] = {}  # in the order in which models first came
    while some := list(islice(rows, BATCH_SIZE)):
        for model, values in some:
            batch.setdefault(model, []).append(values)
        for model, several in batch.items():
            if several:
                await _copy_rows(connection, str(model.__tablename__), several)
                yield model, len(several)
                several.clear()


async def _copy_rows(connection: AsyncConnection, table: str, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows with the same columns through a temporary table: COPY takes no table with row-level security."""
    names = list(rows[0])
    columns, staging_table = ", ".join(names), f"demo_{table}"
    await connection.execute(
        text(f"CREATE TEMPORARY TABLE {staging_table} AS SELECT {columns} FROM {table} WITH NO DATA")  # noqa: S608  # our names
    )
    driver: Any = (await connection.get_raw_connection()).driver_connection
    await driver.copy_records_to_table(staging_table, columns=names, records=map(itemgetter(*names), rows))
    computed = documents.COMPUTED_COLUMNS.get(table, {})
    target_columns, expressions = ", ".join([columns, *computed]), ", ".join([columns, *computed.values()])
    async with _without_audit_trigger(connection, table):
        await connection.execute(
            text(f"INSERT INTO {table} ({target_columns}) SELECT {expressions} FROM {staging_table}")  # noqa: S608  # likewise
        )
    await connection.execute(text(f"DROP TABLE {staging_table}"))


@asynccontextmanager
async def _without_audit_trigger(connection: AsyncConnection, table: str) -> AsyncIterator[None]:
    """Keep the audit log from telling of rows that come with their own entries."""
    trigger = documents.AUDIT_TRIGGERS.get(table)
    if trigger:
        await connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}"))
    yield
    if trigger:
        await connection.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER {trigger}"))


async def _hash_password() -> str:
    """Return one for all: thousands of hashes would take minutes."""
    passwords = Passwords()
    try:
        return await passwords.hash(PASSWORD)
    finally:
        passwords.close()


def _identity_parameters(company: Company) -> dict[str, str]:
    return {"slug": company.slug, "owner": company.login_emails[0]}
