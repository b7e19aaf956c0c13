"""The rules of a new domain: services/<domain>.py."""

from atrium.new_domain.fields import DomainSpec, FieldSpec
from atrium.new_domain.tables import MAX_MINOR, max_length, nulls_last, sorted_with_nulls, unique_constraint

__all__ = ["service_text"]

MAX_INTEGER = 2**31 - 1

IMPORTS = """
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import date
from decimal import Decimal
from typing import Any, TypedDict
from uuid import UUID

from sqlalchemy import BigInteger, Date, Integer, Select, Text, Uuid, bindparam, func, literal_column, select
from sqlmodel import col

from models import {type}, {type}Status
from models.base import table_of
from models.database import WriteSession
from models.money import Currency, minor_units
from services import projects, tenants
from services.errors import IllegalTransition
from services.permissions import TENANT_ID, Actor, Permission, require_permission
from services.queries.collection import Collection, SortOrder
from services.tenants import user_id_of_member
from services.validation import Validator, validating
from services.writes.idempotency import once
from services.writes.row_update import RowUpdate, apply_update
from services.writes.rows import (
    delete_row,
    get_row,
    get_row_for_update,
    insert_row,
    unique_violation_as,
    update_row,
)
"""

RULES = '''
async def create(
    session: WriteSession, actor: Actor, *, values: {type}Changes, idempotency_key: str | None = None
) -> {type}:
    """Create {article}; {required} are required.

    Raises:
        NotFound: the same call with the same key made one that is no longer there.
        InvalidInput: a value beyond its limits, or a reference to what is not there.
        AlreadyExists: a value that must be unique is taken.
        IdempotencyConflict: see `services.writes.idempotency`.
    """
    actor.require(Permission.{upper}_WRITE)

    async def make() -> UUID:
        columns = await _validate_changes(session, actor, values)  # in here: a replay is answered whatever became of it
        async with unique_violation_as(UNIQUE_CONSTRAINTS):
            return (await insert_row(session, actor, {type}, columns)).id

    row_id = await once(session, actor, "create{type}", idempotency_key, values, make)
    return await get_row(session, actor, {type}, row_id{where})


async def update(
    session: WriteSession, actor: Actor, *, id: UUID, changes: {type}Changes, expected_version: int | None = None
) -> {type}:
    """Change {article}; what is absent from the changes stays as it is.

    Raises:
        NotFound: no such {words}.
        InvalidInput, AlreadyExists: as in `create`.
        VersionConflict: it is not at the expected version.
    """
    actor.require(Permission.{upper}_WRITE)
    columns = await _validate_changes(session, actor, changes)
    async with unique_violation_as(UNIQUE_CONSTRAINTS):
        return await apply_update(session, actor, RowUpdate({type}, id, columns, expected_version{live}))


def update_command(
    actor: Actor, *, id: UUID, changes: {type}Changes, expected_version: int | None = None
) -> RowUpdate[{type}] | None:
    """Return the row update that `update` comes down to; None if a row that is pointed at has to be looked up.

    Raises:
        InvalidInput: as in `create`.
    """
    actor.require(Permission.{upper}_WRITE)
    {references}    with validating() as validator:
        return RowUpdate({type}, id, _changed_columns(validator, changes), expected_version{live})


async def delete(session: WriteSession, actor: Actor, *, id: UUID) -> {type}:
    """Delete {article} for good; give it as it was.

    Raises:
        NotFound: no such {words}.
    """
    actor.require(Permission.{upper}_WRITE)
    return await delete_row(session, actor, {type}, id{where})
'''

CHANGE_STATUS = '''

async def change_status(
    session: WriteSession, actor: Actor, *, id: UUID, status: {type}Status, expected_version: int | None = None
) -> {type}:
    """Move {article} to another status.

    Raises:
        NotFound: no such {words}.
        IllegalTransition: it may not become that now.
        VersionConflict: it is not at the expected version.
    """
    actor.require(Permission.{upper}_WRITE)
    current = await get_row_for_update(session, actor, {type}, id, expected_version=expected_version{where})
    allowed = TRANSITIONS[{type}Status(current.status)]
    if status not in allowed:
        raise IllegalTransition(
            f"This {words} is {{current.status.lower()}}, so it cannot become {{status.lower()}}.",
            current=current.status,
            allowed=allowed,
        )
    return await update_row(session, actor, {type}, id, {{"status": status}})
'''

AMOUNT = '''
class Amount(TypedDict):
    """An amount in a currency."""

    amount: Decimal
    currency: Currency

'''

