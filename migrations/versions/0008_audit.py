"""The audit trail: who changed what, written by triggers that no statement can go around."""

from alembic import op

from migrations.atrium_enter import create_atrium_enter
from migrations.rls import add_audit_triggers, drop_audit_triggers, enable_rls, grant_definer, run_script

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# References to nothing: an entry outlives what it is about, and whoever founds a tenant is no member yet.
LOG = """
CREATE TABLE audit_log (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    table_name text NOT NULL,
    row_id uuid NOT NULL,
    action text NOT NULL CONSTRAINT audit_log_action_check CHECK (action IN ('CREATE', 'UPDATE', 'DELETE', 'PURGE')),
    actor_id uuid,
    api_key_id uuid,
    request_id text NOT NULL,
    operation text NOT NULL,
    ip text CONSTRAINT audit_log_ip_check CHECK (char_length(ip) <= 45),
    user_agent text CONSTRAINT audit_log_user_agent_check CHECK (char_length(user_agent) <= 500),
    old_values jsonb,
    new_values jsonb,
    salt bytea,
    values_digest bytea NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT audit_log_pkey PRIMARY KEY (tenant_id, id)
);
CREATE INDEX audit_log_by_created_at ON audit_log (tenant_id, created_at, id);
CREATE INDEX audit_log_by_row_id_created_at ON audit_log (tenant_id, row_id, created_at, id);
CREATE INDEX audit_log_by_table_name_created_at ON audit_log (tenant_id, table_name, created_at, id);
CREATE INDEX audit_log_by_actor_id_created_at ON audit_log (tenant_id, actor_id, created_at, id);
CREATE INDEX audit_log_by_action_created_at ON audit_log (tenant_id, action, created_at, id)
"""

# An id as in RFC 9562, version 7: new entries land at the end of their index.
NEW_ID = """encode(set_bit(set_bit(overlay(
        uuid_send(gen_random_uuid()) PLACING substring(int8send((extract(epoch FROM moment) * 1000)::bigint) FROM 3)
        FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid"""

CONTEXT = """nullif(current_setting('app.user_id', true), '')::uuid,
        nullif(current_setting('app.api_key_id', true), '')::uuid,
        coalesce(current_setting('app.request_id', true), ''), coalesce(current_setting('app.operation', true), ''),
        left(nullif(current_setting('app.ip', true), ''), 45),
        left(nullif(current_setting('app.user_agent', true), ''), 500)"""

COLUMNS = """tenant_id, id, table_name, row_id, action, actor_id, api_key_id, request_id, operation, ip, user_agent,
        old_values, new_values, salt, values_digest, created_at"""

BOOKKEEPING = "'{version,updated_at,last_used_at}'::text[]"

# Writes one entry for each row that a statement changed. An update's rows are paired by their key, so one that changes
# a key is a deletion and a creation. What changes nothing, or only bookkeeping, is no change. Columns that the database
# generates are left out; of secrets only that they changed is kept. The arguments say which columns are which. It runs
# with the owner's rights, since nobody else may write here.
AUDIT = f"""
CREATE FUNCTION atrium_audit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    generated text[] := TG_ARGV[0];
    secrets text[] := TG_ARGV[1];
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.audit_log ({COLUMNS})
        SELECT (w.now ->> w.key)::uuid, {NEW_ID}, TG_TABLE_NAME, (w.now ->> 'id')::uuid, 'CREATE', {CONTEXT},
            NULL, w.now, w.salt, sha256(w.salt || convert_to(E'\\n' || w.now::text, 'UTF8')), w.moment
        FROM (
            SELECT to_jsonb(a) - generated - secrets AS now, uuid_send(gen_random_uuid()) AS salt,
                clock_timestamp() AS moment, CASE TG_TABLE_NAME WHEN 'tenants' THEN 'id' ELSE 'tenant_id' END AS key
            FROM added a OFFSET 0
        ) w;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO public.audit_log ({COLUMNS})
        SELECT (w.old ->> w.key)::uuid, {NEW_ID}, TG_TABLE_NAME, (w.old ->> 'id')::uuid, 'DELETE', {CONTEXT},
            w.old, NULL, w.salt, sha256(w.salt || convert_to(w.old::text || E'\\n', 'UTF8')), w.moment
        FROM (
            SELECT to_jsonb(r) - generated - secrets AS old, uuid_send(gen_random_uuid()) AS salt,
                clock_timestamp() AS moment, CASE TG_TABLE_NAME WHEN 'tenants' THEN 'id' ELSE 'tenant_id' END AS key
            FROM removed r OFFSET 0
        ) w;
    ELSE
        INSERT INTO public.audit_log ({COLUMNS})
        SELECT w.tenant, {NEW_ID}, TG_TABLE_NAME, w.row_id, w.action, {CONTEXT}, w.old, w.now, w.salt,
            sha256(w.salt || convert_to(coalesce(w.old::text, '') || E'\\n' || coalesce(w.now::text, ''), 'UTF8')),
            w.moment
        FROM (
            SELECT coalesce(o.tenant, n.tenant)::uuid AS tenant, coalesce(o.id, n.id)::uuid AS row_id,
                CASE WHEN o.id IS NULL THEN 'CREATE' WHEN n.id IS NULL THEN 'DELETE' ELSE 'UPDATE' END AS action,
                CASE WHEN o.id IS NULL THEN NULL WHEN n.id IS NULL THEN o.val - secrets ELSE d.old END AS old,
                CASE WHEN n.id IS NULL THEN NULL WHEN o.id IS NULL THEN n.val - secrets ELSE d.now END AS now,
                uuid_send(gen_random_uuid()) AS salt, clock_timestamp() AS moment
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
        ) w;
    END IF;
    RETURN NULL;
END $$
"""

