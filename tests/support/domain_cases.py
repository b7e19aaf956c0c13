"""What a domain tells the tests that ask the same of every domain.

Each module of `graph.schema.DOMAINS` has a file of its name in tests/cases, with one value `CASES`. The tests find it
by that name, and no table of theirs is edited. `tests.support.derived_cases.derive_cases` makes the whole value from
the schema and the model where nothing about a domain is special; what is special is said in the file, field by field.
"""

import importlib
import pkgutil
import random
from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import graph
from graph.schema import DOMAINS
from services.queries.collection import Collection
from tests.support.case_context import CaseBuilder
from tests.support.factories import Person, World

__all__ = [
    "CASES_FILE",
    "CASES_FOLDER",
    "CODE_ABBREVIATIONS",
    "ROLES",
    "SUPERUSER",
    "CollectionCase",
    "DomainCases",
    "all_cases",
    "domain_names",
    "insert_rows",
    "merged",
    "read_matrix",
]

ROLES = ("owner", "admin", "member", "removed", "outsider", "nobody")
"""Whoever may try an operation: `removed` was a member and has a token from before; `outsider` entered no tenant."""

SUPERUSER = "superuser"
"""Whoever belongs to no tenant and is a superuser: an outsider, wherever a matrix has no column for them."""

CODE_ABBREVIATIONS = {
    "U": "UNAUTHENTICATED",
    "F": "FORBIDDEN",
    "CREDENTIALS": "INVALID_CREDENTIALS",
    "INPUT": "BAD_USER_INPUT",
    "TOKEN": "INVALID_TOKEN",
    "EXISTS": "ALREADY_EXISTS",
    "ILLEGAL": "ILLEGAL_TRANSITION",
}
CASES_FOLDER = "tests/cases"
CASES_FILE = f"{CASES_FOLDER}/<domain>.py"

MakeRows = Callable[[World, random.Random], Awaitable[Person]]
InsertRows = Callable[[World], Awaitable[None]]


@dataclass(frozen=True)
class CollectionCase:
    """Many rows of a collection to walk through: who makes them, and how many somebody sees (0: by chance)."""

    collection: Collection
    make: MakeRows
    count: int


@dataclass(frozen=True, kw_only=True)
class DomainCases:
    """What the shared tests try of one domain."""

    operations: Mapping[str, Any] = field(default_factory=dict)
    """By root field, and what is special about it (`tasks: of a project`), the arguments; whatever is callable is made
    for the occasion."""
    nodes: Mapping[str, CaseBuilder] = field(default_factory=dict)
    """For each type with an id, what makes something of it."""
    outcomes: str = ""
    """What becomes of each operation, case by case: `ok`, `null` or a code (CODE_ABBREVIATIONS) for each of ROLES, and
    for a superuser, if the matrix names them too."""
    forbidden_to_keys: AbstractSet[str] = frozenset()
    """Cases that no API key opens, whatever its role."""
    superuser_cases: AbstractSet[str] = frozenset()
    """Cases of what superusers alone may, in no tenant's name."""
    owner_outcomes: Mapping[str, str] = field(default_factory=dict)
    """What an owner gets, by case, where it is not what they asked for."""
    cannot_leak: Mapping[str, str] = field(default_factory=dict)
    """Cases that leak nothing even without policies, each with its reason, where the arguments do not say it."""
    collections: Mapping[str, CollectionCase] = field(default_factory=dict)
    """By module and name (`tasks.TASKS`), many rows of each collection of the services."""
    sort_columns: Mapping[str, str] = field(default_factory=dict)
    """By order, the column that it goes by, where it is neither `X`, `X_key` nor `X_minor`."""
    scale: Mapping[str, str] = field(default_factory=dict)
    """By table, the statement that fills it as an old tenant has it, over the tenants that there are."""
    selective: Mapping[str, Any] = field(default_factory=dict)
    """By list and filter (`Query.tasks status`), perhaps with an operator (`Query.tasks due_date gte`), a value that
    finds few rows at scale, or a query for one, where the rarest value of the column does not."""
    short_lists: Mapping[str, str] = field(default_factory=dict)
    """Lists of so few rows that the planner sorts them, as it should, each with its reason."""
    audited_columns: Mapping[str, str] = field(default_factory=dict)
    """By audited table, the text column that the test changes, where it is not the first that holds any text."""
    audited_rows: Mapping[str, Callable[[World], Awaitable[dict[str, Any]]]] = field(default_factory=dict)
    """By audited table, the values of a new row, where they do not follow from the model."""
    places: Mapping[str, str] = field(default_factory=dict)
    """By type, where its lists are reached: a query for exactly one thing of it, where that is not the newest one."""
    list_arguments: Mapping[str, str] = field(default_factory=dict)
    """By list, the arguments that it cannot do without; they find all that there is."""
    insert_listed: InsertRows | None = None
    """Inserts three or more of everything that the owner of acme can list, the newest with a history of as many."""


def domain_names() -> list[str]:
    """Return the modules of graph that hold the schema's domains, in their order."""
    modules = (importlib.import_module(f"graph.{info.name}") for info in pkgutil.iter_modules(graph.__path__))
    by_domain = {
        id(module.DOMAIN): module.__name__.partition(".")[2] for module in modules if hasattr(module, "DOMAIN")
    }
    return [by_domain[id(domain)] for domain in DOMAINS]


@cache
def all_cases() -> dict[str, DomainCases]:
    """Return the cases of every domain, in the order of the schema's domains."""
    found = {}
    for name in domain_names():
        try:
            module = importlib.import_module(f"tests.cases.{name}")
        except ModuleNotFoundError:
            message = f"Write {CASES_FOLDER}/{name}.py with a value CASES (see tests/support/domain_cases.py)."
            raise AssertionError(message) from None
        found[name] = module.CASES
    return found


async def insert_rows(world: World) -> None:
    """Insert three or more of everything that the owner of acme can list."""
    for cases in all_cases().values():
        if cases.insert_listed is not None:
            await cases.insert_listed(world)


def merged(name: str) -> dict[str, Any]:
    """Return one mapping of all domains together, in their order.

    Raises:
        AssertionError: two domains say something of the same.
    """
    found: dict[str, Any] = {}
    for domain, cases in all_cases().items():
        both = found.keys() & getattr(cases, name).keys()
        assert not both, f"{CASES_FOLDER}/{domain}.py repeats `{name}` of another domain: {sorted(both)}"
        found |= getattr(cases, name)
    return found


def read_matrix(text: str) -> dict[str, dict[str, str]]:
    """Return the outcome of each case for each role and for a superuser, as a matrix writes them."""
    roles = (*ROLES, SUPERUSER) if SUPERUSER in text.split() else ROLES
    written = [line for line in text.splitlines() if line.strip() and tuple(line.split()) != roles]
    lines = [line.rsplit(maxsplit=len(roles)) for line in written]
    found = {
        case: {role: CODE_ABBREVIATIONS.get(word, word) for role, word in zip(roles, words, strict=True)}
        for case, *words in lines
    }
    return {case: {SUPERUSER: outcomes["outsider"], **outcomes} for case, outcomes in found.items()}
