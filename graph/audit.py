"""The audit log in GraphQL."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry

from graph.fields.any_row import to_any_row
from graph.fields.columns import column, expression
from graph.fields.connection import Connection
from graph.fields.declared import NODE_TYPES
from graph.fields.descriptions import enum, interface, object_type
from graph.fields.domain import Domain
from graph.fields.filtering import filter_input
from graph.fields.node import Node, backed_by
from graph.fields.relations import connection, to_one
from graph.fields.row_changes import FieldChange, changes_field, row_id_field
from graph.fields.sorting import order_input
from models import AuditAction
from models.base import Model
from services import audit
from services.api_keys import ALL_API_KEYS

if TYPE_CHECKING:
    from graph.api_keys import ApiKey
    from graph.audited_types import AuditedType
    from graph.tenants import User

__all__ = [
    "DOMAIN",
    "AuditEntry",
    "AuditEntryFilter",
    "AuditEntryOrder",
    "Change",
    "FieldChange",
    "Queries",
]

enum(AuditAction)


def is_known(type_name: str) -> bool:
    """Return whether ids of entries' rows may begin with this: the name of a type, or of a table that has none."""
    return type_name in NODE_TYPES or type_name in Model.metadata.tables


AuditEntryFilter = filter_input(
    audit.AUDIT,
    plural="audit entries",
    ids={"row_id": is_known, "actor_id": "User"},
    related={"actor": ("UserFilter", "graph.tenants")},
    enums={"table": ("AuditedType", "graph.audited_types")},
    table="type of the changed objects",
    row_id="global ID of the changed object, there or not any more,",
    operation="mutation that made the change, by name,",
    mine="of changes that the viewer made",
    created_at="date and time",
)

AuditEntryOrder = order_input(audit.AUDIT, plural="audit entries", created_at="the date and time of the change")


@backed_by(audit.AUDIT, filter=AuditEntryFilter, order=AuditEntryOrder)
class AuditEntry(Node):
    """An entry of the tenant's audit log: one change of one object, with who made it, when and from where.

    Admins and owners see all entries; members see those of tasks, products, documents and articles that they may see.
    """

    table: Annotated["AuditedType", strawberry.lazy("graph.audited_types")] = column("table_name")
    """Type of the object that the audit entry is about, such as TASK."""
    row_id: strawberry.ID = row_id_field()
    """Global ID of the object that the audit entry is about, even if the object no longer exists."""
    node: Node | None = to_any_row("table_name", "row_id")
    """Object that the audit entry is about, as it is now; null if it no longer exists, is in the trash, or may not be
    seen by the viewer."""
    action: AuditAction
    """Action that the audit entry records, such as UPDATE."""
    actor: Annotated["User", strawberry.lazy("graph.tenants")] | None = to_one("actor_id", key="user_id")
    """Actor of the change: the member who made it, or who created the API key that made it; null if nobody was logged
    in, such as for a change by an operator."""
    via_api_key: bool = expression("via_api_key")
    """True if the change was made with an API key, in the name of the actor."""
    api_key: Annotated["ApiKey", strawberry.lazy("graph.api_keys")] | None = to_one("api_key_id", of=ALL_API_KEYS)
    """API key with which the change was made, even if it has been revoked since; null if none was used, if the viewer
    may not see the API key, or a year after the API key ended."""
    changes: list[FieldChange] = changes_field()
    """Changed fields with their values before and after; all fields if the object was created or deleted. Empty once
    the object has been purged."""
    version: int = expression("version", from_row=audit.version_after)
    """Version of the object after this change, or its last version if this change deleted it; 0 if the object has no
    version or has been purged."""
    request_id: str | None
    """ID of the HTTP request that made the change; visible to admins and owners, null for others."""
    operation: str
    """Operation that made the change: the name of the mutation, such as `createTask`; empty if an operator made the
    change."""
    ip: str | None
    """IP address of the client that made the change; null if unknown. Visible to admins and owners, null for others."""
    user_agent: str | None
    """`User-Agent` header of the client that made the change; null if none was sent. Visible to admins and owners, null
    for others."""
    created_at: datetime
    """Date and time the audit entry was created (UTC), which is the time of the change."""


@interface
class Change:
    """A change of one object, sent to subscribers when it happens."""

    cursor: str
    """Cursor of this change; send it as `after` of the same subscription to continue after this change."""
    action: AuditAction
    """Kind of change that was made to the changed object."""
    fields: list[str]
    """Names of the fields of the object that changed; empty once the object has been purged."""
    changes: list[FieldChange] = changes_field("entry")
    """Fields of the object that changed, with their values before and after; all of them if the object was created or
    deleted. Empty once the object has been purged."""
    actor: Annotated["User", strawberry.lazy("graph.tenants")] | None = to_one("actor_id", key="user_id")
    """Actor who made this change: a member, or the creator of the API key that was used; null if nobody was logged in,
    such as for a change by an operator."""
    entry: strawberry.Private[Any]

    @property
    def actor_id(self) -> UUID | None:
        """Return the account of who made the change."""
        actor_id: UUID | None = self.entry.actor_id
        return actor_id


@object_type
class Queries:
    """The audit log at the root."""

    audit_log: Connection[AuditEntry] = connection(audit.FULL_LOG, filter=AuditEntryFilter, order=AuditEntryOrder)
    """Audit entries of all changes in the tenant, newest first by default; for admins and owners."""


DOMAIN = Domain(queries=Queries)