# Queues what a statement wrote, for the sealer. The digest covers the values only by a digest of theirs, which is
# salted, so that they can be forgotten and the chain still be verified. It runs with the owner's rights, since nobody
# else may touch the queue.
ENQUEUE = """
CREATE FUNCTION atrium_enqueue_audit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.unsealed (tenant_id, source, entry_id, stream_id, digest)
    SELECT e.tenant_id, 'audit', e.id, e.row_id, sha256(convert_to(jsonb_build_array(
        e.tenant_id, e.id, e.table_name, e.row_id, e.action, e.actor_id, e.api_key_id, e.request_id, e.operation, e.ip,
        e.user_agent, encode(e.values_digest, 'hex'), extract(epoch FROM e.created_at)
    )::text, 'UTF8'))
    FROM written e;
    IF FOUND THEN
        PERFORM pg_notify('atrium_unsealed', '');
    END IF;
    RETURN NULL;
END $$
"""

# Forgets all values of a row that is gone for good, and writes down that they were. The entries stay, and so does the
# chain. It runs with the owner's rights, since nobody else may change the log, and within the tenant that was entered.
FORGET = f"""
CREATE FUNCTION atrium_forget(of_table text, of_row uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
    moment timestamptz := clock_timestamp();
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
        INSERT INTO public.audit_log ({COLUMNS})
        SELECT tenant, {NEW_ID}, of_table, of_row, 'PURGE', {CONTEXT}, NULL, NULL, mark,
            sha256(mark || convert_to(E'\\n', 'UTF8')), moment;
    END IF;
    RETURN forgotten;
END $$
"""

AUDITED: dict[str, tuple[str, ...]] = {
    "tenants": (),
    "memberships": (),
    "invitations": ("digest",),
    "projects": (),
    "tasks": (),
    "products": (),
    "orders": (),
    "order_items": (),
}
"""The tables that there are, and their secrets."""


def upgrade() -> None:
    """Begin to write down who changes what."""
    run_script(LOG)
    for function in (AUDIT, ENQUEUE, FORGET):
        op.execute(function)
    op.execute(
        "CREATE TRIGGER enqueue AFTER INSERT ON audit_log REFERENCING NEW TABLE AS written"
        " FOR EACH STATEMENT EXECUTE FUNCTION atrium_enqueue_audit()"
    )
    op.execute("REVOKE ALL ON FUNCTION atrium_audit, atrium_enqueue_audit FROM PUBLIC")
    grant_definer("atrium_forget(text, uuid)")
    enable_rls("audit_log", grants="SELECT")
    # An entry outlives its tenant too, and must not keep the sealer from sealing those of others.
    op.execute("ALTER TABLE feed DROP CONSTRAINT feed_tenant_id_fkey")
    create_atrium_enter(operation=True)
    for table, secrets in AUDITED.items():
        add_audit_triggers(table, secrets)


def downgrade() -> None:
    """Stop, and forget it all; the feed keeps the events alone, with their positions."""
    for table in AUDITED:
        drop_audit_triggers(table)
    create_atrium_enter()
    op.execute("DELETE FROM unsealed WHERE source = 'audit'")
    op.execute("DELETE FROM feed WHERE source = 'audit'")
    op.execute("DELETE FROM feed f WHERE NOT EXISTS (SELECT FROM tenants t WHERE t.id = f.tenant_id)")
    op.execute("ALTER TABLE feed ADD CONSTRAINT feed_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants")
    op.execute("DROP TABLE audit_log")
    op.execute("DROP FUNCTION atrium_audit, atrium_enqueue_audit, atrium_forget")
