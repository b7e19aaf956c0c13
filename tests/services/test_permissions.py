"""Permissions: the table of roles, and the actor who asks."""

import pytest

from models.base import new_id
from models.database.identity import NOBODY, Identity
from models.tenants import Role
from services.errors import Forbidden, Unauthenticated
from services.permissions import FORBIDDEN_TO_API_KEYS, ROLES, Actor, Permission, require_permission

ACCOUNTS = {Permission.ACCOUNT, Permission.SUPERUSER}
"""What takes an account alone; whether it is a superuser's, each statement finds out."""

ADMINS_ALONE = {
    Permission.TENANT_WRITE,
    Permission.MEMBERS_WRITE,
    Permission.API_KEYS_WRITE,
    Permission.PROJECTS_WRITE,
    Permission.DOCUMENTS_PURGE,
    Permission.PRODUCTS_WRITE,
    Permission.ORDERS_WRITE,
    Permission.AUDIT_READ,
    Permission.ARTICLES_PUBLISH,
}


def actor(role: str | None, **more: object) -> Actor:
    return Actor.of(Identity(new_id(), new_id(), role, **more))  # type: ignore[arg-type]  # as the fields say


def test_each_role_allows_what_the_one_below_does() -> None:
    nobody, member, admin, owner = (ROLES[role] for role in (None, Role.MEMBER, Role.ADMIN, Role.OWNER))
    assert nobody == ACCOUNTS
    assert nobody < member < admin < owner == set(Permission)
    assert owner - admin == {Permission.OWNERS_WRITE}
    assert not member & ADMINS_ALONE
    assert admin >= ADMINS_ALONE


@pytest.mark.parametrize("role", list(Role))
def test_an_actor_may_what_the_role_says(role: Role) -> None:
    assert actor(role).permissions == ROLES[role]
    assert actor(role, api_key_id=new_id()).permissions == ROLES[role] - FORBIDDEN_TO_API_KEYS
    assert {*ACCOUNTS, Permission.API_KEYS_WRITE} == FORBIDDEN_TO_API_KEYS


def test_nobody_and_an_unknown_role_may_nothing() -> None:
    assert Actor.of(NOBODY).permissions == actor("EMPEROR").permissions == Actor().permissions == frozenset()
    assert actor(None).permissions == ACCOUNTS


def test_a_refusal_says_whether_to_log_in_choose_a_tenant_or_ask_somebody_else() -> None:
    with pytest.raises(Unauthenticated):
        Actor().require(Permission.ACCOUNT)
    with pytest.raises(Forbidden, match="Choose a tenant first"):
        actor(None).require(Permission.TASKS_READ)
    with pytest.raises(Forbidden, match="Your role does not allow this"):
        actor(Role.MEMBER).require(Permission.TENANT_WRITE)
    actor(Role.ADMIN).require(Permission.TENANT_WRITE)


def test_a_set_of_permissions_is_asked_alike() -> None:
    require_permission({Permission.TASKS_READ}, Permission.TASKS_READ)
    with pytest.raises(Unauthenticated):
        require_permission(set(), Permission.TASKS_READ)
    with pytest.raises(Forbidden):
        require_permission({Permission.TENANT_READ}, Permission.TASKS_READ)
