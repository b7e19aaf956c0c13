"""What every table gets besides its columns: row-level security, policies, grants, triggers."""

from collections.abc import Sequence

from alembic import op

__all__ = [
    "CURRENT_TENANT_ID",
    "CURRENT_USER_ID",
    "IS_CURRENT_TENANT",
    "PRESENTED_TOKEN_ID",
    "add_audit_triggers",
    "add_timestamp_trigger",
    "add_touch_trigger",
    "drop_audit_triggers",
    "drop_timestamp_trigger",
    "enable_rls",
    "grant_definer",
    "owner_view",
    "run_script",
    "run_script_with",
    "runtime_role",
    "timestamp_function",
]

CURRENT_TENANT_ID = "(SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)"
CURRENT_USER_ID = "(SELECT nullif(current_setting('app.user_id', true), '')::uuid)"
PRESENTED_TOKEN_ID = "(SELECT nullif(current_setting('app.presented', true), '')::uuid)"  # noqa: S105  # an expression, no secret
"""The id of the token in hand, while it is being checked. In a sub-select, each of these is read once a statement."""

IS_CURRENT_TENANT = f"tenant_id = {CURRENT_TENANT_ID}"

GENERATED_COLUMNS = """
SELECT coalesce(string_agg(attname, ',' ORDER BY attname), '')
FROM pg_attribute WHERE attrelid = '{}'::regclass AND attgenerated <> ''
"""

AUDIT_TRIGGERS = {
    "INSERT": "NEW TABLE AS added",
    "UPDATE": "OLD TABLE AS removed NEW TABLE AS added",
    "DELETE": "OLD TABLE AS removed",
}


def runtime_role() -> str:
    """Return the quoted name of the role that serves requests, from its database URL."""
    name: str = op.get_context().config.attributes["runtime_role"]  # type: ignore[union-attr]  # always run by us
    return op.get_context().dialect.identifier_preparer.quote(name)


def run_script(script: str) -> None:
    """Run statements one by one; each ends with a semicolon at the end of its line."""
    for statement in script.strip().rstrip(";").split(";\n"):
        op.execute(statement)


def run_script_with(name: str, query: str, script: str) -> None:
    """Run statements with a text that the database alone knows, when it runs them.

    Args:
        name: how the text is called; `<name>` in the statements stands for it.
        query: what gives the text.
        script: the statements, as for `run_script`.
    """
    statements = "\n".join(
        f"    EXECUTE replace($statement${statement}$statement$, '<{name}>', known);"
        for statement in script.strip().rstrip(";").split(";\n")
    )
    op.execute(f"DO $script$ DECLARE\n    known text := ({query.strip()});\nBEGIN\n{statements}\nEND $script$")


def enable_rls(table: str, using: str = IS_CURRENT_TENANT, *, check: str | None = None, grants: str = "") -> None:
    """Enable forced row-level security on a table: a policy for the runtime role and one for the owner.

    Without the owner's policy not even the owner's SECURITY DEFINER functions would see a row.

    Args:
        table: its name.
        using: which rows the runtime role may reach.
        check: which rows it may write, where that differs.
        grants: its privileges, such as "SELECT, INSERT"; none at all when empty.
    """
    role = runtime_role()
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY owner_sees_all ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)")
    if grants:
        op.execute(f"CREATE POLICY wall ON {table} TO {role} USING ({using}) WITH CHECK ({check or using})")
        op.execute(f"GRANT {grants} ON {table} TO {role}")


SET_WITH_VERSION = """
    IF TG_OP = 'INSERT' THEN
        NEW.created_at := coalesce(NEW.created_at, public.atrium_change_time(NULL));
        NEW.updated_at := coalesce(NEW.updated_at, NEW.created_at);
    ELSE
        NEW.version := OLD.version + 1;
        NEW.updated_at := public.atrium_change_time(OLD.updated_at);
    END IF;
    moment := NEW.updated_at;"""
"""What the trigger does to rows that have a version."""

