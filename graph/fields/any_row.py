"""Fields that lead to a row of any table: one column names the table, another one the row."""

from typing import Any

from graph.fields.declared import NODE_TYPES, DeclaredField, TypeBinding, with_attributes
from models.base import table_of
from services.queries.statements import is_readable

__all__ = ["AnyRow", "to_any_row"]


class AnyRow(DeclaredField, compilable=True):
    """The node whose table and id are in two columns; null if it is gone, or not for the caller to see."""

    table_column: str
    id_column: str

    async def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Load it, together with those of the same type of all the other rows."""
        node = nodes_by_table().get(getattr(source, self.table_column))
        if node is None or not is_readable(node.collection, info.context.actor.permissions):
            return None
        return await info.context.loaders.one(node.collection, "id", getattr(source, self.id_column))


def nodes_by_table() -> dict[str, TypeBinding]:
    """Return the node types by the tables of their rows."""
    return {table_of(node.collection.model).name: node for node in NODE_TYPES.values()}


def to_any_row(table_column: str, id_column: str) -> Any:
    """Return the node of any type that these columns of this type's table name."""
    return with_attributes(AnyRow(), table_column=table_column, id_column=id_column)
