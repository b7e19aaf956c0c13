"""What Alembic runs: the migrations, each in a transaction of its own, on the connection it is handed.

Without a connection their SQL is written out instead.
"""

from typing import Any

from alembic import context
from sqlalchemy import Column, Connection
from sqlalchemy.dialects.postgresql import TSVECTOR

from models import Model

__all__: list[str] = []


def is_compared(thing: Any, _name: str | None, kind: str, *_: Any) -> bool:
    """Say what is compared with the models: all but what only the migrations know.

    These are indexes over expressions, and the column that is searched (`tsvector`) with its index.
    """
    if kind == "column":
        return not isinstance(thing.type, TSVECTOR)
    return kind != "index" or all(
        isinstance(part, Column) and not isinstance(part.type, TSVECTOR) for part in thing.expressions
    )


def run_migrations(connection: Connection | None) -> None:
    """Run whatever the command asks for."""
    context.configure(
        connection=connection,
        dialect_name="postgresql",
        dialect_opts={"paramstyle": "named"},  # which takes a percent sign for one
        literal_binds=connection is None,
        target_metadata=Model.metadata,
        include_object=is_compared,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=True,
        on_version_apply=context.config.attributes.get("on_version_apply"),  # the runner of 0.2.0 has none
    )
    with context.begin_transaction():
        context.run_migrations()


run_migrations(context.config.attributes["connection"])
