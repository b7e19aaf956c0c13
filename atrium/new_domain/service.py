"""The rules of a new domain: services/<domain>.py."""

from atrium.new_domain.fields import DomainSpec, FieldSpec
from atrium.new_domain.tables import MAX_MINOR, max_length, sorted_with_nulls, unique_constraint

__all__ = ["service_text"]

MAX_INTEGER = 2**31 - 1

CHECKS = {
    "str": ("OneLine",),
    "text": ("FreeText",),
    "int": ("IntegerRange",),
    "money": ("MoneyRange", "MoneyValue"),
}
"""What says what a field may hold, by its kind."""

IMPORTS = """
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import date
from typing import Annotated, Any, TypedDict
from uuid import UUID

from sqlalchemy import Select, select
from sqlmodel import col

from models import {type}, {type}Status
from models.base import table_of
from models.database import WriteSession
from services import projects, tenants
from services.permissions import TENANT_ID, Actor, Permission, require_permission
from services.queries.collection import Collection, SortOrder
from services.queries.filters import choice_filter, id_filter, money_filter, scalar_filter, text_filter
from services.writes.changes import {checks}, WriteRules, change_row, create_row, row_update_of
from services.writes.row_update import RowUpdate
from services.writes.rows import delete_row, get_row_for_update, update_row
from services.writes.transitions import require_transition
"""

RULES = '''
async def create(
    session: WriteSession, actor: Actor, *, values: {type}Changes, idempotency_key: str | None = None
) -> {type}:
    """Create {article}; {required} are required."""
    actor.require(Permission.{upper}_WRITE)
    return await create_row(session, actor, {one_upper}_RULES, values, idempotency_key)


async def update(
    session: WriteSession, actor: Actor, *, id: UUID, changes: {type}Changes, expected_version: int | None = None
) -> {type}:
    """Change {article}; what is absent from the changes stays as it is."""
    actor.require(Permission.{upper}_WRITE)
    return await change_row(session, actor, {one_upper}_RULES, id, changes, expected_version)


def update_command(
    actor: Actor, *, id: UUID, changes: {type}Changes, expected_version: int | None = None
) -> RowUpdate[{type}] | None:
    """Return the row update that `update` comes down to; None if a row that is pointed at has to be looked up."""
    actor.require(Permission.{upper}_WRITE)
    return row_update_of({one_upper}_RULES, id, changes, expected_version)


async def delete(session: WriteSession, actor: Actor, *, id: UUID) -> {type}:
    """Delete {article} for good; give it as it was."""
    actor.require(Permission.{upper}_WRITE)
    return await delete_row(session, actor, {type}, id{where})
'''

CHANGE_STATUS = '''

async def change_status(
    session: WriteSession, actor: Actor, *, id: UUID, status: {type}Status, expected_version: int | None = None
) -> {type}:
    """Move {article} to a status that may follow its current one."""
    actor.require(Permission.{upper}_WRITE)
    current = await get_row_for_update(session, actor, {type}, id, expected_version=expected_version{where})
    require_transition("{words}", {type}Status(current.status), status, TRANSITIONS)
    return await update_row(session, actor, {type}, id, {{"status": status}})
'''