SET_WITHOUT_VERSION = """
    IF TG_OP = 'INSERT' THEN
        NEW.created_at := coalesce(NEW.created_at, public.atrium_change_time(NULL));
        moment := NEW.created_at;
    ELSE
        moment := public.atrium_change_time(greatest({last}));
    END IF;"""
"""What it does to rows that have none."""


def timestamp_function(name: str, stamps: Sequence[str] = (), *, versioned: bool = True) -> str:
    """Return the function of a trigger that sets the timestamps of a changed row; see `add_timestamp_trigger`."""
    last = ", ".join(f"OLD.{column}" for column in ("created_at", *stamps))
    body = SET_WITH_VERSION if versioned else SET_WITHOUT_VERSION.format(last=last)
    for column in stamps:
        body += f"\n    IF NEW.{column} = 'infinity' THEN\n        NEW.{column} := moment;\n    END IF;"
    return f"""
CREATE OR REPLACE FUNCTION {name}() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    moment timestamptz;
BEGIN{body}
    RETURN NEW;
END $$
"""


def add_timestamp_trigger(table: str, *stamps: str, versioned: bool = True) -> None:
    """Add the trigger that says when a row was created and changed, and counts its versions.

    It has the columns `created_at`, and if it is `versioned` also `updated_at` and `version`. The moment of a change is
    taken while the row is locked, and is later than its last one.

    Args:
        table: its name.
        stamps: other columns that take the moment of a change: the one that sets them to infinity
            (`models.base.CHANGE_TIME`).
        versioned: whether its rows have versions.
    """
    name = "atrium_touch"
    if stamps:
        name = f"atrium_touch_{table}"
        op.execute(timestamp_function(name, stamps, versioned=versioned))
    op.execute(
        f"CREATE TRIGGER set_timestamps BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
    )


def drop_timestamp_trigger(table: str, *stamps: str) -> None:
    """Drop the trigger, and its function where that is the table's own."""
    op.execute(f"DROP TRIGGER set_timestamps ON {table}")
    if stamps:
        op.execute(f"DROP FUNCTION atrium_touch_{table}")


def add_touch_trigger(table: str) -> None:
    """Add the trigger that moves a row's `version` and `updated_at` with every change.

    Up to revision 0016; tables that are made later have `add_timestamp_trigger`.
    """
    op.execute(f"CREATE TRIGGER touch BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION atrium_touch()")


def add_audit_triggers(table: str, secrets: Sequence[str] = ()) -> None:
    """Write every change of a table's rows into the audit log, whichever statement makes it.

    Rows are known by their columns `tenant_id` and `id`. Call it again when the table gets or loses a generated column.

    Args:
        table: its name.
        secrets: columns of whose values nothing is kept, such as digests of tokens; only that they changed.
    """
    arguments = f"'{{<generated>}}', '{{{','.join(secrets)}}}'"
    triggers = (
        f"CREATE OR REPLACE TRIGGER audit_{action.lower()} AFTER {action} ON {table} REFERENCING {rows}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION atrium_audit({arguments})"
        for action, rows in AUDIT_TRIGGERS.items()
    )
    run_script_with("generated", GENERATED_COLUMNS.format(table), ";\n".join(triggers))


def drop_audit_triggers(table: str) -> None:
    """Write its changes no longer."""
    for action in AUDIT_TRIGGERS:
        op.execute(f"DROP TRIGGER audit_{action.lower()} ON {table}")


def grant_definer(signature: str) -> None:
    """Grant the runtime role alone the use of a function that runs with the owner's rights."""
    op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {runtime_role()}")


def owner_view(name: str, select: str, *, where: str = "true") -> None:
    """Create a view of the current tenant's rows that reads with the owner's rights.

    Operators that are not leakproof (LIKE, trigrams, full text) reach an index only where no policy stands in the way;
    here the tenant's condition is the view's own WHERE. It is no security barrier, so the planner may combine the two,
    and for that it may show only columns that everybody who may read the table may read.
    """
    op.execute(f"CREATE VIEW {name} AS {select} WHERE {IS_CURRENT_TENANT} AND {where}")
    op.execute(f"GRANT SELECT ON {name} TO {runtime_role()}")
