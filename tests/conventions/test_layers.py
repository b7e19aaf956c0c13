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

from tests.support.source_files import LAYERS, ROOT, Source, sources

KINDS: dict[str, type[Contract]] = {
    "layers": LayersContract,
    "forbidden": ForbiddenContract,
    "acyclic_siblings": AcyclicSiblingsContract,
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
}
"""For each contract an import that it must not let pass."""

# What may look at the environment besides atrium/settings.py, and why.
ENVIRONMENT_READERS = {
    "atrium/embedded/process.py": "hands on the machine's locale and library paths, which are no settings",
}

# What a migration builds on; above all not the models, which go on changing after it.
MIGRATION_IMPORTS = {"alembic", "sqlalchemy", "migrations.atrium_enter", "migrations.rls"}

# What opens a database or reads settings is called by a function that hands the result down, never by a module.
OPENERS = {"Database", "Settings", "create_async_engine", "create_engine", "load"}


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    first, *others = LAYERS
    return grimp.build_graph(first, *others, include_external_packages=True, cache_dir=None)


def check_contract(contract: str, imports: grimp.ImportGraph) -> ContractCheck:
    options = CONTRACTS[contract]
    kind = KINDS[options["type"]]
    linter = kind(options["name"], CONFIGURATION["session_options"], options)
    return linter.check(deepcopy(imports), verbose=False)  # it takes out what it is told to ignore


@pytest.mark.parametrize("contract", CONTRACTS)
def test_the_contract_is_kept(contract: str, imports: grimp.ImportGraph) -> None:
    checked = check_contract(contract, imports)
    assert checked.kept, checked.metadata


@pytest.mark.parametrize("contract", CONTRACTS)
def test_the_contract_can_be_broken(contract: str, imports: grimp.ImportGraph) -> None:
    importer, imported = FORBIDDEN_IMPORTS[contract]
    broken = deepcopy(imports)
    broken.add_import(importer=importer, imported=imported, line_number=1, line_contents=f"import {imported}")
    assert not check_contract(contract, broken).kept


def test_every_file_is_under_contract(imports: grimp.ImportGraph) -> None:
    modules = {source.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for source in layers()}
    assert modules <= imports.modules


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
    assert readers - {"atrium/settings.py"} == set(ENVIRONMENT_READERS)


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
    assert [(source.name, name) for source in sources(*LAYERS) for name in opened_by_module(source.tree)] == []


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
        assert migration_imports(source.tree) <= MIGRATION_IMPORTS, source.name


def test_a_migration_that_leans_on_a_model_is_seen() -> None:
    assert migration_imports(ast.parse("from models import Task\nimport services.tasks")) == {
        "models",
        "services.tasks",
    }
