"""One clock says when a row changed: the database's, while the row is locked."""

import ast

import asyncpg

from tests.support.source_files import sources

DEFAULTS = """
    SELECT format('%s.%s', c.relname, a.attname), pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d
        JOIN pg_class c ON c.oid = d.adrelid JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    WHERE c.relnamespace = 'public'::regnamespace AND a.atttypid = 'timestamptz'::regtype
"""
ALLOWED = {
    "feed.sealed_at": "clock_timestamp()",  # no change of a row, and shown to nobody
    "idempotency_keys.created_at": "clock_timestamp()",  # shown to nobody
    "mailed_tokens.created_at": "clock_timestamp()",  # likewise
    "sessions.rotated_at": "'infinity'::timestamp with time zone",  # which the trigger replaces
    "trusted_documents.added_at": "clock_timestamp()",  # shown to operators alone
}

UNTOUCHED = """
    SELECT relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attname = 'created_at' AND NOT EXISTS (
        SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'set_timestamps'
    )
"""
ELSEWHERE = {
    "account_events": "an event takes the moment of the account, or of the session",
    "superuser_acts": "an act takes the moment of the account, or of the tenant",
    "audit_log": "an entry takes the moment of its row",
    "orders": "an order takes that of its event",
    "idempotency_keys": "shown to nobody",
    "mailed_tokens": "likewise",
}


def clocks(tree: ast.AST) -> list[str]:
    """Return the names by which Python's own clock is read."""
    imported = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    asked = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [
        *(f"{node.module}.now" for node in imported if any(alias.name == "now" for alias in node.names)),
        *(
            ast.unparse(function)
            for function in asked
            if isinstance(function, ast.Attribute) and function.attr in {"now", "utcnow"}
            if ast.unparse(function) != "func.now"
        ),
    ]


def test_rules_do_not_ask_python_what_time_it_is() -> None:
    found = {source.name: clocks(source.tree) for source in sources("services", "graph")}
    assert {name: names for name, names in found.items() if names} == {}


def test_whoever_asks_is_seen() -> None:
    assert clocks(ast.parse("from models.base import new_id, now")) == ["models.base.now"]
    assert clocks(ast.parse("x = datetime.now(UTC)")) == ["datetime.now"]
    assert clocks(ast.parse("x = func.now()")) == []


async def test_no_column_takes_the_time_by_itself(owner_connection: asyncpg.Connection) -> None:
    assert dict(map(tuple, await owner_connection.fetch(DEFAULTS))) == ALLOWED
    await owner_connection.execute("ALTER TABLE tasks ALTER created_at SET DEFAULT now()")
    assert dict(map(tuple, await owner_connection.fetch(DEFAULTS))) == {**ALLOWED, "tasks.created_at": "now()"}


async def test_every_row_gets_the_moment_of_its_change(owner_connection: asyncpg.Connection) -> None:
    assert {row[0] for row in await owner_connection.fetch(UNTOUCHED)} == set(ELSEWHERE)
    await owner_connection.execute("DROP TRIGGER set_timestamps ON tasks")
    assert {row[0] for row in await owner_connection.fetch(UNTOUCHED)} == {*ELSEWHERE, "tasks"}
