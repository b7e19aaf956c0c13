"""PostgreSQL access: the engine, its sessions and connections, errors, replicas and read routing."""

from models.database.engine import (
    AnySession,
    Database,
    DatabaseSession,
    ReadSession,
    WriteSession,
    extend_context,
    fetch,
)

__all__ = ["AnySession", "Database", "DatabaseSession", "ReadSession", "WriteSession", "extend_context", "fetch"]
