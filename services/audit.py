"""Reading the audit log: who may see which entries, and what of them. Triggers in the database write it."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Text,
    and_,
    cast,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by, array
from sqlmodel import col

from models import AuditAction, AuditEntry
from models.base import Model, table_of
from services import articles, documents, products, tasks, tenants
from services.errors import Forbidden
from services.eventlog.change_entries import is_of_table, select_without_request
from services.permissions import TENANT_ID, USER_ID, Permission, require_permission
from services.queries.collection import Collection, SortOrder, related_row
from services.queries.filters import choice_filter, id_filter, scalar_filter, text_filter, viewer_filter
from services.tenants import member_filter

__all__ = ["AMOUNTS_AFTER", "AUDIT", "FULL_LOG", "version_after", "visible"]

AMOUNTS_AFTER = "amounts_after"
"""Name of the expression for the amounts and currencies that an entry's row had after the change."""

HISTORIES = (tasks.TASKS, products.PRODUCTS, documents.ALL_DOCUMENTS, articles.ARTICLES)
"""Collections whose rows show their history to whoever sees them."""


def visible(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return the tenant's entries; without AUDIT_READ those of visible rows, without the client's address."""
    require_permission(permissions, Permission.HISTORY_READ)
    if Permission.AUDIT_READ in permissions:
        return select(*table_of(AuditEntry).c).where(col(AuditEntry.tenant_id) == TENANT_ID)
    return select_without_request().where(or_(false(), *_visible_row_conditions(permissions)))


def visible_log(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return all of the tenant's entries, for who reads the whole log."""
    require_permission(permissions, Permission.AUDIT_READ)
    return visible(permissions)


def _visible_row_conditions(permissions: AbstractSet[Permission]) -> Iterator[Any]:
    for collection in HISTORIES:
        with suppress(Forbidden):
            rows = collection.visible(permissions).subquery()
            shown = collection.history_filter(permissions, rows.c, table_of(AuditEntry).c)
            yield and_(is_of_table(collection), exists().where(rows.c.id == col(AuditEntry.row_id), shown))


def _amounts_after() -> ColumnElement[Any]:
    """Return the amounts of an entry's row after the change: of each column, the latest that was written until then."""
    names = {column.name for table in Model.metadata.tables.values() for column in table.c}
    amounts = array(sorted(name for name in names if name == "currency" or name.endswith("_minor")), type_=Text())
    until = table_of(AuditEntry).alias("until")
    written = func.jsonb_each(until.c.new_values).table_valued("key", "value").lateral("written")
    same_row = and_(until.c.tenant_id == col(AuditEntry.tenant_id), until.c.row_id == col(AuditEntry.row_id))
    latest = func.jsonb_object_agg(written.c.key, aggregate_order_by(written.c.value, until.c.created_at))
    return (
        select(latest)
        .select_from(until.join(written, true()))
        .where(same_row, until.c.created_at <= col(AuditEntry.created_at), until.c.new_values.has_any(amounts))
        .correlate(table_of(AuditEntry))
        .scalar_subquery()
    )


def version_after(entry: AuditEntry) -> int:
    """Return the version that an entry left its row at; 0 if it has none, or its values were redacted."""
    version: int = (entry.new_values or entry.old_values or {}).get("version", 0)
    return version


def _version_after() -> ColumnElement[int]:
    """Return the expression that gives the same as `version_after`."""
    new, old = (
        func.nullif(column, literal_column("'{}'::jsonb", JSONB()))
        for column in (col(AuditEntry.new_values), col(AuditEntry.old_values))
    )
    values = func.coalesce(new, old, type_=JSONB())
    return func.coalesce(cast(values["version"].astext, Integer), literal_column("0"), type_=Integer())


AUDIT = Collection(
    model=AuditEntry,
    visible=visible,
    filters={
        "table": text_filter(col(AuditEntry.table_name)),
        "row_id": id_filter(col(AuditEntry.row_id)),
        "action": choice_filter(col(AuditEntry.action), AuditAction),
        "operation": text_filter(func.lower(col(AuditEntry.operation)), is_indexed=False),
        "actor_id": member_filter(col(AuditEntry.actor_id)),
        "mine": viewer_filter(col(AuditEntry.actor_id) == USER_ID),
        "created_at": scalar_filter(col(AuditEntry.created_at)),
    },
    relations={"actor": related_row(lambda: tenants.USERS, "actor_id", "user_id")},
    orders={"created_at": SortOrder.newest_first(col(AuditEntry.created_at))},
    default_order=("created_at", True),
    expressions={
        AMOUNTS_AFTER: _amounts_after(),
        "via_api_key": col(AuditEntry.api_key_id).is_not(None),
        "version": _version_after(),
    },
)

FULL_LOG = replace(AUDIT, visible=visible_log)
