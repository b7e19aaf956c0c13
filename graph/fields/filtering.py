"""Filters of lists: the input type of `filter`, made from what a collection can be filtered by."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, NamedTuple

import strawberry
from strawberry import UNSET
from strawberry.utils.str_converters import to_camel_case

from graph.fields.inputs import parse_ids
from models.money import Currency
from services.queries.collection import Collection
from services.queries.filter_parsing import MAX_COMBINATOR_DEPTH, MAX_CONDITIONS, MAX_VALUES
from services.queries.filters import MAX_FILTER_LENGTH, FilterField, FilterKind

__all__ = ["filter_input", "to_filter"]

IdTypes = Mapping[str, str | Callable[[str], bool]]
RelatedTypes = Mapping[str, tuple[str, str]]

NOUNS = {
    FilterKind.ID: "ID",
    FilterKind.FLAG: "boolean",
    FilterKind.NUMBER: "number",
    FilterKind.MOMENT: "date and time",
    FilterKind.DAY: "day",
    FilterKind.MONEY: "amount of money",
    FilterKind.TEXT: "text",
    FilterKind.SUBSTRING: "text",
    FilterKind.ID_LIST: "list of IDs",
}
VALUE_TYPES: Mapping[FilterKind, tuple[str, Any]] = {
    FilterKind.ID: ("ID", strawberry.ID),
    FilterKind.FLAG: ("Boolean", bool),
    FilterKind.NUMBER: ("Int", int),
    FilterKind.MOMENT: ("DateTime", datetime),
    FilterKind.DAY: ("Date", date),
    FilterKind.MONEY: ("Money", Decimal),
    FilterKind.TEXT: ("String", str),
    FilterKind.SUBSTRING: ("Substring", str),
    FilterKind.ID_LIST: ("IDList", strawberry.ID),
}
"""The beginning of the name of each kind's input type, and the type of its values."""

ONE_OPERATOR = {FilterKind.SUBSTRING, FilterKind.ID_LIST}
"""Kinds of filters whose only operator has to be given."""

OPERATOR_TEXTS = {
    "eq": "Value that the {noun} must equal{null}.",
    "in": f"Values of which the {{noun}} must equal one: 1 to {MAX_VALUES:,}.",
    "not": "Value that the {noun} must not equal{not_null}.",
    "is_null": "True if there must be no {noun}, false if there must be one.",
    "gt": "Value that the {noun} must be above, itself excluded.",
    "gte": "Lowest value of the {noun}, itself included.",
    "lt": "Value that the {noun} must be below, itself excluded.",
    "lte": "Highest value of the {noun}, itself included.",
    "contains": f"Part that the {{noun}} must contain, ignoring case; at most {MAX_FILTER_LENGTH} characters.",
    "starts_with": f"Beginning of the {{noun}}, ignoring case; at most {MAX_FILTER_LENGTH} characters.",
    "currency": "Currency that the {noun} must have, and in whose major units the other values are given.",
}
COMBINATOR_TEXTS = {
    "and": "Conditions on {plural} that must all be met; one or more.",
    "or": "Conditions on {plural} of which at least one must be met; one or more.",
    "not": "Conditions on {plural} that must not all be met: exactly those {plural} that they leave out.",
}
STANDARD_TEXTS = {
    "created_at": "date and time of creation",
    "updated_at": "date and time of the last change",
}


class _Part(NamedTuple):
    """One field of an input type for filters."""

    attribute: str
    name: str
    """What the services call it."""
    ref: str | Callable[[str], bool] | None = None
    """What type its ids are of."""


IS_FILTER = "__is_filter__"
"""What marks input types with conditions on rows, other than the operators of one field."""
PARTS = "__filter_parts__"
"""Where an input type notes its fields."""


