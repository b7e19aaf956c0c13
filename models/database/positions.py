"""Positions in the primary's log: how far it reaches, and on which timeline.

When a standby is promoted the log goes on under the number of a new timeline, from where the standby was. What the lost
primary had written beyond that is no part of it, though the same bytes are soon taken by something else. So a position
means something on its own timeline only.
"""

from typing import NamedTuple

__all__ = ["CURRENT_POSITION_QUERY", "CURRENT_TIMELINE", "SET_MARK_STATEMENT", "LogPosition"]


class LogPosition(NamedTuple):
    """Where a primary's log ended."""

    timeline: int
    lsn: int
    """In bytes."""


# The control file also knows it, but not before the first checkpoint after a promotion, which may take minutes.
CURRENT_TIMELINE = "('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::bigint"
"""In SQL, the number of the timeline on which a primary writes; a standby refuses to say."""

# Where the log ends, not where it was flushed to: a commit may be visible before.
CURRENT_POSITION_QUERY = f"SELECT ARRAY[{CURRENT_TIMELINE}, pg_current_wal_insert_lsn() - '0/0']::bigint[]"
"""The fields of a `LogPosition`."""

# It waits for no standby: the primary may have none at the moment that could confirm it.
SET_MARK_STATEMENT = """
SELECT set_config('synchronous_commit', 'off', true), setval('timeline_mark', $1)
FROM timeline_mark WHERE last_value <> $1
"""
"""Writes the number of the primary's timeline into the sequence where replicas show it."""
