"""What `atrium new-domain --fields` says: the names of a domain, its fields, and their types."""

import keyword
import re
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

__all__ = ["TYPES", "DomainSpec", "FieldError", "FieldSpec", "Names", "parse_domain"]

TYPES = ("str", "str:unique", "text", "int", "date", "money", "member", "project", "a>b>c|d (states)")
OPTIONAL = frozenset({"text", "int", "date", "member", "project"})
ONCE = frozenset({"money", "project", "status"})
TAKEN = frozenset(
    {
        "id",
        "tenant",
        "tenant_id",
        "version",
        "created_at",
        "updated_at",
        "deleted_at",
        "deleted_by",
        "history",
        "currency",
    }
    | {"node", "nodes", "values", "changes", "session", "actor", "expected_version", "idempotency_key", "input", "date"}
)
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
STATES = re.compile(r"[a-z]+(>[a-z]+)*(\|[a-z]+)*")
MAX_NAME_LENGTH = 30


class FieldError(ValueError):
    """What is asked for cannot be made; one sentence."""


@dataclass(frozen=True)
class FieldSpec:
    """One field of a domain."""

    name: str
    kind: str
    optional: bool = False
    unique: bool = False
    states: tuple[str, ...] = ()
    """The first is that of a new row."""
    transitions: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """What may follow each state."""

    @property
    def column(self) -> str:
        """Return the column in the table, without that of a currency."""
        suffix = {"member": "_id", "project": "_id", "money": "_minor"}.get(self.kind, "")
        return self.name + suffix

    @property
    def key(self) -> str:
        """Return the name in inputs and changes."""
        return self.name + ("_id" if self.kind in {"member", "project"} else "")


@dataclass(frozen=True)
class Names:
    """What a domain is called where."""

    table: str

    @cached_property
    def one(self) -> str:
        """Return one of it, as a variable: `invoice`."""
        return self.table[:-3] + "y" if self.table.endswith("ies") else self.table[:-1]

    @property
    def type(self) -> str:
        """Return the class and the GraphQL type: `Invoice`."""
        return self.one.title().replace("_", "")

    @property
    def field(self) -> str:
        """Return one of it in GraphQL: `invoice`."""
        return self.type[0].lower() + self.type[1:]

    @property
    def upper(self) -> str:
        """Return the collection and the permissions: `INVOICES`."""
        return self.table.upper()

    @property
    def words(self) -> str:
        """Return one of it in a sentence: `invoice`."""
        return self.one.replace("_", " ")

    @property
    def plural(self) -> str:
        """Return all of it in a sentence: `invoices`."""
        return self.table.replace("_", " ")

    @property
    def article(self) -> str:
        """Return one of it with its article: `an invoice`."""
        return ("an " if self.one[0] in "aeiou" else "a ") + self.words


@dataclass(frozen=True)
class DomainSpec:
    """A domain to be made."""

    names: Names
    fields: tuple[FieldSpec, ...]

    def of(self, *kinds: str) -> list[FieldSpec]:
        """Return the fields of these kinds."""
        return [field for field in self.fields if field.kind in kinds]

    @property
    def status(self) -> FieldSpec | None:
        """Return the field that holds the state."""
        return next(iter(self.of("status")), None)

    @property
    def project(self) -> FieldSpec | None:
        """Return the field that says in which project a row is."""
        return next(iter(self.of("project")), None)

    @property
    def title(self) -> FieldSpec:
        """Return the text that a row is known by: the first field."""
        return self.fields[0]


def parse_domain(name: str, fields: str) -> DomainSpec:
    """Return what a domain's name and its fields describe.

    Raises:
        FieldError: they describe none.
    """
    if not NAME.fullmatch(name) or not name.endswith("s") or len(name) > MAX_NAME_LENGTH or keyword.iskeyword(name):
        raise FieldError(f"{name!r} is no name of a domain: it is a plural in lower case, such as invoices.")
    specs = tuple(_parse_field(text.strip()) for text in fields.split(","))
    names = [spec.name for spec in specs]
    if repeated := {name for name in names if names.count(name) > 1}:
        raise FieldError(f"The field {min(repeated)!r} is there twice.")
    for kind in sorted(ONCE):
        if sum(spec.kind == kind for spec in specs) > 1:
            raise FieldError(f"A domain has one field of the kind {kind} at most.")
    if specs[0].kind != "str":
        raise FieldError("The first field is a str, by which people know a row, such as number:str:unique.")
    return DomainSpec(Names(name), specs)


def _parse_field(text: str) -> FieldSpec:
    name, _, type_ = text.partition(":")
    if not NAME.fullmatch(name) or name in TAKEN or keyword.iskeyword(name) or len(name) > MAX_NAME_LENGTH:
        raise FieldError(f"{name!r} is no name of a field, or one that every domain has.")
    optional, type_ = type_.endswith("?"), type_.removesuffix("?")
    if name == "status" or ">" in type_:
        return _parse_states(name, type_, optional=optional)
    kind, _, rest = type_.partition(":")
    if type_ not in TYPES or (optional and kind not in OPTIONAL):
        raise FieldError(
            f"{text!r} is no field: the types are {', '.join(TYPES)}, and some may end with a question mark."
        )
    return FieldSpec(name, kind, optional, unique=rest == "unique")


def _parse_states(name: str, type_: str, *, optional: bool) -> FieldSpec:
    steps = [step.split("|") for step in type_.split(">")]
    states = [state.upper() for step in steps for state in step]
    if name != "status" or optional or not STATES.fullmatch(type_) or len(steps[0]) > 1 or len(states) < 2:  # noqa: PLR2004  # one state is none
        raise FieldError("States are written status:draft>sent>paid|void: what follows what, and what it ends in.")
    if len(set(states)) < len(states):
        raise FieldError("A state is named once.")
    following = {state.upper(): tuple(s.upper() for s in after) for step, after in pairwise(steps) for state in step}
    return FieldSpec(name, "status", states=tuple(states), transitions=tuple((s, following.get(s, ())) for s in states))
