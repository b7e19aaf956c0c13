"""Fields that lead to a row of any table: one column names the table, another one the row."""

from typing import Any

from graph.fields.declared import DeclaredField, node_of_table, with_attributes
from services.queries.statements import is_readable

__all__ = ["AnyRow", "to_any_row"]


class AnyRow(DeclaredField, compilable=True):
    """The node whose table and id are in two columns; null if it is gone, or not for the caller to see."""

    table_column: str
    id_column: str

    async def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Load it, together with those of the same type of all the other rows."""
        node = node_of_table(getattr(source, self.table_column))
        if node is None or not is_readable(node.collection, info.context.actor.permissions):
            return None
        return await info.context.loaders.one(node.collection, "id", getattr(source, self.id_column))


def to_any_row(table_column: str, id_column: str) -> Any:
    """Return the node of any type that these columns of this type's table name."""
    return with_attributes(AnyRow(), table_column=table_column, id_column=id_column)
