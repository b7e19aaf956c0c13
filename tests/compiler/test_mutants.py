"""Whether the comparison of the two executors would notice: compilers with a fault each, which it must find.

A mutant is a patch. It is applied to a copy of the compiler, which then answers the same random queries, or carries
out the same random updates if the patch is named after them. Only a wrong answer counts: not an INTERNAL error, as of a
`NameError`, a `TypeError` or SQL that PostgreSQL refuses, since such a compiler does not run; not that fewer queries
are compiled, since the reference executor answers the others; and not what mypy refuses.
"""

import importlib.util
import random
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

import graph
from graph.execution import DocumentCache
from tests.support.differential import BothExecutors, Crashed, Tally, compare_query, run_both
from tests.support.differential_updates import compare_update

MUTANTS = sorted(Path(__file__).with_name("mutants").glob("*.patch"))
ROOT = Path(graph.__file__).parent.parent
PACKAGE = "graph.compiler"
QUERIES = 1_000
SAMPLED_MUTANTS = 2
QUERIES_OF_A_BROKEN_COMPILER = 20

in_module = pytest.mark.asyncio(loop_scope="module")


class Survived(AssertionError):
    """Nothing was noticed."""

    def __init__(self, patch: Path | None, tally: Tally) -> None:
        super().__init__(f"{patch}: no wrong answer; {tally}")
        self.tally = tally


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def executors(make_database: Callable[[], Awaitable[Any]]) -> AsyncIterator[BothExecutors]:
    urls = await make_database()
    connection = await asyncpg.connect(urls.plain("owner"))
    async with run_both(urls, connection) as found:
        yield found
    await connection.close()


def takes_updates(patch: Path) -> bool:
    return patch.stem.startswith("updates_")


def apply_patch(patch: Path, folder: Path, *options: str) -> None:
    subprocess.run(["git", "apply", *options, str(patch)], cwd=folder, check=True)  # noqa: S607  # a development tool


