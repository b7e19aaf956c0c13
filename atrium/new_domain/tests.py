"""The tests of a new domain: its cases, its rules at n and n + 1, and what the API makes of it.

What they expect is what was asked for on the command line, and no value of a run.
"""

from atrium.new_domain.fields import DomainSpec, FieldSpec
from atrium.new_domain.tables import MAX_MINOR, max_length

__all__ = ["cases_text", "service_test_text"]

CASES = '''"""What the shared tests try of {plural}: it follows from the schema, the model, and who may do what."""

from services import {table}
from tests.support.derived_cases import derive_cases

CASES = derive_cases("{type}", {table}.{upper}, read_by="member", written_by="admin")
'''

SERVICE_TEST = '''"""{Plural}: what they may hold, what must be unique, and what may become of them."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from models import {type}{status_import}
from models.money import Currency
from services import {table}
from services.errors import {errors}
from tests.support.compiled_operations import is_compiled
from tests.support.factories import World
from tests.support.service_client import ServiceClient


def price(minor: int) -> dict[str, Any]:
    return {{"amount": Decimal(minor).scaleb(-2), "currency": Currency("EUR")}}


async def create(rules: ServiceClient, world: World, key: str | None = None, **values: Any) -> {type}:
    given = {{{given}}}
    return await rules.apply(world.acme.admin, {table}.create, values={{**given, **values}}, idempotency_key=key)


@pytest.mark.parametrize(("field", "good", "bad"), [{limits}])
async def test_limits(rules: ServiceClient, world: World, field: str, good: Any, bad: Any) -> None:
    made = await create(rules, world, **{{field: good}})
    with pytest.raises(InvalidInput):
        await create(rules, world, **{{"{title}": "other", field: bad}})
    with pytest.raises(InvalidInput):
        await rules.apply(world.acme.admin, {table}.update, id=made.id, changes={{field: bad}})


async def test_a_call_that_is_repeated_makes_one(rules: ServiceClient, world: World) -> None:
    first, again = await create(rules, world, "key"), await create(rules, world, "key")
    assert first == again
    with pytest.raises(IdempotencyConflict):
        await create(rules, world, "key", {title}="other")


async def test_a_version_that_moved_on_is_a_conflict(rules: ServiceClient, world: World) -> None:
    made, admin = await create(rules, world), world.acme.admin
    change = {{"id": made.id, "changes": {{"{title}": "other"}}, "expected_version": 1}}
    assert (await rules.apply(admin, {table}.update, **change)).version == 2
    with pytest.raises(VersionConflict):
        await rules.apply(admin, {table}.update, **change)
{unique}{transitions}'''

TRANSITIONS_TEMPLATE = """

FOLLOWING: dict[str, list[str]] = {following}


@pytest.mark.parametrize("before", FOLLOWING)
@pytest.mark.parametrize("after", FOLLOWING)
async def test_what_may_follow(rules: ServiceClient, world: World, before: str, after: str) -> None:
    made, admin = await create(rules, world), world.acme.admin
    assert made.status == "{first}"
    await world.connection.execute("UPDATE {table} SET status = $1 WHERE id = $2", before, made.id)
    move = {{"id": made.id, "status": {type}Status(after)}}
    if after in FOLLOWING[before]:
        assert (await rules.apply(admin, {table}.change_status, **move)).status == after
        return
    with pytest.raises(IllegalTransition) as refused:
        await rules.apply(admin, {table}.change_status, **move)
    assert (refused.value.current, list(refused.value.allowed)) == (before, FOLLOWING[before])
"""

API_TEST = """

def test_an_update_is_one_statement() -> None:
    change = 'update{type}(input: {{id: "{type}:0190b5a0-0000-7000-8000-000000000000", {title_field}: "A"}})'
    assert is_compiled("mutation {{ " + change + " {{ ... on {type} {{ id version {title_field} }} }} }}")
{project}"""

PROJECT_TEST = """

async def test_what_belongs_to_a_project_goes_to_the_trash_and_back_with_it(world: World) -> None:
    acme, admin = world.acme, world.acme.admin.client
    project = await admin.mutate("createProject", "... on Project {{ id }}", name="Apollo")
    given = {{{given}}}
    made = await admin.mutate("create{type}", "... on {type} {{ id }}", **given, projectId=project["id"])
    there = "query($id: ID!, $p: ID!) {{ {field}(id: $id) {{ id }} project(id: $p) {{ {list} {{ nodes {{ id }} }} }} }}"
    row = {{"id": made["id"]}}
    found = await acme.member.client.run(there, id=made["id"], p=project["id"])
    assert found == {{"{field}": row, "project": {{"{list}": {{"nodes": [row]}}}}}}
    await admin.mutate("deleteProject", "... on Project {{ id }}", id=project["id"])
    assert await acme.member.client.run(there, id=made["id"], p=project["id"]) == {{"{field}": None, "project": None}}
    await admin.mutate("restoreProject", "... on Project {{ id }}", id=project["id"])
    assert await acme.member.client.run(there, id=made["id"], p=project["id"]) == found
"""


