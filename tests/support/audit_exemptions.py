"""The tables whose changes are not written into the audit log."""

__all__ = ["EXEMPT"]

EXEMPT = {
    "account_events": "a log itself, of people in no tenant; append-only",
    "archived_sales": "what a deleted order leaves for sales figures; its events and its deletion are in the log",
    "article_languages": "languages that articles have, or had; made from the articles",
    "article_words": "words that occur in what everybody may read; made from the articles",
    "alembic_version": "the schema's revision; nobody's data",
    "audit_log": "the log itself: append-only, and sealed in the feed",
    "cost_buckets": "counters of what was spent, in no tenant",
    "events": "append-only, and sealed in the feed: what happened, with who did it, is all that they are",
    "feed": "positions of what is kept elsewhere; chained, so that a change is found",
    "idempotency_keys": "forgotten after a day; what the call did is in the log",
    "live_api_keys": "made from API keys and memberships, whose changes are in the log",
    "live_sessions": "made from sessions, accounts and memberships, by triggers",
    "mailed_tokens": "a person's, in no tenant; digests of tokens that were mailed",
    "order_numbers": "a counter; the numbers that it gave are in the events",
    "sessions": "a person's, in no tenant; digests of refresh tokens, rotated all the time",
    "superuser_acts": "append-only, of the whole installation: the log of what superusers did",
    "throttles": "counters of tries, in no tenant",
    "trusted_documents": "of the whole installation, and no data of anybody; operators alone write it",
    "unsealed": "a queue that is emptied at once",
    "users": "a person's, in no tenant; their name and address reach the log with the memberships that copy them",
}
"""The tables whose changes are not written down, and why. Whatever else there is must be audited."""