COLLECTION = '''
def visible(permissions: AbstractSet[Permission]) -> Select[Any]:
    """All {plural} of the tenant{trash}."""
    require_permission(permissions, Permission.{upper}_READ)
    return select(*table_of({type}).c).where(col({type}.tenant_id) == TENANT_ID{and_live})


{upper} = Collection(
    model={type},
    visible=visible,
    filters={{
{filters}    }},
    orders={{
{orders}    }},
    default_order=("created_at", True),
)
'''


def service_text(spec: DomainSpec) -> str:
    """Return services/<domain>.py."""
    names, live = spec.names, spec.project is not None
    words = {
        "type": names.type,
        "upper": names.upper,
        "words": names.words,
        "plural": names.plural,
        "article": names.article,
        "required": ", ".join(f"`{f.key}`" for f in spec.fields if not f.optional and f.kind != "status"),
        "references": _any_reference(spec),
        "where": ", where=LIVE" if live else "",
        "live": ", LIVE" if live else "",
        "and_live": ", LIVE" if live else "",
        "trash": ", but for those that went to the trash with their project" if live else "",
        "filters": _filters(spec),
        "orders": _orders(spec),
    }
    status = CHANGE_STATUS.format(**words) if spec.status else ""
    public = [
        names.upper,
        f"{names.type}Changes",
        "change_status",
        "create",
        "delete",
        "update",
        "update_command",
        "visible",
    ]
    shown = sorted(name for name in public if name != "change_status" or spec.status)
    return (
        f'"""The rules of {names.plural}."""\n{IMPORTS.format(**words)}\n__all__ = {shown!r}\n\n{_constants(spec)}\n'
        f"{COLLECTION.format(**words)}\n{_changes(spec)}\n{RULES.format(**words)}{status}\n{_validation(spec)}"
    )


def _states(type_name: str, states: tuple[str, ...]) -> str:
    named = [f"{type_name}Status.{state}" for state in states]
    return f"({named[0]},)" if len(named) == 1 else f"({', '.join(named)})"


def _any_reference(spec: DomainSpec) -> str:
    given = [f'changes.get("{field.key}")' for field in spec.of("member", "project")]
    return f"if {' or '.join(given)}:\n        return None\n" if given else ""


def _constants(spec: DomainSpec) -> str:
    names = spec.names
    lines = [f"MAX_{f.name.upper()}_LENGTH = {max_length(f)}" for f in spec.of("str", "text")]
    lines += [f"MAX_{f.name.upper()} = {MAX_MINOR:_}  # minor units: ten digits" for f in spec.of("money")]
    lines += [f"MAX_{f.name.upper()} = {MAX_INTEGER:_}" for f in spec.of("int")]
    unique = {unique_constraint(spec, f): f.key for f in spec.of("str") if f.unique}
    lines += [f"UNIQUE_CONSTRAINTS: Mapping[str, str] = {unique!r}"]
    if spec.status:
        following = "".join(
            f"{names.type}Status.{state}: {_states(names.type, after)}, " for state, after in spec.status.transitions
        )
        lines += ["", f"TRANSITIONS: Mapping[{names.type}Status, tuple[{names.type}Status, ...]] = {{{following}}}"]
        lines += [f'"""What {names.article} may become next."""']
    lines += ["", f"LIVE = col({names.type}.deleted_at).is_(None)"] if spec.project else []
    for field in sorted_with_nulls(spec):
        qualified = {
            d: e.replace(f" {field.column} ", f" {names.table}.{field.column} ") for d, e in nulls_last(field).items()
        }
        kind = "Date()" if field.kind == "date" else "BigInteger()"
        both = ", ".join(f'literal_column("{e}", {kind})' for e in qualified.values())
        lines += ["", f"{field.name.upper()} = SortOrder({both})", '"""Nulls last in both directions."""']
    return "\n".join(lines) + "\n"


def _filters(spec: DomainSpec) -> str:
    model, lines = spec.names.type, []
    for field in spec.fields:
        column = f"col({model}.{field.column})"
        if field.kind == "str" and field.unique:
            lines.append(
                f'"{field.name}": col({model}.{field.name}_key) == func.lower(bindparam("{field.name}", type_=Text())),'
            )
        elif field.kind == "status":
            lines.append(f'"status": {column} == bindparam("status", type_=Text()),')
        elif field.kind == "member":
            lines.append(f'"{field.key}": {column} == user_id_of_member("{field.key}"),')
        elif field.kind == "project":
            lines.append(f'"{field.key}": {column} == bindparam("{field.key}", type_=Uuid()),')
        elif field.kind == "date":
            least, most = (
                (f"{field.name.upper()}.descending", f"{field.name.upper()}.ascending")
                if field.optional
                else (column, column)
            )
            lines.append(f'"{field.name}_from": {least} >= bindparam("{field.name}_from", type_=Date()),')
            lines.append(f'"{field.name}_to": {most} <= bindparam("{field.name}_to", type_=Date()),')
    return "".join(f"        {line}\n" for line in lines)


