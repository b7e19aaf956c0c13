"""Verification: whether what the feed's chain was made of is still there, as it was written and in its order.

Each tenant's chain is walked from its beginning. A link covers the link before it, the entry's digest and its position;
the digest covers the entry, of its values a salted digest. So whatever was altered, taken out or moved since it was
sealed breaks a link, or is missed. What was written and not sealed yet is held against the queue. What cannot be known
from within is whether the newest part of everything was cut off: for that, the head of the chain is told, to be kept
elsewhere.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from models.database import ReadSession

__all__ = ["ChainFault", "ChainProgress", "chain_length", "unsequenced", "verify_batch"]

VERIFY_BATCH_SIZE = 2000  # entries

# What a digest is made of, in the words of the triggers that made it (atrium_enqueue_events, atrium_enqueue_audit).
_EVENT = """sha256(convert_to((jsonb_build_array(
    e.tenant_id, e.id, e.stream_type, e.stream_id, e.version, e.type, e.schema_version, e.payload, e.actor_id,
    e.request_id, extract(epoch FROM e.created_at))
    || CASE WHEN e.api_key_id IS NULL THEN '[]' ELSE jsonb_build_array(e.api_key_id) END)::text, 'UTF8'))"""
_ENTRY = """sha256(convert_to(jsonb_build_array(
    a.tenant_id, a.id, a.table_name, a.row_id, a.action, a.actor_id, a.api_key_id, a.request_id, a.operation, a.ip,
    a.user_agent, encode(a.values_digest, 'hex'), extract(epoch FROM a.created_at))::text, 'UTF8'))"""
_VALUES = """sha256(a.salt || convert_to(
    coalesce(a.old_values::text, '') || E'\\n' || coalesce(a.new_values::text, ''), 'UTF8'))"""

_PURGED = """EXISTS (
    SELECT FROM audit_log p LEFT JOIN feed s ON s.tenant_id = p.tenant_id AND s.entry_id = p.id
    WHERE p.tenant_id = a.tenant_id AND p.row_id = a.row_id AND p.table_name = a.table_name AND p.action = 'PURGE'
        AND coalesce(s.position, f.position + 1) > f.position)"""

_LINKS = text(f"""
    SELECT f.position, f.source, f.entry_id, f.stream_id, f.digest, f.chain,
        CASE f.source WHEN 'event' THEN {_EVENT} ELSE {_ENTRY} END AS made_of,
        coalesce(e.stream_id, a.row_id) AS about, f.source = 'event' AND e.id IS NULL
            OR f.source <> 'event' AND a.id IS NULL AS gone,
        CASE WHEN a.salt IS NULL THEN a.id IS NULL OR a.old_values IS NULL AND a.new_values IS NULL AND {_PURGED}
            ELSE a.values_digest = {_VALUES} END AS says_what_it_said
    FROM feed f
        LEFT JOIN events e ON f.source = 'event' AND e.tenant_id = f.tenant_id AND e.id = f.entry_id
        LEFT JOIN audit_log a ON f.source = 'audit' AND a.tenant_id = f.tenant_id AND a.id = f.entry_id
    WHERE f.tenant_id = :tenant_id AND f.position > :after ORDER BY f.position LIMIT {VERIFY_BATCH_SIZE}
""")  # noqa: S608  # our own words

_LENGTH = text("SELECT count(*) FROM feed WHERE tenant_id = :tenant_id")

# In the tenant's own view: what was written, and is neither sealed nor, as the caller knows, in the queue.
_UNSEQUENCED = text("""
    SELECT s.source, s.id FROM (
        SELECT 'event' AS source, id FROM events WHERE tenant_id = :tenant_id
        UNION ALL SELECT 'audit', id FROM audit_log WHERE tenant_id = :tenant_id
    ) s
    WHERE NOT EXISTS (
        SELECT FROM feed f WHERE f.tenant_id = :tenant_id AND f.source = s.source AND f.entry_id = s.id
    ) ORDER BY s.id
""")


class ChainFault(NamedTuple):
    """The first entry that differs from what was sequenced."""

    reason: str
    """What is wrong with it."""
    source: str
    entry_id: UUID
    position: int | None = None


@dataclass(slots=True)
class ChainProgress:
    """How far the walk along a tenant's chain has come."""

    position: int = 0
    link: bytes = b""
    entries: int = 0
    ended: bool = False
    fault: ChainFault | None = field(default=None)


async def chain_length(session: ReadSession, tenant_id: UUID) -> int:
    """Return how many entries a tenant's chain has."""
    return int((await session.exec(_LENGTH, params={"tenant_id": tenant_id})).scalar_one())


async def verify_batch(session: ReadSession, tenant_id: UUID, chain: ChainProgress) -> int:
    """Go on along a tenant's chain, until the next break or for some thousand entries; says how many they were.

    The session is one of the operator's, inside the tenant.
    """
    rows = (await session.exec(_LINKS, params={"tenant_id": tenant_id, "after": chain.position})).all()
    for row in rows:
        if what := _find_fault(row, chain.link):
            chain.fault, chain.ended = ChainFault(what, row.source, row.entry_id, row.position), True
            break
        chain.position, chain.link = row.position, row.chain
        chain.entries += 1
    chain.ended = chain.ended or len(rows) < VERIFY_BATCH_SIZE
    return len(rows)


async def unsequenced(session: ReadSession, tenant_id: UUID) -> list[tuple[str, UUID]]:
    """What was written and has no position: the tail that waits for the sealer, or what was taken out of the feed."""
    rows = await session.exec(_UNSEQUENCED, params={"tenant_id": tenant_id})
    return [(row.source, row.id) for row in rows]


def _find_fault(row: Any, before: bytes) -> str | None:
    if row.gone:
        return "was removed"
    if bytes(row.made_of) != bytes(row.digest) or row.about != row.stream_id:
        return "was altered"
    if not row.says_what_it_said:
        return "holds other values than it did"
    link = hashlib.sha256(before + row.digest + row.position.to_bytes(8, "big", signed=True)).digest()
    if link != bytes(row.chain):
        return "does not follow the one before: something was moved or taken out here"
    return None
