"""PostgreSQL access: the engine, its sessions and connections, errors, replicas and read routing."""

from models.database.engine import Database
from models.database.session import DatabaseSession, ReadSession, WriteSession, extend_context, fetch, recheck_live

__all__ = ["Database", "DatabaseSession", "ReadSession", "WriteSession", "extend_context", "fetch", "recheck_live"]
