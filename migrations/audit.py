"""The functions that write the audit log and redact its values, as each revision has them."""

from alembic import op

from migrations.rls import grant_definer

__all__ = ["NEW_ID", "create_audit_functions"]

# An id as in RFC 9562, version 7: new entries land at the end of their index.
NEW_ID = """encode(set_bit(set_bit(overlay(
        uuid_send(gen_random_uuid()) PLACING substring(int8send((extract(epoch FROM moment) * 1000)::bigint) FROM 3)
        FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid"""

CONTEXT = """nullif(current_setting('app.user_id', true), '')::uuid,
        nullif(current_setting('app.api_key_id', true), '')::uuid,
        coalesce(current_setting('app.request_id', true), ''), coalesce(current_setting('app.operation', true), ''),
        left(nullif(current_setting('app.ip', true), ''), 45),
        left(nullif(current_setting('app.user_agent', true), ''), 500)"""

ENTRY_COLUMNS = """tenant_id, id, table_name, row_id, action, actor_id, api_key_id, request_id, operation, ip,
        user_agent, old_values, new_values, salt, values_digest, created_at"""

BOOKKEEPING = "'{version,updated_at,last_used_at}'::text[]"

# Writes one entry for each row that a statement changed. An update's rows are paired by their key, so one that changes
# a key is a deletion and a creation. What changes nothing, or only bookkeeping, is no change. Columns that the database
# generates are left out; of secrets only that they changed is kept. The arguments say which columns are which. It runs
# with the owner's rights, since nobody else may write here.
AUDIT = f"""
CREATE OR REPLACE FUNCTION atrium_audit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    generated text[] := TG_ARGV[0];
    secrets text[] := TG_ARGV[1];
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.audit_log ({ENTRY_COLUMNS})
        SELECT (w.now ->> w.key)::uuid, {NEW_ID}, TG_TABLE_NAME, (w.now ->> 'id')::uuid, 'CREATE', {CONTEXT},
            NULL, w.now, w.salt, sha256(w.salt || convert_to(E'\\n' || w.now::text, 'UTF8')), m.moment
        FROM (
            SELECT to_jsonb(a) - generated - secrets AS now, uuid_send(gen_random_uuid()) AS salt,
                CASE TG_TABLE_NAME WHEN 'tenants' THEN 'id' ELSE 'tenant_id' END AS key
            FROM added a OFFSET 0
        ) w CROSS JOIN LATERAL (SELECT <created> AS moment OFFSET 0) m;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO public.audit_log ({ENTRY_COLUMNS})
        SELECT (w.old ->> w.key)::uuid, {NEW_ID}, TG_TABLE_NAME, (w.old ->> 'id')::uuid, 'DELETE', {CONTEXT},
            w.old, NULL, w.salt, sha256(w.salt || convert_to(w.old::text || E'\\n', 'UTF8')), m.moment
        FROM (
            SELECT to_jsonb(r) - generated - secrets AS old, uuid_send(gen_random_uuid()) AS salt,
                CASE TG_TABLE_NAME WHEN 'tenants' THEN 'id' ELSE 'tenant_id' END AS key
            FROM removed r OFFSET 0
        ) w CROSS JOIN LATERAL (SELECT <deleted> AS moment OFFSET 0) m;
    ELSE
        INSERT INTO public.audit_log ({ENTRY_COLUMNS})
        SELECT w.tenant, {NEW_ID}, TG_TABLE_NAME, w.row_id, w.action, {CONTEXT}, w.old, w.now, w.salt,
            sha256(w.salt || convert_to(coalesce(w.old::text, '') || E'\\n' || coalesce(w.now::text, ''), 'UTF8')),
            m.moment
        FROM (
            SELECT coalesce(o.tenant, n.tenant)::uuid AS tenant, coalesce(o.id, n.id)::uuid AS row_id,
                CASE WHEN o.id IS NULL THEN 'CREATE' WHEN n.id IS NULL THEN 'DELETE' ELSE 'UPDATE' END AS action,
                CASE WHEN o.id IS NULL THEN NULL WHEN n.id IS NULL THEN o.val - secrets ELSE d.old END AS old,
                CASE WHEN n.id IS NULL THEN NULL WHEN o.id IS NULL THEN n.val - secrets ELSE d.now END AS now,
                uuid_send(gen_random_uuid()) AS salt
            FROM (
                SELECT v AS val, v ->> 'id' AS id, coalesce(v ->> 'tenant_id', v ->> 'id') AS tenant
                FROM (SELECT to_jsonb(r) - generated AS v FROM removed r OFFSET 0) s
            ) o FULL JOIN (
                SELECT v AS val, v ->> 'id' AS id, coalesce(v ->> 'tenant_id', v ->> 'id') AS tenant
                FROM (SELECT to_jsonb(a) - generated AS v FROM added a OFFSET 0) s
            ) n ON n.id = o.id AND n.tenant = o.tenant
            CROSS JOIN LATERAL (
                SELECT
                    jsonb_object_agg(e.key, CASE WHEN e.key = ANY (secrets) THEN 'null' ELSE o.val -> e.key END) AS old,
                    jsonb_object_agg(e.key, CASE WHEN e.key = ANY (secrets) THEN 'null' ELSE e.value END) AS now
                FROM jsonb_each(n.val) e WHERE e.value IS DISTINCT FROM o.val -> e.key
            ) d
            WHERE o.id IS NULL OR n.id IS NULL OR d.now - {BOOKKEEPING} <> '{{}}' OFFSET 0
        ) w CROSS JOIN LATERAL (SELECT <updated> AS moment OFFSET 0) m;
    END IF;
    RETURN NULL;
END $$
"""

