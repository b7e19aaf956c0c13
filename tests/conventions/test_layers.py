"""Who may import whom, and who may read the environment."""

import ast
import importlib
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import grimp
import pytest
from importlinter import api
from importlinter.contracts.acyclic_siblings import AcyclicSiblingsContract
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.layers import LayersContract
from importlinter.domain.contract import Contract, ContractCheck

from tests.support.import_contracts import LadderContract, MachineryContract
from tests.support.source_files import LAYERS, ROOT, Source, sources

KINDS: dict[str, type[Contract]] = {
    "layers": LayersContract,
    "forbidden": ForbiddenContract,
    "acyclic_siblings": AcyclicSiblingsContract,
    "machinery": MachineryContract,
    "ladder": LadderContract,
}
CONFIGURATION = api.read_configuration(str(ROOT / "pyproject.toml"))
CONTRACTS: dict[str, dict[str, Any]] = {options["id"]: options for options in CONFIGURATION["contracts_options"]}

FORBIDDEN_IMPORTS = {
    "downwards": ("services.tasks", "graph.tasks"),
    "faceless": ("services.tasks", "strawberry"),
    "sql": ("graph.tasks", "sqlalchemy"),
    "rules": ("graph.tasks", "services.writes.rows"),
    "settings": ("atrium.app", "pydantic_settings"),
    "migrations": ("migrations.env", "services.permissions"),
    "apart": ("atrium.migrate", "migrations.env"),
    "circles": ("services.permissions", "services.tasks"),
    "graph-circles": ("graph.accounts", "graph.account_recovery"),
    "graph-machinery": ("graph.subscriptions", "graph.audit"),
    "rules-machinery": ("services.writes.rows", "services.tasks"),
    "ladder": ("services.projects", "services.accounts"),
}
"""For each contract an import that it must not let pass."""

# Types of graph refer to each other, so for them alone it does not count what only type checkers import.
RUN_TIME_CONTRACTS = {"graph-circles"}

GRAPH_MACHINERY = {
    *("graph.schema", "graph.execution", "graph.reference_execution", "graph.shared_execution", "graph.subscriptions"),
    "graph.viewer_scope",
    "graph.trusted_documents",
}
"""Modules of graph that are no domains, besides its packages but `articles`."""

# What may look at the environment besides atrium/settings.py, and why.
ENVIRONMENT_READERS = {
    "atrium/embedded/process.py": "hands on the machine's locale and library paths, which are no settings",
    "atrium/web/node.py": "hands the machine's environment on to npm, with Node in its path",
}

# What a migration builds on; above all not the models, which go on changing after it.
MIGRATION_IMPORTS = {
    *("alembic", "sqlalchemy"),
    *("migrations.audit", "migrations.atrium_enter", "migrations.operations", "migrations.ranks", "migrations.rls"),
}

# What opens a database or reads settings is called by a function that hands the result down, never by a module.
OPENERS = {"Database", "Settings", "create_async_engine", "create_engine", "load"}


def build_imports(*, at_run_time: bool) -> grimp.ImportGraph:
    first, *others = LAYERS
    return grimp.build_graph(
        first, *others, include_external_packages=True, exclude_type_checking_imports=at_run_time, cache_dir=None
    )


@pytest.fixture(scope="module")
def every_import() -> grimp.ImportGraph:
    return build_imports(at_run_time=False)


@pytest.fixture(scope="module")
def run_time_imports() -> grimp.ImportGraph:
    return build_imports(at_run_time=True)


@pytest.fixture
def imports(contract: str, every_import: grimp.ImportGraph, run_time_imports: grimp.ImportGraph) -> grimp.ImportGraph:
    """The imports that a contract is about."""
    return run_time_imports if contract in RUN_TIME_CONTRACTS else every_import


def check_contract(contract: str, imports: grimp.ImportGraph) -> ContractCheck:
    options = CONTRACTS[contract]
    kind = KINDS[options["type"]]
    linter = kind(options["name"], CONFIGURATION["session_options"], options)
    return linter.check(deepcopy(imports), verbose=False)  # it takes out what it is told to ignore


@pytest.mark.parametrize("contract", CONTRACTS)
def test_the_contract_is_kept(contract: str, imports: grimp.ImportGraph) -> None:
    checked = check_contract(contract, imports)
    assert checked.kept, (
        f"{CONTRACTS[contract]['name']}: take these imports out, or move the modules in the contract {contract!r} of"
        f" pyproject.toml. {checked.metadata}"
    )


@pytest.mark.parametrize("contract", CONTRACTS)
def test_the_contract_can_be_broken(contract: str, imports: grimp.ImportGraph) -> None:
    importer, imported = FORBIDDEN_IMPORTS[contract]
    broken = deepcopy(imports)
    broken.add_import(importer=importer, imported=imported, line_number=1, line_contents=f"import {imported}")
    assert not check_contract(contract, broken).kept


@pytest.mark.parametrize(
    ("contract", "importer", "imported"),
    [
        ("graph-machinery", "graph.fields.node", "graph.invoices"),
        ("rules-machinery", "services.writes.rows", "services.invoices"),
        ("ladder", "services.projects", "services.invoices"),
        ("ladder", "services.invoices", "services.tasks"),
        ("ladder", "services.invoices", "services.audit"),
    ],
)
def test_a_new_domain_is_under_contract_at_once(
    contract: str, importer: str, imported: str, every_import: grimp.ImportGraph
) -> None:
    grown = deepcopy(every_import)
    for module in {importer, imported} - grown.modules:
        grown.add_module(module)
    assert check_contract(contract, grown).kept
    grown.add_import(importer=importer, imported=imported, line_number=1, line_contents=f"import {imported}")
    assert not check_contract(contract, grown).kept


