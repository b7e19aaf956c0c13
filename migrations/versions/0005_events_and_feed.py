"""Events, and the feed: the order in which they were committed."""

from alembic import op

from migrations.rls import enable_rls, grant_definer, run_script

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

EVENTS = """
CREATE TABLE events (
    tenant_id uuid NOT NULL CONSTRAINT events_tenant_id_fkey REFERENCES tenants,
    id uuid NOT NULL,
    stream_type text NOT NULL,
    stream_id uuid NOT NULL,
    version integer NOT NULL CONSTRAINT events_version_check CHECK (version >= 1),
    type text NOT NULL,
    schema_version integer NOT NULL DEFAULT 1,
    payload jsonb NOT NULL,
    actor_id uuid,
    request_id text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT events_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT events_tenant_id_stream_id_version_key UNIQUE (tenant_id, stream_id, version),
    CONSTRAINT events_tenant_id_actor_id_fkey
        FOREIGN KEY (tenant_id, actor_id) REFERENCES memberships (tenant_id, user_id)
);
CREATE INDEX events_by_stream_id_created_at ON events (tenant_id, stream_id, created_at, id)
"""

FEED = """
CREATE TABLE unsealed (
    number bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT unsealed_pkey PRIMARY KEY,
    tenant_id uuid NOT NULL,
    source text NOT NULL,
    entry_id uuid NOT NULL,
    stream_id uuid NOT NULL,
    digest bytea NOT NULL
);
CREATE TABLE feed (
    position bigint CONSTRAINT feed_pkey PRIMARY KEY,
    tenant_id uuid NOT NULL CONSTRAINT feed_tenant_id_fkey REFERENCES tenants,
    source text NOT NULL,
    entry_id uuid NOT NULL,
    stream_id uuid NOT NULL,
    digest bytea NOT NULL,
    chain bytea NOT NULL,
    sealed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX feed_by_tenant ON feed (tenant_id, position)
"""

# Queues what a statement added, for the sealer, and wakes it: one message a transaction, however much was added. It
# runs with the owner's rights, since nobody else may touch the queue.
ENQUEUE = """
CREATE FUNCTION atrium_enqueue_events() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.unsealed (tenant_id, source, entry_id, stream_id, digest)
    SELECT e.tenant_id, 'event', e.id, e.stream_id, sha256(convert_to(jsonb_build_array(
        e.tenant_id, e.id, e.stream_type, e.stream_id, e.version, e.type, e.schema_version, e.payload, e.actor_id,
        e.request_id, extract(epoch FROM e.created_at)
    )::text, 'UTF8'))
    FROM added e ORDER BY e.stream_id, e.version;
    PERFORM pg_notify('atrium_unsealed', '');
    RETURN NULL;
END $$
"""

# Gives committed entries their positions, without gaps, and chains them per tenant. One sealer at a time: whoever gets
# the lock. What commits later gets a later position, whatever was written first, so a reader by position misses
# nothing. Entries of one stream keep their order, since each of them waits for the one before to commit. It runs with
# the owner's rights, since it works for all tenants at once. Says how many were sealed, or -1 if another one seals.
SEAL = """
CREATE FUNCTION atrium_seal(most integer) RETURNS integer
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
    END LOOP;
    IF sealed > 0 THEN
        PERFORM pg_notify('atrium_sealed', '');
    END IF;
    RETURN sealed;
END $$
"""

# Which tenants' streams moved after a position; ids only. It runs with the owner's rights, since one reader serves the
# subscribers of all tenants, each of whom then reads under row-level security.
TAIL = """
CREATE FUNCTION atrium_tail(after bigint, most integer)
RETURNS TABLE (sealed_position bigint, of_tenant uuid, of_source text, of_stream uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT f.position, f.tenant_id, f.source, f.stream_id FROM public.feed f
    WHERE f.position > after ORDER BY f.position LIMIT most
$$
"""

HEAD = """
CREATE FUNCTION atrium_feed_head() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(max(f.position), 0) FROM public.feed f
$$
"""


def upgrade() -> None:
    """Make what happened, in order."""
    run_script(EVENTS)
    run_script(FEED)
    for function in (ENQUEUE, SEAL, TAIL, HEAD):
        op.execute(function)
    op.execute(
        "CREATE TRIGGER enqueue AFTER INSERT ON events REFERENCING NEW TABLE AS added"
        " FOR EACH STATEMENT EXECUTE FUNCTION atrium_enqueue_events()"
    )
    op.execute("REVOKE ALL ON FUNCTION atrium_enqueue_events FROM PUBLIC")
    for signature in ("atrium_seal(integer)", "atrium_tail(bigint, integer)", "atrium_feed_head()"):
        grant_definer(signature)
    enable_rls("events", grants="SELECT, INSERT")
    enable_rls("feed", grants="SELECT")
    enable_rls("unsealed")


def downgrade() -> None:
    """Take it all back."""
    op.execute("DROP FUNCTION atrium_seal, atrium_tail, atrium_feed_head")
    op.execute("DROP TABLE feed, unsealed, events")
    op.execute("DROP FUNCTION atrium_enqueue_events")
