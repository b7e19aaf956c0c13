"""What a database is made of, as its catalogue tells it, so that two can be compared."""

import asyncpg

__all__ = ["Snapshot", "table_names", "take_snapshot"]

Snapshot = dict[str, set[tuple[object, ...]]]

# Of what extensions bring along, their name is enough.
_NOT_OF_AN_EXTENSION = "NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = {0}.oid AND d.deptype = 'e')"
_IN_PUBLIC = "relnamespace = 'public'::regnamespace"

_QUERIES = {
    "extension": "SELECT extname, extversion FROM pg_extension",
    "schema": "SELECT nspname, nspowner::regrole::text FROM pg_namespace WHERE nspname !~ '^pg_'",
    "relation": f"""
        SELECT relname, relkind::text, relowner::regrole::text, relrowsecurity, relforcerowsecurity, reloptions
        FROM pg_class WHERE {_IN_PUBLIC}
    """,
    "column": f"""
        SELECT relname, attname, format_type(atttypid, atttypmod), attnotnull, attgenerated::text,
            pg_get_expr(adbin, adrelid), collname
        FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
            LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
            LEFT JOIN pg_collation l ON l.oid = attcollation
        WHERE {_IN_PUBLIC} AND relkind IN ('r', 'v') AND attnum > 0 AND NOT attisdropped
    """,
    "constraint": f"""
        SELECT relname, conname, pg_get_constraintdef(o.oid), convalidated
        FROM pg_constraint o JOIN pg_class c ON c.oid = conrelid WHERE {_IN_PUBLIC} AND contype NOT IN ('n', 't')
    """,
    "index": f"""
        SELECT relname, pg_get_indexdef(indexrelid), indisvalid
        FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE {_IN_PUBLIC}
    """,
    "statistics": "SELECT stxname, pg_get_statisticsobjdef(oid) FROM pg_statistic_ext",
    "view": f"SELECT relname, pg_get_viewdef(oid) FROM pg_class WHERE {_IN_PUBLIC} AND relkind = 'v'",
    "policy": """
        SELECT polrelid::regclass::text, polname, polcmd::text, polpermissive, polroles::regrole[]::text,
            pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)
        FROM pg_policy
    """,
    "trigger": "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "function": f"""
        SELECT proname, proowner::regrole::text, CASE prokind WHEN 'a' THEN (
            SELECT (a.aggtransfn, a.aggtranstype::regtype, a.aggfinalfn, a.agginitval)::text
            FROM pg_aggregate a WHERE a.aggfnoid = p.oid
        ) ELSE pg_get_functiondef(p.oid) END
        FROM pg_proc p WHERE pronamespace = 'public'::regnamespace AND {_NOT_OF_AN_EXTENSION.format("p")}
    """,
    "privilege": f"""
        SELECT object, grantee::regrole::text, privilege_type, is_grantable FROM (
            SELECT relname, coalesce(relacl, acldefault('r', relowner)) FROM pg_class WHERE {_IN_PUBLIC}
                AND relkind IN ('r', 'v')
            UNION ALL
            SELECT nspname, coalesce(nspacl, acldefault('n', nspowner)) FROM pg_namespace WHERE nspname = 'public'
            UNION ALL
            SELECT proname, coalesce(proacl, acldefault('f', proowner))
            FROM pg_proc p WHERE pronamespace = 'public'::regnamespace AND {_NOT_OF_AN_EXTENSION.format("p")}
        ) objects (object, privileges), aclexplode(privileges)
    """,
}


async def table_names(connection: asyncpg.Connection) -> set[str]:
    """All tables that there are."""
    rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {name for (name,) in rows}


async def take_snapshot(url: str) -> Snapshot:
    """Everything in a database but the rows, by kind."""
    connection = await asyncpg.connect(url)
    try:
        return {kind: {_hashable(row) for row in await connection.fetch(query)} for kind, query in _QUERIES.items()}
    finally:
        await connection.close()


def _hashable(row: asyncpg.Record) -> tuple[object, ...]:
    return tuple(tuple(value) if isinstance(value, list) else value for value in row)
