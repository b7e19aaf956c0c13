"""Decided writes: what one statement reads, and the one that writes what was decided and shows the row.

    SELECT json_build_object('products', (SELECT … FROM products …), …)::text FROM atrium_enter($1, …, $9) entered

    WITH locked AS (SELECT products.id FROM products, …
            WHERE (SELECT e.tenant_id FROM atrium_enter($1, …, $9) e) IS NOT NULL AND … FOR NO KEY UPDATE OF products),
        …, t1 AS (INSERT INTO orders … RETURNING orders.id AS id, …), itemized AS (INSERT INTO order_items …)
    SELECT '{"placeOrder":{"id":' || … || '}}' FROM t1, (SELECT $1::uuid AS tenant_id, $2::uuid AS user_id) entered

Each enters by itself, and the second one is a transaction of its own. It returns nothing where the liveness check
fails, or where what was relied on has changed since it was read; it has changed nothing then, and the reference
executor begins anew. Of what may be shown the same holds as for row updates (`update_statement`).
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from sqlalchemy import Select, literal_column, select, text

from graph.compiler.plan_arguments import DecidedWriteArguments
from graph.compiler.selection import OperationTree
from graph.compiler.sql import ENTER_ALIAS, SqlBuilder
from graph.compiler.statement import Statement
from graph.compiler.update_statement import HAS_ENTERED, IDENTITY_FROM, compile_written_row
from models.database.identity import ENTER_CALL, ENTER_PARAMETERS
from services.permissions import Permission

__all__ = ["compile_decided_write"]

ARGUMENT_SITE = 0  # the input of the mutation


def compile_decided_write(
    tree: OperationTree,
    permissions: AbstractSet[Permission],
    arguments: DecidedWriteArguments,
    identity_parts: Mapping[str, bool],
) -> tuple[Statement, Statement]:
    """Compile the statement that reads for a decided write, and the one that carries it out and returns the row.

    Raises:
        Unsupported: more is asked for than the columns of the row, and of those that it points at.
    """
    change = arguments.change
    written = compile_written_row(tree, permissions, arguments, identity_parts, change.model)
    reader = SqlBuilder(first=len(ENTER_PARAMETERS) + 1)
    read = reader.render(change.read_statement(is_keyed=change.is_keyed, locks=False), ARGUMENT_SITE)
    columns = list(written.rows.needed_columns())
    row, rest = change.write_rows(written.rows.alias, columns, HAS_ENTERED, is_keyed=change.is_keyed)
    answer: Select[Any] = select(literal_column(written.answer)).select_from(row, text(IDENTITY_FROM)).add_cte(rest)
    return (
        Statement(f"{read} FROM {ENTER_CALL} {ENTER_ALIAS}", tuple(reader.sources)),
        Statement(written.builder.render(answer, ARGUMENT_SITE), tuple(written.builder.sources)),
    )
