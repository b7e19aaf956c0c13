"""Requests that differ each time they are sent: what stands in their bodies and heads for something new.

`load.lua` puts it in while it loads; `fill_template` does the same for a single request.
"""

import secrets
import time
import uuid
from collections.abc import Mapping

__all__ = ["APP_ORIGIN", "BODY_UUID", "fill_head", "fill_template"]

APP_ORIGIN = "https://app.example.com"
"""The origin of the pages that call."""

BODY_UUID = "U" * 36
"""In a body, where a new UUID goes; as long as one, so that the length of the body stays."""


def fill_template(body: str) -> str:
    """Return a body with new UUIDs."""
    while BODY_UUID in body:
        body = body.replace(BODY_UUID, _new_uuid(), 1)
    return body


def fill_head(head: Mapping[str, str]) -> dict[str, str]:
    """Return headers with what is new in each request."""
    if not any("{" in value for value in head.values()):
        return dict(head)
    new = {
        "trace": secrets.token_hex(16),
        "span": secrets.token_hex(8),
        "uuid": _new_uuid(),
        "number": str(100 + secrets.randbelow(100)),
    }
    return {name: value.format(**new) if "{" in value else value for name, value in head.items()}


def _new_uuid() -> str:
    """Return a UUID of version 7, as those are that Atrium gives: new rows land at the end of their index."""
    milliseconds = time.time_ns() // 1_000_000
    text = f"{milliseconds:012x}7{secrets.token_hex(2)[1:]}8{secrets.token_hex(8)[1:]}"
    return str(uuid.UUID(text))
