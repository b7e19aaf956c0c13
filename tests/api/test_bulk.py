"""Bulk work through HTTP: an outcome per row, nothing done for a call that is refused, and few statements."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from asyncpg.prepared_stmt import PreparedStatement
from graphql import parse

from graph.limits import measure
from graph.schema import build
from models.base import new_id
from tests.factories import PASSWORD, Person, World

ERRORS = "__typename ... on Error { message code } ... on InvalidInput { fields { path message } }"
TAKEN = "... on AlreadyExists { field }"
CONFLICT = "... on VersionConflict { currentVersion current { id } }"
OUTCOMES = f"{ERRORS} ... on Outcomes {{ succeeded failed }}"
USERS = f"""
{OUTCOMES} ... on CreatedUserOutcomes {{ outcomes {{ index result {{ {ERRORS} {TAKEN}
    ... on User {{ id fullName role isActive userEmail: email }}
    ... on Invitation {{ id email role token expiresAt }}
}} }} }}
"""
TASKS = f"""
{OUTCOMES} ... on TaskOutcomes {{ outcomes {{ index result {{ {ERRORS} {CONFLICT}
    ... on Task {{ id title description status version project {{ id }} assignee {{ id }} }}
}} }} }}
"""
PRODUCT = "... on Product { id sku name stockQuantity isActive version price { amount currency } }"
PRODUCTS = f"""
{OUTCOMES} ... on ProductOutcomes {{ outcomes {{ index result {{ {ERRORS} {TAKEN} {CONFLICT} {PRODUCT} }} }} }}
"""
RESTOCKED = f"{OUTCOMES} ... on RestockOutcomes {{ outcomes {{ index result {{ {ERRORS} {PRODUCT} }} }} }}"
SWITCHED = f"{ERRORS} ... on UsersSwitched {{ count }}"
SESSION = "... on Session { accessToken } ... on Error { code }"

BULK: dict[str, tuple[str, str]] = {
    "createUsers": ("users", USERS),
    "setUsersActive": ("ids", SWITCHED),
    "updateTasks": ("tasks", TASKS),
    "updateProducts": ("products", PRODUCTS),
    "restockProducts": ("products", RESTOCKED),
}


def row_of(mutation: str, number: int) -> Any:
    """A row that is well-formed, whatever becomes of it."""
    return {
        "createUsers": {"email": f"{number}@example.com", "fullName": "N"},
        "setUsersActive": f"User:{UUID(int=number)}",
        "updateTasks": {"id": f"Task:{UUID(int=number)}", "title": "t"},
        "updateProducts": {"id": f"Product:{UUID(int=number)}", "name": "n"},
        "restockProducts": {"id": f"Product:{UUID(int=number)}", "quantity": 1},
    }[mutation]


async def bulk(person: Person, mutation: str, rows: list[Any], **more: Any) -> dict[str, Any]:
    name, fields = BULK[mutation]
    if mutation == "setUsersActive":
        more = {"isActive": False, **more}
    return await person.client.do(mutation, fields, **{name: rows}, **more)


async def refused(person: Person, mutation: str, rows: list[Any], **more: Any) -> list[str]:
    """The codes with which a call is refused at the top."""
    name, fields = BULK[mutation]
    given = {name: rows, **({"isActive": False} if mutation == "setUsersActive" else {}), **more}
    type_name = mutation[0].upper() + mutation[1:] + "Input"
    query = f"mutation($input: {type_name}!) {{ {mutation}(input: $input) {{ {fields} }} }}"
    return await person.client.codes(query, input=given)


def kinds(answer: dict[str, Any]) -> list[str]:
    assert [outcome["index"] for outcome in answer["outcomes"]] == list(range(len(answer["outcomes"])))
    found = [outcome["result"]["__typename"] for outcome in answer["outcomes"]]
    failed = sum(kind in {"InvalidInput", "NotFound", "AlreadyExists", "VersionConflict"} for kind in found)
    assert (answer["succeeded"], answer["failed"]) == (len(found) - failed, failed)
    return found


def results(answer: dict[str, Any]) -> list[dict[str, Any]]:
    kinds(answer)
    return [outcome["result"] for outcome in answer["outcomes"]]


def paths(result: dict[str, Any]) -> list[str]:
    return [field["path"] for field in result["fields"]]


async def everything(world: World) -> dict[str, list[Any]]:
    """All that a bulk call could have changed."""
    tables = ("users", "memberships", "invitations", "tasks", "products", "idempotency_keys")
    return {t: [tuple(r) for r in await world.connection.fetch(f"SELECT * FROM {t} ORDER BY 1, 2")] for t in tables}


async def task(world: World, title: str, tenant_id: UUID | None = None) -> str:
    owner = world.acme.owner.user_id if tenant_id is None else world.globex.owner.user_id
    tenant_id = tenant_id or world.acme.tenant_id
    return f"Task:{await world.add('tasks', tenant_id=tenant_id, title=title, created_by=owner)}"


async def product(world: World, sku: str, tenant_id: UUID | None = None, stock: int = 5) -> str:
    values = {"sku": sku, "name": sku.title(), "price_minor": 100, "currency": "EUR", "stock_quantity": stock}
    return f"Product:{await world.add('products', tenant_id=tenant_id or world.acme.tenant_id, **values)}"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that the driver sends, as often as it sends it; but for BEGIN and COMMIT."""
    log: list[str] = []
    one, many = PreparedStatement.__dict__["_PreparedStatement__do_execute"], asyncpg.Connection._executemany  # noqa: SLF001  # the only place

    async def note(self: Any, executor: Any) -> Any:
        log.append(self._query)
        return await one(self, executor)

    async def note_many(self: Any, query: str, args: Any, *more: Any, **options: Any) -> Any:
        args = list(args)
        log.extend([query] * len(args))
        return await many(self, query, args, *more, **options)

    monkeypatch.setattr(PreparedStatement, "_PreparedStatement__do_execute", note)
    monkeypatch.setattr(asyncpg.Connection, "_executemany", note_many)
    return log


