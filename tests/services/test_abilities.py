"""Abilities: what permissions decide alone, and what they leave to the row."""

from sqlalchemy import Boolean, column

from services.abilities import Ability
from services.permissions import Permission

MINE, OPEN = column("mine", Boolean()), column("open", Boolean())
ABILITY = Ability.by(Permission.ORDERS_WRITE, OPEN).or_by(Permission.ORDERS_PLACE, MINE).or_by(Permission.AUDIT_READ)


def sql(*permissions: Permission) -> str:
    """The condition that these permissions put on a row."""
    return str(ABILITY.condition(set(permissions)).compile(compile_kwargs={"literal_binds": True}))


def test_without_a_grant_nothing_is_allowed() -> None:
    assert ABILITY.decided(set()) is False
    assert ABILITY.decided({Permission.TASKS_WRITE}) is False
    assert sql(Permission.TASKS_WRITE) == "false"


def test_a_grant_for_any_row_decides() -> None:
    assert ABILITY.decided({Permission.AUDIT_READ, Permission.ORDERS_PLACE}) is True
    assert sql(Permission.AUDIT_READ, Permission.ORDERS_PLACE) == "true"


def test_other_grants_depend_on_the_row_and_each_suffices() -> None:
    assert ABILITY.decided({Permission.ORDERS_PLACE}) is None
    assert sql(Permission.ORDERS_PLACE) == "coalesce(mine, false)"
    assert sql(Permission.ORDERS_PLACE, Permission.ORDERS_WRITE) == "coalesce(open OR mine, false)"
