"""Every table is walled off: what the catalogue says about row-level security, keys, privileges and functions.

Each rule is a query for what breaks it. What it finds must be exactly what it allows, each with a reason, so that a
list can hold nothing stale. And each is shown statements that break it, in a transaction that is rolled back.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import asyncpg
import pytest

from atrium.embedded.server import OWNER_ROLE, RUNTIME_ROLE
from tests.conftest import Urls
from tests.support.definer_functions import DEFINER_FUNCTIONS

TABLES = "pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'f', 'm')"
VIEWS = "pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'v'"
# Extensions bring functions of their own; what they are is theirs.
FUNCTIONS = """
    pg_proc p WHERE p.pronamespace = 'public'::regnamespace
    AND NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
    )
"""
ATTRIBUTE = "(SELECT attnum FROM pg_attribute WHERE attrelid = {0} AND attname = 'tenant_id')"
OWNED = (
    "{0} IN (SELECT conrelid FROM pg_constraint WHERE contype = 'p' AND conkey[1] = "
    + ATTRIBUTE.format("conrelid")
    + ")"
)

TENANT = "(tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS \"nullif\"))"
"""The tenant's wall, as PostgreSQL prints it."""

SEARCHED = ["tenant_id", "id", "language", "status", "author_id", "created_at", "vector"]
"""What is shown of articles for search; who may see a row of it is decided as for the table, in services."""

LASTING = (
    *("api_keys", "audit_log", "events", "feed", "invitations", "mailed_tokens", "memberships", "products", "projects"),
    *("sessions", "superuser_acts", "tenants", "users"),
)

APPEND_ONLY = ("audit_log", "events", "feed", "superuser_acts")

CROSS_TENANT_KEYS = """
    ALTER TABLE tasks ADD UNIQUE (id, tenant_id), ADD FOREIGN KEY (tenant_id, id) REFERENCES tasks (id, tenant_id)
"""


@dataclass(frozen=True)
class Rule:
    """One rule of the catalogue."""

    name: str
    breaches: str
    """A query for what breaks the rule; one text a row."""
    broken_by: tuple[str, ...]
    """Statements that break it, each by itself."""
    allowed: dict[str, str] = field(default_factory=dict)
    """What may break it, and why."""