@pytest.mark.parametrize("mutation", BULK)
async def test_no_rows_or_too_many_are_refused_as_a_whole(world: World, mutation: str) -> None:
    before = await everything(world)
    name = BULK[mutation][0]
    for rows in ([], [row_of(mutation, number) for number in range(1001)]):
        answer = await bulk(world.acme.owner, mutation, rows)
        assert (answer["__typename"], answer["code"], paths(answer)) == ("InvalidInput", "BAD_USER_INPUT", [name])
    assert await everything(world) == before


@pytest.mark.parametrize(("mutation", "field"), [("createUsers", "fullName"), ("updateTasks", "title")])
async def test_the_character_nul_is_refused_before_anything_is_read(world: World, mutation: str, field: str) -> None:
    before = await everything(world)
    rows = [row_of(mutation, 1), {**row_of(mutation, 2), field: "a\0b"}]
    assert await refused(world.acme.owner, mutation, rows) == ["BAD_REQUEST"]
    assert await everything(world) == before


@pytest.mark.parametrize("mutation", BULK)
async def test_a_thousand_rows_are_not_too_many(world: World, mutation: str) -> None:
    answer = await bulk(world.acme.owner, mutation, [row_of(mutation, number) for number in range(1000)])
    if mutation == "setUsersActive":
        assert answer["count"] == 0
    else:
        assert set(kinds(answer)) == {"Invitation" if mutation == "createUsers" else "NotFound"}


@pytest.mark.parametrize("mutation", BULK)
async def test_who_may(world: World, mutation: str) -> None:
    before = await everything(world)
    rows = [row_of(mutation, 1)]
    by_role = {
        role: await refused(getattr(world.acme, role), mutation, rows) for role in ("member", "removed", "admin")
    }
    outside = await refused(world.outsider, mutation, rows)
    nobody = await refused(Person(new_id(), "", world.nobody), mutation, rows)
    assert by_role["member"] == ([] if mutation == "updateTasks" else ["FORBIDDEN"])
    removed = "FORBIDDEN" if mutation == "createUsers" else "UNAUTHENTICATED"
    assert (by_role["removed"], outside, nobody) == ([removed], ["FORBIDDEN"], ["UNAUTHENTICATED"])
    assert by_role["admin"] == []
    if mutation != "createUsers":
        assert await everything(world) == before