def run_mypy(folder: Path) -> str:
    """What mypy has to say against a copy of the compiler; nothing if it is well typed."""
    command = [sys.executable, "-m", "mypy", "-p", PACKAGE, "--cache-dir", str(folder / ".mypy_cache")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


@contextmanager
def apply_mutant(patch: Path | None, folder: Path) -> Iterator[Any]:
    """A copy of the compiler's package, with a patch applied if there is one, instead of the real one."""
    copy = folder / "graph" / "compiler"
    shutil.copytree(ROOT / "graph" / "compiler", copy, ignore=shutil.ignore_patterns("__pycache__"))
    if patch is not None:
        apply_patch(patch, folder)
    real = {name: module for name, module in sys.modules.items() if name == PACKAGE or name.startswith(f"{PACKAGE}.")}
    for name in real:
        del sys.modules[name]
    spec = importlib.util.spec_from_file_location(PACKAGE, copy / "__init__.py", submodule_search_locations=[str(copy)])
    assert spec is not None
    assert spec.loader is not None
    package = sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(package)
        yield package
    finally:
        for name in [name for name in sys.modules if name == PACKAGE or name.startswith(f"{PACKAGE}.")]:
            del sys.modules[name]
        sys.modules.update(real)
        graph.compiler = real[PACKAGE]  # type: ignore[attr-defined]  # importing it has set it


async def queries_until_noticed(
    executors: BothExecutors,
    patch: Path | None,
    folder: Path,
    *,
    queries: int = QUERIES,
    is_of_updates: bool = False,
    break_compiler: Callable[[Any], None] = lambda _package: None,
) -> int:
    """After how many queries a mutant gives a wrong answer.

    Raises:
        Survived: it gives none.
    """
    schema, tally, seed = executors.compiled.components.schema, Tally(), 0
    compare_next = compare_update if is_of_updates else compare_query
    with apply_mutant(patch, folder) as package:
        break_compiler(package)
        real, document_cache = schema.compiler, schema.document_cache
        schema.document_cache = DocumentCache(_limits(schema), introspection=True)
        compiler = package.Compiler(schema, executors.schema, schema.document_cache)
        try:
            executors.use_compiler(compiler)
            while tally.queries < queries:
                try:
                    await compare_next(executors, seed, tally)
                except Crashed:
                    tally.queries += 1
                seed += 1
        except AssertionError:
            return tally.queries + 1
        finally:
            schema.compiler, schema.document_cache = real, document_cache
            if is_of_updates:
                executors.reference_answers.clear()  # of what is no longer so
    raise Survived(patch, tally)


def _limits(schema: Any) -> Any:
    return schema.compiler._document_cache.limits  # noqa: SLF001  # the same as the real one's


def fail_to_compile(package: Any) -> None:
    def build_plan(*_args: Any) -> Any:
        raise NameError("no such name")

    package.executor.build_plan = package.executor.build_update_plan = build_plan


def fail_to_bind(package: Any) -> None:
    def values(*_args: Any) -> Any:
        raise TypeError("not of this type")

    package.executor.Plan.values = values


@in_module
async def test_without_a_fault_there_is_nothing_to_notice(executors: BothExecutors, tmp_path: Path) -> None:
    with pytest.raises(Survived):
        await queries_until_noticed(executors, None, tmp_path, queries=60)


@in_module
@pytest.mark.parametrize("is_of_updates", [False, True], ids=["queries", "updates"])
@pytest.mark.parametrize("break_compiler", [fail_to_compile, fail_to_bind])
async def test_a_compiler_that_does_not_run_is_not_noticed(
    executors: BothExecutors, tmp_path: Path, break_compiler: Callable[[Any], None], *, is_of_updates: bool
) -> None:
    with pytest.raises(Survived) as survived:
        await queries_until_noticed(
            executors,
            None,
            tmp_path,
            queries=QUERIES_OF_A_BROKEN_COMPILER,
            is_of_updates=is_of_updates,
            break_compiler=break_compiler,
        )
    assert survived.value.tally.compiled == 0


def test_there_are_enough_mutants() -> None:
    assert len(MUTANTS) >= 10


@pytest.mark.parametrize("patch", MUTANTS, ids=lambda patch: patch.stem)
def test_every_mutant_can_be_made(patch: Path, tmp_path: Path) -> None:
    with apply_mutant(patch, tmp_path):
        pass


@in_module
async def test_some_mutants_are_noticed(executors: BothExecutors, tmp_path: Path) -> None:
    for patch in random.sample(MUTANTS, SAMPLED_MUTANTS):
        await queries_until_noticed(executors, patch, tmp_path / patch.stem, is_of_updates=takes_updates(patch))


@pytest.mark.exhaustive
@in_module
@pytest.mark.parametrize("patch", MUTANTS, ids=lambda patch: patch.stem)
async def test_every_mutant_is_noticed(executors: BothExecutors, tmp_path: Path, patch: Path) -> None:
    queries = await queries_until_noticed(executors, patch, tmp_path / patch.stem, is_of_updates=takes_updates(patch))
    sys.stdout.write(f"{patch.stem}: noticed after {queries} queries\n")


@pytest.mark.exhaustive
def test_mypy_refuses_no_mutant(tmp_path: Path) -> None:
    for name in ("graph", "services", "models"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    assert run_mypy(tmp_path) == ""
    refused = {}
    for patch in MUTANTS:
        apply_patch(patch, tmp_path)
        refused[patch.stem] = run_mypy(tmp_path)
        apply_patch(patch, tmp_path, "--reverse")
    assert not {name: said for name, said in refused.items() if said}, "make them faults that are well typed"
    module = tmp_path / "graph" / "compiler" / "__init__.py"
    module.write_text(f"{module.read_text()}\nWRONG: int = 'a text'\n")
    assert "[assignment]" in run_mypy(tmp_path)
