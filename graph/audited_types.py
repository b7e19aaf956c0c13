"""The types of objects that the audit log is about: every node type whose table is audited.

Read when the schema is made, since all domains have declared their types by then.
"""

import re
from typing import Any

from graph.fields.declared import NODE_TYPES
from graph.fields.descriptions import computed_enum
from models.base import table_of

__all__ = ["AuditedType"]

LOGS = {"account_events", "audit_log", "events", "sessions"}
"""Tables of node types that are logs themselves, or of no tenant."""


def _audited_type() -> Any:
    tables = {name: table_of(binding.collection.model).name for name, binding in NODE_TYPES.items()}
    types = {re.sub("(?<!^)(?=[A-Z])", "_", name).upper(): name for name, table in tables.items() if table not in LOGS}
    return computed_enum(
        "AuditedType",
        [(value, tables[name]) for value, name in sorted(types.items())],
        "Types of objects whose changes are in the audit log.",
        {value: f"The changed object is of the type `{name}`." for value, name in types.items()},
    )


AuditedType = _audited_type()