def filter_input(
    collection: Collection,
    *,
    name: str = "",
    plural: str = "",
    note: str = "",
    ids: IdTypes | None = None,
    related: RelatedTypes | None = None,
    enums: RelatedTypes | None = None,
    **texts: str,
) -> type:
    """Return the input type `<name>Filter`, with a field for each filter of a collection, and `and`, `or` and `not`.

    Args:
        collection: what is listed.
        name: the name of the listed type, where it is not the model's.
        plural: what is listed, in words, where they are not those of the table's name.
        note: what else there is to say of the filter, such as what a list applies by default.
        ids: by filter, the type that its ids are of.
        related: by relation, the filter of the related objects: the name of its input type, and the module that has it.
        enums: by filter, the enum of values that the services do not know: its name, and the module that has it.
        texts: by filter, what completes "Condition on the … of listed tasks", where its name does not say enough; of
            what is the viewer's own, "True for tasks …".
    """
    model, ids, related = collection.model, ids or {}, related or {}
    if collection.relations.keys() != related.keys():
        raise TypeError(f"Name the filters of {', '.join(sorted(collection.relations))} for {model.__name__}.")
    if unknown := (texts.keys() | ids.keys()) - collection.filters.keys():
        raise TypeError(f"{model.__name__} cannot be filtered by {', '.join(sorted(unknown))}.")
    name, plural = name or model.__name__, plural or str(model.__tablename__).replace("_", " ")
    parts = [_Part(f"{each}_", each) for each in ("and", "or", "not")]
    parts += [_Part(each, each, ids.get(each)) for each in (*collection.filters, *collection.relations)]
    cls = type(f"{name}Filter", (), {"__annotations__": {}, PARTS: tuple(parts), IS_FILTER: True})
    annotations: dict[str, Any] = {"and_": list[cls] | None, "or_": list[cls] | None, "not_": cls | None}  # type: ignore[valid-type]  # made here
    for each, text in COMBINATOR_TEXTS.items():
        described = strawberry.field(name=each, default=UNSET, description=text.format(plural=plural))
        setattr(cls, f"{each}_", described)
    for key, field in collection.filters.items():
        annotations[key] = _type_of(field, (enums or {}).get(key)) | None
        text = _text(key, field, plural, texts.get(key, ""))
        described = strawberry.field(default=UNSET, description=text, metadata={"ref": ids.get(key)})
        setattr(cls, key, described)
    for key, relation in collection.relations.items():
        type_name, module = related[key]
        annotations[key] = _relation_input(type_name, module, is_many=relation.is_many) | None
        described = strawberry.field(default=UNSET, description=_relation_text(collection, key, plural))
        setattr(cls, key, described)
    cls.__annotations__ = annotations
    limits = f"at most {MAX_CONDITIONS} in all, `and`, `or` and `not` at most {MAX_COMBINATOR_DEPTH} levels deep"
    text = f"Conditions that listed {plural} must meet; all given conditions apply, {limits}. {note}"
    made: type = strawberry.input(cls, description=text.strip())
    return made


def _text(key: str, field: FilterField, plural: str, text: str) -> str:
    """Return the description of a filter."""
    if field.kind is FilterKind.VIEWER:
        return f"True for {plural} {text}, false for all others."
    words = text or STANDARD_TEXTS.get(key) or key.removesuffix("_id").replace("_", " ")
    null = f"; null for {plural} without one" if field.is_null is not None else ""
    return f"Condition on the {words} of listed {plural}{null}.{_cost_note(field)}"


def _relation_text(collection: Collection, key: str, plural: str) -> str:
    """Return the description of a condition on related objects."""
    words = key.replace("_", " ")
    null = f"; null for {plural} without one that the viewer may see" if collection.may_lack(key) else ""
    return (
        f"Condition on the {words} of listed {plural}, as far as the viewer may see them, one step deep; conditions "
        f"that their own list has by default do not apply{null}."
    )


@cache
def _relation_input(type_name: str, module: str, *, is_many: bool) -> Any:
    """Return the type of a condition on related objects, whose own filter may be made later."""
    single: Any = Annotated[type_name, strawberry.lazy(module)]
    if not is_many:
        return single
    words = _words(type_name.removesuffix("Filter"))
    cls = type(f"{type_name.removesuffix('Filter')}ListFilter", (), {})
    cls.__annotations__ = {"some": single | None, "none": single | None}
    for quantifier, text in (("some", "at least one"), ("none", "no")):
        description = f"Conditions that {text} related {words} must meet."
        setattr(cls, quantifier, strawberry.field(default=UNSET, description=description))
    setattr(cls, PARTS, tuple(_Part(each, each) for each in ("some", "none")))
    setattr(cls, IS_FILTER, True)
    made: type = strawberry.input(cls, description=f"Conditions on many objects that are related: each {words}.")
    return made


