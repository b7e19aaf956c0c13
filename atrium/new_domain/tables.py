"""The table of a new domain: its model and its migration."""

from atrium.new_domain.fields import DomainSpec, FieldSpec

__all__ = ["migration_text", "model_text", "unique_constraint"]

MAX_LENGTHS = {"unique": 64, "str": 200, "text": 2000}
MAX_MINOR = 9_999_999_999


def max_length(field: FieldSpec) -> int:
    """Return how many characters a text may have."""
    return MAX_LENGTHS["unique" if field.unique else field.kind]


def unique_constraint(spec: DomainSpec, field: FieldSpec) -> str:
    """Return the name of the constraint that keeps a text unique."""
    return f"{spec.names.table}_tenant_id_{field.name}_key_key"


def index_keys(spec: DomainSpec) -> list[tuple[str, ...]]:
    """Return the columns of each index, behind the tenant and before the id: one for each filter and each order."""
    keys: list[tuple[str, ...]] = [("created_at",), ("updated_at",)]
    keys += [(f"{field.name}_key",) for field in spec.of("str") if not field.unique]
    keys += [(f"{field.name}_key",) for field in spec.of("str") if field.unique]
    keys += [(field.column,) for field in spec.of("int", "date", "money") if not field.optional]
    keys += [(field.column, "created_at") for field in spec.of("status", "member", "project")]
    return keys


def nulls_last(field: FieldSpec) -> dict[str, str]:
    """Return the expressions, by direction, that sort an optional field with nulls last."""
    cast, least, most = (
        ("date", "-infinity", "infinity") if field.kind == "date" else ("bigint", str(-(2**62)), str(2**62))
    )
    return {
        "asc": f"CASE WHEN {field.column} IS NULL THEN '{most}'::{cast} ELSE {field.column} END",
        "desc": f"CASE WHEN {field.column} IS NULL THEN '{least}'::{cast} ELSE {field.column} END",
    }


def sorted_with_nulls(spec: DomainSpec) -> list[FieldSpec]:
    """Return the fields that may be null and can be sorted by."""
    return [field for field in spec.of("int", "date") if field.optional]


def model_text(spec: DomainSpec) -> str:
    """Return models/<domain>.py."""
    names = spec.names
    states = _status_class(spec) if spec.status else ""
    public = [f'"{names.type}"', *([f'"{names.type}Status"'] if spec.status else [])]
    return f'''"""{names.plural.capitalize()} of a tenant."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Date, ForeignKeyConstraint, Index, Integer, Text
from sqlalchemy import UniqueConstraint, text
from sqlmodel import Field

from models.base import TenantOwned, Versioned, contained_in, enum_check, indexes, sort_key, timestamp
from models.money import Currency

__all__ = [{", ".join(public)}]

{states}
class {names.type}(TenantOwned, Versioned, table=True):
    """One {names.words}."""

    __tablename__ = "{names.table}"

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
{_model_columns(spec)}
    __table_args__ = (
{_model_arguments(spec)}    )
'''


def _status_class(spec: DomainSpec) -> str:
    names, status = spec.names, spec.status
    assert status is not None
    lines = [f"class {names.type}Status(StrEnum):", f'    """Statuses of {names.article}."""', ""]
    for state, after in status.transitions:
        then = f"it can become {' or '.join(after)}" if after else "this status is final"
        lines += [f'    {state} = "{state}"', f'    """The {names.words} is {state.lower()}; {then}."""']
    return "\n".join(lines) + "\n\n"


def _model_columns(spec: DomainSpec) -> str:
    lines: list[str] = []
    for field in spec.fields:
        null, default = (" | None", "default=None, ") if field.optional else ("", "")
        sql_type = {"int": "Integer", "date": "Date"}.get(field.kind, "Text")
        python = {"int": "int", "date": "date"}.get(field.kind, "str")
        if field.kind in {"member", "project"}:
            lines += [f"{field.column}: UUID{null}" + (" = None" if field.optional else "")]
        elif field.kind == "money":
            lines += [f"{field.column}: int = Field(sa_type=BigInteger)", "currency: str = Field(sa_type=Text)"]
        elif field.kind == "status":
            first = field.states[0]
            server = f"""sa_column_kwargs={{"server_default": text("'{first}'")}}"""
            options = f"default={spec.names.type}Status.{first}, sa_type=Text, {server}"
            lines += [f"status: str = Field({options})"]
        else:
            lines += [f"{field.column}: {python}{null} = Field({default}sa_type={sql_type})"]
            lines += [f'{field.name}_key: str = sort_key("{field.name}")'] if field.kind == "str" else []
    if spec.project:
        lines += ["deleted_at: datetime | None = timestamp(default=None)  # in the trash, together with its project"]
    return "".join(f"    {line}\n" for line in lines)


