"""Who may do what: the permissions, the table of roles, and the actor.

Four questions, one place each. May this role do this: `Actor.require`, from the table here. Which rows and columns of
the tenant may it see: each collection's `visible`. Which tenant: the policies in the database. Is this session still
live: `atrium_enter` in the database.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from sqlalchemy import Uuid, bindparam

from models.database.identity import NOBODY, Identity
from models.tenants import Role
from services.errors import Forbidden, Unauthenticated

__all__ = ["FORBIDDEN_TO_API_KEYS", "ROLES", "TENANT_ID", "USER_ID", "Actor", "Permission", "require_permission"]

TENANT_ID = bindparam("tenant_id", type_=Uuid())
"""The actor's tenant, in a statement; whoever runs it binds the value."""

USER_ID = bindparam("user_id", type_=Uuid())
"""The actor's account, likewise."""


class Permission(StrEnum):
    """Permissions, which a role of a member gives; what a request may do follows from those of its caller."""

    ACCOUNT = "ACCOUNT"
    """Manage the caller's own account, its sessions and memberships; every login gives it, no API key does."""
    SUPERUSER = "SUPERUSER"
    """Ask for what superusers may; who is one, each statement asks itself."""
    TENANT_READ = "TENANT_READ"
    """Read the tenant itself."""
    TENANT_WRITE = "TENANT_WRITE"
    """Rename the tenant."""
    MEMBERS_READ = "MEMBERS_READ"
    """Read who belongs to the tenant, without the e-mail addresses of others."""
    MEMBERS_WRITE = "MEMBERS_WRITE"
    """Invite, add, remove and deactivate members, change their roles, and read their e-mail addresses."""
    OWNERS_WRITE = "OWNERS_WRITE"
    """Appoint, demote and remove owners."""
    API_KEYS_WRITE = "API_KEYS_WRITE"
    """Create, list and revoke API keys of the tenant; no API key gives it."""
    PROJECTS_READ = "PROJECTS_READ"
    """Read all projects of the tenant."""
    PROJECTS_WRITE = "PROJECTS_WRITE"
    """Create, update, archive, delete and restore projects."""
    TASKS_READ = "TASKS_READ"
    """Read all tasks of the tenant."""
    TASKS_WRITE = "TASKS_WRITE"
    """Create, update and delete tasks."""
    DOCUMENTS_READ = "DOCUMENTS_READ"
    """Read documents, including those in the trash."""
    DOCUMENTS_WRITE = "DOCUMENTS_WRITE"
    """Create and update documents, move them to the trash and restore them."""
    DOCUMENTS_PURGE = "DOCUMENTS_PURGE"
    """Delete documents in the trash permanently."""
    PRODUCTS_READ = "PRODUCTS_READ"
    """Read all products of the tenant."""
    PRODUCTS_WRITE = "PRODUCTS_WRITE"
    """Create, update and restock products."""
    ORDERS_READ = "ORDERS_READ"
    """Read orders that the caller placed."""
    ORDERS_PLACE = "ORDERS_PLACE"
    """Place orders, and cancel those that the caller placed."""
    ORDERS_WRITE = "ORDERS_WRITE"
    """Read all orders and sales of the tenant; confirm, ship, deliver, cancel and delete any order."""
    HISTORY_READ = "HISTORY_READ"
    """Read the audit entries of objects that can be read."""
    AUDIT_READ = "AUDIT_READ"
    """Read the whole audit log, with the clients that changes were made from."""
    ARTICLES_READ = "ARTICLES_READ"
    """Read published articles and the caller's own drafts."""
    ARTICLES_WRITE = "ARTICLES_WRITE"
    """Create drafts of articles, update and delete the caller's own drafts."""
    ARTICLES_PUBLISH = "ARTICLES_PUBLISH"
    """Publish articles, and read, update and delete all articles of the tenant."""


_ANYBODY = {Permission.ACCOUNT, Permission.SUPERUSER}
_MEMBER = _ANYBODY | {
    Permission.TENANT_READ,
    Permission.MEMBERS_READ,
    Permission.PROJECTS_READ,
    Permission.TASKS_READ,
    Permission.TASKS_WRITE,
    Permission.DOCUMENTS_READ,
    Permission.DOCUMENTS_WRITE,
    Permission.PRODUCTS_READ,
    Permission.ORDERS_READ,
    Permission.ORDERS_PLACE,
    Permission.HISTORY_READ,
    Permission.ARTICLES_READ,
    Permission.ARTICLES_WRITE,
}
_ADMIN = _MEMBER | {
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

ROLES: dict[Role | None, frozenset[Permission]] = {
    None: frozenset(_ANYBODY),
    Role.MEMBER: frozenset(_MEMBER),
    Role.ADMIN: frozenset(_ADMIN),
    Role.OWNER: frozenset(_ADMIN | {Permission.OWNERS_WRITE}),
}
"""What each role allows; None is a person who has logged in but entered no tenant."""

FORBIDDEN_TO_API_KEYS = frozenset({Permission.ACCOUNT, Permission.API_KEYS_WRITE, Permission.SUPERUSER})
"""What no API key allows, whatever its role: touch the account behind its key, make keys that outlive it, or do what
superusers do."""


@dataclass(frozen=True, slots=True)
class Actor:
    """The caller: an identity, and what its role allows."""

    identity: Identity = NOBODY
    permissions: AbstractSet[Permission] = field(default=frozenset())

    @classmethod
    def of(cls, identity: Identity) -> "Actor":
        """Return the actor for an identity; without a user or with an unknown role it has no permissions."""
        if identity.user_id is None:
            return cls(identity)
        return cls(identity, _permissions_of(identity.role, is_machine=identity.api_key_id is not None))

    def require(self, permission: Permission) -> None:
        """Refuse, unless the role allows it.

        Raises:
            Unauthenticated: nobody asks.
            Forbidden: somebody does, without this permission.
        """
        require_permission(self.permissions, permission)


@lru_cache(maxsize=64)
def _permissions_of(role: str | None, *, is_machine: bool) -> frozenset[Permission]:
    if role not in {None, *Role.__members__}:
        return frozenset()
    allowed = ROLES[Role(role) if role else None]
    return allowed - FORBIDDEN_TO_API_KEYS if is_machine else allowed


def require_permission(permissions: AbstractSet[Permission], permission: Permission) -> None:
    """Refuse, unless the permission is among these; the same as `Actor.require` for a set.

    Raises:
        Unauthenticated: the set is empty, so nobody asks.
        Forbidden: it lacks this permission.
    """
    if permission in permissions:
        return
    if not permissions:
        raise Unauthenticated
    if Permission.TENANT_READ not in permissions:
        raise Forbidden("Choose a tenant first, with switchTenant or by logging in with its slug.")
    raise Forbidden
