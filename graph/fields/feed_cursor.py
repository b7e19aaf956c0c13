"""The field that shows the cursor of the newest entry of the tenant's feed."""

from typing import Any

from graph.fields.declared import DeclaredField
from services.eventlog import outbox

__all__ = ["FeedCursor", "feed_cursor"]


class FeedCursor(DeclaredField, compilable=True):
    """The cursor of the newest entry of the tenant's feed, in the snapshot that the whole query is read from."""

    async def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> str:  # noqa: ARG002  # Strawberry's signature
        """Read the position."""
        return str(await outbox.last_position(await info.context.read(), info.context.actor))


def feed_cursor() -> Any:
    """Declare the cursor of the feed's newest entry."""
    return FeedCursor()
