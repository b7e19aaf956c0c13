"""What a connection is told about who asks, and whether any of it is left for whoever asks next."""

import asyncpg

__all__ = ["LOG_SETTINGS", "SELECT_SETTINGS", "SESSION_SETTINGS", "leaked_settings"]

SESSION_SETTINGS = (
    "tenant_id",
    "user_id",
    "session_id",
    "request_id",
    "ip",
    "user_agent",
    "operation",
    "api_key_id",
    "email",
    "presented",
    "creating",
    "change_time",
)
"""Every setting that the policies, the log and the rules go by."""

LOG_SETTINGS = ("request_id", "ip", "user_agent", "operation", "api_key_id")
"""Those of them that the log alone goes by; who only reads need not say them."""

SELECT_SETTINGS = f"""SELECT name, current_setting('app.' || name, true)
    FROM unnest('{{{",".join(SESSION_SETTINGS)}}}'::text[]) AS name"""
"""Asks a connection for them."""


async def leaked_settings(driver: asyncpg.Connection) -> dict[str, str]:
    """What a connection still carries; outside of any transaction it should be nothing."""
    return {name: value for name, value in await driver.fetch(SELECT_SETTINGS) if value}
