"""People in bulk through HTTP: added, invited, shut out and let in again."""

import asyncio
from typing import Any

import pytest

from models.base import new_id, now
from tests.support.bulk_mutations import (
    count_transactions,
    record_statements,
    request_error_codes,
    result_paths,
    result_types,
    results,
    run_bulk,
    slow_down,
)
from tests.support.case_context import table_digests
from tests.support.client import run_app
from tests.support.factories import PASSWORD, World
from tests.support.order_helpers import take_order_number

SESSION = "... on Session { accessToken } ... on Error { code }"


async def test_people_come_with_a_password_or_by_invitation(world: World) -> None:
    rows = [
        {"email": "Ann@Example.com ", "fullName": " Ann ", "password": PASSWORD, "role": "ADMIN"},
        {"email": "ben@example.com", "fullName": "Ben"},
        {"email": "cleo@example.com", "fullName": "Cleo", "password": PASSWORD},
    ]
    answer = await run_bulk(world.acme.owner, "createUsers", rows)
    assert result_types(answer) == ["User", "Invitation", "User"]
    ann, ben, cleo = results(answer)
    assert (ann["userEmail"], ann["fullName"], ann["role"], ann["isActive"]) == (
        "ann@example.com", "Ann", "ADMIN", True,
    )  # fmt: skip
    assert (cleo["role"], ben["email"], ben["role"]) == ("MEMBER", "ben@example.com", "MEMBER")

    session = await world.nobody.mutate("login", SESSION, email="ann@example.com", password=PASSWORD)
    ann_client = world.app.client_with(session["accessToken"])
    seen = await ann_client.run("{ viewer { role tenant { slug } } }")
    assert seen["viewer"] == {"role": "ADMIN", "tenant": {"slug": "acme"}}

    registered = await world.nobody.mutate(
        "register", SESSION, email="ben@example.com", fullName="Ben", password=PASSWORD
    )
    ben_client = world.app.client_with(registered["accessToken"])
    joined = await ben_client.mutate("acceptInvitation", "... on Tenant { slug }", token=ben["token"])
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
    answer = await run_bulk(world.acme.admin, "createUsers", rows)
    assert result_types(answer) == ["Invitation"] * 3
    assert [result.keys() for result in results(answer)] == [results(answer)[2].keys()] * 3
    assert await world.connection.fetch("SELECT * FROM users ORDER BY id") == before
    session = await world.nobody.mutate("login", SESSION, email=elsewhere, password=PASSWORD)
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
    made = results(await run_bulk(world.acme.admin, "createUsers", rows))
    assert [r["__typename"] for r in made] == [
        "InvalidInput", "InvalidInput", "Invitation", "InvalidInput", "AlreadyExists", "InvalidInput", "InvalidInput",
        "InvalidInput", "InvalidInput", "InvalidInput", "Invitation",
    ]  # fmt: skip
    assert [result_paths(made[index])[0] for index in (0, 1, 3, 5, 8, 9)] == [
        "users.0.email", "users.1.password", "users.3.email", "users.5.fullName", "users.8.email", "users.9.email",
    ]  # fmt: skip
    assert made[4]["field"] == "users.4.email"
    assert result_paths(made[6]) == ["users.6.email", "users.6.fullName"]
    assert {"users.7.fullName", "users.7.password"} == set(result_paths(made[7]))
    assert await world.connection.fetchval("SELECT count(*) FROM invitations") == 2
    assert await world.connection.fetchval("SELECT count(*) FROM users WHERE email = 'weak@example.com'") == 0


async def test_former_members_are_invited_and_inactive_ones_are_members_already(world: World) -> None:
    await run_bulk(world.acme.owner, "setUsersActive", [world.acme.member.id])
    rows = [
        {"email": person.email, "fullName": "X", "password": PASSWORD}
        for person in (world.acme.removed, world.acme.member)
    ]
    answer = await run_bulk(world.acme.owner, "createUsers", rows)
    assert result_types(answer) == ["Invitation", "AlreadyExists"]


