"""What every table gets besides its columns: row-level security, policies, grants, triggers."""

from alembic import op

__all__ = [
    "MEMBER",
    "PRESENTED",
    "TENANT",
    "TENANT_ROWS",
    "definer",
    "owners_view",
    "run",
    "runtime_role",
    "touch",
    "wall",
]

TENANT = "(SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)"
MEMBER = "(SELECT nullif(current_setting('app.user_id', true), '')::uuid)"
PRESENTED = "(SELECT nullif(current_setting('app.presented', true), '')::uuid)"
"""The id of the token in hand, while it is being checked. In a sub-select, each of these is read once a statement."""

TENANT_ROWS = f"tenant_id = {TENANT}"


def runtime_role() -> str:
    """The quoted name of the role that serves requests, taken from its database URL."""
    name: str = op.get_context().config.attributes["runtime_role"]  # type: ignore[union-attr]  # always run by us
    return op.get_bind().dialect.identifier_preparer.quote(name)


def run(script: str) -> None:
    """Run statements one by one; each ends with a semicolon at the end of its line."""
    for statement in script.strip().rstrip(";").split(";\n"):
        op.execute(statement)


def wall(table: str, using: str = TENANT_ROWS, *, check: str | None = None, grants: str = "") -> None:
    """Wall a table off: forced row-level security, a policy for the runtime role and one for the owner.

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


def touch(table: str) -> None:
    """Let every change of a row move its `version` and `updated_at`."""
    op.execute(f"CREATE TRIGGER touch BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION atrium_touch()")


def definer(signature: str) -> None:
    """Let the runtime role, and nobody else, call a function that runs with the owner's rights."""
    op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {runtime_role()}")


def owners_view(name: str, select: str, *, where: str = "true") -> None:
    """A view of the current tenant's rows that reads with the owner's rights.

    Operators that are not leakproof (LIKE, trigrams, full text) reach an index only where no policy stands in the
    way; here the tenant's wall is the view's own WHERE. It is no security barrier, so the planner may combine the two,
    and for that it may show only columns that everybody who may read the table may read.
    """
    op.execute(f"CREATE VIEW {name} AS {select} WHERE {TENANT_ROWS} AND {where}")
    op.execute(f"GRANT SELECT ON {name} TO {runtime_role()}")
