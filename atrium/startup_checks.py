"""What happens before anything is served: where the database is, whether it may be used, and its development key.

`serve` and `doctor` go through the same checks: `require_servable_settings` and `require_usable_database`. Every other
command that needs a database goes through those of them that concern it.
"""

import asyncio
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import asyncpg
from alembic.util.exc import CommandError
from pydantic import SecretStr
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError, PendingRollbackError

from atrium import migrate
from atrium.auth_config import load_signing_keys
from atrium.embedded import standby as embedded_standby
from atrium.embedded.server import EmbeddedFailed, EmbeddedUnavailable, Server
from atrium.setting_checks import require_servable
from atrium.settings import Settings, SettingsError
from models.database.engine import SERVER_SETTINGS
from models.database.errors import DRIVER_ERRORS, DatabaseUnavailable, PoolTimeout, is_connection_lost
from models.database.inspection import DatabaseState, inspect_database

__all__ = [
    "DatabaseUrls",
    "describe_database",
    "describe_failure",
    "open_database",
    "require_current_database",
    "require_migratable_database",
    "require_servable_settings",
    "require_usable_database",
    "start_replicas",
    "with_signing_key",
]

OLDEST_POSTGRESQL = 150000  # as server_version_num

RUNTIME_VARIABLE = "ATRIUM_DATABASE_URL"
OWNER_VARIABLE = "ATRIUM_DATABASE_OWNER_URL"
DIRECT_VARIABLE = "ATRIUM_DATABASE_DIRECT_URL"
REPLICAS_VARIABLE = "ATRIUM_DATABASE_REPLICA_URLS"

IGNORE_HINT = " Name it in ignore_startup_parameters of PgBouncer; what it leaves out is to be set for the role."
LOCK_TIMEOUT_SQLSTATE = "55P03"
REFUSED_SQLSTATES = ("28", "3D", "42501", "53")  # how the codes begin that say that one is not let in, or may not


@dataclass(frozen=True, slots=True)
class DatabaseUrls:
    """The addresses of one database: as the runtime role, and as its owner."""

    runtime: str
    owner: str
    pooler: str | None = None
    """As the runtime role, through a pooler that shares connections between transactions."""
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
        runtime, owner = settings.database_url.get_secret_value(), settings.database_owner_url.get_secret_value()
        direct = settings.database_direct_url
        yield DatabaseUrls(direct.get_secret_value(), owner, pooler=runtime) if direct else DatabaseUrls(runtime, owner)
        return
    try:
        server = Server.start(settings.data_dir)
    except (EmbeddedUnavailable, EmbeddedFailed) as error:
        raise SettingsError(str(error)) from error
    with server:
        yield DatabaseUrls(server.runtime_url, server.owner_url, server=server)


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


def require_servable_settings(settings: Settings) -> Settings:
    """Return these settings with a key to sign with, if a server may start with them.

    Raises:
        SettingsError: they do not go together, are not fit for production, or a key cannot be read.
    """
    complete = with_signing_key(require_servable(settings))
    load_signing_keys(complete)
    return complete


class View(NamedTuple):
    """A database as it was seen through one setting."""

    state: DatabaseState
    variable: str


async def require_usable_database(settings: Settings, urls: DatabaseUrls) -> DatabaseState:
    """Refuse a database that this program cannot serve safely; return what was seen of it.

    Raises:
        SettingsError: it is not there, too old, not Atrium's, or at another revision; the runtime role could bypass
            row-level security; or a pooler shares connections between transactions where it may not, or leads
            elsewhere.
    """
    variable = DIRECT_VARIABLE if urls.pooler else RUNTIME_VARIABLE
    state = await _inspect(urls.runtime, variable, SERVER_SETTINGS)
    _refuse(state, variable, RUNTIME_CHECKS)
    if not settings.is_production:  # in which a server migrates
        await require_migratable_database(urls)
    if urls.pooler is None:
        await asyncio.gather(*(_refuse_shared(url.get_secret_value()) for url in settings.database_replica_urls))
        return state
    pooled = await _inspect(urls.pooler, RUNTIME_VARIABLE, SERVER_SETTINGS, sends=False)
    _refuse(pooled, RUNTIME_VARIABLE, (_settings_fault,))
    if (pooled.system, pooled.database, pooled.role) != (state.system, state.database, state.role):
        raise SettingsError(f"{RUNTIME_VARIABLE} and {DIRECT_VARIABLE} lead to different databases, or as other roles.")
    return state._replace(shares_connections=pooled.shares_connections)