def _cost_note(field: FilterField) -> str:
    """Return what there is to say of operators that no index serves."""
    if not field.is_indexed:
        return " No index serves it: on long lists combine it with other conditions."
    names = [to_camel_case(operator) for operator in field.kind.operators if operator in field.unindexed]
    if not names or field.kind in ONE_OPERATOR:
        return ""
    spans = " and ".join(f"`{name}`" for name in names)
    return f" No index serves {spans}: on long lists combine it with other conditions."


def _type_of(field: FilterField, enum: tuple[str, str] | None) -> Any:
    """Return the type of a filter."""
    if field.kind is FilterKind.VIEWER:
        return bool
    return _operator_input(field.kind, enum or field.choices, is_nullable=field.is_null is not None)


@cache
def _operator_input(kind: FilterKind, choices: Any, *, is_nullable: bool) -> type:
    """Return the input type with the operators of a kind of filters."""
    prefix, value_type = VALUE_TYPES.get(kind) or _enum_type(choices)
    noun = NOUNS.get(kind) or _words(prefix)
    null = "; null if there must be none" if is_nullable else ""
    not_null = "; true of what has no value, too. Null if there must be one" if is_nullable else ""
    cls = type(f"{'Nullable' if is_nullable else ''}{prefix}Filter", (), {})
    operators = (*kind.operators, *(["is_null"] if is_nullable else []))
    parts, annotations = [], {}
    for operator in operators:
        attribute = f"{operator}_" if operator in {"in", "not"} else operator
        parts.append(_Part(attribute, operator))
        annotations[attribute] = _operand_type(kind, operator, value_type)
        text = OPERATOR_TEXTS[operator] if kind is not FilterKind.ID_LIST else "Global ID that the {noun} must contain."
        text = text.format(noun=noun, null=null, not_null=not_null)
        is_required = operator == "currency" or kind in ONE_OPERATOR
        options: dict[str, Any] = {} if is_required else {"default": UNSET}
        if attribute != operator:
            options["name"] = operator
        setattr(cls, attribute, strawberry.field(description=text, **options))
    cls.__annotations__ = annotations
    setattr(cls, PARTS, tuple(parts))
    optional = " that may be missing" if is_nullable else ""
    article = "an" if noun[0] in "aeiouI" else "a"
    description = f"Conditions on {article} {noun}{optional}; all given ones apply."
    if kind is FilterKind.SUBSTRING:
        description = "Condition on a text that is searched as a whole, for a part of it."
    if kind is FilterKind.ID_LIST:
        description = "Condition on a list of IDs."
    made: type = strawberry.input(cls, description=description)
    return made


def _enum_type(choices: type[StrEnum] | tuple[str, str]) -> tuple[str, Any]:
    """Return an enum's name and its type, which may be made later in a module."""
    if not isinstance(choices, tuple):
        return choices.__name__, choices
    name, module = choices
    return name, Annotated.__class_getitem__((name, strawberry.lazy(module)))  # type: ignore[attr-defined]  # what brackets do at run time


def _operand_type(kind: FilterKind, operator: str, value_type: Any) -> Any:
    if operator == "currency":
        return Currency
    if operator == "is_null":
        return bool | None
    if kind in ONE_OPERATOR:
        return value_type
    return list[value_type] | None if operator == "in" else value_type | None


def _words(name: str) -> str:
    """Return the name of an enum as words: `task status` for TaskStatus."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()


def to_filter(given: Any, path: str = "filter") -> dict[str, Any]:
    """Return a filter as services take it: what is absent is left out, ids are UUIDs.

    Raises:
        InvalidInput: an id that is none, or of another type.
    """
    found: dict[str, Any] = {}
    for attribute, name, ref in getattr(type(given), PARTS):
        value = getattr(given, attribute)
        if value is UNSET:
            continue
        where = f"{path}.{name}"
        if value is None or value is True or value is False:
            found[name] = value
        elif isinstance(value, list):
            found[name] = [to_filter(each, f"{where}.{number}") for number, each in enumerate(value)]
        elif hasattr(type(value), IS_FILTER):
            found[name] = to_filter(value, where)
        else:
            found[name] = _to_operators(value, ref, where)
    return found


def _to_operators(given: Any, ref: str | Callable[[str], bool] | None, path: str) -> dict[str, Any]:
    """Return the operators of one filter with their values."""
    found = {}
    for attribute, name, _ in getattr(type(given), PARTS):
        value = getattr(given, attribute)
        if value is not UNSET:
            found[name] = value if ref is None or name == "is_null" else parse_ids(value, ref, f"{path}.{name}")
    return found
