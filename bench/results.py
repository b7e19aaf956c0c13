"""What was found: samples by operation and server, their medians and spreads."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.load import Sample
from bench.servers import ATRIUM

__all__ = ["Results", "Spread", "spread_of"]


@dataclass(frozen=True)
class Spread:
    """The median of some figures, and between which they lie."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, figures: Iterable[float]) -> "Spread":
        """Return that of these figures."""
        found = list(figures)
        return cls(float(statistics.median(found)), float(min(found)), float(max(found)))

    def render(self, digits: int) -> str:
        """Return it as text, with so many digits after the point."""
        return f"{self.median:,.{digits}f} ({self.least:,.{digits}f} to {self.most:,.{digits}f})"

    def rounded(self) -> list[float]:
        """Return its ends."""
        return [round(self.least, 3), round(self.most, 3)]


@dataclass
class Results:
    """All that was found."""

    samples: dict[str, dict[str, list[Sample]]] = field(default_factory=dict)
    """By operation, then by server; each in the order of the rounds."""
    statements: dict[str, dict[str, float]] = field(default_factory=dict)
    blanks: dict[str, dict[str, str]] = field(default_factory=dict)
    """Why a server has no figures for an operation."""
    memory: dict[str, float] = field(default_factory=dict)
    """MB, by server, after the run."""
    conditions: list[str] = field(default_factory=list)
    """What holds for all servers, a line each."""
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """The rows of the other parts, by part."""

    def ratios(self, operation: str, name: str) -> list[float]:
        """Return Atrium's requests per second divided by another's, round by round."""
        both = zip(self.samples[operation][ATRIUM.name], self.samples[operation][name], strict=True)
        return [own.per_second / other.per_second for own, other in both]

    def ratio(self, operation: str, name: str) -> Spread | None:
        """Return the spread of these ratios; None where the server has no figures."""
        if name not in self.samples[operation] or ATRIUM.name not in self.samples[operation]:
            return None
        return Spread.of(self.ratios(operation, name))


def spread_of(samples: Sequence[Any], field: str) -> Spread:
    """Return the spread of one figure of some samples."""
    return Spread.of(getattr(each, field) for each in samples)