async def require_migratable_database(urls: DatabaseUrls) -> DatabaseState:
    """Refuse a database that this program cannot migrate; return what was seen of it.

    Raises:
        SettingsError: it is not there, too old, not Atrium's, or newer than this program; or the owner role may not.
    """
    state = await _inspect(urls.owner, OWNER_VARIABLE, {})
    _refuse(state, OWNER_VARIABLE, OWNER_CHECKS)
    return state


async def require_current_database(urls: DatabaseUrls) -> DatabaseState:
    """Refuse a database that commands cannot work on, as the owner role; return what was seen of it.

    Raises:
        SettingsError: as `require_migratable_database` does, or migrations are pending.
    """
    state = await require_migratable_database(urls)
    _refuse(state, OWNER_VARIABLE, (_pending_fault,))
    return state


def describe_database(urls: DatabaseUrls, state: DatabaseState) -> str:
    """Return which database it is, as whom it is seen, of which version and at which revision; no password.

    If there is a pooler in front of it, a second line says what that does with connections.
    """
    address = make_url(urls.runtime)
    named = address.query.get("host")  # the folder of a unix socket, or several hosts with their ports
    if isinstance(named, tuple):
        where = ", ".join(named)
    else:
        where = f"{named or address.host or 'localhost'}:{address.query.get('port') or address.port or 5432}"
    revision = f"revision {state.revision}" if state.revision else "no revision"
    seen = f"Database {state.database} at {where}, role {state.role}, PostgreSQL {state.version}, {revision}."
    return f"{seen}\n{_describe_pooler(state)}" if urls.pooler else seen


def _describe_pooler(state: DatabaseState) -> str:
    if state.shares_connections:
        return "The pooler shares connections between transactions: statements are not prepared."
    return (
        f"No pooler shares the connections of {RUNTIME_VARIABLE}: without {DIRECT_VARIABLE} statements would be "
        "prepared, which takes less CPU."
    )


def describe_failure(error: Exception) -> str | None:
    """Return a sentence for a failure of the database that a trace would not explain any better; None for others."""
    if isinstance(error, DatabaseUnavailable | PoolTimeout | PendingRollbackError):  # the last is Alembic's, at a loss
        return "The database does not answer."
    if isinstance(error, CommandError):
        return f"The database cannot be migrated: {_first_line(error)}."
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlstate", None) or ""
    if isinstance(cause, OSError) and cause.filename is not None:
        return f"{cause.filename}: {cause.strerror}."
    if code == LOCK_TIMEOUT_SQLSTATE:
        return "Somebody used a table for too long that a migration has to lock. Nothing of it was done; try again."
    if isinstance(cause, OSError) or is_connection_lost(code):
        return f"The database does not answer: {_first_line(error)}."
    return f"The database refuses: {_first_line(error)}." if code.startswith(REFUSED_SQLSTATES) else None


async def _inspect(url: str, variable: str, server_settings: Mapping[str, str], *, sends: bool = True) -> DatabaseState:
    """Return what a database is, of which a pooler may share the connections only if they are sent no settings."""
    try:
        state = await inspect_database(url, server_settings, sends=sends)
    except (OSError, asyncpg.InternalClientError) as error:  # a TimeoutError is an OSError
        raise SettingsError(f"The database in {variable} does not answer: {_first_line(error)}.") from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        what = f"The database does not let {variable} in: {_first_line(error)}."
        raise SettingsError(what + (IGNORE_HINT if "startup parameter" in what else "")) from error
    if state.shares_connections and sends:
        raise SettingsError(_describe_shared(variable))
    return state


