"""One moment for one change, taken by the database while the row is locked."""

from alembic import op

from migrations.audit import create_audit_functions
from migrations.rls import add_timestamp_trigger, add_touch_trigger, drop_timestamp_trigger, timestamp_function

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# The moment of a change: later than the row's last one, by a microsecond where the clock stands still or was set back.
# Where a rule changes several rows as one, it holds one moment for all of them, which is later than the last of each.
CHANGE_TIME = """
CREATE FUNCTION atrium_change_time(last timestamptz) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    held timestamptz := nullif(current_setting('app.change_time', true), '')::timestamptz;
BEGIN
    IF held > last OR (held IS NOT NULL AND last IS NULL) THEN
        RETURN held;
    END IF;
    RETURN greatest(clock_timestamp(), last + interval '1 microsecond');
END $$
"""

EVENT = """
CREATE FUNCTION atrium_touch_events() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.created_at IS NULL THEN
        SELECT public.atrium_change_time(max(e.created_at)) INTO NEW.created_at FROM public.events e
        WHERE e.tenant_id = NEW.tenant_id AND e.stream_id = NEW.stream_id;
    END IF;
    RETURN NEW;
END $$
"""

TOUCH = """
CREATE OR REPLACE FUNCTION atrium_touch() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.version := OLD.version + 1;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$
"""

VERSIONED: dict[str, tuple[str, ...]] = {
    "users": ("last_login", "email_verified_at"),
    "tenants": (),
    "memberships": ("ended_at",),
    "projects": ("archived_at", "deleted_at"),
    "tasks": ("deleted_at",),
    "products": (),
    "documents": ("deleted_at",),
    "articles": ("published_at",),
}
"""Tables with versions, and their columns that hold the moment of some change."""

UNVERSIONED: dict[str, tuple[str, ...]] = {
    "sessions": ("rotated_at", "revoked_at"),
    "invitations": ("accepted_at", "revoked_at"),
    "api_keys": ("last_used_at", "revoked_at"),
}
"""Those without."""

INTERNAL = ("mailed_tokens", "idempotency_keys")
"""Tables whose moments nobody is shown."""


def upgrade() -> None:
    """Have one clock say when something changed."""
    op.execute(CHANGE_TIME)
    op.execute(timestamp_function("atrium_touch"))
    for table, stamps in VERSIONED.items():
        op.execute(f"DROP TRIGGER touch ON {table}")
        op.execute(f"ALTER TABLE {table} ALTER created_at DROP DEFAULT, ALTER updated_at DROP DEFAULT")
        add_timestamp_trigger(table, *stamps)
    for table, stamps in UNVERSIONED.items():
        op.execute(f"ALTER TABLE {table} ALTER created_at DROP DEFAULT")
        add_timestamp_trigger(table, *stamps, versioned=False)
    op.execute("ALTER TABLE sessions ALTER rotated_at SET DEFAULT 'infinity'")
    op.execute(EVENT)
    op.execute("ALTER TABLE events ALTER created_at DROP DEFAULT")
    op.execute(
        "CREATE TRIGGER set_timestamps BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION atrium_touch_events()"
    )
    for table in INTERNAL:
        op.execute(f"ALTER TABLE {table} ALTER created_at SET DEFAULT clock_timestamp()")
    create_audit_functions(moments_of_rows=True)


def downgrade() -> None:
    """Have each default, trigger and entry ask a clock of its own again."""
    create_audit_functions()
    for table in INTERNAL:
        op.execute(f"ALTER TABLE {table} ALTER created_at SET DEFAULT now()")
    op.execute("DROP TRIGGER set_timestamps ON events")
    op.execute("DROP FUNCTION atrium_touch_events")
    op.execute("ALTER TABLE events ALTER created_at SET DEFAULT clock_timestamp()")
    op.execute("ALTER TABLE sessions ALTER rotated_at SET DEFAULT now()")
    for table, stamps in UNVERSIONED.items():
        drop_timestamp_trigger(table, *stamps)
        op.execute(f"ALTER TABLE {table} ALTER created_at SET DEFAULT now()")
    for table, stamps in VERSIONED.items():
        drop_timestamp_trigger(table, *stamps)
        op.execute(f"ALTER TABLE {table} ALTER created_at SET DEFAULT now(), ALTER updated_at SET DEFAULT now()")
    op.execute(TOUCH)
    for table in VERSIONED:
        add_touch_trigger(table)
    op.execute("DROP FUNCTION atrium_change_time")
