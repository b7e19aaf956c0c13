"""Run the tests against copies of the sources with a fault each, and say which faults are noticed.

`uv run python -m tests.support.run_faults [--near] [WORD …]` does so for the faults whose names contain one of the
words; with `--near` only by the tests nearest to each.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from tests.support.clone_copy import copy_clone
from tests.support.fault_list import Fault, FaultList
from tests.support.source_files import ROOT

__all__ = ["Outcome", "rounds_of", "run_all", "run_fault", "summary"]

WORKERS = 2
NEAR_ROUNDS = 3
NO_TESTS = 5  # an exit code of pytest
TIMEOUT_SECONDS = 1800
CRASH = re.compile(
    r"^(?:E +)?(?:\w+\.)*(NameError|UnboundLocalError|AttributeError|TypeError|ImportError)\b", re.MULTILINE
)

BY_FILE = {
    "graph/articles/": ["tests/api/test_articles.py", "tests/compiler/test_executor.py"],
    "graph/execution.py": ["tests/api/test_complexity_limits.py", "tests/api/test_bad_input.py", "tests/compiler"],
    "graph/fields/": [
        "tests/api/test_internal_errors.py",
        "tests/api/test_bad_input.py",
        "tests/api/test_bad_tokens.py",
        "tests/conventions/test_schema.py",
    ],
    "graph/runtime/complexity.py": ["tests/api/test_complexity_limits.py", "tests/api/test_complexity_expansion.py"],
    "graph/runtime/": ["tests/api/test_statements.py", "tests/api/test_consistency.py"],
    "migrations/": ["tests/conventions/test_migrations.py", "tests/conventions/test_rls_catalog.py"],
    "models/database/": ["tests/models", "tests/api/test_statements.py", "tests/faults/test_replicas.py"],
    "models/money.py": ["tests/services/test_products.py"],
    "models/": ["tests/conventions/test_migrations.py"],
    "services/members.py": ["tests/services/writes/test_bulk.py"],
    "services/articles/": ["tests/services/articles", "tests/api/test_articles.py"],
    "services/orders/": ["tests/services/orders", "tests/api/test_orders.py"],
    "services/writes/": ["tests/services/writes", "tests/services/test_tasks.py"],
    "atrium/": ["tests/http", "tests/atrium"],
}
"""The tests nearest to a file, besides those that are named like it; of each layer come more."""

BY_LAYER = {
    "services": ["tests/services", "tests/api/test_permissions.py", "tests/api/test_leaks.py", "tests/conventions"],
    "graph": ["tests/api", "tests/compiler", "tests/http"],
    "models": ["tests/services", "tests/api", "tests/faults"],
    "migrations": ["tests/conventions", "tests/services"],
    "atrium": ["tests/faults"],
}


@dataclass(frozen=True)
class Outcome:
    """What became of a fault."""

    fault: Fault
    kind: str
    """`noticed`, `not noticed`; `no fault` if the sources do not run with it; `unclear` if the test fails anyway."""
    by: str
    """The first test that failed."""


def rounds_of(fault: Fault) -> list[list[str]]:
    """Return which tests to run, one after the other.

    The one that is known to notice it, those that are named like the file, those near it, its layer's, all.
    """
    path = Path(fault.file)
    is_nested = path.parent.parent != Path()
    pattern = f"**/{path.parent.name}/test_{path.stem}*.py" if is_nested else f"*/test_{path.stem}*.py"
    is_numbered = fault.file.startswith("migrations/versions/")
    named = [] if is_numbered else [str(file.relative_to(ROOT)) for file in sorted((ROOT / "tests").glob(pattern))]
    near = next((files for begin, files in BY_FILE.items() if fault.file.startswith(begin)), [])
    rule_tests = [file for file in named if file.startswith("tests/services/")]
    others = [file for file in (*named, *near) if file not in rule_tests]
    known = [fault.noticed_by] if fault.noticed_by else []
    return [known, rule_tests, others, BY_LAYER[fault.file.split("/")[0]], ["tests"]]


def run_fault(fault: Fault, *, near: bool = False) -> Outcome:
    """Put a fault into a copy, and run the tests there until one fails: the nearest first, in the end all of them."""
    rounds = rounds_of(fault)[: NEAR_ROUNDS if near else None]
    with tempfile.TemporaryDirectory() as name:
        folder = copy_clone(Path(name) / "atrium")
        fault.apply_to(folder)
        for files in rounds:
            there = [file for file in files if (ROOT / file.partition("::")[0]).exists()]
            if there and (outcome := _run_tests(fault, folder, there)):
                return outcome
    return Outcome(fault, "not noticed", "")


def _run_tests(fault: Fault, folder: Path, files: Sequence[str]) -> Outcome | None:
    done = _pytest(folder, files)
    said = done.stdout + done.stderr
    if done.returncode in {0, NO_TESTS} or "ERROR: not found" in said:
        return None
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", said, re.MULTILINE)
    crash = CRASH.search(said)
    if done.returncode != 1 or failed is None or crash:
        return Outcome(fault, "no fault", crash[0] if crash else said[-400:])
    with GUARD:
        if failed[1] not in SOUND:
            SOUND[failed[1]] = _pytest(ROOT, [failed[1]]).returncode == 0
    return Outcome(fault, "noticed" if SOUND[failed[1]] else "unclear", failed[1])


SOUND: dict[str, bool] = {}
"""Whether tests that failed with a fault pass without one; on a busy machine, some may not."""

GUARD = Lock()


def _pytest(folder: Path, files: Sequence[str]) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ATRIUM_", "PYTEST_"))}
    options = ["-x", "-q", "-n0", "--ignore=tests/mutation", "-mnot exhaustive and not slow"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, *files],
        cwd=folder, env=inherited | {"PYTHONPATH": str(folder)}, timeout=TIMEOUT_SECONDS,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def run_all(faults: Iterable[Fault], *, near: bool = False) -> Iterator[Outcome]:
    """Run each fault, some at a time."""
    with ThreadPoolExecutor(WORKERS) as pool:
        yield from pool.map(lambda fault: run_fault(fault, near=near), faults)


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return how many faults there were, and how many were noticed."""
    kinds = Counter(outcome.kind for outcome in outcomes)
    equivalent = sum(bool(outcome.fault.equivalent) for outcome in outcomes if outcome.kind == "not noticed")
    missed = kinds["not noticed"] - equivalent
    return (
        f"{len(outcomes)} faults: {kinds['noticed']} noticed, {missed} not noticed,"
        f" {equivalent} that nobody can notice, {kinds['no fault'] + kinds['unclear']} that tell nothing"
    )


def main(words: Sequence[str]) -> None:
    """Print what becomes of each fault."""
    near = "--near" in words
    asked = [word for word in words if word != "--near"]
    faults = [f for f in FaultList.read().faults if not asked or any(word in f.name for word in asked)]
    outcomes = []
    for outcome in run_all(faults, near=near):
        outcomes.append(outcome)
        sys.stdout.write(f"{outcome.kind}: {outcome.fault.name}  {outcome.by}\n")
        sys.stdout.flush()
    sys.stdout.write(summary(outcomes) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
