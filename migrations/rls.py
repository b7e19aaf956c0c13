"""What every table gets besides its columns: row-level security, policies, grants, triggers."""

from collections.abc import Sequence

from alembic import op
from sqlalchemy import text

__all__ = [
    "CURRENT_TENANT_ID",
    "CURRENT_USER_ID",
    "IS_CURRENT_TENANT",
    "PRESENTED_TOKEN_ID",
    "add_audit_triggers",
    "add_touch_trigger",
    "drop_audit_triggers",
    "enable_rls",
    "grant_definer",
    "owner_view",
    "run_script",
    "runtime_role",
]

CURRENT_TENANT_ID = "(SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)"
CURRENT_USER_ID = "(SELECT nullif(current_setting('app.user_id', true), '')::uuid)"
PRESENTED_TOKEN_ID = "(SELECT nullif(current_setting('app.presented', true), '')::uuid)"  # noqa: S105  # an expression, no secret
"""The id of the token in hand, while it is being checked. In a sub-select, each of these is read once a statement."""

IS_CURRENT_TENANT = f"tenant_id = {CURRENT_TENANT_ID}"

AUDIT_TRIGGERS = {
    "INSERT": "NEW TABLE AS added",
    "UPDATE": "OLD TABLE AS removed NEW TABLE AS added",
    "DELETE": "OLD TABLE AS removed",
}


def runtime_role() -> str:
    """Return the quoted name of the role that serves requests, from its database URL."""
    name: str = op.get_context().config.attributes["runtime_role"]  # type: ignore[union-attr]  # always run by us
    return op.get_bind().dialect.identifier_preparer.quote(name)


def run_script(script: str) -> None:
    """Run statements one by one; each ends with a semicolon at the end of its line."""
    for statement in script.strip().rstrip(";").split(";\n"):
        op.execute(statement)


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


def add_touch_trigger(table: str) -> None:
    """Add the trigger that moves a row's `version` and `updated_at` with every change."""
    op.execute(f"CREATE TRIGGER touch BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION atrium_touch()")


def add_audit_triggers(table: str, secrets: Sequence[str] = ()) -> None:
    """Write every change of a table's rows into the audit log, whichever statement makes it.

    Rows are known by their columns `tenant_id` and `id`. Call it again when the table gets or loses a generated column.

    Args:
        table: its name.
        secrets: columns of whose values nothing is kept, such as digests of tokens; only that they changed.
    """
    columns = "SELECT attname FROM pg_attribute WHERE attrelid = CAST(:name AS regclass) AND attgenerated <> ''"
    generated = op.get_bind().execute(text(f"{columns} ORDER BY attname"), {"name": table}).scalars()
    arguments = f"'{{{','.join(generated)}}}', '{{{','.join(secrets)}}}'"
    for action, rows in AUDIT_TRIGGERS.items():
        op.execute(
            f"CREATE OR REPLACE TRIGGER audit_{action.lower()} AFTER {action} ON {table} REFERENCING {rows}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION atrium_audit({arguments})"
        )


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

    Operators that are not leakproof (LIKE, trigrams, full text) reach an index only where no policy stands in the
    way; here the tenant's wall is the view's own WHERE. It is no security barrier, so the planner may combine the two,
    and for that it may show only columns that everybody who may read the table may read.
    """
    op.execute(f"CREATE VIEW {name} AS {select} WHERE {IS_CURRENT_TENANT} AND {where}")
    op.execute(f"GRANT SELECT ON {name} TO {runtime_role()}")
