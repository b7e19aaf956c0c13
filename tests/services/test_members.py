"""People in bulk: who may make and unmake owners, and at which limits a row is refused."""

from datetime import timedelta
from typing import Any

import pytest

from models.tenants import Role
from services import members
from services.errors import AlreadyExists, Forbidden, InvalidInput
from services.members import IssuedInvitation, NewMember
from tests.support.factories import PASSWORD, Person, World
from tests.support.service_client import ServiceClient, invalid_paths


async def create_all(rules: ServiceClient, person: Person, *people: NewMember) -> list[Any]:
    actor, transactions = rules.actor(person), rules.transactions(person)
    return await members.create_all(transactions, rules.auth, actor, new_members=people, lifetime=timedelta(days=1))


async def count(world: World, table: str = "users") -> int:
    return int(await world.connection.fetchval(f"SELECT count(*) FROM {table}"))


@pytest.mark.parametrize("password", [None, PASSWORD])
async def test_an_admin_makes_no_owner(rules: ServiceClient, world: World, password: str | None) -> None:
    people, invited = await count(world), await count(world, "invitations")
    rows = [NewMember("a@example.com", "A", PASSWORD), NewMember("b@example.com", "B", password, Role.OWNER)]
    with pytest.raises(Forbidden):
        await create_all(rules, world.acme.admin, *rows)
    assert (await count(world), await count(world, "invitations")) == (people, invited)
    _, owner = await create_all(rules, world.acme.owner, *rows)
    made = owner.invitation if isinstance(owner, IssuedInvitation) else owner
    assert made.role == Role.OWNER


async def test_an_admin_makes_admins_and_a_member_nobody(rules: ServiceClient, world: World) -> None:
    row = NewMember("a@example.com", "A", PASSWORD, Role.ADMIN)
    with pytest.raises(Forbidden):
        await create_all(rules, world.acme.member, row)
    [made] = await create_all(rules, world.acme.admin, row)
    assert (made.role, made.email, made.is_active) == (Role.ADMIN, "a@example.com", True)
    [again] = await create_all(rules, world.acme.admin, row)
    assert isinstance(again, AlreadyExists)


async def test_a_name_has_1_to_100_characters(rules: ServiceClient, world: World) -> None:
    names = ["x", "x" * 100, "", "x" * 101]
    rows = [NewMember(f"{number}@example.com", name, PASSWORD) for number, name in enumerate(names)]
    first, second, *refused = await create_all(rules, world.acme.admin, *rows)
    assert [first.full_name, second.full_name] == ["x", "x" * 100]
    assert [invalid_paths(outcome) for outcome in refused] == [["users.2.full_name"], ["users.3.full_name"]]


async def test_owners_switch_each_other_and_not_themselves(rules: ServiceClient, world: World) -> None:
    acme = world.acme
    promoted = "UPDATE memberships SET role = 'OWNER' WHERE id = $1"
    await world.connection.execute(promoted, acme.admin.member_id)
    ids = [acme.admin.member_id]
    assert await rules.apply(acme.owner, members.set_active, ids=ids, is_active=False) == 1
    with pytest.raises(InvalidInput):
        await rules.apply(acme.owner, members.set_active, ids=[acme.owner.member_id], is_active=False)
    assert await rules.apply(acme.owner, members.set_active, ids=ids, is_active=True) == 1


async def test_only_owners_switch_owners(rules: ServiceClient, world: World) -> None:
    given = {"ids": [world.acme.owner.member_id, world.acme.member.member_id], "is_active": False}
    with pytest.raises(Forbidden):
        await rules.apply(world.acme.admin, members.set_active, **given)
    with pytest.raises(Forbidden):
        await rules.apply(world.acme.member, members.set_active, ids=[world.acme.admin.member_id], is_active=False)
    assert await world.connection.fetchval("SELECT count(*) FROM memberships WHERE NOT is_active") == 0


@pytest.mark.parametrize("size", [0, 1001])
async def test_a_call_switches_1_to_1000(rules: ServiceClient, world: World, size: int) -> None:
    ids = [world.acme.member.member_id] * size
    with pytest.raises(InvalidInput) as refused:
        await rules.apply(world.acme.admin, members.set_active, ids=ids, is_active=False)
    assert invalid_paths(refused.value) == ["ids"]
    thousand = [world.acme.member.member_id] * 1000
    assert await rules.apply(world.acme.admin, members.set_active, ids=thousand, is_active=False) == 1
