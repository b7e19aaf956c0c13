"""`atrium migrate`: applies what is pending, or writes it out as SQL."""

import asyncio

from atrium import migrate, startup_checks
from atrium.command_database import exit_with_sentence, open_unchecked_database
from atrium.embedded.server import RUNTIME_ROLE
from atrium.setting_checks import require_whole_database
from atrium.settings import load_settings

__all__ = ["migrate_database", "write_sql"]

EMBEDDED_URL = f"postgresql+asyncpg://{RUNTIME_ROLE}@localhost"
BASE = "base"
"""What stands for the revision of an empty database."""


def migrate_database(urls: startup_checks.DatabaseUrls, to: str = "head") -> None:
    """Apply what is pending up to a revision, if the owner role may."""
    asyncio.run(startup_checks.require_migratable_database(urls))
    migrate.upgrade(urls.owner, urls.runtime, to)


def write_sql(current: str | None, to: str) -> str:
    """Return the SQL that leads up to a revision.

    Args:
        current: the revision to begin at, or "base"; None for that of the database.
        to: the revision to go up to.
    """
    if current is None:
        with open_unchecked_database() as (_settings, urls):
            seen = asyncio.run(startup_checks.require_migratable_database(urls)).revision
            if seen and not migrate.is_known_revision(seen):
                seen = migrate.newest_revision()  # it is a later release's, which this one fits
            return migrate.sql_script(urls.runtime, seen, to)
    with exit_with_sentence(logs_only=False):
        given = require_whole_database(load_settings()).database_url
        runtime_url = given.get_secret_value() if given else EMBEDDED_URL
        return migrate.sql_script(runtime_url, None if current == BASE else current, to)
