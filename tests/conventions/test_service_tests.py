"""Every module of services with something to call has tests of its own, found by its name."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.source_files import ROOT, Source, sources

TESTED_ELSEWHERE = {
    "services/queries/statistics.py": "by both executors and a model: tests/compiler/test_statistics.py",
    "services/writes/positions.py": "by the rows that have positions: tests/services/test_task_moves.py",
}
"""Modules without a test file of their own, and why."""


def public_functions(source: Source) -> list[str]:
    functions = (node for node in source.tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return [function.name for function in functions if not function.name.startswith("_")]


def test_file_of(name: str) -> Path:
    """The test file of a module: `tests/services/test_X.py` for `services/X.py`."""
    path = Path(name)
    return Path("tests") / path.parent / f"test_{path.name}"


test_file_of.__test__ = False  # type: ignore[attr-defined]  # it says where tests are, and is none


def untested(modules: tuple[Source, ...], root: Path) -> Iterator[str]:
    """What to write for each module that has functions and no test file."""
    for module in modules:
        functions, expected = public_functions(module), test_file_of(module.name)
        if functions and not (root / expected).exists():
            yield f"{module.name} has no tests: write {expected}, which calls {', '.join(functions)}"


def test_every_service_has_its_test_file() -> None:
    modules = sources("services")
    missing = [line for line in untested(modules, ROOT) if line.split()[0] not in TESTED_ELSEWHERE]
    if missing:
        pytest.fail("\n".join(missing))
    tested = set(TESTED_ELSEWHERE) - {line.split()[0] for line in untested(modules, ROOT)}
    assert not tested, f"Take {sorted(tested)} out of TESTED_ELSEWHERE in this file: they have tests now."


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("services/notes.py", "def create(): ...", "write tests/services/test_notes.py, which calls create"),
        ("services/a/b.py", "async def f(): ...\ndef g(): ...", "write tests/services/a/test_b.py, which calls f, g"),
        ("services/notes.py", "def _create(): ...\nclass Note: ...", ""),
    ],
)
def test_a_service_without_tests_is_named(tmp_path: Path, name: str, text: str, expected: str) -> None:
    module = Source(name, text)
    assert [line.partition("tests: ")[2] for line in untested((module,), tmp_path)] == ([expected] if expected else [])
    file = tmp_path / test_file_of(name)
    file.parent.mkdir(parents=True)
    file.touch()
    assert list(untested((module,), tmp_path)) == []
