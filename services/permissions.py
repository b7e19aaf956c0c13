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
    """What a role can allow."""

    ACCOUNT = "ACCOUNT"  # one's own account and sessions; needs no tenant
    SUPERUSER = "SUPERUSER"  # asking for what superusers may; who is one, each statement asks itself
    TENANT_READ = "TENANT_READ"
    TENANT_WRITE = "TENANT_WRITE"
    MEMBERS_READ = "MEMBERS_READ"  # names; e-mail addresses need MEMBERS_WRITE
    MEMBERS_WRITE = "MEMBERS_WRITE"
    OWNERS_WRITE = "OWNERS_WRITE"  # making and unmaking owners
    API_KEYS_WRITE = "API_KEYS_WRITE"  # creating, revoking and listing API keys
    PROJECTS_READ = "PROJECTS_READ"
    PROJECTS_WRITE = "PROJECTS_WRITE"
    TASKS_READ = "TASKS_READ"
    TASKS_WRITE = "TASKS_WRITE"
    DOCUMENTS_READ = "DOCUMENTS_READ"  # those in the trash too
    DOCUMENTS_WRITE = "DOCUMENTS_WRITE"  # to the trash and back too
    DOCUMENTS_PURGE = "DOCUMENTS_PURGE"  # for good
    PRODUCTS_READ = "PRODUCTS_READ"
    PRODUCTS_WRITE = "PRODUCTS_WRITE"
    ORDERS_READ = "ORDERS_READ"  # one's own; everybody's need ORDERS_WRITE
    ORDERS_PLACE = "ORDERS_PLACE"  # placing orders, and cancelling one's own
    ORDERS_WRITE = "ORDERS_WRITE"  # moving anybody's order on
    HISTORY_READ = "HISTORY_READ"  # what became of the rows that one sees
    AUDIT_READ = "AUDIT_READ"  # the whole log, and where people asked from
    ARTICLES_READ = "ARTICLES_READ"  # what is published, and one's own drafts; everybody's need ARTICLES_PUBLISH
    ARTICLES_WRITE = "ARTICLES_WRITE"  # one's own drafts
    ARTICLES_PUBLISH = "ARTICLES_PUBLISH"  # everybody's, and what the others read
    COMMENTS_MODERATE = "COMMENTS_MODERATE"  # deleting those of others; to write one takes TASKS_WRITE
    LABELS_READ = "LABELS_READ"
    LABELS_WRITE = "LABELS_WRITE"


_ANYBODY = {Permission.ACCOUNT, Permission.SUPERUSER}
_MEMBER = _ANYBODY | {
    Permission.TENANT_READ,
    Permission.LABELS_READ,
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
    Permission.COMMENTS_MODERATE,
    Permission.LABELS_WRITE,
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
