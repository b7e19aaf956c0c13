"""Cost buckets: the points of cost that actors and tenants have left, shared by all processes."""

from alembic import op

from migrations.rls import enable_rls, grant_definer

revision = "0026"
down_revision = "0021"
branch_labels = None
depends_on = None

# It is written ten times a second for whoever is active, and lost in a crash, after which all buckets are full.
TABLE = """
CREATE UNLOGGED TABLE cost_buckets (
    key text CONSTRAINT cost_buckets_pkey PRIMARY KEY,
    maximum double precision NOT NULL,
    rate double precision NOT NULL,
    remaining double precision NOT NULL,
    spenders jsonb NOT NULL,
    updated_at timestamptz NOT NULL
) WITH (fillfactor = 50)
"""

# Takes what a process has spent out of buckets, after they were refilled, and says what is left and how many processes
# have spent from them within the last ten seconds. What was spent beyond what was there is owed. Rows are locked in
# the order of their keys, so that processes wait for each other and never in a circle.
SPEND = """
CREATE FUNCTION atrium_spend_cost(
    process_id uuid, keys text[], spent double precision[], maxima double precision[], rates double precision[]
) RETURNS TABLE (bucket text, remaining double precision, sharers integer)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO public.cost_buckets AS b (key, maximum, rate, remaining, spenders, updated_at)
    SELECT
        asked.key, asked.maximum, asked.rate, asked.maximum - asked.spent,
        jsonb_build_object(process_id, extract(epoch FROM clock_timestamp())), clock_timestamp()
    FROM unnest(keys, spent, maxima, rates) AS asked (key, spent, maximum, rate)
    ORDER BY asked.key
    ON CONFLICT (key) DO UPDATE SET
        maximum = EXCLUDED.maximum,
        rate = EXCLUDED.rate,
        remaining = EXCLUDED.remaining - EXCLUDED.maximum + least(
            EXCLUDED.maximum,
            b.remaining + EXCLUDED.rate
                * greatest(0, extract(epoch FROM clock_timestamp() - b.updated_at)::double precision)
        ),
        spenders = EXCLUDED.spenders || coalesce((
            SELECT jsonb_object_agg(other.key, other.value) FROM jsonb_each(b.spenders) AS other
            WHERE other.key <> process_id::text
                AND other.value::text::double precision > extract(epoch FROM clock_timestamp()) - 10
        ), '{}'),
        updated_at = clock_timestamp()
    RETURNING b.key, b.remaining, (SELECT count(*)::integer FROM jsonb_object_keys(b.spenders))
$$
"""


def upgrade() -> None:
    """Make the table, and the function that alone may write it."""
    op.execute(TABLE)
    enable_rls("cost_buckets")
    op.execute(SPEND)
    grant_definer("atrium_spend_cost(uuid, text[], double precision[], double precision[], double precision[])")


def downgrade() -> None:
    """Take them back."""
    op.execute("DROP FUNCTION atrium_spend_cost")
    op.execute("DROP TABLE cost_buckets")
