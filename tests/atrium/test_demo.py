"""The demo data: what is in it, that it can be used, and that loading it again does no harm."""

import asyncio
import io
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import asyncpg
import pytest
from rich.console import Console
from rich.progress import Progress
from sqlalchemy import make_url

from atrium import demo, maintenance
from atrium.demo import builders
from atrium.demo.vocabulary import person_name
from atrium.settings import Settings, SettingsError
from models import Invitation, Role, TaskStatus
from tests.conftest import Cluster, Urls
from tests.support.case_context import TABLES_WITHOUT_OWNER
from tests.support.client import run_app
from tests.support.factories import insert
from tests.support.pg_catalog import table_names

LOGINS = {
    "owner@acme.example.com": ("OWNER", "acme"),
    "admin@acme.example.com": ("ADMIN", "acme"),
    "member@acme.example.com": ("MEMBER", "acme"),
    "owner@globex.example.com": ("OWNER", "globex"),
}

EITHER = ("NULL", "NOT NULL")

FIRST_PAGE = """{
  tenant { slug }
  users { totalCount nodes { fullName } }
  former: users(filter: {isFormer: true}) { totalCount nodes { tasks { totalCount } } }
  projects { totalCount }
  archived: projects(filter: {archived: true}) { totalCount }
  trashed: projects(filter: {deleted: true}) { nodes { id name } }
  tasks(first: 100) { totalCount nodes { id title } }
  viewer { fullName invitations { totalCount } }
}"""


class Broken(Exception):
    """What stops a load in its middle."""


async def load_once(urls: Urls, **settings: Any) -> None:
    await asyncio.to_thread(demo.load_once, urls.owner, Settings(**settings))


async def load(urls: Urls, scale: float, **options: Any) -> str:
    """Load so much; gives what was shown."""
    shown = io.StringIO()
    console = Console(file=shown, width=100)
    await asyncio.to_thread(demo.load, urls.owner, Settings(), scale=scale, console=console, **options)
    return shown.getvalue()


class HashableRow(dict[str, Any]):
    """A row that fits into a set, arrays and all."""

    def __hash__(self) -> int:  # type: ignore[override]  # rows are compared, never changed
        return hash(repr(self))


async def everything(connection: asyncpg.Connection) -> dict[str, set[HashableRow]]:
    """By table, all rows that are somebody's."""
    everywhere = await table_names(connection) - TABLES_WITHOUT_OWNER
    return {table: set(map(HashableRow, await connection.fetch(f"SELECT * FROM {table}"))) for table in everywhere}


async def counts(connection: asyncpg.Connection, slug: str = "acme") -> dict[str, int]:
    row = await connection.fetchrow(
        """
        SELECT
            (SELECT count(*) FROM memberships m WHERE m.tenant_id = t.id AND NOT m.is_former) AS people,
            (SELECT count(*) FROM projects p WHERE p.tenant_id = t.id) AS projects,
            (SELECT count(*) FROM tasks k WHERE k.tenant_id = t.id AND k.deleted_at IS NULL) AS tasks
        FROM tenants t WHERE t.slug = $1
        """,
        slug,
    )
    assert row is not None
    return dict(row)


async def holds(connection: asyncpg.Connection, table: str, condition: str, slug: str = "acme") -> bool:
    """Whether there is such a row in a tenant."""
    query = f"SELECT FROM {table} r JOIN tenants t ON t.id = r.tenant_id AND t.slug = $1 WHERE {condition} LIMIT 1"
    return bool(await connection.fetch(query, slug))


async def test_every_page_has_something_to_show(urls: Urls, owner_connection: asyncpg.Connection) -> None:
    await load_once(urls)
    assert await counts(owner_connection) == {"people": 20, "projects": 8, "tasks": 120}
    assert await counts(owner_connection, "globex") == {"people": 10, "projects": 4, "tasks": 60}
    theirs = "r.assignee_id = (SELECT m.user_id FROM memberships m WHERE m.tenant_id = t.id AND m.{} LIMIT 1)"
    together = "(SELECT p.deleted_at FROM projects p WHERE p.tenant_id = t.id AND p.id = r.project_id)"
    expected = {
        "tasks": [
            *(f"r.status = '{status}' AND r.due_date IS {due}" for status in TaskStatus for due in EITHER),
            *(f"r.project_id IS {project} AND r.assignee_id IS {person}" for project in EITHER for person in EITHER),
            *(f"r.description IS {description}" for description in EITHER),
            f"r.deleted_at IS NOT NULL AND r.deleted_at = {together}",
            "r.due_date < now() AND r.status <> 'DONE'",
            theirs.format("is_former"),
            *(theirs.format(f"email = '{email}'") for email, (_, slug) in LOGINS.items() if slug == "acme"),
        ],
        "projects": ["r.is_archived", "r.is_deleted AND r.deleted_by IS NOT NULL"],
        "memberships": ["r.is_former", "NOT r.is_active", *(f"r.role = '{role}'" for role in Role)],
        "invitations": ["r.accepted_at IS NULL AND r.revoked_at IS NULL AND r.expires_at > now()"],
    }
    missing = [(t, c) for t, cases in expected.items() for c in cases if not await holds(owner_connection, t, c)]
    assert missing == []