def _orders(spec: DomainSpec) -> str:
    model = spec.names.type
    pairs = [
        ("created_at", f"SortOrder.newest_first(col({model}.created_at))"),
        ("updated_at", f"SortOrder.newest_first(col({model}.updated_at))"),
    ]
    for field in spec.of("str", "int", "date", "money"):
        column = f"{field.name}_key" if field.kind == "str" else field.column
        sort = f"SortOrder.by(col({model}.{column}))"
        pairs.append((field.name, field.name.upper() if field.optional else sort))
    return "".join(f'        "{name}": {sort},\n' for name, sort in pairs)


def _changes(spec: DomainSpec) -> str:
    types = {"int": "int", "date": "date", "member": "UUID", "project": "UUID", "money": "Amount"}
    fields = [f for f in spec.fields if f.kind != "status"]
    lines = [f"    {f.key}: {types.get(f.kind, 'str')}{' | None' if f.optional else ''}\n" for f in fields]
    doc = '"""Fields that a create or an update gives; what is absent stays as it is."""'
    changes = f"\nclass {spec.names.type}Changes(TypedDict, total=False):\n    {doc}\n\n{''.join(lines)}"
    return (AMOUNT if spec.of("money") else "") + changes


def _validation(spec: DomainSpec) -> str:
    locks = "".join(_lock(field) for field in spec.of("project")) + "".join(_lock(field) for field in spec.of("member"))
    checks = "".join(_reference_check(field) for field in spec.of("project", "member"))
    changes = "".join(_check(field) for field in spec.fields)
    return f'''
async def _validate_changes(session: WriteSession, actor: Actor, changes: {spec.names.type}Changes) -> dict[str, Any]:
    """Return the changes as columns, with what they point at kept in place until the transaction ends."""
{locks}    with validating() as validator:
        columns = _changed_columns(validator, changes)
{checks}    return columns


def _changed_columns(validator: Validator, changes: {spec.names.type}Changes) -> dict[str, Any]:
    """Return the changes as columns, but for the accounts of members."""
    columns: dict[str, Any] = dict(changes)
{changes}    return columns
'''


def _lock(field: FieldSpec) -> str:
    rule = "projects.lock_live" if field.kind == "project" else "tenants.lock_active_members"
    given = f"[{field.key}] if {field.key} else []"
    return (
        f'    {field.key} = changes.get("{field.key}")\n    {field.name}_rows = await {rule}(session, actor, {given})\n'
    )


def _reference_check(field: FieldSpec) -> str:
    what = "project" if field.kind == "project" else "active member"
    check = f"        if {field.key} and {field.key} not in {field.name}_rows:\n"
    check += f'            validator.add_problem("{field.key}", "There is no such {what}.")\n'
    if field.kind == "member":
        check += f'        elif {field.key}:\n            columns["{field.key}"] = {field.name}_rows[{field.key}]\n'
    return check


def _check(field: FieldSpec) -> str:
    given, limit = f'changes["{field.name}"]', f"MAX_{field.name.upper()}_LENGTH"
    if field.kind == "str":
        call = f'validator.check_text("{field.name}", {given}, min_length=1, max_length={limit})'
        return f'    if "{field.name}" in changes:\n        columns["{field.name}"] = {call}\n'
    if field.kind == "text":
        call = f'validator.check_text("{field.name}", {field.name}, max_length={limit})'
        return f'    if {field.name} := changes.get("{field.name}"):\n        columns["{field.name}"] = {call}\n'
    if field.kind == "int":
        problem = f'validator.add_problem("{field.name}", f"This is 0 to {{MAX_{field.name.upper()}:,}}.")'
        value = f'({field.name} := changes.get("{field.name}"))'
        test = f"{value} is not None and not 0 <= {field.name} <= MAX_{field.name.upper()}"
        return f"    if {test}:\n        {problem}\n"
    if field.kind == "money":
        return (
            f'    if "{field.name}" in changes:\n        {field.name} = columns.pop("{field.name}")\n'
            f'        minor = minor_units({field.name}["amount"], {field.name}["currency"])\n'
            f"        if minor is None or not 0 <= minor <= MAX_{field.name.upper()}:\n"
            f'            message = "This is 0 or more: ten digits, and no more decimals than the currency has."\n'
            f'            validator.add_problem("{field.name}.amount", message)\n'
            f'        columns |= {{"{field.column}": minor, "currency": {field.name}["currency"]}}\n'
        )
    return ""
