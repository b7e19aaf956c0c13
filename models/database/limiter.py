"""The limiter of a pool: how many run at once, and which of its connections each of them gets."""

import asyncio
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

from models.database.errors import PoolTimeout
from models.database.timeouts import SharedTimeout
from models.timings import StepKind, timed

__all__ = ["STATEMENT_SECONDS", "PartitionedLimiter", "Slot"]

STATEMENT_SECONDS = 30  # that a statement may take on a general connection

TenantCounts: TypeAlias = dict[int | None, int]
"""How many each tenant has, by the number that its id is, which is hashed ten times as fast."""


@dataclass(eq=False, slots=True)
class Slot:
    """The right to one connection, or the wait for it."""

    tenant_id: UUID | None
    general_only: bool
    """Whether it has to be a general connection, since the statement was cut off on a reserved one."""
    is_reserved: bool = False
    ready: asyncio.Future[None] = field(init=False, repr=False)


class PartitionedLimiter:
    """Lets in as many at once as there are connections, and says of which partition each gets one.

    While statements wait that were cut off, the tenant with the fewest general connections goes first, and their own
    tenants do not get the last reserved connection, which is the others'.
    """

    def __init__(self, size: int, reserve: int, wait: float | None) -> None:
        """Prepare it.

        Args:
            size: connections of all.
            reserve: how many of them are reserved for brief statements.
            wait: seconds that one more waits at most; None for as long as it takes.
        """
        self._reserve = reserve
        self._free_general, self._free_reserved = size - reserve, reserve
        self._waiting: dict[Slot, None] = {}
        self._preempted: TenantCounts = {}  # waiting for a general connection, by tenant
        self._held: tuple[TenantCounts, TenantCounts] = ({}, {})  # general and reserved connections
        self._limit = None if wait is None else SharedTimeout(wait)
        self._preempted_limit = SharedTimeout(STATEMENT_SECONDS)
        self.in_use = 0

    @property
    def is_full(self) -> bool:
        """Return whether one more would have to wait."""
        return self._free_general + self._free_reserved == 0

    async def acquire(self, tenant_id: UUID | None, *, general_only: bool = False) -> Slot:
        """Wait for a connection.

        Args:
            tenant_id: whose statements are to be run.
            general_only: whether they have to have a general connection, for which they wait longer.

        Raises:
            PoolTimeout: none came free in time.
        """
        slot = Slot(tenant_id, general_only)
        if not self._take(slot):
            with timed(StepKind.CONNECTION):
                await self._wait(slot)
        self.in_use += 1
        return slot

    def try_acquire(self, tenant_id: UUID | None) -> Slot | None:
        """Take a connection if there is one without waiting."""
        slot = Slot(tenant_id, general_only=False)
        if not self._take(slot):
            return None
        self.in_use += 1
        return slot

    def join_queue(self, slot: Slot) -> None:
        """Begin to wait for a connection, or anew behind all others; `ready` tells when it is the slot's turn.

        Whoever was told calls `accept_turn`, and releases the slot in the end.
        """
        if slot in self._waiting:
            del self._waiting[slot]
        else:
            slot.ready = asyncio.get_running_loop().create_future()
        self._waiting[slot] = None
        self._dispatch()  # several may have come free while the last turn was taken

    def leave_queue(self, slot: Slot) -> None:
        """Wait no longer; a turn that has come is given back."""
        if slot.ready.done():
            self._give_back(slot)
        else:
            del self._waiting[slot]
            slot.ready.cancel()

    def accept_turn(self) -> None:
        """Count a slot that was told that it is its turn."""
        self.in_use += 1

    def next_after(self, slot: Slot) -> Slot | None:
        """Return who would get this slot's connection if it were released now."""
        if not slot.is_reserved:
            return self._next_general()
        return next((each for each in self._waiting if self._is_allowed_reserved(each)), None)

    def release(self, slot: Slot) -> None:
        """Free a connection for the next."""
        self.in_use -= 1
        self._give_back(slot)

    async def _wait(self, slot: Slot) -> None:
        slot.ready = asyncio.get_running_loop().create_future()
        self._waiting[slot] = None
        _add(self._preempted, slot, int(slot.general_only))
        limit = self._preempted_limit if slot.general_only else self._limit
        try:
            if limit is None:
                await slot.ready
            else:
                with limit.scope():
                    await slot.ready
        except BaseException as error:
            if slot.ready.cancelled():
                self._stop_waiting(slot)
                self._dispatch()  # others may have waited because of it
            else:
                self._give_back(slot)  # its turn had come
            if isinstance(error, TimeoutError):
                raise PoolTimeout from None
            raise

    def _stop_waiting(self, slot: Slot) -> None:
        if slot in self._waiting:
            del self._waiting[slot]
            _add(self._preempted, slot, -int(slot.general_only))

    def _give_back(self, slot: Slot) -> None:
        if slot.is_reserved:
            self._free_reserved += 1
        else:
            self._free_general += 1
        _add(self._held[slot.is_reserved], slot, -1)
        self._dispatch()

    def _dispatch(self) -> None:
        while self._waiting and (following := self._next()):
            self._stop_waiting(following)
            if not following.ready.cancelled():  # else its task has not come to learn of it yet
                self._take(following)
                following.ready.set_result(None)

    def _next(self) -> Slot | None:
        if self._free_general:
            return self._next_general()
        return next((slot for slot in self._waiting if self._may_be_reserved(slot)), None)

    def _next_general(self) -> Slot | None:
        if not self._preempted:
            return next(iter(self._waiting), None)
        return min(self._waiting, key=lambda slot: self._held[0].get(_key(slot), 0))

    def _take(self, slot: Slot) -> bool:
        if self._free_general:
            self._free_general -= 1
        elif self._may_be_reserved(slot):
            self._free_reserved -= 1
            slot.is_reserved = True
        else:
            return False
        _add(self._held[slot.is_reserved], slot, 1)
        return True

    def _may_be_reserved(self, slot: Slot) -> bool:
        return self._free_reserved > 0 and self._is_allowed_reserved(slot)

    def _is_allowed_reserved(self, slot: Slot) -> bool:
        if slot.general_only:
            return False
        key = _key(slot)
        return key not in self._preempted or self._held[1].get(key, 0) < self._reserve - 1


def _key(slot: Slot) -> int | None:
    return None if slot.tenant_id is None else slot.tenant_id.int


def _add(counts: TenantCounts, slot: Slot, change: int) -> None:
    key = _key(slot)
    count = counts.get(key, 0) + change
    if count:
        counts[key] = count
    else:
        counts.pop(key, None)