async def test_times_are_in_order(urls: Urls, owner_connection: asyncpg.Connection) -> None:
    await load_once(urls)
    for table in ("users", "memberships", "projects", "tasks"):
        broken = "created_at > updated_at OR updated_at > now() OR (version = 1) <> (created_at = updated_at)"
        assert await owner_connection.fetch(f"SELECT * FROM {table} WHERE {broken}") == []
    early = "SELECT FROM tasks k JOIN memberships m USING (tenant_id) WHERE m.user_id = k.assignee_id AND {}"
    assert await owner_connection.fetch(early.format("k.created_at < m.created_at")) == []
    assert await owner_connection.fetch(early.format("k.created_at > m.ended_at")) == []


async def test_everybody_named_can_log_in_and_sees_their_tenant(urls: Urls) -> None:
    await load_once(urls)
    seen: dict[str, dict[str, Any]] = {}
    async with run_app(urls) as app:
        for email, (role, slug) in LOGINS.items():
            session = await app.client_with().mutate(
                "login", "... on Session { accessToken viewer { role } }", email=email, password=demo.PASSWORD
            )
            assert session["viewer"] == {"role": role}
            page = await app.client_with(session["accessToken"]).run(FIRST_PAGE)
            assert page["tenant"] == {"slug": slug}
            assert page["former"]["nodes"][0]["tasks"]["totalCount"] > 0
            assert page["projects"]["totalCount"] > 0
            assert page["archived"]["totalCount"] > 0
            assert len(page["trashed"]["nodes"]) == 1
            seen[email] = page
    assert {page["users"]["totalCount"] for page in seen.values()} == {20, 10}
    assert {page["tasks"]["totalCount"] for page in seen.values()} == {120, 60}
    acme, globex = seen["owner@acme.example.com"], seen["owner@globex.example.com"]
    assert acme["viewer"]["fullName"] in {user["fullName"] for user in acme["users"]["nodes"]}
    assert not {t["id"] for t in acme["tasks"]["nodes"]} & {t["id"] for t in globex["tasks"]["nodes"]}
    assert seen["member@acme.example.com"]["viewer"]["invitations"]["totalCount"] == 1
    assert globex["viewer"]["invitations"]["totalCount"] == 1


async def test_the_trash_can_be_brought_back(urls: Urls) -> None:
    await load_once(urls)
    async with run_app(urls) as app:
        login = {"email": demo.OWNER_EMAIL, "password": demo.PASSWORD, "tenant": demo.TENANT_SLUG}
        session = await app.client_with().mutate("login", "... on Session { accessToken }", **login)
        client = app.client_with(session["accessToken"])
        [trashed] = (await client.run(FIRST_PAGE))["trashed"]["nodes"]
        restored = await client.mutate("restoreProject", "... on Project { tasks { totalCount } }", id=trashed["id"])
        assert restored["tasks"]["totalCount"] == 5


async def test_nothing_crosses_tenants(urls: Urls, owner_connection: asyncpg.Connection) -> None:
    await load(urls, 0, others=("initech",))
    strangers = """
        SELECT m.email FROM memberships m JOIN tenants t ON t.id = m.tenant_id
        WHERE m.email NOT LIKE '%@' || t.slug || '.example.com'
    """
    assert await owner_connection.fetch(strangers) == []
    assert await owner_connection.fetch("SELECT user_id FROM memberships GROUP BY 1 HAVING count(*) > 1") == []
    assert await counts(owner_connection, "initech") == await counts(owner_connection, "acme")


async def test_loading_once_more_changes_nothing(urls: Urls, owner_connection: asyncpg.Connection) -> None:
    await load_once(urls)
    before = await everything(owner_connection)
    await load_once(urls)
    assert "nothing was added" in await load(urls, 0.01)
    assert await everything(owner_connection) == before


async def test_of_two_that_load_at_once_one_does(urls: Urls, owner_connection: asyncpg.Connection) -> None:
    await asyncio.gather(load_once(urls), load_once(urls))
    assert await counts(owner_connection) == {"people": 20, "projects": 8, "tasks": 120}
    assert len(await owner_connection.fetch("SELECT FROM tenants")) == 2