def cases_text(spec: DomainSpec) -> str:
    """Return tests/cases/<domain>.py."""
    names = spec.names
    return CASES.format(plural=names.plural, table=names.table, type=names.type, upper=names.upper)


def service_test_text(spec: DomainSpec) -> str:
    """Return tests/services/test_<domain>.py."""
    names = spec.names
    unique = [field for field in spec.of("str") if field.unique]
    errors = ["IdempotencyConflict", "InvalidInput", "VersionConflict"]
    errors += ["AlreadyExists"] if unique else []
    errors += ["IllegalTransition"] if spec.status else []
    words = {
        "Plural": names.plural.capitalize(),
        "type": names.type,
        "table": names.table,
        "status_import": f", {names.type}Status" if spec.status else "",
        "errors": ", ".join(sorted(errors)),
        "title": spec.title.name,
        "given": ", ".join(f'"{f.key}": {_good(f)}' for f in spec.fields if not f.optional and f.kind != "status"),
        "limits": "".join(_limits(field) for field in spec.fields),
    }
    words["unique"] = "".join(_unique_test(spec, field) for field in unique)
    words["transitions"] = _transitions_test(spec)
    return SERVICE_TEST.format(**words) + _api_tests(spec)


def _api_tests(spec: DomainSpec) -> str:
    """Return the tests of an update and of the trash."""
    names, fields = spec.names, [f for f in spec.fields if not f.optional and f.kind not in {"status", "project"}]
    given = ", ".join(f'"{camel(f.key)}": {_api_value(f)}' for f in fields)
    words = {
        "type": names.type,
        "title_field": camel(spec.title.name),
        "field": names.field,
        "list": camel(names.table),
        "given": given,
    }
    words["project"] = PROJECT_TEST.format(**words) if spec.project else ""
    return API_TEST.format(**words)


def camel(name: str) -> str:
    """Return a name as GraphQL writes it."""
    first, *others = name.split("_")
    return first + "".join(map(str.title, others))


def _good(field: FieldSpec) -> str:
    return {
        "int": "1",
        "date": "date(2027, 1, 31)",
        "money": "price(100)",
        "member": "world.acme.member.member_id",
        "project": 'await world.add("projects", tenant_id=world.acme.tenant_id, name="Apollo")',
    }.get(field.kind, '"one"')


def _api_value(field: FieldSpec) -> str:
    return {
        "int": "1",
        "date": '"2027-01-31"',
        "money": '{"amount": "1.00", "currency": "EUR"}',
        "member": "acme.member.id",
    }.get(field.kind, '"One"')


def _limits(field: FieldSpec) -> str:
    name = field.name
    if field.kind == "str":
        most = max_length(field)
        return f'("{name}", "x" * {most}, "x" * {most + 1}), ("{name}", "x", " "),'
    if field.kind == "text":
        return f'("{name}", "x" * {max_length(field)}, "x" * {max_length(field) + 1}),'
    if field.kind == "int":
        return f'("{name}", 2_147_483_647, 2_147_483_648), ("{name}", 0, -1),'
    if field.kind == "money":
        return f'("{name}", price({MAX_MINOR:_}), price({MAX_MINOR + 1:_})), ("{name}", price(0), price(-1)),'
    return ""


def _unique_test(spec: DomainSpec, field: FieldSpec) -> str:
    others = [other for other in spec.of("str") if other.unique and other is not field]
    return UNIQUE_TEST.format(
        name=field.name,
        table=spec.names.table,
        first="".join(f'{other.name}="a", ' for other in others),
        second="".join(f'{other.name}="b", ' for other in others),
        third="".join(f'{other.name}="c", ' for other in others),
    )


UNIQUE_TEST = """

async def test_{name}_is_unique_in_its_tenant_ignoring_case(rules: ServiceClient, world: World) -> None:
    await create(rules, world, {first}{name}="One")
    other = await create(rules, world, {second}{name}="Two")
    with pytest.raises(AlreadyExists):
        await create(rules, world, {third}{name}="ONE")
    with pytest.raises(AlreadyExists):
        await rules.apply(world.acme.admin, {table}.update, id=other.id, changes={{"{name}": "one"}})
"""


def _transitions_test(spec: DomainSpec) -> str:
    if spec.status is None:
        return ""
    following = {state: list(after) for state, after in spec.status.transitions}
    names = spec.names
    return TRANSITIONS_TEMPLATE.format(
        following=following, first=spec.status.states[0], table=names.table, type=names.type
    )
