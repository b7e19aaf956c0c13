"""`atrium serve` whose fast path takes twice the CPU: `python -m tests.support.slowed_server serve …`.

After each request it burns as much again as the process has used since the one before.
"""

import sys
import time

from atrium.cli import main
from atrium.http.fast_path import FastPath, FastRequest

__all__: list[str] = []


class Burner:
    """Burns what was used since it last did."""

    def __init__(self) -> None:
        self._mark = time.process_time()

    def burn(self) -> None:
        """Use as much CPU again."""
        until = 2 * time.process_time() - self._mark
        while (present := time.process_time()) < until:
            pass
        self._mark = present


def slow_down(burner: Burner) -> None:
    """Have each request on the fast path cost twice what it does."""
    finish = FastPath.finish

    def finish_and_burn(self: FastPath, request: FastRequest) -> None:
        finish(self, request)
        burner.burn()

    FastPath.finish = finish_and_burn  # type: ignore[method-assign]  # that is what this is for


if __name__ == "__main__":
    slow_down(Burner())
    sys.exit(main())
