"""The release before runs on the schema of today: a deployment has both at once, for as long as it takes."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.source_files import ROOT

pytestmark = pytest.mark.timeout(1800)

GIT, UV = (shutil.which(name) or name for name in ("git", "uv"))
RELEASE = "0.2.0"
SHARE = ("test_tasks.py", "test_orders.py", "test_documents.py", "test_accounts.py")
"""What stands for all in a short run."""


def git(*arguments: str) -> str:
    """What git says of the repository, and nothing where there is none."""
    done = subprocess.run([GIT, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def find_release() -> str:
    """The commit of the release, by its tag, or by its message where tags were not brought along."""
    tagged = git("rev-parse", "--verify", "--quiet", f"v{RELEASE}^{{commit}}")
    found = tagged or git("log", "--format=%H", "--max-count=1", f"--grep=^Release {RELEASE}$")
    if not found and git("rev-parse", "--is-shallow-repository") != "false":
        pytest.skip("the repository has no history here")
    assert found, f"no release {RELEASE} in the history"
    return found


@pytest.mark.parametrize(
    "files",
    [pytest.param(SHARE, marks=pytest.mark.slow, id="share"), pytest.param((), marks=pytest.mark.exhaustive, id="all")],
)
def test_it_runs_its_own_tests_on_the_schema_of_today(tmp_path: Path, files: tuple[str, ...]) -> None:
    release, home = find_release(), tmp_path / "release"
    subprocess.run([GIT, "clone", "--quiet", "--shared", ROOT, home], check=True)
    subprocess.run([GIT, "checkout", "--quiet", release], cwd=home, check=True)
    shutil.rmtree(home / "migrations")
    shutil.copytree(ROOT / "migrations", home / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    environment["UV_PROJECT_ENVIRONMENT"] = str(tmp_path / "environment")
    subprocess.run([UV, "sync", "--quiet"], cwd=home, env=environment, check=True)
    wanted = [f"tests/api/{name}" for name in files] or ["tests/api"]
    command = [UV, "run", "pytest", "-q", *wanted]
    ended = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-3000:]
