"""Content negotiation: what an `Accept` header comes to, by each edition of GraphQL over HTTP that is served.

By the first edition, of September 2026, an error has a status of its own whatever the client accepts, and is labelled
as the GraphQL response that it is. The drafts before it answered clients that accept `application/json` with 200.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

__all__ = [
    "EVENT_STREAM",
    "GRAPHQL_JSON",
    "JSON_MEDIA_TYPE",
    "OK",
    "PARTIAL_SUCCESS",
    "Accepted",
    "Edition",
    "negotiate",
]

JSON_MEDIA_TYPE = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
EVENT_STREAM = "text/event-stream"
LONGEST_ACCEPT = 1_000  # characters
UNACCEPTED = (0.0, 0)

OK = 200
PARTIAL_SUCCESS = 294

Edition = Literal["2026", "legacy"]
"""The first edition of GraphQL over HTTP, or the drafts before it."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What an `Accept` header comes to here."""

    media_type: str
    """The type of an answer with data."""
    refusal_media_type: str
    """The type of an answer without data."""
    partial_status: int = OK
    """The status of an answer with data and errors."""
    hides_refusals: bool = False
    """Whether a well-formed request gets 200 even if it was not executed."""
    is_acceptable: bool = True
    """Whether the client takes any of the types that there are."""
    streams: bool = False
    """Whether an event stream is accepted, by its name."""
    prefers_stream: bool = False
    """Whether an event stream is preferred to JSON."""


def negotiate(accept: str | None, edition: Edition) -> Accepted:
    """Return what to answer with: the supported type of the highest quality value, and of equal ones the first.

    An `Accept` that is longer than any client's is disregarded.
    """
    return _negotiate(accept if accept and len(accept) <= LONGEST_ACCEPT else "*/*", edition)


@lru_cache(maxsize=256)
def _negotiate(accept: str, edition: Edition) -> Accepted:
    ranges = [_media_range(part) for part in accept.lower().split(",")]
    ranks = {kind: _rank(kind, ranges) for kind in (JSON_MEDIA_TYPE, GRAPHQL_JSON, EVENT_STREAM)}
    named = {name for name, quality in ranges if quality > 0}
    streams = EVENT_STREAM in named
    if not streams:
        del ranks[EVENT_STREAM]
    first, *others = sorted(ranks, key=lambda kind: ranks[kind])
    prefers_stream = first == EVENT_STREAM
    best = others[0] if prefers_stream else first
    media_type = best if ranks[best] != UNACCEPTED else JSON_MEDIA_TYPE
    if edition == "legacy":
        hides = media_type == JSON_MEDIA_TYPE
        return Accepted(media_type, media_type, hides_refusals=hides, streams=streams, prefers_stream=prefers_stream)
    knows_partial_success = media_type == GRAPHQL_JSON and GRAPHQL_JSON in named
    return Accepted(
        media_type,
        GRAPHQL_JSON,
        partial_status=PARTIAL_SUCCESS if knows_partial_success else OK,
        is_acceptable=ranks[first] != UNACCEPTED,
        streams=streams,
        prefers_stream=prefers_stream,
    )


def _rank(kind: str, ranges: Sequence[tuple[str, float]]) -> tuple[float, int]:
    """Return the rank of a type by the most specific range that includes it, the least being the best."""
    for pattern in (kind, f"{kind.partition('/')[0]}/*", "*/*"):
        for place, (name, quality) in enumerate(ranges):
            if name == pattern:
                return (-quality, place) if quality > 0 else UNACCEPTED
    return UNACCEPTED


def _media_range(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip() for piece in part.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                quality = float(parameter[2:])
            except ValueError:
                quality = 0.0
            return name, quality if 0 <= quality <= 1 else 0.0
    return name, 1.0