# Forgets all values of a row that is gone for good, and writes down that they were. The entries stay, and so does the
# chain. It runs with the owner's rights, since nobody else may change the log, and within the tenant that was entered.
REDACT = f"""
CREATE OR REPLACE FUNCTION atrium_forget(of_table text, of_row uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
    moment timestamptz := <purged>;
    mark bytea := uuid_send(gen_random_uuid());
    present boolean;
    forgotten integer;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM public.%I WHERE tenant_id = $1 AND id = $2)', of_table)
    INTO present USING tenant, of_row;
    IF tenant IS NULL OR present THEN
        RAISE EXCEPTION 'only what is gone can be forgotten';
    END IF;
    UPDATE public.audit_log SET old_values = NULL, new_values = NULL, salt = NULL
    WHERE tenant_id = tenant AND row_id = of_row AND table_name = of_table AND action <> 'PURGE' AND salt IS NOT NULL;
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    IF forgotten > 0 THEN
        INSERT INTO public.audit_log ({ENTRY_COLUMNS})
        SELECT tenant, {NEW_ID}, of_table, of_row, 'PURGE', {CONTEXT}, NULL, NULL, mark,
            sha256(mark || convert_to(E'\\n', 'UTF8')), moment;
    END IF;
    RETURN forgotten;
END $$
"""

OWN_CLOCK = dict.fromkeys(("created", "updated", "deleted", "purged"), "clock_timestamp()")
"""By kind of change, the moment of an entry: when it is written, which is later than the change."""

ROW_CLOCK = {
    "created": "coalesce((w.now ->> 'created_at')::timestamptz, public.atrium_change_time(NULL))",
    "updated": """coalesce(
            (w.now ->> 'updated_at')::timestamptz,
            greatest((w.now ->> 'accepted_at')::timestamptz, (w.now ->> 'revoked_at')::timestamptz),
            public.atrium_change_time(NULL)
        )""",
    "deleted": "public.atrium_change_time((w.old ->> 'updated_at')::timestamptz)",
    "purged": """public.atrium_change_time((
        SELECT max(l.created_at) FROM public.audit_log l
        WHERE l.tenant_id = tenant AND l.row_id = of_row AND l.table_name = of_table
    ))""",
}
"""Likewise, but the moment that the row itself holds; where it holds none, a later one than its last."""


def create_audit_functions(*, moments_of_rows: bool = False) -> None:
    """Create the functions of the audit log, or replace them.

    Args:
        moments_of_rows: whether an entry takes the moment of the row that it is about.
    """
    for function in (AUDIT, REDACT):
        text = function
        for name, moment in (ROW_CLOCK if moments_of_rows else OWN_CLOCK).items():
            text = text.replace(f"<{name}>", moment)
        op.execute(text)
    op.execute("REVOKE ALL ON FUNCTION atrium_audit FROM PUBLIC")
    grant_definer("atrium_forget(text, uuid)")
