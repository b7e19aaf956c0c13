"""The cache of the whole program: a segmented LRU that is bounded in bytes.

What is new is on probation, in a small part of the cache; what is asked for again is protected in the large part,
whose least recently used entry goes back on probation. So keys that never come again push out each other alone.
"""

import sys
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["CacheUsage", "SegmentedLRU", "size_of"]

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

PROBATION_SHARE = 5


@dataclass(frozen=True, slots=True)
class CacheUsage:
    """How much one cache holds."""

    bytes: int
    entries: int


class SegmentedLRU(Generic[Key, Value]):
    """Keeps the entries that were asked for again and again, within a number of bytes."""

    def __init__(
        self,
        max_bytes: int,
        weigh: Callable[[Key, Value], int],
        *,
        max_entry_bytes: int = 0,
        probation_share: int = PROBATION_SHARE,
    ) -> None:
        """Prepare it.

        Args:
            max_bytes: what all entries weigh at most.
            weigh: the bytes that an entry takes, its key included; an estimate that is rather too high.
            max_entry_bytes: what one entry weighs at most, unless what is on probation may weigh less.
            probation_share: one part of so many is for what is on probation.
        """
        self._weigh = weigh
        self._max_probation = max(1, max_bytes // probation_share)
        self._max_protected = max_bytes - self._max_probation
        self._max_entry = min(max_entry_bytes or self._max_probation, self._max_probation)
        self._probation: OrderedDict[Key, Value] = OrderedDict()
        self._protected: OrderedDict[Key, Value] = OrderedDict()
        self._weights: dict[Key, int] = {}
        self._probation_bytes = self._protected_bytes = 0

    def __len__(self) -> int:
        return len(self._weights)

    def __contains__(self, key: object) -> bool:
        return key in self._weights

    def fits(self, weight: int) -> bool:
        """Whether an entry of this weight can be kept."""
        return weight <= self._max_entry

    @property
    def usage(self) -> CacheUsage:
        """How much it holds."""
        return CacheUsage(self._probation_bytes + self._protected_bytes, len(self._weights))

    def get(self, key: Key) -> Value | None:
        """Return what is kept under a key, and remember that it was asked for; None if nothing is."""
        value = self._protected.get(key)
        if value is not None:
            self._protected.move_to_end(key)
            return value
        value = self._probation.pop(key, None)
        if value is not None:
            weight = self._weights[key]
            self._probation_bytes -= weight
            self._protected[key] = value
            self._protected_bytes += weight
            self._trim()
        return value

    def put(self, key: Key, value: Value) -> None:
        """Keep a value on probation, in place of what was kept under the key; one that is too heavy is not kept."""
        self.discard(key)
        weight = self._weigh(key, value)
        if weight <= self._max_entry:
            self._weights[key] = weight
            self._probation[key] = value
            self._probation_bytes += weight
            self._trim()

    def charge(self, key: Key, more_bytes: int) -> None:
        """Note that the value kept under a key has grown; one that has become too heavy is not kept any longer."""
        weight = self._weights.get(key)
        if weight is None:
            return
        if weight + more_bytes > self._max_entry:
            self.discard(key)
            return
        self._weights[key] = weight + more_bytes
        if key in self._protected:
            self._protected_bytes += more_bytes
        else:
            self._probation_bytes += more_bytes
        self._trim()

    def discard(self, key: Key) -> None:
        """Forget what is kept under a key, if anything is."""
        weight = self._weights.pop(key, None)
        if weight is None:
            return
        if self._protected.pop(key, None) is not None:
            self._protected_bytes -= weight
        else:
            del self._probation[key]
            self._probation_bytes -= weight

    def _trim(self) -> None:
        while self._protected_bytes > self._max_protected:
            key, value = self._protected.popitem(last=False)
            weight = self._weights[key]
            self._protected_bytes -= weight
            self._probation[key] = value
            self._probation_bytes += weight
        while self._probation_bytes > self._max_probation:
            key, _ = self._probation.popitem(last=False)
            self._probation_bytes -= self._weights.pop(key)


def size_of(*texts: str | bytes | None, items: Iterable[object] = ()) -> int:
    """Return the bytes that texts take, and flat values such as numbers and ids."""
    return sum(map(sys.getsizeof, texts)) + sum(map(sys.getsizeof, items))
