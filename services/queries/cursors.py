"""Cursors: a place in a list, as a text that clients hand back; a row's key and id, and which list it is a place of."""

import hashlib
import json
import struct
from base64 import urlsafe_b64decode
from collections.abc import Hashable, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, bindparam, cast, func

from models.lru import SegmentedLRU, size_of
from services.errors import InvalidInput
from services.validation import is_storable_text

__all__ = ["decode_cursor", "encode_cursor", "list_fingerprint"]

FINGERPRINT_BYTES = 800


def encode_cursor(*keys: ColumnElement[Any]) -> ColumnElement[str]:
    """Return a row's cursor as SQL, over the bind `fingerprint`: base64url of a JSON array.

    Args:
        keys: what the list is sorted by; the row's id comes last.
    """
    fingerprint, *values, row_id = bindparam("fingerprint", type_=Text()), *keys
    array = func.json_build_array(fingerprint, *(cast(value, Text) for value in values), row_id)
    encoded = func.encode(func.convert_to(cast(array, Text), "UTF8"), "base64")
    return func.translate(encoded, "+/=\n", "-_")


_Order = tuple[tuple[str, bool], ...]
_List = tuple[str, _Order, Hashable, tuple[Any, ...]]
"""A list's name, its order, the condition of its filter, and the values that it compares with."""


def _weigh(key: _List, fingerprint: str) -> int:
    values = (part for value in key[3] for part in (value if isinstance(value, tuple) else (value,)))
    return FINGERPRINT_BYTES + size_of(fingerprint, repr(key[1:3]), items=values)


_FINGERPRINTS: SegmentedLRU[_List, str] = SegmentedLRU(2 * 2**20, _weigh)  # as costly to make as a short page


def list_fingerprint(name: str, order: _Order, condition: Hashable, values: tuple[Any, ...]) -> str:
    """Return twelve characters that tell one list with its order and filter from all others."""
    key = (name, order, condition, values)
    known = _FINGERPRINTS.get(key)
    if known is None:
        text = json.dumps([name, order, repr(condition), values], default=str)
        known = hashlib.sha256(text.encode()).hexdigest()[:12]
        _FINGERPRINTS.put(key, known)
    return known


def decode_cursor(token: str, kinds: Sequence[type], fingerprint: str) -> tuple[tuple[str, ...], UUID]:
    """Return the sort keys and the id in a cursor; `kinds` are the keys' Python types.

    Raises:
        InvalidInput: it is no cursor, or one of another list.
    """
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        mark, *keys, row_id = json.loads(urlsafe_b64decode(padded))
        if mark == fingerprint and all(isinstance(key, str) and is_storable_text(key) for key in keys):
            return tuple(_parse_key(key, kind) for key, kind in zip(keys, kinds, strict=True)), UUID(row_id)
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError):
        pass
    raise InvalidInput.of("cursor", "This cursor does not belong to this list.")


def _parse_key(text: str, kind: type) -> str:
    """Parse a sort key from a cursor; raises ValueError for what PostgreSQL could not read."""
    if kind is date and text not in {"infinity", "-infinity"}:
        return date.fromisoformat(text).isoformat()
    if kind is datetime and text not in {"infinity", "-infinity"}:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat()
    if kind is int:
        number = int(text)
        if not -(2**63) <= number < 2**63:
            raise ValueError
        return str(number)
    if kind is float:  # a `real`, whose text names it exactly
        return repr(struct.unpack("f", struct.pack("f", float(text)))[0])
    return text