@pytest.mark.parametrize(("mutation", "passwords"), [("createUsers", True), *((mutation, False) for mutation in BULK)])
async def test_statements_do_not_grow_with_rows(
    world: World, mutation: str, *, passwords: bool, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hash_all(given: list[str]) -> list[str]:
        return given

    monkeypatch.setattr(world.app.parts.door.passwords, "hash_all", hash_all)

    async def count(rows: list[Any]) -> int:
        sent.clear()
        answer = await bulk(world.acme.owner, mutation, rows)
        assert answer["__typename"] != "InvalidInput"
        assert answer.get("failed", 0) == 0
        assert answer.get("count", len(rows)) == len(rows)
        return len(sent)

    async def make(number: int) -> Any:
        row = row_of(mutation, number)
        if mutation == "createUsers":
            return {**row, "email": f"new{number}@example.com", **({"password": PASSWORD} if passwords else {})}
        if mutation == "setUsersActive":
            user = await world.add("users", email=f"{number}@x.example", full_name="x")
            member = {"tenant_id": world.acme.tenant_id, "user_id": user, "full_name": "", "email": ""}
            return f"User:{await world.add('memberships', **member)}"
        if mutation == "updateTasks":
            return {**row, "id": await task(world, f"t{number}"), "assigneeId": world.acme.member.id}
        changed = {**row, "id": await product(world, f"p{number}")}
        return {**changed, "sku": f"new{number}"} if mutation == "updateProducts" else changed

    made = [await make(number) for number in range(102)]
    await count(made[:1])  # connects, and reads types
    one, many = await count(made[1:2]), await count(made[2:])
    assert one == many
    assert 2 <= one <= 12


async def test_people_come_with_a_password_or_by_invitation(world: World) -> None:
    rows = [
        {"email": "Ann@Example.com ", "fullName": " Ann ", "password": PASSWORD, "role": "ADMIN"},
        {"email": "ben@example.com", "fullName": "Ben"},
        {"email": "cleo@example.com", "fullName": "Cleo", "password": PASSWORD},
    ]
    answer = await bulk(world.acme.owner, "createUsers", rows)
    assert kinds(answer) == ["User", "Invitation", "User"]
    ann, ben, cleo = results(answer)
    assert (ann["userEmail"], ann["fullName"], ann["role"], ann["isActive"]) == (
        "ann@example.com", "Ann", "ADMIN", True,
    )  # fmt: skip
    assert (cleo["role"], ben["email"], ben["role"]) == ("MEMBER", "ben@example.com", "MEMBER")

    session = await world.nobody.do("login", SESSION, email="ann@example.com", password=PASSWORD)
    ann_client = world.app.client(session["accessToken"])
    seen = await ann_client.run("{ viewer { role tenant { slug } } }")
    assert seen["viewer"] == {"role": "ADMIN", "tenant": {"slug": "acme"}}

    registered = await world.nobody.do("register", SESSION, email="ben@example.com", fullName="Ben", password=PASSWORD)
    ben_client = world.app.client(registered["accessToken"])
    joined = await ben_client.do("acceptInvitation", "... on Tenant { slug }", token=ben["token"])
    assert joined["slug"] == "acme"
    listed = await world.acme.owner.client.run("{ invitations { nodes { id token } } users { totalCount } }")
    assert listed == {"invitations": {"nodes": []}, "users": {"totalCount": 6}}


async def test_a_known_address_is_invited_and_its_account_untouched(world: World) -> None:
    before = await world.connection.fetch("SELECT * FROM users ORDER BY id")
    elsewhere = world.globex.member.email
    rows = [
        {"email": elsewhere, "fullName": "Somebody", "password": "An0ther-password!"},
        {"email": world.outsider.email.upper(), "fullName": "Somebody"},
        {"email": "unknown@example.com", "fullName": "Somebody"},
    ]
    answer = await bulk(world.acme.admin, "createUsers", rows)
    assert kinds(answer) == ["Invitation"] * 3
    assert [result.keys() for result in results(answer)] == [results(answer)[2].keys()] * 3
    assert await world.connection.fetch("SELECT * FROM users ORDER BY id") == before
    session = await world.nobody.do("login", SESSION, email=elsewhere, password=PASSWORD)
    assert session["__typename"] == "Session"


async def test_a_row_at_fault_holds_up_no_other(world: World) -> None:
    rows: list[dict[str, Any]] = [
        {"email": "no address", "fullName": "A"},
        {"email": "weak@example.com", "fullName": "B", "password": "password"},
        {"email": "good@example.com", "fullName": "C"},
        {"email": "GOOD@example.com", "fullName": "D"},
        {"email": world.acme.member.email, "fullName": "E"},
        {"email": "blank@example.com", "fullName": "  "},
        {"email": "", "fullName": ""},
        {"email": "long@example.com", "fullName": "x" * 101, "password": ""},
        {"email": world.acme.member.email.upper(), "fullName": "F", "password": PASSWORD},
        {"email": f"{'x' * 250}@example.com", "fullName": "G"},
        {"email": "member@globex.example.com", "fullName": "H", "password": PASSWORD},
    ]
    made = results(await bulk(world.acme.admin, "createUsers", rows))
    assert [r["__typename"] for r in made] == [
        "InvalidInput", "InvalidInput", "Invitation", "InvalidInput", "AlreadyExists", "InvalidInput", "InvalidInput",
        "InvalidInput", "InvalidInput", "InvalidInput", "Invitation",
    ]  # fmt: skip
    assert [paths(made[index])[0] for index in (0, 1, 3, 5, 8, 9)] == [
        "users.0.email", "users.1.password", "users.3.email", "users.5.fullName", "users.8.email", "users.9.email",
    ]  # fmt: skip
    assert made[4]["field"] == "users.4.email"
    assert paths(made[6]) == ["users.6.email", "users.6.fullName"]
    assert {"users.7.fullName", "users.7.password"} == set(paths(made[7]))
    assert await world.connection.fetchval("SELECT count(*) FROM invitations") == 2
    assert await world.connection.fetchval("SELECT count(*) FROM users WHERE email = 'weak@example.com'") == 0


async def test_former_members_are_invited_and_inactive_ones_are_members_already(world: World) -> None:
    await bulk(world.acme.owner, "setUsersActive", [world.acme.member.id])
    rows = [
        {"email": person.email, "fullName": "X", "password": PASSWORD}
        for person in (world.acme.removed, world.acme.member)
    ]
    answer = await bulk(world.acme.owner, "createUsers", rows)
    assert kinds(answer) == ["Invitation", "AlreadyExists"]


async def test_owners_alone_make_owners(world: World) -> None:
    before = await everything(world)
    rows = [{"email": "a@example.com", "fullName": "A"}, {"email": "b@example.com", "fullName": "B", "role": "OWNER"}]
    assert await refused(world.acme.admin, "createUsers", rows) == ["FORBIDDEN"]
    assert await everything(world) == before
    assert results(await bulk(world.acme.owner, "createUsers", rows))[1]["role"] == "OWNER"


async def test_sent_again_it_doubles_nothing(world: World) -> None:
    rows = [
        {"email": "ann@example.com", "fullName": "Ann", "password": PASSWORD},
        {"email": "ben@example.com", "fullName": "Ben"},
    ]
    first = results(await bulk(world.acme.owner, "createUsers", [{**row, "password": None} for row in rows]))
    again = await bulk(world.acme.owner, "createUsers", rows)
    assert kinds(again) == ["User", "Invitation"]
    assert kinds(await bulk(world.acme.owner, "createUsers", rows)) == ["AlreadyExists", "Invitation"]
    listed = await world.acme.owner.client.run("{ invitations { nodes { email } } users { totalCount } }")
    assert listed == {"invitations": {"nodes": [{"email": "ben@example.com"}]}, "users": {"totalCount": 4}}
    for invitation in first:
        stale = await world.outsider.client.do("acceptInvitation", "... on Error { code }", token=invitation["token"])
        assert stale["code"] == "INVALID_TOKEN"


async def test_people_are_added_in_one_commit(world: World) -> None:
    await world.connection.execute("""
        CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
        CREATE TRIGGER fail BEFORE INSERT ON invitations FOR EACH ROW WHEN (NEW.email = 'z@example.com')
        EXECUTE FUNCTION fail();
    """)
    before = await everything(world)
    rows = [
        {"email": "a@example.com", "fullName": "A", "password": PASSWORD},
        {"email": "b@example.com", "fullName": "B"},
        {"email": "z@example.com", "fullName": "Z"},
    ]
    assert await refused(world.acme.owner, "createUsers", rows) == ["INTERNAL"]
    assert await everything(world) == before


async def test_no_connection_waits_for_a_hash(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    passwords, in_use = world.app.parts.door.passwords, []
    hash_all = passwords.hash_all

    async def watched(given: list[str]) -> list[str]:
        in_use.append(world.app.parts.database.in_use)
        return await hash_all(given)

    monkeypatch.setattr(passwords, "hash_all", watched)
    rows = [{"email": f"{n}@example.com", "fullName": "N", "password": PASSWORD} for n in range(2)]
    rows.append({"email": world.acme.member.email, "fullName": "M", "password": PASSWORD})
    assert kinds(await bulk(world.acme.owner, "createUsers", rows)) == ["User", "User", "AlreadyExists"]
    assert in_use == [0]


async def test_two_calls_with_the_same_people_take_turns(world: World, sent: list[str]) -> None:
    rows = [{"email": f"{n}@example.com", "fullName": "N", "password": PASSWORD} for n in range(6)]
    answers = await asyncio.gather(
        bulk(world.acme.owner, "createUsers", rows), bulk(world.acme.admin, "createUsers", rows[::-1])
    )
    pairs = zip(kinds(answers[0]), kinds(answers[1])[::-1], strict=True)
    assert [sorted(pair) for pair in pairs] == [["AlreadyExists", "User"]] * 6
    assert entries(sent) == 4


def entries(sent: list[str]) -> int:
    """How many transactions were begun; one that was chosen to break a deadlock was begun again."""
    return sum("atrium_enter" in statement for statement in sent)


async def test_who_is_shut_out_is_out_at_once(world: World) -> None:
    acme, globex = world.acme, world.globex
    member, admin = acme.member, acme.admin
    ids = [member.id, admin.id, member.id, acme.removed.id, globex.member.id, f"User:{new_id()}"]
    assert (await bulk(acme.owner, "setUsersActive", ids))["count"] == 2
    assert await member.client.codes("{ tasks { totalCount } }") == ["UNAUTHENTICATED"]
    assert await admin.client.codes("{ tasks { totalCount } }") == ["UNAUTHENTICATED"]
    assert await globex.member.client.codes("{ tasks { totalCount } }") == []
    accounts = "SELECT count(*) FROM users WHERE NOT is_active"
    assert await world.connection.fetchval(accounts) == 0
    people = await acme.owner.client.run("{ users(filter: {isActive: false}) { nodes { id role } } }")
    assert people["users"]["nodes"] == [{"id": admin.id, "role": "ADMIN"}, {"id": member.id, "role": "MEMBER"}]

    assert (await bulk(acme.owner, "setUsersActive", ids))["count"] == 0
    assert (await bulk(acme.owner, "setUsersActive", ids, isActive=True))["count"] == 2
    assert await member.client.codes("{ tasks { totalCount } }") == []
    assert await acme.removed.client.codes("{ tasks { totalCount } }") == ["UNAUTHENTICATED"]


async def test_nobody_shuts_themselves_out(world: World) -> None:
    before = await everything(world)
    for person in (world.acme.admin, world.acme.owner):
        answer = await bulk(person, "setUsersActive", [world.acme.member.id, person.id])
        assert (answer["code"], paths(answer)) == ("BAD_USER_INPUT", ["ids.1"])
    assert await everything(world) == before
    assert (await bulk(world.acme.admin, "setUsersActive", [world.acme.admin.id], isActive=True))["count"] == 0


async def test_owners_alone_switch_owners(world: World) -> None:
    before = await everything(world)
    assert await refused(world.acme.admin, "setUsersActive", [world.acme.owner.id]) == ["FORBIDDEN"]
    assert await everything(world) == before
    second = "UPDATE memberships SET role = 'OWNER' WHERE id = $1"
    await world.connection.execute(second, world.acme.member.member_id)
    assert (await bulk(world.acme.owner, "setUsersActive", [world.acme.member.id]))["count"] == 1
    assert await refused(world.acme.admin, "setUsersActive", [world.acme.member.id], isActive=True) == ["FORBIDDEN"]
    assert (await bulk(world.acme.owner, "setUsersActive", [world.acme.member.id], isActive=True))["count"] == 1


@pytest.mark.parametrize("bad", ["", "User", "User:1", "User:-", "Task:00000000-0000-0000-0000-000000000000"])
async def test_an_id_that_is_none_is_named(world: World, bad: str) -> None:
    before = await everything(world)
    answer = await bulk(world.acme.owner, "setUsersActive", [world.acme.member.id, bad])
    assert paths(answer) == ["ids.1"]
    assert await everything(world) == before


async def test_many_tasks_change_each_in_its_own_way(world: World) -> None:
    member = world.acme.member
    project_id = await world.add("projects", tenant_id=world.acme.tenant_id, name="P")
    ids = [await task(world, f"t{number}") for number in range(4)]
    rows = [
        {"id": ids[2], "status": "DONE"},
        {"id": ids[0], "title": " New ", "assigneeId": member.id, "projectId": f"Project:{project_id}"},
        {"id": ids[1], "description": "More", "expectedVersion": 1},
        {"id": ids[3]},
    ]
    done, named, described, same = results(await bulk(member, "updateTasks", rows))
    assert [r["id"] for r in (done, named, described, same)] == [ids[2], ids[0], ids[1], ids[3]]
    assert (done["title"], done["status"], done["version"]) == ("t2", "DONE", 2)
    assert (named["title"], named["status"], named["assignee"], named["project"]) == (
        "New", "TODO", {"id": member.id}, {"id": f"Project:{project_id}"},
    )  # fmt: skip
    assert (described["description"], described["title"], described["version"]) == ("More", "t1", 2)
    assert (same["title"], same["version"]) == ("t3", 1)

    emptied = results(await bulk(member, "updateTasks", [{"id": ids[0], "assigneeId": None, "projectId": None}]))
    assert (emptied[0]["assignee"], emptied[0]["project"], emptied[0]["title"]) == (None, None, "New")


async def test_each_task_is_refused_alone(world: World) -> None:
    ids = [await task(world, f"t{number}") for number in range(8)]
    foreign = await task(world, "theirs", world.globex.tenant_id)
    their_project = await world.add("projects", tenant_id=world.globex.tenant_id, name="P")
    rows = [
        {"id": ids[0], "title": "Good"},
        {"id": foreign, "title": "Mine now"},
        {"id": f"Task:{new_id()}", "title": "None"},
        {"id": ids[1], "title": " "},
        {"id": ids[2], "title": "x", "expectedVersion": 9},
        {"id": ids[0], "title": "Again"},
        {"id": "Task:1", "title": "x"},
        {"id": ids[3], "title": "x" * 201, "description": "x" * 2001},
        {"id": ids[4], "projectId": f"Project:{their_project}", "assigneeId": world.globex.member.id},
        {"id": ids[5], "assigneeId": world.acme.removed.id},
        {"id": ids[6], "assigneeId": world.acme.member.member_id.hex if world.acme.member.member_id else ""},
        {"id": ids[7], "status": "DONE"},
    ]
    answer = await bulk(world.acme.member, "updateTasks", rows)
    made = results(answer)
    assert [r["__typename"] for r in made] == [
        "Task", "NotFound", "NotFound", "InvalidInput", "VersionConflict", "InvalidInput", "InvalidInput",
        "InvalidInput", "InvalidInput", "InvalidInput", "InvalidInput", "Task",
    ]  # fmt: skip
    assert made[1] == made[2]
    assert (made[4]["currentVersion"], made[4]["current"]) == (1, {"id": ids[2]})
    assert [paths(made[index]) for index in (3, 5, 6, 7, 8, 9, 10)] == [
        ["tasks.3.title"], ["tasks.5.id"], ["tasks.6.id"], ["tasks.7.title", "tasks.7.description"],
        ["tasks.8.projectId", "tasks.8.assigneeId"], ["tasks.9.assigneeId"], ["tasks.10.assigneeId"],
    ]  # fmt: skip
    assert [made[0]["title"], made[11]["status"]] == ["Good", "DONE"]
    versions = await world.connection.fetch("SELECT title, version FROM tasks ORDER BY id")
    assert [tuple(row) for row in versions] == [
        ("Good", 2), *((f"t{number}", 1) for number in range(1, 7)), ("t7", 2), ("theirs", 1),
    ]  # fmt: skip


async def test_calls_over_the_same_rows_do_not_deadlock(world: World, sent: list[str]) -> None:
    tasks = [await task(world, f"t{number}") for number in range(50)]
    products = [await product(world, f"p{number}", stock=0) for number in range(50)]

    async def both(person: Person, number: int) -> None:
        turn = slice(None, None, -1 if number % 2 else 1)
        changed = await bulk(person, "updateTasks", [{"id": i, "title": f"by {number}"} for i in tasks[turn]])
        stocked = await bulk(person, "restockProducts", [{"id": i, "quantity": 1} for i in products[turn]])
        renamed = await bulk(
            person,
            "updateProducts",
            [{"id": i, "sku": f"sku {number} {i}"} for i in products[turn]],
        )
        assert (changed["failed"], stocked["failed"], renamed["failed"]) == (0, 0, 0)

    people = [world.acme.owner, world.acme.admin]
    await asyncio.gather(*(both(people[number % 2], number) for number in range(6)))
    assert await world.connection.fetchval("SELECT min(version) FROM tasks") == 7
    assert await world.connection.fetchval("SELECT min(stock_quantity) FROM products") == 6
    assert entries(sent) == 18


async def test_calls_that_claim_the_same_numbers_do_not_deadlock(world: World, sent: list[str]) -> None:
    mine = [await product(world, f"a{number}") for number in range(30)]
    yours = [await product(world, f"b{number}") for number in range(30)]
    wanted = [f"n{number}" for number in range(30)]
    claims = [dict(zip(mine, wanted, strict=True)), dict(zip(yours, wanted[::-1], strict=True))]
    answers = await asyncio.gather(
        *(
            bulk(world.acme.admin, "updateProducts", [{"id": i, "sku": sku} for i, sku in claim.items()])
            for claim in claims
        )
    )
    assert sorted(answer["succeeded"] for answer in answers) == [0, 30]
    assert entries(sent) == 2


async def test_many_products_change_each_in_its_own_way(world: World) -> None:
    ids = [await product(world, f"p{number}") for number in range(4)]
    rows = [
        {"id": ids[0], "price": {"amount": "19.9", "currency": "EUR"}},
        {"id": ids[1], "sku": "P1", "name": "One"},
        {"id": ids[2], "isActive": False, "description": None},
        {"id": ids[3], "sku": "fresh"},
    ]
    priced, named, retired, renumbered = results(await bulk(world.acme.admin, "updateProducts", rows))
    assert (priced["price"], priced["version"]) == ({"amount": "19.90", "currency": "EUR"}, 2)
    assert (named["sku"], named["name"]) == ("P1", "One")
    assert (retired["isActive"], retired["name"], renumbered["sku"]) == (False, "P2", "fresh")


async def test_each_product_is_refused_alone(world: World) -> None:
    ids = [await product(world, f"p{number}") for number in range(9)]
    await product(world, "held")
    foreign = await product(world, "fremd", world.globex.tenant_id)
    rows = [
        {"id": ids[0], "sku": "HELD"},
        {"id": ids[1], "sku": "new"},
        {"id": ids[2], "sku": "NEW"},
        {"id": ids[3], "sku": "p4"},
        {"id": ids[4], "sku": "p3"},
        {"id": ids[5], "sku": "fremd"},
        {"id": foreign, "name": "Mine"},
        {"id": ids[6], "price": {"amount": "1.001", "currency": "EUR"}},
        {"id": ids[7], "sku": " ", "name": "x" * 201},
        {"id": ids[8], "name": "x", "expectedVersion": 2},
        {"id": ids[8], "name": "y"},
    ]
    made = results(await bulk(world.acme.admin, "updateProducts", rows))
    assert [r["__typename"] for r in made] == [
        "AlreadyExists", "Product", "AlreadyExists", "AlreadyExists", "AlreadyExists", "Product", "NotFound",
        "InvalidInput", "InvalidInput", "VersionConflict", "InvalidInput",
    ]  # fmt: skip
    assert [made[index]["field"] for index in (0, 2, 3, 4)] == [f"products.{index}.sku" for index in (0, 2, 3, 4)]
    assert [paths(made[index]) for index in (7, 8, 10)] == [
        ["products.7.price.amount"], ["products.8.sku", "products.8.name"], ["products.10.id"],
    ]  # fmt: skip
    changed = "SELECT sku FROM products WHERE version > 1 ORDER BY sku"
    assert [row["sku"] for row in await world.connection.fetch(changed)] == ["fremd", "new"]


async def test_stock_arrives_once_per_key(world: World) -> None:
    ids = [await product(world, f"p{number}") for number in range(2)]
    full = await product(world, "full", stock=2**31 - 1)
    foreign = await product(world, "fremd", world.globex.tenant_id)
    rows = [
        {"id": ids[0], "quantity": 3},
        {"id": ids[1], "quantity": 0},
        {"id": full, "quantity": 1},
        {"id": foreign, "quantity": 1},
        {"id": f"Product:{new_id()}", "quantity": 1},
        {"id": ids[0], "quantity": 1},
        {"id": "Product:x", "quantity": 1},
        {"id": full, "quantity": -1},
    ]
    answer = await bulk(world.acme.admin, "restockProducts", rows, idempotencyKey="k")
    made = results(answer)
    assert [r["__typename"] for r in made] == [
        "Product", "InvalidInput", "InvalidInput", "NotFound", "NotFound", "InvalidInput", "InvalidInput",
        "InvalidInput",
    ]  # fmt: skip
    assert (made[0]["stockQuantity"], made[3]) == (8, made[4])
    assert [paths(made[index])[0] for index in (1, 2, 5, 6, 7)] == [
        "products.1.quantity", "products.2.quantity", "products.5.id", "products.6.id", "products.7.id",
    ]  # fmt: skip

    before = await everything(world)
    assert await bulk(world.acme.admin, "restockProducts", rows, idempotencyKey="k") == answer
    other = await bulk(world.acme.admin, "restockProducts", rows[:1], idempotencyKey="k")
    assert other["__typename"] == "IdempotencyConflict"
    long = await bulk(world.acme.admin, "restockProducts", rows[:1], idempotencyKey="k" * 256)
    assert paths(long) == ["idempotencyKey"]
    assert await everything(world) == before
    assert results(await bulk(world.acme.admin, "restockProducts", rows[:1]))[0]["stockQuantity"] == 11


async def test_twins_with_one_key_count_once(world: World) -> None:
    ids = [await product(world, f"p{number}") for number in range(10)]
    rows = [{"id": i, "quantity": 1} for i in ids]
    answers = await asyncio.gather(
        *(bulk(world.acme.admin, "restockProducts", rows, idempotencyKey="k") for _ in range(4))
    )
    assert [answer["succeeded"] for answer in answers] == [10] * 4
    assert await world.connection.fetchval("SELECT max(stock_quantity) FROM products") == 6


@pytest.mark.parametrize("quantity", [2**31, 1.5, "1", None])
async def test_a_quantity_that_is_no_integer_is_refused(world: World, quantity: Any) -> None:
    tea = await product(world, "tea")
    before = await everything(world)
    rows = [{"id": tea, "quantity": quantity}]
    assert await refused(world.acme.admin, "restockProducts", rows) == ["BAD_USER_INPUT"]
    assert await everything(world) == before


async def test_people_with_their_orders_take_as_many_statements_for_many_as_for_few(
    world: World, sent: list[str]
) -> None:
    query = """{ users(first: 100) { totalCount nodes { fullName orders(first: 5) { totalCount nodes { id } } } } }"""

    async def add(number: int) -> None:
        user_id = await world.add("users", email=f"{number}@x.example", full_name=f"N{number}")
        await world.add("memberships", tenant_id=world.acme.tenant_id, user_id=user_id, full_name="", email="")
        values = {"user_id": user_id, "status": "PENDING", "total_minor": 1, "currency": "EUR", "version": 1}
        for _ in range(7):
            sql = (
                "INSERT INTO orders (tenant_id, id, shipping_address, created_at, updated_at, user_id, status,"
                " total_minor, currency, version) VALUES ($1, $2, 'x', now(), now(), $3, $4, $5, $6, $7)"
            )
            await world.connection.execute(sql, world.acme.tenant_id, new_id(), *values.values())

    async def ask() -> tuple[int, list[Any]]:
        sent.clear()
        people = (await world.acme.admin.client.run(query))["users"]
        assert people["totalCount"] == len(people["nodes"])
        return len(sent), people["nodes"]

    await add(0)
    await ask()
    few, nodes = await ask()
    assert [len(node["orders"]["nodes"]) for node in nodes if node["orders"]["totalCount"]] == [5]
    for number in range(1, 41):
        await add(number)
    many, nodes = await ask()
    counted = [(len(n["orders"]["nodes"]), n["orders"]["totalCount"]) for n in nodes if n["fullName"].startswith("N")]
    assert counted == [(5, 7)] * 41
    assert few == many <= 8


def test_the_answer_of_a_call_costs_what_its_rows_cost() -> None:
    schema = build()._schema  # noqa: SLF001  # the way Strawberry's own tools reach it
    document = """mutation($input: UpdateTasksInput!) {
        updateTasks(input: $input) { ... on TaskOutcomes { outcomes { index result { ... on Task { id } } } } }
    }"""
    literal = """mutation($rows: [UpdateTaskInput!]!) {
        updateTasks(input: {tasks: $rows}) { ... on TaskOutcomes { outcomes { index result { ... on Task { id } } } } }
    }"""
    for rows, expected in ((1, 20), (20, 20), (21, 21), (1000, 1000)):
        given = [row_of("updateTasks", number) for number in range(rows)]
        assert measure(schema, parse(document), None, {"input": {"tasks": given}}).cost == 2 + 3 * expected
        assert measure(schema, parse(literal), None, {"rows": given}).cost == 2 + 3 * expected
