"""Automatic persisted queries of one process: texts by their hashes, within each tenant, in memory.

A tenant's texts push out each other alone; when those of all tenants take too much, the tenant goes whose were asked
for the longest time ago.
"""

from collections import OrderedDict
from uuid import UUID

from models.lru import CacheUsage, SegmentedLRU, size_of

__all__ = ["PersistedQueries"]

TENANT_BYTES = 2 * 2**20
ALL_BYTES = 32 * 2**20
PERSISTED_QUERY_BYTES = 400  # of an entry, besides its text
TENANT_ENTRY_BYTES = 4_000  # of a tenant that has some


class PersistedQueries:
    """The texts that clients have registered by their hashes."""

    def __init__(self, *, tenant_bytes: int = TENANT_BYTES, all_bytes: int = ALL_BYTES) -> None:
        """Args: tenant_bytes: what one tenant's may take; all_bytes: what all may take together."""
        self._tenant_bytes = tenant_bytes
        self._all_bytes = all_bytes
        self._tenants: OrderedDict[UUID, SegmentedLRU[str, str]] = OrderedDict()
        self._bytes = 0

    @property
    def usage(self) -> CacheUsage:
        """How much it holds."""
        return CacheUsage(self._bytes, sum(len(each) for each in self._tenants.values()))

    def get(self, tenant_id: UUID, sha256: str) -> str | None:
        """Return the text that somebody of the tenant has registered; None if nobody has, or it was pushed out."""
        texts = self._tenants.get(tenant_id)
        if texts is None:
            return None
        self._tenants.move_to_end(tenant_id)
        return texts.get(sha256)

    def put(self, tenant_id: UUID, sha256: str, text: str) -> None:
        """Register a text under its hash; one that is too large is not kept."""
        texts = self._tenants.get(tenant_id)
        if texts is None:
            texts = self._tenants[tenant_id] = SegmentedLRU(self._tenant_bytes, _weigh)
            self._bytes += TENANT_ENTRY_BYTES
        self._tenants.move_to_end(tenant_id)
        if sha256 in texts:
            return
        before = texts.usage.bytes
        texts.put(sha256, text)
        self._bytes += texts.usage.bytes - before
        while self._bytes > self._all_bytes and len(self._tenants) > 1:
            _, oldest = self._tenants.popitem(last=False)
            self._bytes -= oldest.usage.bytes + TENANT_ENTRY_BYTES


def _weigh(sha256: str, text: str) -> int:
    return PERSISTED_QUERY_BYTES + size_of(sha256, text)
