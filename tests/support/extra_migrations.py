"""Migrations behind the newest one, for tests of what runs them and of what they may say."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent, indent

import pytest

from atrium import migrate
from tests.support.source_files import ROOT

__all__ = ["extra_migrations", "statements"]

TEXT = """
from alembic import op

from migrations import operations, rls

revision = "{revision}"
down_revision = "{before}"
{declared}

def upgrade() -> None:
{upgrade}


def downgrade() -> None:
    pass
"""


def statements(*texts: str) -> str:
    """The body of an upgrade that runs these statements."""
    return "\n".join(f"op.execute({text!r})" for text in texts)


@contextmanager
def extra_migrations(folder: Path, *upgrades: str, declared: str = "") -> Iterator[list[str]]:
    """Let there be one more migration for each body of an `upgrade`, and give their revisions.

    Args:
        folder: an empty one, where all migrations are copied to.
        upgrades: the bodies, in their order.
        declared: what each of them says besides, such as `oldest_compatible = "0031"`.
    """
    copy = folder / "migrations"
    shutil.copytree(ROOT / "migrations", copy, ignore=shutil.ignore_patterns("__pycache__"))
    newest = before = migrate.newest_revision()
    revisions = [f"{int(newest) + number:04}" for number in range(1, len(upgrades) + 1)]
    for revision, upgrade in zip(revisions, upgrades, strict=True):
        body = indent(dedent(upgrade).strip(), "    ")
        text = TEXT.format(revision=revision, before=before, declared=declared, upgrade=body)
        (copy / "versions" / f"{revision}_extra.py").write_text(text)
        before = revision
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrate, "MIGRATIONS_FOLDER", copy)
        yield revisions