def domain_of(module: str) -> str | None:
    """The domain of graph that a module belongs to."""
    package, _, rest = module.partition(".")
    first = rest.partition(".")[0]
    is_domain = (ROOT / "graph" / f"{first}.py").exists() or first == "articles"
    return first if package == "graph" and is_domain and f"graph.{first}" not in GRAPH_MACHINERY else None


def names_of_other_domains(module: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """What a module uses of other domains of graph, as modules and names."""
    whole: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "graph":
            for alias in node.names:
                if domain_of(f"graph.{alias.name}") and node.module == "graph":
                    whole[alias.asname or alias.name] = f"graph.{alias.name}"
                elif domain_of(node.module or "") not in {None, domain_of(module)}:
                    yield node.module or "", alias.name
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in whole:
            yield whole[node.value.id], node.attr


def is_graphql_type(module: str, name: str) -> bool:
    return hasattr(getattr(importlib.import_module(module), name), "__strawberry_definition__")


def test_a_domain_of_graph_uses_types_of_others_and_nothing_else() -> None:
    domains = [source for source in sources("graph") if domain_of(module_of(source))]
    used = {
        (module_of(source), *use)
        for source in domains
        for use in names_of_other_domains(module_of(source), source.tree)
    }
    others = {use for use in used if not is_graphql_type(*use[1:])}
    assert not others, (
        f"Use types alone of another domain of graph, and move what else they share to graph/fields: {others}"
    )
    assert ("graph.documents", "graph.audit", "AuditEntry") in used
    assert ("graph.members", "graph.tenants", "User") in used


def test_a_use_of_another_domain_is_seen() -> None:
    tree = ast.parse("from graph import audit\nfrom graph.tenants import User\naudit.is_known(entry)")
    found = set(names_of_other_domains("graph.tasks", tree))
    assert found == {("graph.tenants", "User"), ("graph.audit", "is_known")}
    assert not is_graphql_type("graph.audit", "is_known")


def module_of(source: Source) -> str:
    return source.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def test_every_file_is_under_contract(every_import: grimp.ImportGraph) -> None:
    outside = {module_of(source) for source in layers()} - every_import.modules
    assert not outside, f"Add an __init__.py to the folders of {sorted(outside)}, or nobody can import them."


def layers() -> list[Source]:
    """All files but the numbered migrations, which Alembic runs and nobody can import."""
    return [source for source in sources(*LAYERS) if "versions" not in source.name]


def is_ours(name: str) -> bool:
    return Path(str(importlib.import_module(name).__file__)).parent == ROOT / name


@pytest.mark.parametrize("name", LAYERS)
def test_the_layers_are_those_of_this_repository(name: str) -> None:
    assert is_ours(name)


def test_a_package_from_elsewhere_is_told_apart() -> None:
    assert not is_ours("sqlalchemy")


def environment_reads(tree: ast.AST) -> Iterator[int]:
    """The lines that look at the environment."""
    names = {"environ", "environb", "getenv", "getenvb"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            found = {node.attr}
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            found = {alias.name for alias in node.names}
        else:
            continue
        if found & names:
            yield node.lineno


def test_the_environment_is_read_in_the_settings_alone() -> None:
    readers = {source.name for source in sources(*LAYERS) if list(environment_reads(source.tree))}
    others = (readers - {"atrium/settings.py"}) ^ set(ENVIRONMENT_READERS)
    assert not others, (
        f"Read the environment in atrium/settings.py and hand the value down, instead of in {sorted(others)}."
    )


@pytest.mark.parametrize("code", ["os.environ['X']", "os.getenv('X')", "from os import environ"])
def test_a_look_at_the_environment_is_seen(code: str) -> None:
    assert list(environment_reads(ast.parse(code))) == [1]


def unsafe_waits(tree: ast.AST) -> Iterator[int]:
    """The lines that wait in a way which may swallow a cancellation that comes as the wait ends (Python 3.11)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "wait_for":
            yield node.lineno


def test_nothing_swallows_a_cancellation() -> None:
    everywhere = sources(*LAYERS, "tests")
    assert {source.name: lines for source in everywhere if (lines := list(unsafe_waits(source.tree)))} == {}
    assert list(unsafe_waits(ast.parse("await asyncio.wait_for(event.wait(), 1)"))) == [1]


def opened_by_module(tree: ast.Module) -> Iterator[str]:
    """What a module opens while it is imported."""
    statements = [node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for node in (inner for statement in statements for inner in _outside_functions(statement)):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2]
            if name in OPENERS:
                yield name


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _outside_functions(child)


def test_no_module_holds_an_engine_or_settings() -> None:
    found = [(source.name, name) for source in sources(*LAYERS) for name in opened_by_module(source.tree)]
    assert found == [], f"Open these in a function, and hand them down: {found}"


def test_a_global_engine_is_seen() -> None:
    assert list(opened_by_module(ast.parse("if True:\n    engine = create_async_engine('…')"))) == [
        "create_async_engine"
    ]
    assert list(opened_by_module(ast.parse("def make():\n    return create_async_engine('…')"))) == []


def migration_imports(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def test_a_migration_stands_for_itself() -> None:
    for source in sources("migrations/versions"):
        others = migration_imports(source.tree) - MIGRATION_IMPORTS
        assert not others, (
            f"Write into {source.name} what it needs of {sorted(others)}, which may come to say other things."
        )


def test_a_migration_that_leans_on_a_model_is_seen() -> None:
    assert migration_imports(ast.parse("from models import Task\nimport services.tasks")) == {
        "models",
        "services.tasks",
    }