async def test_a_load_that_breaks_off_leaves_nothing(
    urls: Urls, owner_connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(stage: builders.CompanyContext, _numbers: range) -> Iterator[builders.RowValues]:
        if stage.company.slug == "globex":
            raise Broken
        yield from ()

    last = builders.RowBuilder(Invitation, broken, minimum=1, at_full_scale=1)
    monkeypatch.setattr(demo, "BUILDERS", (*builders.BUILDERS[:-1], last))
    with pytest.raises(Broken):
        await load(urls, 0)
    assert not any((await everything(owner_connection)).values())


async def test_a_scale_tops_up_and_touches_nothing(urls: Urls, owner_connection: asyncpg.Connection) -> None:
    await load_once(urls)
    tenant_id = await owner_connection.fetchval("SELECT id FROM tenants WHERE slug = 'acme'")
    user_id = await insert(owner_connection, "users", email="zoe.zhang@acme.example.com", full_name="Zoe")
    somebody = {"tenant_id": tenant_id, "user_id": user_id, "full_name": "", "email": ""}
    await insert(owner_connection, "memberships", **somebody)
    await insert(owner_connection, "projects", tenant_id=tenant_id, name="Their own")
    before = await everything(owner_connection)

    shown = await load(urls, 0.1)
    assert "acme: tasks" in shown
    assert await counts(owner_connection) == {"people": 200, "projects": 30, "tasks": 500}
    assert await counts(owner_connection, "globex") == {"people": 100, "projects": 15, "tasks": 250}
    after = await everything(owner_connection)
    assert [table for table in before if not before[table] <= after[table]] == ["order_numbers"]  # they count on
    projects = {row["id"] for row in before["projects"]}
    added = after["tasks"] - before["tasks"]
    assert {row["project_id"] for row in added} & projects == set()
    names = [row["name"] for row in after["projects"] if row["tenant_id"] == tenant_id]
    assert len(set(names)) == len(names)
    analyzed = "SELECT relname FROM pg_class WHERE relname = ANY($1) AND reltuples > 0"
    assert {row["relname"] for row in await owner_connection.fetch(analyzed, list(after))} >= {"users", "tasks"}


async def test_it_is_the_same_each_time(
    urls: Urls, owner_connection: asyncpg.Connection, cluster: Cluster, make_database: Callable[[], Awaitable[Urls]]
) -> None:
    query = "SELECT title, description, status FROM tasks ORDER BY 1, 2, 3"
    await load_once(urls)
    other = await make_database()
    await load_once(other)
    connection = await asyncpg.connect(other.plain("owner"))
    try:
        assert await connection.fetch(query) == await owner_connection.fetch(query)
    finally:
        await connection.close()
        await cluster.admin(f"DROP DATABASE {make_url(other.owner).database} WITH (FORCE)")


async def test_what_is_not_the_demos_is_left_alone(urls: Urls, owner_connection: asyncpg.Connection) -> None:
    await insert(owner_connection, "tenants", name="The real Acme", slug="acme")
    before = await everything(owner_connection)
    await load_once(urls)
    with pytest.raises(SettingsError, match="tenant acme"):
        await load(urls, 0.01)
    assert await everything(owner_connection) == before


async def test_an_account_that_has_the_owners_address_is_not_taken_over(
    urls: Urls, owner_connection: asyncpg.Connection
) -> None:
    await insert(owner_connection, "users", email=demo.OWNER_EMAIL, full_name="Somebody")
    await load_once(urls)
    with pytest.raises(SettingsError, match="owner's account"):
        await load(urls, 0.01)
    assert len(await owner_connection.fetch("SELECT FROM users")) == 1


async def test_production_gets_none(urls: Urls, owner_connection: asyncpg.Connection) -> None:
    await load_once(urls, environment="production")
    with pytest.raises(SettingsError, match="production"):
        demo.load(urls.owner, Settings(environment="production"), scale=1, console=Console(quiet=True))
    assert not any((await everything(owner_connection)).values())


def test_no_two_people_have_one_address() -> None:
    addresses = {person_name(number)[1] for number in range(10_000)}
    assert len(addresses) == 10_000
    assert all(address.isascii() and address == address.lower() for address in addresses)


async def test_documents_have_a_past_that_lies_in_the_past(urls: Urls) -> None:
    await load_once(urls)
    connection = await asyncpg.connect(urls.plain("owner"))
    told = await connection.fetchrow(
        """
        SELECT count(*) AS documents, count(*) FILTER (WHERE d.version > 1) AS changed,
            count(*) FILTER (WHERE d.deleted_at IS NOT NULL) AS deleted,
            count(*) FILTER (WHERE d.version = a.entries) AS told,
            count(*) FILTER (WHERE d.updated_at = a.last) AS dated
        FROM documents d JOIN tenants t ON t.id = d.tenant_id JOIN (
            SELECT row_id, count(*) AS entries, max(created_at) AS last FROM audit_log GROUP BY 1
        ) a ON a.row_id = d.id WHERE t.slug = 'acme'
        """
    )
    assert told is not None
    assert told["documents"] == told["told"] == told["dated"] == 40
    assert told["changed"] > 20
    assert told["deleted"] > 0
    watched = (
        "SELECT bool_and(tgenabled = 'O') FROM pg_trigger WHERE tgrelid = 'documents'::regclass AND NOT tgisinternal"
    )
    assert await connection.fetchval(watched)
    await connection.close()
    found = await maintenance.verify(urls.runtime, urls.owner, Progress(disable=True))
    assert (found.faults, found.first_gap) == ([], None)
    assert found.entries + found.unsequenced > 0
