"""Accounts, login sessions and the throttle."""

from alembic import op

from migrations.rls import (
    CURRENT_USER_ID,
    PRESENTED_TOKEN_ID,
    add_touch_trigger,
    enable_rls,
    grant_definer,
    runtime_role,
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TOUCH = """
CREATE FUNCTION atrium_touch() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.version := OLD.version + 1;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$
"""

USERS = """
CREATE TABLE users (
    id uuid CONSTRAINT users_pkey PRIMARY KEY,
    email text NOT NULL CONSTRAINT users_email_key UNIQUE
        CONSTRAINT users_email_check CHECK (email = lower(email) AND char_length(email) <= 255),
    full_name text NOT NULL CONSTRAINT users_full_name_check CHECK (char_length(full_name) <= 100),
    password_hash text,
    is_active boolean NOT NULL DEFAULT true,
    is_superuser boolean NOT NULL DEFAULT false,
    last_login timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    version integer NOT NULL DEFAULT 1
)
"""

SESSIONS = """
CREATE TABLE sessions (
    id uuid CONSTRAINT sessions_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT sessions_user_id_fkey REFERENCES users ON DELETE CASCADE,
    tenant_id uuid,
    refresh_digest text NOT NULL,
    previous_digest text,
    created_at timestamptz NOT NULL DEFAULT now(),
    rotated_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    ip text CONSTRAINT sessions_ip_check CHECK (char_length(ip) <= 45),
    user_agent text CONSTRAINT sessions_user_agent_check CHECK (char_length(user_agent) <= 500)
)
"""

THROTTLES = """
CREATE TABLE throttles (
    key text CONSTRAINT throttles_pkey PRIMARY KEY,
    attempts integer NOT NULL,
    started_at timestamptz NOT NULL
)
"""

# Counts one attempt and says how many seconds to wait, 0 when the attempt is allowed. A row lock makes attempts on
# one key take turns, so parallel guesses are counted one by one.
THROTTLE = """
CREATE FUNCTION atrium_throttle(throttle_key text, allowed integer, period interval) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found public.throttles;
    moment timestamptz := clock_timestamp();
BEGIN
    INSERT INTO public.throttles AS t VALUES (throttle_key, 1, moment)
    ON CONFLICT (key) DO UPDATE SET
        attempts = CASE WHEN t.started_at + period <= moment THEN 1 ELSE least(t.attempts, allowed) + 1 END,
        started_at = CASE WHEN t.started_at + period <= moment THEN moment ELSE t.started_at END
    RETURNING * INTO found;
    IF found.attempts <= allowed THEN
        RETURN 0;
    END IF;
    RETURN greatest(1, ceil(extract(epoch FROM found.started_at + period - moment)));
END $$
"""

# After a success: what was tried on the account is forgotten, and the address is not charged for this try.
FORGIVE = """
CREATE FUNCTION atrium_forgive(account_key text, address_key text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM public.throttles WHERE key = account_key;
    UPDATE public.throttles SET attempts = greatest(0, attempts - 1) WHERE key = address_key;
$$
"""


def upgrade() -> None:
    """Make what a person needs to log in."""
    op.execute(f"GRANT USAGE ON SCHEMA public TO {runtime_role()}")
    op.execute(f"GRANT SELECT ON alembic_version TO {runtime_role()}")  # to refuse a start with migrations pending
    op.execute(TOUCH)
    op.execute(USERS)
    op.execute(SESSIONS)
    op.execute("CREATE INDEX sessions_user_id_created_at_id_idx ON sessions (user_id, created_at, id)")
    op.execute(THROTTLES)
    op.execute(THROTTLE)
    op.execute(FORGIVE)
    grant_definer("atrium_throttle(text, integer, interval)")
    grant_definer("atrium_forgive(text, text)")
    # A person sees their own account. Before a login the account that is being logged in to is known by its e-mail
    # alone, so that is a key of its own, which no other table's policy reads.
    email = "(SELECT nullif(current_setting('app.email', true), ''))"
    enable_rls(
        "users",
        f"id = {CURRENT_USER_ID} OR email = {email}",
        check=f"id = {CURRENT_USER_ID}",
        grants="SELECT, INSERT, UPDATE",
    )
    enable_rls("sessions", f"user_id = {CURRENT_USER_ID} OR id = {PRESENTED_TOKEN_ID}", grants="SELECT, INSERT, UPDATE")
    enable_rls("throttles")
    add_touch_trigger("users")


def downgrade() -> None:
    """Take it all back."""
    op.execute("DROP FUNCTION atrium_throttle, atrium_forgive")
    op.execute("DROP TABLE throttles, sessions, users")
    op.execute("DROP FUNCTION atrium_touch")
    op.execute(f"REVOKE SELECT ON alembic_version FROM {runtime_role()}")
    op.execute(f"REVOKE USAGE ON SCHEMA public FROM {runtime_role()}")
