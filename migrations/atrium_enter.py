"""The function `atrium_enter`, which checks the caller and sets the context, as each revision has it."""

from alembic import op

from migrations.rls import grant_definer

__all__ = ["create_atrium_enter"]

# Yields its one row, and sets the context that every policy reads, only if the caller is still authorized: the account
# is active, the session neither revoked nor over, the tenant active, and the membership live with the role that the
# token claims. Checking first and setting afterwards leaves no context behind a refusal. The settings are local to
# the transaction; those that the audit log alone needs are left out for who only reads, which is told by a request of
# null. Each is an assignment, for a query would cost several times as much. It runs with the owner's rights, since what
# it checks lies outside every policy.
ENTER_FUNCTION = """
CREATE FUNCTION atrium_enter(
    tenant uuid, member uuid, claimed_role text, session uuid, request text, address text, agent text{parameters}
) RETURNS TABLE (tenant_id uuid, user_id uuid)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    done text;{variables}
BEGIN
    IF member IS NULL AND tenant IS NOT NULL THEN
        RETURN;
    END IF;{machines}
    IF member IS NOT NULL{people} THEN
        PERFORM FROM public.users u JOIN public.sessions s ON s.user_id = u.id
        WHERE u.id = member AND u.is_active
            AND s.id = session AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp();
        IF NOT FOUND THEN
            RETURN;
        END IF;
    END IF;
    IF tenant IS NOT NULL{people} THEN
        PERFORM FROM public.memberships m JOIN public.tenants t ON t.id = m.tenant_id
        WHERE m.tenant_id = tenant AND m.user_id = member AND m.role = claimed_role
            AND m.is_active AND m.ended_at IS NULL AND t.is_active;
        IF NOT FOUND THEN
            RETURN;
        END IF;
    END IF;
    done := set_config('app.tenant_id', coalesce(tenant::text, ''), true);
    done := set_config('app.user_id', coalesce(member::text, ''), true);
    done := set_config('app.session_id', coalesce(session::text, ''), true);
    IF request IS NOT NULL THEN
        done := set_config('app.request_id', request, true);
        done := set_config('app.ip', coalesce(address, ''), true);
        done := set_config('app.user_agent', coalesce(agent, ''), true);{settings}
    END IF;
    tenant_id := tenant;
    user_id := member;
    RETURN NEXT;
END $$
"""

# For a machine a key must be neither revoked nor over, and its maker must still be an active member of its tenant, with
# a role that allows as much as the key's. The key then acts in their name.
API_KEY_CHECK = """
    IF api_key IS NOT NULL{unknown} THEN
        PERFORM FROM public.api_keys k
            JOIN public.memberships m ON m.tenant_id = k.tenant_id AND m.user_id = k.created_by
            JOIN public.users u ON u.id = k.created_by
            JOIN public.tenants t ON t.id = k.tenant_id
        WHERE k.tenant_id = tenant AND k.id = api_key AND k.created_by = member AND k.role = claimed_role
            AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
            AND m.is_active AND m.ended_at IS NULL AND u.is_active AND t.is_active
            AND array_position(ARRAY['MEMBER', 'ADMIN', 'OWNER'], k.role)
                <= array_position(ARRAY['MEMBER', 'ADMIN', 'OWNER'], m.role);
        IF NOT FOUND THEN
            RETURN;
        END IF;
    END IF;"""

# One row says what the tables amount to. Where there is none, or it says something else, the tables are asked.
COVERING_CHECK = """
    IF api_key IS NOT NULL THEN
        PERFORM FROM public.live_api_keys l
        WHERE l.tenant_id = tenant AND l.id = api_key AND l.user_id = member AND l.role = claimed_role
            AND l.expires_at > clock_timestamp();
    ELSIF member IS NOT NULL THEN
        PERFORM FROM public.live_sessions l
        WHERE l.id = session AND l.user_id = member AND l.expires_at > clock_timestamp()
            AND (tenant IS NULL OR (l.tenant_id = tenant AND l.role = claimed_role));
    END IF;
    known := FOUND;"""


def create_atrium_enter(*, operation: bool = False, machines: bool = False, covered: bool = False) -> None:
    """Make it, in the place of the one that there is.

    Args:
        operation: whether it is told what is being done, for the audit log.
        machines: whether it accepts API keys, as it must to be `covered`.
        covered: whether it looks at the rows that stand for all tables first.
    """
    parameters = settings = ""
    if operation:
        parameters += ",\n    operation text DEFAULT ''"
        settings += "\n        done := set_config('app.operation', coalesce(operation, ''), true);"
    if machines:
        parameters += ",\n    api_key uuid DEFAULT NULL"
        settings += "\n        done := set_config('app.api_key_id', coalesce(api_key::text, ''), true);"
    unknown = " AND NOT known" if covered else ""
    op.execute("DROP FUNCTION IF EXISTS atrium_enter")
    op.execute(
        ENTER_FUNCTION.format(
            parameters=parameters,
            settings=settings,
            variables="\n    known boolean;" if covered else "",
            machines=(COVERING_CHECK if covered else "") + (API_KEY_CHECK.format(unknown=unknown) if machines else ""),
            people=(" AND api_key IS NULL" if machines else "") + unknown,
        )
    )
    grant_definer("atrium_enter")