async def _refuse_shared(url: str) -> None:
    """Refuse a replica behind such a pooler; one that does not answer now may do so later."""
    try:
        state = await inspect_database(url, SERVER_SETTINGS)
    except DRIVER_ERRORS:
        return
    if state.shares_connections:
        raise SettingsError(_describe_shared(REPLICAS_VARIABLE))


def _describe_shared(variable: str) -> str:
    how = {
        RUNTIME_VARIABLE: f"set {DIRECT_VARIABLE} to PostgreSQL itself, and leave this to the pooler",
        REPLICAS_VARIABLE: f"set {DIRECT_VARIABLE} to the primary itself, or name the replicas themselves",
    }.get(variable, "it has to lead to PostgreSQL itself, or to a pooler of sessions")
    return (
        f"{variable} leads through a pooler that shares connections between transactions, as PgBouncer does with "
        f"pool_mode = transaction: {how}."
    )


def _refuse(state: DatabaseState, variable: str, checks: tuple[Callable[[View], str | None], ...]) -> None:
    for check in checks:
        if fault := check(View(state, variable)):
            raise SettingsError(fault)


def _version_fault(seen: View) -> str | None:
    if seen.state.version_number >= OLDEST_POSTGRESQL:
        return None
    return f"Atrium needs PostgreSQL {OLDEST_POSTGRESQL // 10_000} or later, and this is {seen.state.version}."


def _rls_fault(seen: View) -> str | None:
    """Return what the runtime role must not be. A member of the owner may become the owner, and see every row."""
    state = seen.state
    powers = {
        "a superuser": state.is_superuser,
        "allowed to bypass row-level security": state.bypasses_rls,
        "an owner": state.is_owner,
    }
    power = next((name for name, has_it in powers.items() if has_it), None)
    return power and f"The role in {seen.variable} is {power}, so it would see every tenant's rows; use another."


def _settings_fault(seen: View) -> str | None:
    ignored = seen.state.ignored_settings
    what = f"Connections by {seen.variable} do not keep their settings ({', '.join(ignored)})"
    how = " ".join(f"ALTER ROLE {seen.state.role} SET {name} = '{SERVER_SETTINGS[name]}';" for name in ignored)
    return f"{what}: a pooler leaves them out, so set them for the role: {how}" if ignored else None


def _origin_fault(seen: View) -> str | None:
    """Return why the tables are not those of this program, or of an older one."""
    state, newest = seen.state, migrate.newest_revision()
    if state.reads_revision is False:
        return f"The role in {seen.variable} may not read alembic_version: it is not the one that was migrated for."
    if state.revision is None:
        empty = state.is_empty and not state.is_atrium
        return None if empty else f"The database {state.database} is not empty, and its tables are not Atrium's."
    if state.is_atrium and (migrate.is_known_revision(state.revision) or _is_compatible(state)):
        return None
    if state.is_atrium and state.revision.isdecimal() and int(state.revision) > int(newest):
        return f"The database is at revision {state.revision}, newer than this program ({newest})."
    return f"The database {state.database} is at revision {state.revision}, which is none of this program's ({newest})."


def _is_compatible(state: DatabaseState) -> bool:
    return state.revision is not None and migrate.is_compatible(state.revision, state.compatibility)


def _owner_fault(seen: View) -> str | None:
    """Return what the owner role lacks."""
    state = seen.state
    if state.revision is not None and not state.is_owner:
        return f"The role in {seen.variable} ({state.role}) does not own Atrium's tables; use the one that does."
    if not state.creates_tables:
        return f"The role in {seen.variable} ({state.role}) may not create tables in {state.database}."
    return None


def _pending_fault(seen: View) -> str | None:
    pending = not _is_compatible(seen.state)
    return "Migrations are pending: run `atrium migrate` first." if pending else None


RUNTIME_CHECKS = (_version_fault, _rls_fault, _origin_fault, _pending_fault, _settings_fault)
OWNER_CHECKS = (_version_fault, _origin_fault, _owner_fault)


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
    cause = error.orig if isinstance(error, DBAPIError) else error
    text = str(getattr(cause, "__cause__", None) or cause) or "no answer in time"
    return text.partition("\n")[0].rstrip(".")
