"""Whether the comparison of the two executors would notice: compilers with a fault each, which it must find.

A mutant is a patch. It is applied to a copy of the compiler, which then answers the same random queries, or carries
out the same random edits if the patch is named after them.
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
from tests.support.differential import BothExecutors, Tally, compare_query, run_both
from tests.support.differential_updates import compare_update

MUTANTS = sorted(Path(__file__).with_name("mutants").glob("*.patch"))
ROOT = Path(graph.__file__).parent.parent
PACKAGE = "graph.compiler"
QUERIES = 1_000
SAMPLED_MUTANTS = 2
MIN_COMPILED_SHARE = 0.8  # of the queries are compiled, or else that is what was noticed
MIN_COMPILED_UPDATE_SHARE = 0.1

in_module = pytest.mark.asyncio(loop_scope="module")


class Survived(AssertionError):
    """Nothing was noticed."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def executors(make_database: Callable[[], Awaitable[Any]]) -> AsyncIterator[BothExecutors]:
    urls = await make_database()
    connection = await asyncpg.connect(urls.plain("owner"))
    async with run_both(urls, connection) as found:
        yield found
    await connection.close()


@contextmanager
def apply_mutant(patch: Path | None, folder: Path) -> Iterator[Any]:
    """A copy of the compiler's package, with a patch applied if there is one, instead of the real one."""
    copy = folder / "graph" / "compiler"
    shutil.copytree(ROOT / "graph" / "compiler", copy, ignore=shutil.ignore_patterns("__pycache__"))
    if patch is not None:
        subprocess.run(["git", "apply", str(patch)], cwd=folder, check=True)  # noqa: S607  # a development tool
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
    executors: BothExecutors, patch: Path | None, folder: Path, *, seed: int, queries: int = QUERIES
) -> int:
    """After how many queries a mutant is found out.

    Raises:
        Survived: it was not.
    """
    schema, tally = executors.compiled.components.schema, Tally()
    is_of_edits = patch is not None and patch.stem.startswith("updates_")
    compare_next = compare_update if is_of_edits else compare_query
    with apply_mutant(patch, folder) as package:
        real = schema.compiler
        executors.use_compiler(
            package.Compiler(schema, executors.schema, DocumentCache(_limits(schema), introspection=True))
        )
        try:
            while tally.queries < queries:
                await compare_next(executors, seed, tally)
                seed += 1
        except AssertionError:
            return tally.queries + 1
        finally:
            schema.compiler = real
            if is_of_edits:
                executors.reference_answers.clear()  # of what is no longer so
    if tally.compiled < (MIN_COMPILED_UPDATE_SHARE if is_of_edits else MIN_COMPILED_SHARE) * tally.queries:
        return tally.queries
    raise Survived(patch)


def _limits(schema: Any) -> Any:
    return schema.compiler._document_cache.limits  # noqa: SLF001  # the same as the real one's


@in_module
async def test_without_a_fault_there_is_nothing_to_notice(executors: BothExecutors, tmp_path: Path) -> None:
    with pytest.raises(Survived):
        await queries_until_noticed(executors, None, tmp_path, seed=0, queries=60)


def test_there_are_enough_mutants() -> None:
    assert len(MUTANTS) >= 10


@pytest.mark.parametrize("patch", MUTANTS, ids=lambda patch: patch.stem)
def test_every_mutant_can_be_made(patch: Path, tmp_path: Path) -> None:
    with apply_mutant(patch, tmp_path):
        pass


@in_module
async def test_some_mutants_are_noticed(executors: BothExecutors, tmp_path: Path) -> None:
    for patch in random.sample(MUTANTS, SAMPLED_MUTANTS):
        await queries_until_noticed(executors, patch, tmp_path / patch.stem, seed=0)


@pytest.mark.exhaustive
@in_module
@pytest.mark.parametrize("patch", MUTANTS, ids=lambda patch: patch.stem)
async def test_every_mutant_is_noticed(executors: BothExecutors, tmp_path: Path, patch: Path) -> None:
    queries = await queries_until_noticed(executors, patch, tmp_path / patch.stem, seed=0)
    sys.stdout.write(f"{patch.stem}: noticed after {queries} queries\n")
