"""What happens before anything is served: where the database is, whether it may be used, and its development key."""

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from atrium import migrate
from atrium.embedded import standby as embedded_standby
from atrium.embedded.server import EmbeddedFailed, EmbeddedUnavailable, Server
from atrium.settings import Settings, SettingsError

__all__ = ["DatabaseUrls", "open_database", "require_usable_database", "start_replicas", "with_signing_key"]

OLDEST_POSTGRESQL = 150000  # as server_version_num

# What the runtime role must not be. A member of the owner may become the owner, and see every row.
ROLE_CHECK = """
SELECT r.rolsuper AS superuser, r.rolbypassrls AS bypass,
    (SELECT bool_or(pg_has_role(r.rolname, c.relowner, 'MEMBER'))
        FROM pg_class c WHERE c.relname = 'alembic_version' AND c.relkind = 'r') AS owner,
    current_setting('server_version_num')::integer AS version
FROM pg_roles r WHERE r.rolname = current_user
"""


@dataclass(frozen=True, slots=True)
class DatabaseUrls:
    """The addresses of one database: as the runtime role, and as its owner."""

    runtime: str
    owner: str
    server: Server | None = None
    """The embedded server, if that is where they lead to."""

    @property
    def is_embedded(self) -> bool:
        """Return whether they lead to the embedded server."""
        return self.server is not None


@contextmanager
def open_database(settings: Settings) -> Iterator[DatabaseUrls]:
    """Open the database of the settings, or the embedded one, which runs as long as this does.

    Raises:
        SettingsError: one of the two URLs is missing, or there is no embedded database for this platform.
    """
    if settings.database_url and settings.database_owner_url:
        yield DatabaseUrls(settings.database_url.get_secret_value(), settings.database_owner_url.get_secret_value())
        return
    try:
        server = Server.start(settings.data_dir)
    except (EmbeddedUnavailable, EmbeddedFailed) as error:
        raise SettingsError(str(error)) from error
    with server:
        yield DatabaseUrls(server.runtime_url, server.owner_url, server)


@contextmanager
def start_replicas(settings: Settings, urls: DatabaseUrls, count: int) -> Iterator[Settings]:
    """These settings with `count` replicas of the embedded database, which run as long as this does.

    Raises:
        SettingsError: the database is not the embedded one, or its replicas cannot be started.
    """
    if not count:
        yield settings
        return
    if urls.server is None:
        raise SettingsError("Only the embedded database starts replicas; name others in ATRIUM_DATABASE_REPLICA_URLS.")
    with ExitStack() as stack:
        try:
            started = stack.enter_context(embedded_standby.run_standbys(urls.server, settings.data_dir, count))
        except EmbeddedFailed as error:
            raise SettingsError(str(error)) from error
        addresses = tuple(SecretStr(standby.runtime_url) for standby in started)
        yield settings.model_copy(update={"database_replica_urls": addresses})


def with_signing_key(settings: Settings) -> Settings:
    """Return these settings with a key to sign with: in development one that is kept in the data directory."""
    if settings.secret_key or settings.signing_keys or settings.is_production:
        return settings
    return settings.model_copy(update={"secret_key": SecretStr(_load_development_key(settings.data_dir))})


async def require_usable_database(urls: DatabaseUrls) -> None:
    """Refuse a database that would not keep its walls.

    Raises:
        SettingsError: PostgreSQL is too old, the runtime role could see through walls, or migrations are pending.
    """
    engine = create_async_engine(urls.runtime, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            role = (await connection.execute(text(ROLE_CHECK))).one()
    except (OSError, DBAPIError) as error:
        raise SettingsError(f"The database does not let ATRIUM_DATABASE_URL in: {_first_line(error)}.") from error
    finally:
        await engine.dispose()
    if role.version < OLDEST_POSTGRESQL:
        raise SettingsError("Atrium needs PostgreSQL 15 or later.")
    if role.superuser or role.bypass or role.owner:
        what = (
            "a superuser" if role.superuser else "allowed to bypass row-level security" if role.bypass else "an owner"
        )
        raise SettingsError(
            f"The role in ATRIUM_DATABASE_URL is {what}, so it would see every tenant's rows; use another."
        )
    if await migrate.has_pending_migrations(urls.runtime):
        raise SettingsError("Migrations are pending: run `atrium migrate` first.")


def _load_development_key(data_dir: Path) -> str:
    """Return a key made once, so that tokens outlive a restart."""
    path = data_dir / "secret"
    data_dir.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        key = secrets.token_urlsafe(48)
        file.write(key + "\n")
    return key


def _first_line(error: BaseException) -> str:
    return str(getattr(error, "orig", None) or error).partition("\n")[0].rstrip(".")
