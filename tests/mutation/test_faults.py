"""Whether the suite would notice: faults in the sources, one at a time, which some test must fail with.

The list was drawn before the tests that notice them were written: `tests/support/draw_faults.py`.
"""

from collections import Counter
from collections.abc import Callable

import pytest

from tests.support.draw_faults import DRAWN, drawn_share
from tests.support.fault_list import Fault, FaultList, NotApplicable
from tests.support.fault_operators import OPERATORS, candidates
from tests.support.run_faults import run_all, run_fault, summary
from tests.support.source_files import ROOT

LISTED = FaultList.read()
BY_HAND = [fault for fault in LISTED.faults if fault.operator == "by hand"]
DRAWN_FAULTS = [fault for fault in LISTED.faults if fault not in BY_HAND]
HOURS = 4


@pytest.mark.parametrize("fault", LISTED.faults, ids=lambda fault: fault.name)
def test_the_fault_still_applies(fault: Fault) -> None:
    try:
        changed = fault.apply((ROOT / fault.file).read_text(encoding="utf-8"))
    except (NotApplicable, FileNotFoundError) as error:
        advice = "the sources changed: run `uv run python -m tests.support.draw_faults`, which draws another one"
        if fault in BY_HAND:
            advice = "the sources changed: write what it is now into tests/mutation/faults.json"
        pytest.fail(f"{fault.name}: {advice}. {error}")
    assert changed != (ROOT / fault.file).read_text(encoding="utf-8")


def test_the_list_is_long_and_drawn_from_every_layer_by_its_lines() -> None:
    assert len(DRAWN_FAULTS) >= 60
    assert {fault.operator for fault in DRAWN_FAULTS} == set(OPERATORS)
    names = [fault.name for fault in LISTED.faults]
    assert len(set(names)) == len(names)
    drawn = Counter(fault.file.split("/")[0] for fault in DRAWN_FAULTS)
    for layer, share in drawn_share().items():
        assert abs(drawn[layer] - share) <= DRAWN // 16, f"run draw_faults: {layer} has {drawn[layer]} of {share}"


def test_operators_make_every_kind_of_change() -> None:
    source = """
MAX_SIZE = 3
def rule(actor, a, b):
    actor.require(1)
    if a < 2 and b:
        raise ValueError
    return select(a).where(a == 1, b == 2).with_for_update()
class Row:
    __table_args__ = (UniqueConstraint("a"), enum_check("b"))
"""
    found = {(fault.operator, tuple(fault.after)) for fault in candidates("models/rule.py", source)}
    for expected in (
        ("move a limit by one", ("MAX_SIZE = 4",)),
        ("drop a condition", ("pass",)),
        ("drop a condition", ("if a < 2:",)),
        ("drop a condition", ("if b:",)),
        ("drop a condition", ("if False:",)),
        ("swap a comparison", ("if a <= 2 and b:",)),
        ("move a limit by one", ("if a < 3 and b:",)),
        ("drop a condition", ("return select(a).where(b == 2).with_for_update()",)),
        ("drop a lock", ("return select(a).where(a == 1, b == 2)",)),
        ("drop a constraint", ('__table_args__ = (enum_check("b"))',)),
        ("drop a constraint", ('__table_args__ = (UniqueConstraint("a"))',)),
    ):
        assert expected in found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("instead", "kind"),
    [
        ("return [sentence for kept, sentence in rules if kept]", "noticed"),
        ("return [sentence for kept, sentence in rules if kept is False]", "not noticed"),
        ("return [sentence for kept, sentence in the_rules if not kept]", "no fault"),
    ],
)
def test_noticed_is_what_makes_a_test_fail_and_runs(instead: str, kind: str) -> None:
    where = ("services/security/passwords.py", "password_weaknesses")
    line = "return [sentence for kept, sentence in rules if not kept]"
    assert run_fault(Fault("a fault", *where, "by hand", [line], [instead]), near=True).kind == kind


@pytest.mark.exhaustive
@pytest.mark.timeout(HOURS * 3600)
def test_every_fault_is_noticed(record_property: Callable[[str, object], None]) -> None:
    outcomes = list(run_all(LISTED.faults))
    record_property("summary", summary(outcomes))
    assert [o.fault.name for o in outcomes if o.kind in {"no fault", "unclear"}] == [], "draw others"
    assert [o.fault.name for o in outcomes if o.kind == "not noticed" and not o.fault.equivalent] == []