def _model_arguments(spec: DomainSpec) -> str:
    table = spec.names.table
    lines = [f'UniqueConstraint("tenant_id", "{field.name}_key"),' for field in spec.of("str") if field.unique]
    accounts = '["memberships.tenant_id", "memberships.user_id"]'
    lines += [f'ForeignKeyConstraint(["tenant_id", "{f.column}"], {accounts}),' for f in spec.of("member")]
    lines += [f'contained_in("projects", "{field.column}"),' for field in spec.of("project")]
    lines += [f'enum_check("status", {spec.names.type}Status),' for _ in spec.of("status")]
    for field in spec.of("money"):
        check = f'CheckConstraint("{field.column} BETWEEN 0 AND {MAX_MINOR}", name="{field.column}"),'
        lines += [check, 'enum_check("currency", Currency),']
    for field in spec.of("int"):
        lines.append(f'CheckConstraint("{field.column} >= 0", name="{field.column}"),')
    where = ', where="deleted_at IS NULL"' if spec.project else ""
    keys = "".join(f"{key!r}, " for key in index_keys(spec))
    lines.append(f'*indexes("{table}", {keys.rstrip(", ")}{where}),')
    condition = ', postgresql_where=text("deleted_at IS NULL")' if spec.project else ""
    for field in sorted_with_nulls(spec):
        for direction, expression in nulls_last(field).items():
            index = f'"{table}_by_{field.column}_{direction}", "tenant_id", text("({expression})"), "id"{condition}'
            lines.append(f"Index({index}),")
    return "".join(f"        {line}\n" for line in lines)


def _index_statements(spec: DomainSpec) -> str:
    names = spec.names
    where = " WHERE deleted_at IS NULL" if spec.project else ""
    found = [
        f"CREATE INDEX {names.table}_by_{'_'.join(key)} ON {names.table}\n    (tenant_id, {', '.join(key)}, id){where}"
        for key in index_keys(spec)
    ]
    for field in sorted_with_nulls(spec):
        for direction, expression in nulls_last(field).items():
            name = f"{names.table}_by_{field.column}_{direction}"
            found.append(f"CREATE INDEX {name} ON {names.table}\n    (tenant_id, ({expression}), id)\n   {where}")
            name = f"{names.table}_{field.column}_{direction}"
            found.append(f"CREATE STATISTICS {name} ON\n    ({expression}) FROM {names.table}")
    return ";\n".join(found)


def migration_text(spec: DomainSpec, revision: str, before: str, currencies: str) -> str:
    """Return the migration that makes the table."""
    names = spec.names
    money = f'\nCURRENCIES = """\n{currencies}\n"""\n' if spec.of("money") else ""
    stamped = ", ".join(f'"{name}"' for name in (names.table, *(["deleted_at"] if spec.of("project") else [])))
    run = f'{names.upper}.replace("CURRENCIES", ", ".join(f"\'{{code}}\'" for code in CURRENCIES.split()))'
    return f'''"""{names.plural.capitalize()}."""

from alembic import op

from migrations.rls import add_audit_triggers, add_timestamp_trigger, enable_rls, run_script

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None

{names.upper} = """
CREATE TABLE {names.table} (
    tenant_id uuid NOT NULL CONSTRAINT {names.table}_tenant_id_fkey REFERENCES tenants,
    id uuid NOT NULL,
{_sql_columns(spec)}    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version integer NOT NULL DEFAULT 1,
{_sql_constraints(spec)})
"""
{money}
INDEXES = """
{_index_statements(spec)}
"""


def upgrade() -> None:
    """Make the table of {names.plural}."""
    run_script({run if money else names.upper})
    run_script(INDEXES)
    enable_rls("{names.table}", grants="SELECT, INSERT, UPDATE, DELETE")
    add_timestamp_trigger({stamped})
    add_audit_triggers("{names.table}")


def downgrade() -> None:
    """Take it back."""
    op.execute("DROP TABLE {names.table}")
'''


def _sql_columns(spec: DomainSpec) -> str:
    lines: list[str] = []
    for field in spec.fields:
        null = "" if field.optional else " NOT NULL"
        check = f"CONSTRAINT {spec.names.table}_{field.column}_check CHECK"
        if field.kind == "str":
            least_most = f"char_length({field.name}) BETWEEN 1 AND {max_length(field)}"
            lines += [f"{field.name} text{null} {check} ({least_most})"]
            lines += [f'{field.name}_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower({field.name})) STORED']
        elif field.kind == "text":
            lines += [f"{field.name} text{null} {check} (char_length({field.name}) <= {max_length(field)})"]
        elif field.kind == "int":
            lines += [f"{field.column} integer{null} {check} ({field.column} >= 0)"]
        elif field.kind == "money":
            lines += [f"{field.column} bigint NOT NULL\n        {check} ({field.column} BETWEEN 0 AND {MAX_MINOR})"]
            lines += [
                f"currency text NOT NULL CONSTRAINT {spec.names.table}_currency_check CHECK (currency IN (CURRENCIES))"
            ]
        elif field.kind == "status":
            states = ", ".join(f"'{state}'" for state in field.states)
            lines += [f"status text NOT NULL DEFAULT '{field.states[0]}'\n        {check} (status IN ({states}))"]
        else:
            lines += [f"{field.column} {'date' if field.kind == 'date' else 'uuid'}{null}"]
    lines += ["deleted_at timestamptz"] if spec.project else []
    return "".join(f"    {line},\n" for line in lines)


def _sql_constraints(spec: DomainSpec) -> str:
    table = spec.names.table
    lines = [f"CONSTRAINT {table}_pkey PRIMARY KEY (tenant_id, id)"]
    lines += [
        f"CONSTRAINT {unique_constraint(spec, field)} UNIQUE (tenant_id, {field.name}_key)"
        for field in spec.of("str")
        if field.unique
    ]
    for field in spec.of("member", "project"):
        target = "memberships (tenant_id, user_id)" if field.kind == "member" else "projects (tenant_id, id)"
        name = f"CONSTRAINT {table}_tenant_id_{field.column}_fkey"
        lines.append(f"{name}\n        FOREIGN KEY (tenant_id, {field.column}) REFERENCES {target}")
    return ",\n".join(f"    {line}" for line in lines) + "\n"