async def test_owners_alone_make_owners(world: World) -> None:
    before = await table_digests(world.connection)
    rows = [{"email": "a@example.com", "fullName": "A"}, {"email": "b@example.com", "fullName": "B", "role": "OWNER"}]
    assert await request_error_codes(world.acme.admin, "createUsers", rows) == ["FORBIDDEN"]
    assert await table_digests(world.connection) == before
    assert results(await run_bulk(world.acme.owner, "createUsers", rows))[1]["role"] == "OWNER"


async def test_sent_again_it_doubles_nothing(world: World) -> None:
    rows = [
        {"email": "ann@example.com", "fullName": "Ann", "password": PASSWORD},
        {"email": "ben@example.com", "fullName": "Ben"},
    ]
    first = results(await run_bulk(world.acme.owner, "createUsers", [{**row, "password": None} for row in rows]))
    again = await run_bulk(world.acme.owner, "createUsers", rows)
    assert result_types(again) == ["User", "Invitation"]
    assert result_types(await run_bulk(world.acme.owner, "createUsers", rows)) == ["AlreadyExists", "Invitation"]
    listed = await world.acme.owner.client.run("{ invitations { nodes { email } } users { totalCount } }")
    assert listed == {"invitations": {"nodes": [{"email": "ben@example.com"}]}, "users": {"totalCount": 4}}
    for invitation in first:
        stale = await world.outsider.client.mutate(
            "acceptInvitation", "... on Error { code }", token=invitation["token"]
        )
        assert stale["code"] == "INVALID_TOKEN"


async def test_people_are_added_in_one_commit(world: World) -> None:
    await world.connection.execute("""
        CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
        CREATE TRIGGER fail BEFORE INSERT ON invitations FOR EACH ROW WHEN (NEW.email = 'z@example.com')
        EXECUTE FUNCTION fail();
    """)
    before = await table_digests(world.connection)
    rows = [
        {"email": "a@example.com", "fullName": "A", "password": PASSWORD},
        {"email": "b@example.com", "fullName": "B"},
        {"email": "z@example.com", "fullName": "Z"},
    ]
    assert await request_error_codes(world.acme.owner, "createUsers", rows) == ["INTERNAL"]
    assert await table_digests(world.connection) == before


