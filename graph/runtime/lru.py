"""A bounded cache that a flood of keys seen once cannot empty.

What is new is on probation, in a small part of the cache; what is asked for again is kept in the large part, whose
least recently used entry goes back on probation. So keys that never come again push out each other alone.
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["SegmentedLRU"]

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

PROBATION = 5  # of how many entries one is on probation


class SegmentedLRU(Generic[Key, Value]):
    """Keeps the entries that were asked for again and again; a segmented LRU."""

    def __init__(self, size: int) -> None:
        """Args: size: how many entries at most."""
        self._max_probation = max(1, size // PROBATION)
        self._max_protected = size - self._max_probation
        self._probation: OrderedDict[Key, Value] = OrderedDict()
        self._protected: OrderedDict[Key, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._probation) + len(self._protected)

    def get(self, key: Key) -> Value | None:
        """Return what is kept under a key; None if nothing is."""
        found = self._protected.get(key)
        if found is not None:
            self._protected.move_to_end(key)
            return found
        found = self._probation.pop(key, None)
        if found is not None:
            self._protected[key] = found
            if len(self._protected) > self._max_protected:
                self.put(*self._protected.popitem(last=False))
        return found

    def put(self, key: Key, value: Value) -> None:
        """Keep something new, on probation."""
        self._probation[key] = value
        if len(self._probation) > self._max_probation:
            self._probation.popitem(last=False)
