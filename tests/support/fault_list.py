"""The list of faults that the suite must notice: where it is kept, and how a fault is put into a copy of the sources.

A fault is known by its file, its function (or class, or constant) and the lines that it changes, and not by numbers
of lines. So it still applies after changes elsewhere in the file.
"""

import ast
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

__all__ = ["LIST", "Fault", "FaultList", "NotApplicable", "dedent", "name_of", "names_of", "scope_of"]

LIST = Path(__file__).parents[1] / "mutation" / "faults.json"


class NotApplicable(AssertionError):
    """The lines that a fault changes are not there, or not only once."""


@dataclass(frozen=True)
class Fault:
    """One change of the sources that makes them wrong."""

    name: str
    file: str
    scope: str
    """The function, the class or the constant that it is in, such as `Tokens.read`; empty for the whole file."""
    operator: str
    """What was done: `drop a condition`, …, or `by hand`."""
    before: list[str]
    """Whole lines, without the indentation that they share."""
    after: list[str]
    noticed_by: str = ""
    """The test that failed with it, which is run first; the others are run when it passes, or is no longer there."""
    equivalent: str = ""
    """Why nobody can notice it; empty for those that must be noticed."""

    def apply(self, text: str) -> str:
        """Return the file's text with the fault.

        Raises:
            NotApplicable: the lines are not there, or more than once.
        """
        lines = text.splitlines()
        begin, end = scope_of(text, self.scope) if self.scope else (0, len(lines))
        size = len(self.before)
        places = [at for at in range(begin, end - size + 1) if dedent(lines[at : at + size]) == self.before]
        if len(places) != 1:
            raise NotApplicable(f"{self.file}, {self.scope or 'anywhere'}: {len(places)} times {self.before}")
        at = places[0]
        indentation = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
        lines[at : at + size] = [f"{indentation}{line}" if line else "" for line in self.after]
        return "\n".join(lines) + "\n"

    def apply_to(self, root: Path) -> None:
        """Change the file below a folder."""
        path = root / self.file
        path.write_text(self.apply(path.read_text(encoding="utf-8")), encoding="utf-8")


@dataclass
class FaultList:
    """All faults, and those that were drawn and refused."""

    seed: int = 0
    faults: list[Fault] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    """Why what was drawn is no fault: it does not run, or is not well typed. It is not drawn again."""

    @classmethod
    def read(cls) -> "FaultList":
        content = json.loads(LIST.read_text(encoding="utf-8")) if LIST.exists() else {"seed": 0}
        faults = [Fault(**fault) for fault in content.get("faults", [])]
        return cls(content["seed"], faults, content.get("refused", {}))

    def write(self) -> None:
        optional = ("noticed_by", "equivalent")
        faults = [{k: v for k, v in asdict(fault).items() if v or k not in optional} for fault in self.faults]
        content = {"seed": self.seed, "faults": faults, "refused": self.refused}
        LIST.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def dedent(lines: list[str]) -> list[str]:
    """Return the lines without the indentation of the first."""
    size = len(lines[0]) - len(lines[0].lstrip()) if lines else 0
    return [line[size:] if not line[:size].strip() else line for line in lines]


def name_of(fault: Fault) -> str:
    """Return the name of a fault that was drawn."""
    return f"{fault.file} {fault.scope}: {fault.operator}"


def scope_of(text: str, name: str) -> tuple[int, int]:
    """Return the first line of a function, class or constant, counted from 0, and the one after its last.

    Raises:
        NotApplicable: there is none of this name.
    """
    nodes: list[ast.stmt] = ast.parse(text).body
    found: ast.stmt | None = None
    for part in name.split("."):
        found = next((node for node in nodes if part in names_of(node)), None)
        if found is None or found.end_lineno is None:
            raise NotApplicable(f"there is no {name}")
        nodes = getattr(found, "body", [])
    assert found is not None
    assert found.end_lineno is not None
    return found.lineno - 1, found.end_lineno


def names_of(node: ast.stmt) -> list[str]:
    """Return what a statement defines: a function, a class, or constants."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]
