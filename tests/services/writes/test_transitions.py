"""Transitions: a status follows another only where the domain's table says so."""

from enum import StrEnum

import pytest

from services.errors import IllegalTransition
from services.writes.transitions import require_transition


class Light(StrEnum):
    RED = "RED"
    GREEN = "GREEN"
    OFF = "OFF"


FOLLOWING = {Light.RED: (Light.GREEN, Light.OFF), Light.GREEN: (Light.RED,), Light.OFF: ()}


@pytest.mark.parametrize("current", Light)
@pytest.mark.parametrize("target", Light)
def test_what_is_not_in_the_table_is_refused_with_what_is(current: Light, target: Light) -> None:
    if target in FOLLOWING[current]:
        require_transition("light", current, target, FOLLOWING)
        return
    with pytest.raises(IllegalTransition) as refused:
        require_transition("light", current, target, FOLLOWING)
    assert (refused.value.current, refused.value.allowed) == (current, FOLLOWING[current])
    assert refused.value.message == f"This light is {current.lower()}, so it cannot become {target.lower()}."
