"""The audit trail: who changed what, written by triggers that no statement can go around."""

from alembic import op

from migrations.atrium_enter import create_atrium_enter
from migrations.audit import create_audit_functions
from migrations.rls import add_audit_triggers, drop_audit_triggers, enable_rls, run_script

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
    create_audit_functions()
    op.execute(ENQUEUE)
    op.execute(
        "CREATE TRIGGER enqueue AFTER INSERT ON audit_log REFERENCING NEW TABLE AS written"
        " FOR EACH STATEMENT EXECUTE FUNCTION atrium_enqueue_audit()"
    )
    op.execute("REVOKE ALL ON FUNCTION atrium_enqueue_audit FROM PUBLIC")
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
