"""Draw the faults that the suite must notice: `uv run python -m tests.support.draw_faults`.

Each layer gets its share of them by its number of lines; within a layer, an operator is drawn, and then one of its
places. What mypy refuses is no fault and is drawn anew. Those that are in the list stay as long as their lines are
somewhere; so after a change of the sources, the command replaces only what no longer applies.
"""

import ast
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tests.support.fault_list import Fault, FaultList, NotApplicable, name_of, names_of, scope_of
from tests.support.fault_operators import OPERATORS, candidates
from tests.support.source_files import ROOT, Source, sources

__all__ = ["DRAWN", "LAYERS", "drawn_share", "is_drawn_from", "still_applies"]

DRAWN = 64
LAYERS = ("services", "graph", "models", "migrations")


def is_drawn_from(source: Source) -> bool:
    """Whether faults are drawn in a file; the compiler has mutants of its own, in tests/compiler."""
    return not source.name.startswith("graph/compiler/")


def drawn_share() -> dict[str, int]:
    """Return how many faults each layer gets, in proportion to its lines."""
    lines = {layer: sum(s.text.count("\n") for s in sources(layer) if is_drawn_from(s)) for layer in LAYERS}
    return {layer: round(DRAWN * count / sum(lines.values())) for layer, count in lines.items()}


def draw(layer: str, count: int, taken: Sequence[Fault], refused: Iterable[str], dice: random.Random) -> list[Fault]:
    """Draw new faults for a layer; one at most for each operator in a function."""
    names = {fault.name for fault in taken} | set(refused)
    by_operator: dict[str, dict[str, list[Fault]]] = {operator: defaultdict(list) for operator in OPERATORS}
    for source in sources(layer):
        for fault in candidates(source.name, source.text) if is_drawn_from(source) else ():
            if fault.name not in names:
                by_operator[fault.operator][fault.name].append(fault)
    found: list[Fault] = []
    for _ in range(count):
        operator = dice.choice([operator for operator in OPERATORS if by_operator[operator]])
        same = by_operator[operator].pop(dice.choice(list(by_operator[operator])))
        found.append(dice.choice(same))
    return found


def refused_by_mypy(faults: Sequence[Fault]) -> dict[str, str]:
    """Return which faults are not well typed, and what mypy says. Those of one function are looked at in turn."""
    found: dict[str, str] = {}
    rest = list(faults)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        while rest:
            batch = list({(fault.file, fault.scope): fault for fault in reversed(rest)}.values())
            rest = [fault for fault in rest if fault not in batch]
            found |= _checked(folder, batch)
    return found


def _checked(folder: Path, batch: Sequence[Fault]) -> dict[str, str]:
    for layer in ("atrium", *LAYERS):
        shutil.copytree(ROOT / layer, folder / layer, dirs_exist_ok=True)
    shutil.copy(ROOT / "pyproject.toml", folder)
    for fault in batch:
        fault.apply_to(folder)
    done = subprocess.run([sys.executable, "-m", "mypy"], cwd=folder, capture_output=True, text=True, check=False)
    found: dict[str, str] = {}
    for file, number, message in re.findall(r"^(\S+?):(\d+): error: (.*)$", done.stdout, re.MULTILINE):
        text = (folder / file).read_text(encoding="utf-8")
        for fault in (fault for fault in batch if fault.file == file):
            begin, end = scope_of(text, fault.scope) if fault.scope else (0, len(text))
            if begin < int(number) <= end:
                found[fault.name] = f"mypy: {message}"
                break
        else:
            raise AssertionError(f"of no fault: {file}:{number}: {message}")
    return found


def still_applies(fault: Fault) -> bool:
    """Return whether the fault's lines are where it says."""
    try:
        fault.apply((ROOT / fault.file).read_text(encoding="utf-8"))
    except (NotApplicable, FileNotFoundError):
        return False
    return True


def followed(fault: Fault) -> Fault | None:
    """Return a fault whose lines have moved, where they are now; None if they are nowhere, or in several places."""
    there = (
        replace(fault, file=source.name, scope=scope)
        for source in sources("atrium", *LAYERS)
        if fault.before[0].strip() in source.text
        for scope in _scopes(source)
    )
    found = [moved for moved in there if still_applies(moved)]
    if len(found) != 1:
        return None
    [moved] = found
    return moved if fault.operator not in OPERATORS else replace(moved, name=name_of(moved))


def _scopes(source: Source) -> Iterator[str]:
    """The constants, functions and methods of a file."""
    for node in source.tree.body:
        if isinstance(node, ast.ClassDef):
            yield from (f"{node.name}.{name}" for member in node.body for name in names_of(member))
        else:
            yield from names_of(node)


def main(seed: int) -> None:
    """Bring the list to its full number."""
    listed = FaultList.read()
    listed.seed = seed
    by_hand, kept = [], []
    for fault in listed.faults:
        there = fault if still_applies(fault) else followed(fault)
        if there is None:
            sys.stdout.write(f"no longer applies: {fault.name}\n")
        if fault.operator not in OPERATORS:
            by_hand.append(there or fault)
        elif there is not None:
            kept.append(there)
    dice = random.Random(seed)
    while True:
        new: list[Fault] = []
        for layer, count in drawn_share().items():
            here = sum(fault.file.startswith(f"{layer}/") for fault in kept)
            new += draw(layer, max(0, count - here), kept, listed.refused, dice)
        if not new:
            break
        refused = refused_by_mypy(new)
        listed.refused |= refused
        kept += [fault for fault in new if fault.name not in refused]
    listed.faults = [*by_hand, *sorted(kept, key=lambda fault: (LAYERS.index(fault.file.split("/")[0]), fault.name))]
    listed.write()
    sys.stdout.write(f"{len(kept)} drawn with the seed {seed}, {len(by_hand)} by hand, {len(listed.refused)} refused\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else FaultList.read().seed)
