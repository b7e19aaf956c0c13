"""PostgreSQL access: the engine, its sessions and connections, errors, replicas and read routing."""

from models.database.engine import AnySession, Database, ReadSession, Session, WriteSession, assume, fetch

__all__ = ["AnySession", "Database", "ReadSession", "Session", "WriteSession", "assume", "fetch"]
