"""A public name means one thing: two modules define the same name for one and the same idea only."""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import PurePath

from tests.support.source_files import LAYERS, Source, sources

# Names that several modules define, each for the one idea that stands beside it.
SHARED = {
    "AUDIT_TRIGGERS": "names of the triggers: as migrations made them, and as the demo switches them off",
    "BATCH_SIZE": "rows written at a time by a bulk load",
    "BUILDERS": "a module's functions that build demo rows",
    "ClassType": "a type variable for any class",
    "DOMAIN": "what a module adds to the roots of the schema",
    "Edge": "Relay's edge: as services load it, and as GraphQL shows it",
    "MUTATIONS": "the mutations of a domain whose module is a package",
    "Queries": "a module's fields of the GraphQL type Query",
    "LIVE": "the condition for rows that are not deleted",
    "MAX_NAME_LENGTH": "the longest name of the module's kind, in characters",
    "OWN": "the condition for rows that the actor made",
    "OPEN": "the condition for invitations that can still be accepted",
    "Result": "a type variable for what a function returns",
    "RowType": "a type variable for a model's row",
    "SET_TENANT": "the statement that sets a transaction's tenant",
    "Subscriptions": "a module's fields of the GraphQL type Subscription",
    "UNIQUE_CONSTRAINTS": "unique constraints of the module's tables, by what a violation is called",
    "User": "a person: the account's row, and the GraphQL type that shows them as a member",
    "account_log": "the log of an account: the command and its work",
    "as_of": "the rule that reads one object as it was",
    "create": "the rule behind createX",
    "create_all": "the rule behind createXs, in bulk",
    "delete": "the rule behind deleteX",
    "import_articles": "the import of articles: the command, its work, and the mutation",
    "lock_existing": "the rule that locks those rows of a module's table that exist",
    "log": "a module's logger",
    "purge": "deletion for good: the command, its work, and the rule",
    "replay": "the rebuild of projections: the command and its work",
    "restore": "the rule behind restoreX",
    "revoke": "the rule behind revokeX",
    "update": "the rule behind updateX",
    "update_all": "the rule behind updateXs, in bulk",
    "update_command": "the row update that updateX comes down to",
    "visible": "the rows of a table that given permissions can see",
}

# Names that a domain written by `atrium new-domain` has, beside the ones above.
IN_EACH_DOMAIN = {
    "DUE": "the sort order by a due date that may be null",
    "TRANSITIONS": "the states that may follow each state",
}


def public_names(tree: ast.Module) -> Iterator[str]:
    """The public names that a module itself defines at its top level."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
        else:
            names = []
        yield from (name for name in names if not name.startswith("_"))


def domain(path: str) -> str:
    """What a module is about: its file's name, or its folder's where a domain has one."""
    parts = PurePath(path).with_suffix("").parts
    return parts[1] if len(parts) > 1 else parts[0]


# The layers translate one idea into each other's terms: a row, its rule, its GraphQL type, an error and its type.
TWINS = {"fields": "errors", "sessions": "accounts", "members": "tenants"}


def ambiguous(modules: Iterable[Source]) -> dict[str, list[str]]:
    """The names that several modules define, which are not one domain's in several layers."""
    places: dict[str, list[str]] = defaultdict(list)
    for source in modules:
        for name in public_names(source.tree):
            places[name].append(source.name)
    return {
        name: paths
        for name, paths in places.items()
        if len({domain(path) for path in paths}) > 1
        and not (len({path.split("/")[0] for path in paths}) == len(paths) and len(twins(paths)) == 1)
    }


def twins(paths: Iterable[str]) -> set[str]:
    return {TWINS.get(domain(path), domain(path)) for path in paths}


MODULES = tuple(source for source in sources(*LAYERS) if "versions" not in source.name)


def test_a_public_name_means_one_thing() -> None:
    found = {name: paths for name, paths in ambiguous(MODULES).items() if name not in {*SHARED, *IN_EACH_DOMAIN}}
    assert found == {}, f"Rename one of them, or write the one idea that they share into SHARED of this file: {found}"


def test_no_exception_is_left_over() -> None:
    names = [name for source in MODULES for name in public_names(source.tree)]
    once = [name for name in SHARED if names.count(name) < 2]
    assert once == [], f"Take {once} out of SHARED in this file: one module alone defines them."


def test_a_name_with_two_meanings_is_seen() -> None:
    one, two = Source("services/tasks.py", "def seek(): ..."), Source("services/door.py", "seek = 1")
    assert ambiguous([one, two]) == {"seek": ["services/tasks.py", "services/door.py"]}
    assert ambiguous([one, Source("graph/tasks.py", "class seek: ...")]) == {}
