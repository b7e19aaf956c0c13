"""A bounded cache that a flood of keys seen once cannot empty.

What is new is on probation, in a small part of the cache; what is asked for again is kept in the large part, whose
least recently used entry goes back on probation. So keys that never come again push out each other alone.
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["Cache"]

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

PROBATION = 5  # of how many entries one is on probation


class Cache(Generic[Key, Value]):
    """Keeps the entries that were asked for again and again; a segmented LRU."""

    def __init__(self, size: int) -> None:
        """Args: size: how many entries at most."""
        self._most_new = max(1, size // PROBATION)
        self._most_kept = size - self._most_new
        self._new: OrderedDict[Key, Value] = OrderedDict()
        self._kept: OrderedDict[Key, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._new) + len(self._kept)

    def get(self, key: Key) -> Value | None:
        """What is kept under a key; None if nothing is."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found
        found = self._new.pop(key, None)
        if found is not None:
            self._kept[key] = found
            if len(self._kept) > self._most_kept:
                self.put(*self._kept.popitem(last=False))
        return found

    def put(self, key: Key, value: Value) -> None:
        """Keep something new, on probation."""
        self._new[key] = value
        if len(self._new) > self._most_new:
            self._new.popitem(last=False)