async def test_no_connection_waits_for_a_hash(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    passwords, in_use = world.app.components.auth.passwords, []
    hash_all = passwords.hash_all

    async def watched(given: list[str]) -> list[str]:
        in_use.append(world.app.components.database.in_use)
        return await hash_all(given)

    monkeypatch.setattr(passwords, "hash_all", watched)
    rows = [{"email": f"{n}@example.com", "fullName": "N", "password": PASSWORD} for n in range(2)]
    rows.append({"email": world.acme.member.email, "fullName": "M", "password": PASSWORD})
    assert result_types(await run_bulk(world.acme.owner, "createUsers", rows)) == ["User", "User", "AlreadyExists"]
    assert in_use == [0]


async def test_a_call_that_comes_too_late_changes_nothing(
    world: World, urls: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, given_up = await table_digests(world.connection), asyncio.Event()

    async def endless(_: list[str]) -> list[str]:
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()
        raise AssertionError

    query = "mutation($u: [CreateUserInput!]!) { createUsers(input: {users: $u}) { __typename } }"
    users = [{"email": "a@example.com", "fullName": "A", "password": PASSWORD}]
    async with run_app(urls, bulk_password_timeout_seconds=0.5) as app:
        monkeypatch.setattr(app.components.auth.passwords, "hash_all", endless)
        assert await app.client_with(world.acme.owner.client.token).error_codes(query, u=users) == ["TIMEOUT"]
        async with asyncio.timeout(10):
            await given_up.wait()
    assert await table_digests(world.connection) == before


async def test_two_calls_with_the_same_people_take_turns(world: World) -> None:
    await slow_down(world, "INSERT ON users")
    rows = [{"email": f"{n}@example.com", "fullName": "N", "password": PASSWORD} for n in range(6)]
    with record_statements() as sent:
        answers = await asyncio.gather(
            run_bulk(world.acme.owner, "createUsers", rows), run_bulk(world.acme.admin, "createUsers", rows[::-1])
        )
    pairs = zip(result_types(answers[0]), result_types(answers[1])[::-1], strict=True)
    assert [sorted(pair) for pair in pairs] == [["AlreadyExists", "User"]] * 6
    assert count_transactions(sent) == 6, (
        "each enters twice, and once more after waiting for its turn: neither begins anew"
    )


async def test_who_is_shut_out_is_out_at_once(world: World) -> None:
    acme, globex = world.acme, world.globex
    member, admin = acme.member, acme.admin
    ids = [member.id, admin.id, member.id, acme.removed.id, globex.member.id, f"User:{new_id()}"]
    assert (await run_bulk(acme.owner, "setUsersActive", ids))["count"] == 2
    assert await member.client.error_codes("{ tasks { totalCount } }") == ["UNAUTHENTICATED"]
    assert await admin.client.error_codes("{ tasks { totalCount } }") == ["UNAUTHENTICATED"]
    assert await globex.member.client.error_codes("{ tasks { totalCount } }") == []
    accounts = "SELECT count(*) FROM users WHERE NOT is_active"
    assert await world.connection.fetchval(accounts) == 0
    people = await acme.owner.client.run("{ users(filter: {isActive: false}) { nodes { id role } } }")
    assert people["users"]["nodes"] == [{"id": admin.id, "role": "ADMIN"}, {"id": member.id, "role": "MEMBER"}]

    assert (await run_bulk(acme.owner, "setUsersActive", ids))["count"] == 0
    assert (await run_bulk(acme.owner, "setUsersActive", ids, isActive=True))["count"] == 2
    assert await member.client.error_codes("{ tasks { totalCount } }") == []
    assert await acme.removed.client.error_codes("{ tasks { totalCount } }") == ["UNAUTHENTICATED"]


async def test_nobody_shuts_themselves_out(world: World) -> None:
    before = await table_digests(world.connection)
    for person in (world.acme.admin, world.acme.owner):
        answer = await run_bulk(person, "setUsersActive", [world.acme.member.id, person.id])
        assert (answer["code"], result_paths(answer)) == ("BAD_USER_INPUT", ["ids.1"])
    assert await table_digests(world.connection) == before
    assert (await run_bulk(world.acme.admin, "setUsersActive", [world.acme.admin.id], isActive=True))["count"] == 0


async def test_owners_alone_switch_owners(world: World) -> None:
    before = await table_digests(world.connection)
    assert await request_error_codes(world.acme.admin, "setUsersActive", [world.acme.owner.id]) == ["FORBIDDEN"]
    assert await table_digests(world.connection) == before
    second = "UPDATE memberships SET role = 'OWNER' WHERE id = $1"
    await world.connection.execute(second, world.acme.member.member_id)
    assert (await run_bulk(world.acme.owner, "setUsersActive", [world.acme.member.id]))["count"] == 1
    assert await request_error_codes(world.acme.admin, "setUsersActive", [world.acme.member.id], isActive=True) == [
        "FORBIDDEN"
    ]
    assert (await run_bulk(world.acme.owner, "setUsersActive", [world.acme.member.id], isActive=True))["count"] == 1


@pytest.mark.parametrize("bad", ["", "User", "User:1", "User:-", "Task:00000000-0000-0000-0000-000000000000"])
async def test_an_id_that_is_none_is_named(world: World, bad: str) -> None:
    before = await table_digests(world.connection)
    answer = await run_bulk(world.acme.owner, "setUsersActive", [world.acme.member.id, bad])
    assert result_paths(answer) == ["ids.1"]
    assert await table_digests(world.connection) == before


async def test_people_with_their_orders_take_as_many_statements_for_many_as_for_few(
    world: World,
) -> None:
    query = """{ users(first: 100) { totalCount nodes { fullName orders(first: 5) { totalCount nodes { id } } } } }"""

    async def add(number: int) -> None:
        user_id = await world.add("users", email=f"{number}@x.example", full_name=f"N{number}")
        await world.add("memberships", tenant_id=world.acme.tenant_id, user_id=user_id, full_name="", email="")
        values = {"user_id": user_id, "status": "PENDING", "total_minor": 1, "currency": "EUR", "version": 1}
        values |= {"shipping_address": "x", "created_at": now(), "updated_at": now()}
        for _ in range(7):
            number = await take_order_number(world.connection, world.acme.tenant_id)
            await world.add("orders", tenant_id=world.acme.tenant_id, number=number, **values)

    async def ask() -> tuple[int, list[Any]]:
        with record_statements() as sent:
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
