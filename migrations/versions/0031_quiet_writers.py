"""Writers notify nobody: the process that sequences does, after the commit."""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

ENQUEUE_EVENTS = """
CREATE OR REPLACE FUNCTION atrium_enqueue_events() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.unsealed (tenant_id, source, entry_id, stream_id, digest)
    SELECT e.tenant_id, 'event', e.id, e.stream_id, sha256(convert_to((jsonb_build_array(
        e.tenant_id, e.id, e.stream_type, e.stream_id, e.version, e.type, e.schema_version, e.payload, e.actor_id,
        e.request_id, extract(epoch FROM e.created_at)
    ) || CASE WHEN e.api_key_id IS NULL THEN '[]' ELSE jsonb_build_array(e.api_key_id) END)::text, 'UTF8'))
    FROM added e ORDER BY e.stream_id, e.version;<notify>
    RETURN NULL;
END $$
"""

ENQUEUE_AUDIT = """
CREATE OR REPLACE FUNCTION atrium_enqueue_audit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.unsealed (tenant_id, source, entry_id, stream_id, digest)
    SELECT e.tenant_id, 'audit', e.id, e.row_id, sha256(convert_to(jsonb_build_array(
        e.tenant_id, e.id, e.table_name, e.row_id, e.action, e.actor_id, e.api_key_id, e.request_id, e.operation, e.ip,
        e.user_agent, encode(e.values_digest, 'hex'), extract(epoch FROM e.created_at)
    )::text, 'UTF8'))
    FROM written e;<notify>
    RETURN NULL;
END $$
"""

# As before; who is to know of it is told afterwards, by a transaction that has nothing to write to disk.
SEAL = """
CREATE OR REPLACE FUNCTION atrium_seal(most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entry record;
    head bigint;
    link bytea;
    sealed integer := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('atrium sealer')) THEN
        RETURN -1;
    END IF;
    SELECT coalesce(max(position), 0) INTO head FROM public.feed;
    FOR entry IN
        WITH taken AS (
            DELETE FROM public.unsealed
            WHERE number IN (SELECT u.number FROM public.unsealed u ORDER BY u.number LIMIT most) RETURNING *
        ) SELECT * FROM taken ORDER BY number
    LOOP
        sealed := sealed + 1;
        SELECT f.chain INTO link FROM public.feed f
        WHERE f.tenant_id = entry.tenant_id ORDER BY f.position DESC LIMIT 1;
        INSERT INTO public.feed (position, tenant_id, source, entry_id, stream_id, digest, chain) VALUES (
            head + sealed, entry.tenant_id, entry.source, entry.entry_id, entry.stream_id, entry.digest,
            sha256(coalesce(link, ''::bytea) || entry.digest || int8send(head + sealed))
        );
    END LOOP;<notify>
    RETURN sealed;
END $$
"""

NOTIFICATIONS = {
    ENQUEUE_EVENTS: "\n    PERFORM pg_notify('atrium_unsealed', '');",
    ENQUEUE_AUDIT: "\n    IF FOUND THEN\n        PERFORM pg_notify('atrium_unsealed', '');\n    END IF;",
    SEAL: "\n    IF sealed > 0 THEN\n        PERFORM pg_notify('atrium_sealed', '');\n    END IF;",
}
"""What each function did besides."""


def upgrade() -> None:
    """Take the notifications out."""
    for function in NOTIFICATIONS:
        op.execute(function.replace("<notify>", ""))


def downgrade() -> None:
    """Put them back."""
    for function, notification in NOTIFICATIONS.items():
        op.execute(function.replace("<notify>", notification))
