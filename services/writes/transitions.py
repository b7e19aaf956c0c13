"""States: which may follow which is a table of the domain's, and this refuses the others."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from services.errors import IllegalTransition

__all__ = ["require_transition"]

StatusType = TypeVar("StatusType", bound=StrEnum)


def require_transition(
    noun: str, current: StatusType, target: StatusType, transitions: Mapping[StatusType, Sequence[StatusType]]
) -> None:
    """Refuse a status that may not follow the current one.

    Raises:
        IllegalTransition: with what may follow; `noun` says of what, such as "order".
    """
    allowed = transitions[current]
    if target not in allowed:
        message = f"This {noun} is {current.lower()}, so it cannot become {target.lower()}."
        raise IllegalTransition(message, current=current, allowed=allowed)