RULES = [
    Rule(
        "every table has row-level security, for its owner too",
        f"SELECT relname FROM {TABLES} AND NOT (relrowsecurity AND relforcerowsecurity)",
        (
            "CREATE TABLE bare (id int)",
            "CREATE MATERIALIZED VIEW bare AS SELECT * FROM tasks",
            "ALTER TABLE tasks NO FORCE ROW LEVEL SECURITY",
            "ALTER TABLE users DISABLE ROW LEVEL SECURITY",
        ),
        {"alembic_version": "one revision number, which the start compares with the code's"},
    ),
    Rule(
        "the owner sees all, the runtime role what its one policy shows, and nobody else anything",
        f"""
        SELECT relname FROM {TABLES} AND relrowsecurity AND ARRAY(
            SELECT format('%s %s %s %s', r::regrole, polcmd, polpermissive, CASE WHEN r = '{OWNER_ROLE}'::regrole
                THEN pg_get_expr(polqual, c.oid) || pg_get_expr(polwithcheck, c.oid) END)
            FROM pg_policy, unnest(polroles) r WHERE polrelid = c.oid ORDER BY r <> '{OWNER_ROLE}'::regrole
        ) <> ARRAY['{OWNER_ROLE} * t truetrue'] || CASE WHEN
            has_table_privilege(
                '{RUNTIME_ROLE}', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
            OR has_any_column_privilege('{RUNTIME_ROLE}', c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')
        THEN ARRAY['{RUNTIME_ROLE} * t '] ELSE ARRAY[]::text[] END
        """,
        (
            "DROP POLICY wall ON tasks",
            "DROP POLICY owner_sees_all ON users",
            "GRANT SELECT ON throttles TO {runtime}",
            "CREATE POLICY more ON tasks USING (true)",
            "CREATE POLICY more ON tasks TO {runtime} USING (version > 0)",
            "ALTER POLICY owner_sees_all ON tasks USING (version > 0)",
        ),
    ),
    Rule(
        "the policy of what a tenant owns is the tenant's wall",
        f"""
        SELECT relname || ' ' || way
        FROM pg_policy, pg_class c, LATERAL (VALUES ('using', polqual), ('check', polwithcheck)) v (way, expression)
        WHERE polrelid = c.oid AND {OWNED.format("c.oid")} AND polroles <> ARRAY['{OWNER_ROLE}'::regrole]::oid[]
            AND pg_get_expr(expression, c.oid) IS DISTINCT FROM $1
        """,
        (
            "ALTER POLICY wall ON tasks USING (true)",
            "ALTER POLICY wall ON tasks WITH CHECK (true)",
            "ALTER POLICY wall ON tasks USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
        ),
        {
            "memberships using": "people see their own memberships in other tenants too, to choose one",
            "invitations using": "whoever holds its token, or is invited, belongs to another tenant or none",
            "api_keys using": "whoever holds its text is known to no tenant yet",
            "idempotency_keys using": "narrower: within the tenant, a person's own keys",
            "idempotency_keys check": "likewise",
        },
    ),
    Rule(
        "no policy of what a tenant owns leaves the tenant out",
        f"""
        SELECT relname FROM pg_policy, pg_class c
        WHERE polrelid = c.oid AND {OWNED.format("c.oid")} AND polroles <> ARRAY['{OWNER_ROLE}'::regrole]::oid[]
            AND NOT (strpos(pg_get_expr(polqual, c.oid), $1) > 0 AND strpos(pg_get_expr(polwithcheck, c.oid), $1) > 0)
        """,
        ("ALTER POLICY wall ON memberships USING (user_id = current_setting('app.user_id')::uuid)",),
    ),
    Rule(
        "the key of what has a tenant begins with the tenant",
        f"""
        SELECT relname FROM {TABLES} AND {ATTRIBUTE.format("c.oid")} IS NOT NULL AND NOT {OWNED.format("c.oid")}
        """,
        ("CREATE TABLE bare (id uuid PRIMARY KEY, tenant_id uuid)", "CREATE TABLE bare (tenant_id uuid)"),
        {
            "sessions": "a session is a person's; the column says which tenant they entered last",
            "live_sessions": "found by the session alone; nobody but the liveness check and triggers reads it",
            "unsealed": "one queue for the sealer, which works for all tenants; nobody else reads it",
            "feed": "positions are given without gaps over all tenants; its wall is the tenant's all the same",
        },
    ),
    Rule(
        "a reference between things that tenants own includes the tenant on both sides",
        f"""
        SELECT conname FROM pg_constraint WHERE contype = 'f'
            AND {OWNED.format("conrelid")} AND {OWNED.format("confrelid")}
            AND coalesce(array_position(conkey, {ATTRIBUTE.format("conrelid")}), 0)
                <> coalesce(array_position(confkey, {ATTRIBUTE.format("confrelid")}), -1)
        """,
        (
            "ALTER TABLE projects ADD UNIQUE (id), ADD FOREIGN KEY (id) REFERENCES projects (id)",
            CROSS_TENANT_KEYS,
            "ALTER TABLE tasks ADD FOREIGN KEY (project_id, tenant_id) REFERENCES projects (tenant_id, id)",
        ),
    ),
    Rule(
        "whatever names another thing is a reference",
        f"""
        SELECT relname || '.' || attname FROM pg_attribute a, {TABLES} AND a.attrelid = c.oid
            AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = 'uuid'::regtype AND a.attname <> 'id'
            AND NOT EXISTS (
                SELECT FROM pg_constraint WHERE contype = 'f' AND conrelid = c.oid AND a.attnum = ANY (conkey)
            )
        """,
        ("ALTER TABLE tasks ADD parent_id uuid", "ALTER TABLE tasks DROP CONSTRAINT tasks_tenant_id_project_id_fkey"),
        {
            "idempotency_keys.user_id": "whose key it is; looked up by them alone, and shown to nobody",
            "archived_sales.order_id": "of an order that was deleted",
            "live_sessions.user_id": "of the session, whose own is a reference; null while the account is suspended",
            "live_sessions.tenant_id": "likewise",
            "live_api_keys.user_id": "of the key, likewise",
            "events.stream_id": "of whatever type the stream is; its first event comes before its row",
            "feed.stream_id": "likewise",
            "feed.entry_id": "of whatever source the entry is; read through that source's own wall",
            "unsealed.tenant_id": "of the entry, whose own tenant is a reference; a queue that is emptied at once",
            "unsealed.entry_id": "likewise",
            "unsealed.stream_id": "likewise",
            "feed.tenant_id": "of the entry, which may outlive its tenant and must not keep the sealer from others'",
            "audit_log.tenant_id": "an entry outlives its tenant",
            "audit_log.row_id": "an entry outlives the row; of whatever table it is",
            "audit_log.actor_id": "who founds a tenant, or joins one, is no member yet",
            "audit_log.api_key_id": "an entry outlives the key",
            "events.api_key_id": "likewise",
        },
    ),
    Rule(
        "what must be unique must be so within its tenant",
        f"""
        SELECT indexrelid::regclass::text FROM pg_index
        WHERE indisunique AND {OWNED.format("indrelid")} AND NOT {ATTRIBUTE.format("indrelid")} = ANY (indkey)
        """,
        ("CREATE UNIQUE INDEX oops ON tasks (title)", "ALTER TABLE invitations ADD CONSTRAINT oops UNIQUE (email)"),
    ),
    Rule(
        "the runtime role has no powers, is in no other role, and owns nothing",
        f"""
        SELECT 'a power' FROM pg_roles WHERE rolname = '{RUNTIME_ROLE}'
            AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)
        UNION ALL
        SELECT 'in ' || roleid::regrole FROM pg_auth_members WHERE member = '{RUNTIME_ROLE}'::regrole
        UNION ALL
        SELECT 'owns ' || pg_describe_object(classid, objid, 0) FROM pg_shdepend
        WHERE deptype = 'o' AND refobjid = '{RUNTIME_ROLE}'::regrole
            AND dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
        """,
        (
            "ALTER ROLE {runtime} BYPASSRLS",
            "GRANT {owner} TO {runtime}",
            "GRANT pg_read_all_data TO {runtime}",
            "ALTER TABLE tasks OWNER TO {runtime}",
            "ALTER FUNCTION atrium_touch OWNER TO {runtime}",
        ),
    ),
    Rule(
        "the owner has no powers beyond what it owns",
        f"""
        SELECT rolname FROM pg_roles WHERE rolname = '{OWNER_ROLE}'
            AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)
        """,
        ("ALTER ROLE {owner} BYPASSRLS",),
    ),
    Rule(
        "functions with their owner's rights are few, and what they do is known",
        f"SELECT format('%s %s', proname, pg_get_userbyid(proowner)) FROM {FUNCTIONS} AND prosecdef",
        ("CREATE FUNCTION leak() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'SELECT'",),
        {f"{name} {OWNER_ROLE}": reason for name, reason in DEFINER_FUNCTIONS.items()},
    ),
    Rule(
        "only the runtime role may call them, and only those that are no triggers",
        f"""
        SELECT proname FROM {FUNCTIONS} AND prosecdef AND (
            has_function_privilege('public', p.oid, 'EXECUTE')
            OR has_function_privilege('{RUNTIME_ROLE}', p.oid, 'EXECUTE') <> (prorettype <> 'trigger'::regtype)
        )
        """,
        (
            "GRANT EXECUTE ON FUNCTION atrium_forgive TO PUBLIC",
            "GRANT EXECUTE ON FUNCTION atrium_copy_account TO {runtime}",
            "REVOKE EXECUTE ON FUNCTION atrium_forgive FROM {runtime}",
        ),
    ),
    Rule(
        "every function fixes where it looks for names, or is the caller's and has looked them up when it was made",
        f"""
        SELECT proname FROM {FUNCTIONS} AND prokind <> 'a' AND (prosqlbody IS NULL OR prosecdef)
            AND NOT coalesce(proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false)
        """,
        (
            "CREATE FUNCTION loose() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
            "ALTER FUNCTION atrium_text_config SECURITY DEFINER",
            "ALTER FUNCTION atrium_enter RESET search_path",
            "ALTER FUNCTION atrium_touch SET search_path = public, pg_catalog",
        ),
    ),
    Rule(
        "every view is the owner's, within the tenant, for reading, of the columns that anybody there may read",
        f"""
        SELECT relname FROM {VIEWS} AND NOT starts_with(relname, 'superuser_') AND (
            c.relowner <> '{OWNER_ROLE}'::regrole
            OR strpos(replace(pg_get_viewdef(c.oid), regexp_replace(relname, '_(text|search)$', '.'), ''), $1) = 0
            OR has_table_privilege('{RUNTIME_ROLE}', c.oid, 'INSERT, UPDATE, DELETE, TRIGGER')
            OR ARRAY(SELECT attname FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 ORDER BY attnum)
                <> CASE relname
                    WHEN 'articles_search' THEN ARRAY{SEARCHED}::name[]
                    WHEN 'article_words_search' THEN ARRAY['tenant_id', 'word']::name[]
                    WHEN 'tasks_search' THEN ARRAY['tenant_id', 'id', 'ids']::name[]
                    WHEN 'comments_search' THEN ARRAY['tenant_id', 'id', 'ids']::name[]
                    ELSE ARRAY['tenant_id', 'id', 'text']::name[]
                END
            OR coalesce(reloptions && ARRAY['security_invoker=true', 'security_barrier=true'], false)
        )
        """,
        (
            "CREATE VIEW open AS SELECT tenant_id, id, title AS text FROM tasks",
            "CREATE OR REPLACE VIEW tasks_text AS SELECT tenant_id, id, title_key AS text FROM tasks",
            "ALTER VIEW tasks_text OWNER TO CURRENT_USER",
            "GRANT UPDATE ON tasks_text TO {runtime}",
        ),
    ),
    Rule(
        "the runtime role reads and writes rows, no more, and nobody else even that",
        f"""
        SELECT format('%s: %s to %s', relname, privilege_type, nullif(grantee, 0)::regrole)
        FROM pg_class c, aclexplode(c.relacl)
        WHERE relnamespace = 'public'::regnamespace AND grantee <> '{OWNER_ROLE}'::regrole AND NOT (
            grantee = '{RUNTIME_ROLE}'::regrole AND NOT is_grantable
            AND privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
        )
        UNION ALL
        SELECT format('%s.%s', attrelid::regclass, attname) FROM pg_attribute a, pg_class c
        WHERE attrelid = c.oid AND relnamespace = 'public'::regnamespace AND attacl IS NOT NULL
        UNION ALL
        SELECT 'by default' FROM pg_default_acl
        """,
        (
            "GRANT TRUNCATE ON tasks TO {runtime}",
            "GRANT SELECT ON tenants TO PUBLIC",
            "GRANT SELECT (title) ON tasks TO PUBLIC",
            "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
        ),
    ),
    Rule(
        "what others point at for good is ended or hidden, and never deleted",
        f"""
        SELECT name FROM unnest(ARRAY{list(LASTING)}) name
        WHERE to_regclass(name) IS NULL OR has_table_privilege('{RUNTIME_ROLE}', to_regclass(name), 'DELETE')
        """,
        ("GRANT DELETE ON memberships TO {runtime}", "DROP TABLE invitations"),
    ),
    Rule(
        "what happened is never changed nor taken back",
        f"""
        SELECT name FROM unnest(ARRAY{list(APPEND_ONLY)}) name
        WHERE to_regclass(name) IS NULL OR has_table_privilege('{RUNTIME_ROLE}', to_regclass(name), 'UPDATE, DELETE')
            OR has_any_column_privilege('{RUNTIME_ROLE}', to_regclass(name), 'UPDATE')
        """,
        (
            "GRANT UPDATE ON events TO {runtime}",
            "GRANT UPDATE (payload) ON events TO {runtime}",
            "GRANT DELETE ON feed TO {runtime}",
        ),
    ),
    Rule(
        "only the owner makes anything in the schema, and there is no other schema",
        f"""
        SELECT role FROM unnest(ARRAY['public', '{RUNTIME_ROLE}']) role
        WHERE has_schema_privilege(role, 'public', 'CREATE')
            OR has_database_privilege(role, current_database(), 'CREATE')
        UNION ALL
        SELECT nspname FROM pg_namespace
        WHERE nspname NOT LIKE 'pg\\_%' AND nspname NOT IN ('public', 'information_schema')
        """,
        (
            "GRANT CREATE ON SCHEMA public TO PUBLIC",
            "GRANT CREATE ON SCHEMA public TO {runtime}",
            "CREATE SCHEMA more",
        ),
    ),
    Rule(
        "no row is numbered: ids come from the application",
        "SELECT relname FROM pg_class WHERE relkind = 'S'",
        ("CREATE SEQUENCE numbers", "CREATE TABLE numbered (id int GENERATED ALWAYS AS IDENTITY)"),
        {
            "timeline_mark": "it numbers no row: the timeline that a server has followed",
            "unsealed_number_seq": "the order of a queue that nobody but the sealer sees",
        },
    ),
]


async def breaches(connection: asyncpg.Connection, rule: Rule) -> set[str]:
    arguments = [TENANT] if "$1" in rule.breaches else []
    return {row[0] for row in await connection.fetch(rule.breaches, *arguments)}


@pytest.fixture(scope="module")
def catalogue(make_database: Callable[[], Awaitable[Urls]]) -> Urls:
    """A database for all rules, since none leaves anything in it."""

    async def make() -> Urls:
        return await make_database()

    return asyncio.run(make())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
async def test_the_rule_is_kept_and_can_be_broken(rule: Rule, catalogue: Urls) -> None:
    connection = await asyncpg.connect(catalogue.plain("superuser"))
    found = await breaches(connection, rule)
    assert found == set(rule.allowed), (
        f"Mend in the migration what breaks the rule {rule.name!r}, or write into `allowed` of that rule in this file"
        f" why it may: {found ^ set(rule.allowed)}"
    )
    for statement in rule.broken_by:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(statement.format(owner=OWNER_ROLE, runtime=RUNTIME_ROLE))
        assert await breaches(connection, rule) - set(rule.allowed), statement
        await transaction.rollback()
    await connection.close()
