"""A new domain, written into a checkout: model, migration, rules, GraphQL, and the tests of all of it."""

import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

from atrium.new_domain import graphql, service, tables, tests
from atrium.new_domain.fields import DomainSpec, FieldError, parse_domain

__all__ = ["FieldError", "create_domain", "parse_domain"]

LINE_LENGTH = 120
LONG_DOCSTRING = re.compile(r'^( *)(""".{115,}""")$', re.MULTILINE)


def create_domain(root: Path, spec: DomainSpec) -> list[str]:
    """Write the files of a domain and register it; give the paths of what was written and edited.

    Raises:
        FieldError: this is no checkout, or there is such a domain.
    """
    if not (root / "pyproject.toml").is_file() or not (root / "tests" / "cases").is_dir():
        raise FieldError("This works in a checkout of Atrium, where its source can be edited.")
    written = {root / path: text for path, text in _new_files(root, spec).items()}
    if taken := next((path for path in written if path.exists()), None):
        raise FieldError(f"There is {taken.relative_to(root)} already.")
    if not re.search(r'^revision = "\d{4}"$', _newest(root).read_text(), re.MULTILINE):
        raise FieldError(f"{_newest(root).name} is no migration that another can follow.")
    edits = {path: edit for path, edit in EDITS.items() if path != "graph/projects.py" or spec.project}
    edited = {root / path: edit((root / path).read_text(), spec) for path, edit in edits.items()}
    for path, text in (written | edited).items():
        path.write_text(LONG_DOCSTRING.sub(_wrapped, text))
    paths = [str(path.relative_to(root)) for path in (*written, *edited)]
    _run(root, "ruff", "check", "--quiet", "--fix", "--unsafe-fixes", "--select", "F401,I,RUF022", *paths)
    _run(root, "ruff", "format", "--quiet", *paths)
    _run(root, "atrium", "schema")
    _run(root, "atrium", "docs")
    return paths


def _new_files(root: Path, spec: DomainSpec) -> dict[str, str]:
    table, before = spec.names.table, _newest(root).name[:4]
    revision = f"{int(before) + 1:04}"
    return {
        f"models/{table}.py": tables.model_text(spec),
        f"migrations/versions/{revision}_{table}.py": tables.migration_text(spec, revision, before),
        f"services/{table}.py": service.service_text(spec),
        f"graph/{table}.py": graphql.graph_text(spec),
        f"tests/cases/{table}.py": tests.cases_text(spec),
        f"tests/services/test_{table}.py": tests.service_test_text(spec),
    }


def _wrapped(found: re.Match[str]) -> str:
    """Return a docstring in lines of at most 120 characters."""
    indent = found[1]
    return textwrap.fill(found[2], LINE_LENGTH, initial_indent=indent, subsequent_indent=indent)


def _newest(root: Path) -> Path:
    return max((root / "migrations" / "versions").glob("0*.py"))


def _run(root: Path, module: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", module, *arguments], cwd=root, check=True)  # noqa: S603  # our own tools


def _insert(text: str, pattern: str, line: str, *, before: bool = False) -> str:
    """Insert a line after the first match of a pattern, or before it."""
    found = re.search(pattern, text, re.MULTILINE)
    assert found, f"{pattern} is not there to be edited"
    at = found.start() if before else found.end()
    return text[:at] + line + text[at:]


def _edit_models(text: str, spec: DomainSpec) -> str:
    names = [spec.names.type, *([f"{spec.names.type}Status"] if spec.status else [])]
    text = _insert(
        text, r"^from models\.money ", f"from models.{spec.names.table} import {', '.join(names)}\n", before=True
    )
    return _insert(text, r"^__all__ = \[\n", "".join(f'    "{name}",\n' for name in names))


def _edit_schema(text: str, spec: DomainSpec) -> str:
    text = _insert(text, r"^from graph import \(\n", f"    {spec.names.table},\n")
    return _insert(text, r"^DOMAINS\b[^(]*\((?:\n    \w+\.DOMAIN,)+\n", f"    {spec.names.table}.DOMAIN,\n")


def _edit_permissions(text: str, spec: DomainSpec) -> str:
    upper = spec.names.upper
    texts = {"READ": f"Read all {spec.names.plural} of the tenant.", "WRITE": f"Create and update {spec.names.plural}."}
    both = "".join(f'    {upper}_{verb} = "{upper}_{verb}"\n    """{said}"""\n' for verb, said in texts.items())
    text = _insert(text, r"^class Permission\(StrEnum\):\n(?:.*\n)*?(?=\n\n)", both)
    text = _insert(text, r"^_MEMBER = .*\{\n", f"    Permission.{upper}_READ,\n")
    return _insert(text, r"^_ADMIN = .*\{\n", f"    Permission.{upper}_WRITE,\n")


def _edit_projects(text: str, spec: DomainSpec) -> str:
    names = spec.names
    assert spec.project is not None
    field = f'{names.table}: Connection[Annotated["{names.type}", strawberry.lazy("graph.{names.table}")]]'
    lines = f'    {field} = to_many("{spec.project.column}")\n'
    said = f"{names.plural.capitalize()} of the project, newest first; empty while the project is in the trash."
    lines += f'    """{said}"""\n'
    text = _insert(text, r"^if TYPE_CHECKING:\n", f"    from graph.{names.table} import {names.type}\n")
    return _insert(text, r"^class Project\(Node\):\n(?:.*\n)*?(?=\n\n@)", lines)


EDITS: dict[str, Callable[[str, DomainSpec], str]] = {
    "models/__init__.py": _edit_models,
    "graph/schema.py": _edit_schema,
    "graph/projects.py": _edit_projects,
    "services/permissions.py": _edit_permissions,
}
