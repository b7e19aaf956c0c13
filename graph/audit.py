"""The audit log in GraphQL."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry import UNSET

from graph.fields.any_row import to_any_row
from graph.fields.columns import column, expression
from graph.fields.connection import Connection
from graph.fields.declared import NODE_TYPES, DeclaredField
from graph.fields.descriptions import enum, input_type, object_type
from graph.fields.domain import Domain
from graph.fields.inputs import any_id, id_of
from graph.fields.node import Node, backed_by
from graph.fields.relations import connection, to_one
from graph.fields.row_changes import field_changes, row_global_id
from graph.fields.scalars import JSON
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
    "FieldChange",
    "Queries",
]

enum(AuditAction)


@object_type
class FieldChange:
    """Change of one field of an object, as recorded by an audit entry."""

    field: str
    """Name of the changed field as in the GraphQL schema, such as `price` or `assignee`, or of the database column in
    camel case if the schema has no such field."""
    before: JSON | None
    """Value of the field before the change as the schema writes it: references as global IDs, amounts of money with
    their currency; null if the field had no value, the object was created by this change, or the value is secret."""
    after: JSON | None
    """Value of the field after the change as the schema writes it: references as global IDs, amounts of money with
    their currency; null if the field has no value, the object was deleted by this change, or the value is secret."""


class ChangesField(DeclaredField):
    """What an entry says of its row, field by field."""

    async def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Return the changed values under the schema's names, with references as global ids."""
        loaders = info.context.loaders
        changes = await field_changes(
            info, source, lambda: loaders.expression(audit.AUDIT, audit.AMOUNTS_AFTER, source.id)
        )
        return [FieldChange(field=name, before=before, after=after) for name, before, after in changes]


class RowIdField(DeclaredField):
    """The id of the row that an entry is about."""

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> str:  # noqa: ARG002  # Strawberry's signature
        """Write it."""
        return row_global_id(source)


class VersionField(DeclaredField):
    """The version that an entry left its row at."""

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> int:  # noqa: ARG002  # Strawberry's signature
        """Read it from the values."""
        version: int = (source.new_values or source.old_values or {}).get("version", 0)
        return version


def _declare(kind: type[DeclaredField]) -> Any:
    """Return a declared field of this kind, typed as any annotation."""
    return kind()


def _is_known(type_name: str) -> bool:
    """Return whether ids of entries' rows may begin with this: the name of a type, or of a table that has none."""
    return type_name in NODE_TYPES or type_name in Model.metadata.tables


@input_type
class AuditEntryFilter:
    """Conditions that listed audit entries must meet; all given conditions apply."""

    table: Annotated["AuditedType", strawberry.lazy("graph.audited_types")] | None = UNSET
    """Type of the changed objects; null for all types."""
    row_id: strawberry.ID | None = any_id(_is_known, default=UNSET)
    """Global ID of the object that the audit entries are about, even if the object no longer exists; null for all
    objects."""
    action: AuditAction | None = UNSET
    """Action that the audit entries must record; null for any action."""
    actor: strawberry.ID | None = id_of("User", default=UNSET)
    """Global ID of the User who is the actor of the audit entries; null for any actor."""
    from_: datetime | None = strawberry.field(name="from", default=UNSET)
    """Date and time at or after which the audit entries were created; null for no lower limit."""
    to: datetime | None = UNSET
    """Date and time before which the audit entries were created; null for no upper limit."""


AuditEntryOrder = order_input(audit.AUDIT, plural="audit entries", created_at="the date and time of the change")


@backed_by(audit.AUDIT, filter=AuditEntryFilter, order=AuditEntryOrder)
class AuditEntry(Node):
    """An entry of the tenant's audit log: one change of one object, with who made it, when and from where.

    Admins and owners see all entries; members see those of tasks, products, documents and articles that they may see.
    """

    table: Annotated["AuditedType", strawberry.lazy("graph.audited_types")] = column("table_name")
    """Type of the object that the audit entry is about, such as TASK."""
    row_id: strawberry.ID = _declare(RowIdField)
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
    changes: list[FieldChange] = _declare(ChangesField)
    """Changed fields with their values before and after; all fields if the object was created or deleted. Empty once
    the object has been purged."""
    version: int = _declare(VersionField)
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


@object_type
class Queries:
    """The audit log at the root."""

    audit_log: Connection[AuditEntry] = connection(audit.FULL_LOG, filter=AuditEntryFilter, order=AuditEntryOrder)
    """Audit entries of all changes in the tenant, newest first by default; for admins and owners."""


DOMAIN = Domain(queries=Queries)
