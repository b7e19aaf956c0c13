"""Changes: what a field may hold is what its annotation says, and everything that is wrong is said at once."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, TypedDict
from uuid import UUID

import pytest

from models import Task
from models.base import new_id
from models.money import Currency
from services import projects, tenants
from services.errors import InvalidInput
from services.validation import Validator
from services.writes.changes import (
    FreeText,
    IntegerRange,
    MoneyRange,
    MoneyValue,
    OneLine,
    Reference,
    WriteRules,
    change_row,
    check_changes,
    create_row,
    lock_references,
    row_update_of,
)
from tests.support.factories import World
from tests.support.service_client import ServiceClient, invalid_paths


class Given(TypedDict, total=False):
    name: Annotated[str, OneLine(5)]
    note: Annotated[str | None, FreeText(5)]
    size: Annotated[int | None, IntegerRange(1, 3)]
    unit_price: Annotated[MoneyValue, MoneyRange(999)]
    day: date | None
    project_id: Annotated[UUID | None, projects.LIVE_PROJECT]


class TaskGiven(TypedDict, total=False):
    title: Annotated[str, OneLine(5)]
    assignee_id: Annotated[UUID | None, tenants.ACTIVE_MEMBER]
    project_id: Annotated[UUID | None, projects.LIVE_PROJECT]


def checked(**given: Any) -> tuple[dict[str, Any], list[str]]:
    """The columns, and the paths of what is wrong."""
    validator = Validator()
    columns = check_changes(validator, Given, given)
    return columns, [problem.path for problem in validator.problems]


def amount(text: str, currency: str = "EUR") -> MoneyValue:
    return {"amount": Decimal(text), "currency": Currency(currency)}


@pytest.mark.parametrize(
    ("field", "good", "bad", "path"),
    [
        ("name", "x" * 5, "x" * 6, "name"),
        ("name", "x", " ", "name"),
        ("name", "x", "a\nb", "name"),
        ("note", "x" * 5, "x" * 6, "note"),
        ("size", 1, 0, "size"),
        ("size", 3, 4, "size"),
        ("unit_price", amount("9.99"), amount("10.00"), "unit_price.amount"),
        ("unit_price", amount("0"), amount("-0.01"), "unit_price.amount"),
        ("unit_price", amount("1", "JPY"), amount("1.5", "JPY"), "unit_price.amount"),
    ],
)
def test_a_field_holds_what_its_annotation_allows(field: str, good: Any, bad: Any, path: str) -> None:
    assert checked(**{field: good})[1] == []
    assert checked(**{field: bad})[1] == [path]


def test_values_become_columns_as_they_are_stored() -> None:
    columns, problems = checked(unit_price=amount("1.50"), name=" Tea ", note=None, day=date(2027, 1, 31))
    assert columns == {
        "unit_price_minor": 150,
        "currency": "EUR",
        "name": "Tea",
        "note": None,
        "day": date(2027, 1, 31),
    }
    assert list(columns) == ["unit_price_minor", "currency", "name", "note", "day"]
    assert problems == []


def test_all_that_is_wrong_is_said_in_the_order_of_the_fields() -> None:
    assert checked(size=0, note="x" * 6, name="")[1] == ["name", "note", "size"]


def test_references_are_left_alone_until_they_were_looked_up() -> None:
    project_id, validator = new_id(), Validator()
    assert checked(project_id=project_id) == ({"project_id": project_id}, [])
    check_changes(validator, Given, {"project_id": project_id}, {"project_id": {}})
    assert [problem.path for problem in validator.problems] == ["project_id"]


async def test_references_are_locked_in_one_order_whatever_the_type_says(rules: ServiceClient, world: World) -> None:
    locked: list[str] = []

    def reference(name: str, lock_order: int) -> Reference:
        async def lock(*_arguments: Any) -> dict[UUID, Any]:
            locked.append(name)
            return {}

        return Reference(lock, bool, "id", "There is none.", lock_order)

    fields: Any = TypedDict(  # type: ignore[misc]  # its annotations are made here
        "fields", {"last": Annotated[UUID, reference("last", 2)], "first": Annotated[UUID, reference("first", 1)]}
    )
    await rules.apply(world.acme.admin, lock_references, fields=fields, rows=[{"last": new_id()}])
    assert locked == ["first", "last"]
    assert projects.LIVE_PROJECT.lock_order < tenants.ACTIVE_MEMBER.lock_order


TASK_RULES = WriteRules(Task, TaskGiven, defaults={"description": "none"}, creator="created_by")


async def test_a_row_is_created_with_what_is_given_and_what_is_said_of_it(rules: ServiceClient, world: World) -> None:
    admin = world.acme.admin
    given = {"title": "Tea", "assignee_id": world.acme.member.member_id}
    made = await rules.apply(admin, create_row, rules=TASK_RULES, values=given, idempotency_key=None)
    assert (made.title, made.description, made.created_by) == ("Tea", "none", admin.user_id)
    assert made.assignee_id == world.acme.member.user_id


async def test_a_reference_that_does_not_change_is_not_judged(rules: ServiceClient, world: World) -> None:
    acme, admin, member_id = world.acme, world.acme.admin, world.acme.member.member_id
    given = {"title": "Tea", "assignee_id": member_id}
    made = await rules.apply(admin, create_row, rules=TASK_RULES, values=given, idempotency_key=None)
    await world.connection.execute("UPDATE memberships SET is_active = false WHERE id = $1", member_id)
    change = {"rules": TASK_RULES, "row_id": made.id, "expected_version": None}
    kept = await rules.apply(admin, change_row, **change, changes={"title": "Milk", "assignee_id": member_id})
    assert (kept.title, kept.assignee_id) == ("Milk", acme.member.user_id)
    with pytest.raises(InvalidInput) as refused:
        await rules.apply(admin, create_row, rules=TASK_RULES, values=given, idempotency_key=None)
    assert invalid_paths(refused.value) == ["assignee_id"]


def test_only_changes_without_references_are_one_row_update() -> None:
    found = row_update_of(TASK_RULES, new_id(), {"title": " Tea ", "project_id": None}, 3)
    assert found is not None
    assert (found.changes, found.expected_version) == ({"title": "Tea", "project_id": None}, 3)
    assert row_update_of(TASK_RULES, new_id(), {"title": "Tea", "project_id": new_id()}, None) is None
