"""The feed in GraphQL: the cursor with which a client that has loaded a page begins to follow its changes."""

from graph.fields.descriptions import object_type
from graph.fields.domain import Domain
from graph.fields.feed_cursor import feed_cursor

__all__ = ["DOMAIN", "Queries"]


@object_type
class Queries:
    """Query fields of the feed."""

    feed_cursor: str = feed_cursor()
    """Cursor of the newest entry of the tenant's feed in the snapshot of this query. Pass it as `after` to a
    subscription to receive every change that this response does not show. For all members."""


DOMAIN = Domain(queries=Queries)
