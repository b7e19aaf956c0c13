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


def order_columns(spec: DomainSpec) -> list[str]:
    """Return the columns of the orders, each of which has an index."""
    columns = [f"{field.name}_key" for unique in (False, True) for field in spec.of("str") if field.unique is unique]
    columns += [field.column for field in spec.of("int", "date", "money") if not field.optional]
    return ["created_at", "updated_at", *columns]


def filter_columns(spec: DomainSpec) -> list[str]:
    """Return the columns of the filters, each of which has an index together with the default order."""
    return [field.column for field in spec.of("status", "member", "project")]


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

from sqlalchemy import BigInteger, CheckConstraint, Date, ForeignKeyConstraint, Integer, Text, UniqueConstraint, text
from sqlmodel import Field

from models.base import LIVE, TenantOwned, Versioned, contained_in, enum_check, indexes, sort_key, timestamp
from models.money import money_checks

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
        lines += [f'*money_checks("{field.column}"),']
    for field in spec.of("int"):
        lines.append(f'CheckConstraint("{field.column} >= 0", name="{field.column}"),')
    where = ", where=LIVE" if spec.project else ""
    keys = (order_columns(spec), [f"{key}, created_at" for key in filter_columns(spec)])
    lines += [f'*indexes("{table}", {_quoted(each)}{where}),' for each in keys if each]
    types = {"date": "Date()", "int": "Integer()"}
    last = ", ".join(f'"{field.column}": {types[field.kind]}' for field in sorted_with_nulls(spec))
    lines += [f'*indexes("{table}"{where}, nulls_last={{{last}}}),'] if last else []
    return "".join(f"        {line}\n" for line in lines)


def migration_text(spec: DomainSpec, revision: str, before: str) -> str:
    """Return the migration that makes the table."""
    names, stamps = spec.names, ', stamps=["deleted_at"]' if spec.project else ""
    return f'''"""{names.plural.capitalize()}."""

from migrations.operations import CURRENCIES, LIVE, create_indexes, create_tenant_table, drop_tenant_table

revision = "{revision}"
down_revision = "{before}"

{names.upper} = {"f" if spec.of("money") else ""}"""
{_sql_body(spec)}"""


def upgrade() -> None:
    """Make the table of {names.plural}."""
    create_tenant_table("{names.table}", {names.upper}, grants="SELECT, INSERT, UPDATE, DELETE"{stamps})
{_sql_indexes(spec)}

def downgrade() -> None:
    """Take it back."""
    drop_tenant_table("{names.table}"{stamps})
'''


def _sql_body(spec: DomainSpec) -> str:
    lines: list[str] = []
    for field in spec.fields:
        null = "" if field.optional else " NOT NULL"
        if field.kind == "str":
            lines += [f"{field.name} text{null} CHECK (char_length({field.name}) BETWEEN 1 AND {max_length(field)})"]
            lines += [f'{field.name}_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower({field.name})) STORED']
        elif field.kind == "text":
            lines += [f"{field.name} text{null} CHECK (char_length({field.name}) <= {max_length(field)})"]
        elif field.kind == "int":
            lines += [f"{field.column} integer{null} CHECK ({field.column} >= 0)"]
        elif field.kind == "money":
            lines += [f"{field.column} bigint NOT NULL CHECK ({field.column} BETWEEN 0 AND {MAX_MINOR})"]
            lines += ["currency text NOT NULL CHECK (currency IN ({CURRENCIES}))"]
        elif field.kind == "status":
            states = ", ".join(f"'{state}'" for state in field.states)
            lines += [f"status text NOT NULL DEFAULT '{field.states[0]}' CHECK (status IN ({states}))"]
        else:
            lines += [f"{field.column} {'date' if field.kind == 'date' else 'uuid'}{null}"]
    lines += ["deleted_at timestamptz"] if spec.project else []
    lines += [f"UNIQUE (tenant_id, {field.name}_key)" for field in spec.of("str") if field.unique]
    for field in spec.of("member", "project"):
        target = "memberships (tenant_id, user_id)" if field.kind == "member" else "projects (tenant_id, id)"
        lines += [f"FOREIGN KEY (tenant_id, {field.column}) REFERENCES {target}"]
    return "".join(f"    {line},\n" for line in lines[:-1]) + f"    {lines[-1]}\n"


def _sql_indexes(spec: DomainSpec) -> str:
    """Return the calls that create the indexes."""
    table, where = spec.names.table, ", where=LIVE" if spec.project else ""
    keys = (order_columns(spec), [f"{key}, created_at" for key in filter_columns(spec)])
    calls = [f'create_indexes("{table}", {_quoted(each)}{where})' for each in keys if each]
    types = {"date": "date", "int": "bigint"}
    last = ", ".join(f'"{field.column}": "{types[field.kind]}"' for field in sorted_with_nulls(spec))
    calls += [f'create_indexes("{table}"{where}, nulls_last={{{last}}})'] if last else []
    return "".join(f"    {call}\n" for call in calls)


def _quoted(texts: list[str]) -> str:
    return ", ".join(f'"{text}"' for text in texts)