COLLECTION = '''
def visible(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return all {plural} of the tenant{trash}."""
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
        "one_upper": names.one.upper(),
        "checks": ", ".join(sorted({name for field in spec.fields for name in CHECKS.get(field.kind, ())})),
        "words": names.words,
        "plural": names.plural,
        "article": names.article,
        "required": _listed([f"`{f.key}`" for f in spec.fields if not f.optional and f.kind != "status"]),
        "where": ", where=LIVE" if live else "",
        "and_live": ", LIVE" if live else "",
        "trash": ", except those in the trash with their project" if live else "",
        "filters": _filters(spec),
        "orders": _orders(spec),
    }
    status = CHANGE_STATUS.format(**words) if spec.status else ""
    public = [names.upper, f"{names.type}Changes", "create", "delete", "update", "update_command", "visible"]
    shown = sorted([*public, *(["change_status"] if spec.status else [])])
    return (
        f'"""The rules of {names.plural}."""\n{IMPORTS.format(**words)}\n__all__ = {shown!r}\n{_constants(spec)}\n'
        f"{COLLECTION.format(**words)}\n{_changes(spec)}\n{RULES.format(**words)}{status}"
    )


def _listed(words: list[str]) -> str:
    """Return words as a sentence lists them."""
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]


def _states(type_name: str, states: tuple[str, ...]) -> str:
    named = [f"{type_name}Status.{state}" for state in states]
    return f"({named[0]},)" if len(named) == 1 else f"({', '.join(named)})"


def _constants(spec: DomainSpec) -> str:
    names, lines = spec.names, []
    if spec.status:
        following = "".join(
            f"{names.type}Status.{state}: {_states(names.type, after)}, " for state, after in spec.status.transitions
        )
        lines += ["", f"TRANSITIONS: Mapping[{names.type}Status, tuple[{names.type}Status, ...]] = {{{following}}}"]
    lines += ["", f"LIVE = col({names.type}.deleted_at).is_(None)"] if spec.project else []
    for field in sorted_with_nulls(spec):
        order = f"SortOrder.nulls_last(table_of({names.type}).c.{field.column})"
        lines += [f"{field.name.upper()} = {order}"]
    return "\n".join(lines) + "\n"


def _filters(spec: DomainSpec) -> str:
    model = spec.names.type
    lines = [f'"{field.key}": {_filter_field(spec, field)},' for field in spec.fields if field.kind != "text"]
    lines += [f'"{name}": scalar_filter(col({model}.{name})),' for name in ("created_at", "updated_at")]
    return "".join(f"        {line}\n" for line in lines)


def _filter_field(spec: DomainSpec, field: FieldSpec) -> str:
    """Return the filter field of a field."""
    model = spec.names.type
    column = f"col({model}.{field.column})"
    if field in sorted_with_nulls(spec):
        order = field.name.upper()
        return f"scalar_filter({column}, least={order}.descending, most={order}.ascending)"
    return {
        "str": f"text_filter(col({model}.{field.name}_key))",
        "status": f"choice_filter({column}, {model}Status)",
        "member": f"tenants.member_filter({column})",
        "project": f"id_filter({column})",
        "money": f"money_filter({column}, col({model}.currency), {MAX_MINOR:_})",
    }.get(field.kind, f"scalar_filter({column})")


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
    names = spec.names
    lines = [f"    {field.key}: {_annotation(field)}\n" for field in spec.fields if field.kind != "status"]
    doc = '"""Fields that a create or an update gives; what is absent stays as it is."""'
    unique = {unique_constraint(spec, f): f.key for f in spec.of("str") if f.unique}
    rules = [names.type, f"{names.type}Changes", *(["where=LIVE"] if spec.project else [])]
    rules += [f"unique={unique!r}"] if unique else []
    return (
        f"\nclass {names.type}Changes(TypedDict, total=False):\n    {doc}\n\n{''.join(lines)}\n\n"
        f"{names.one.upper()}_RULES = WriteRules({', '.join(rules)})\n"
    )


def _annotation(field: FieldSpec) -> str:
    """Return the type of a field of the changes, with what it may hold."""
    types = {"int": "int", "date": "date", "member": "UUID", "project": "UUID", "money": "MoneyValue"}
    type_ = types.get(field.kind, "str") + (" | None" if field.optional else "")
    check = {
        "str": f"OneLine({max_length(field) if field.kind == 'str' else 0})",
        "text": f"FreeText({max_length(field) if field.kind == 'text' else 0:_})",
        "int": f"IntegerRange(0, {MAX_INTEGER:_})",
        "money": f"MoneyRange({MAX_MINOR:_})",
        "project": "projects.LIVE_PROJECT",
        "member": "tenants.ACTIVE_MEMBER",
    }.get(field.kind)
    return f"Annotated[{type_}, {check}]" if check else type_
