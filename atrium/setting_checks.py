"""Which settings go together: what is refused before anything starts, in one sentence."""

from importlib.util import find_spec

from atrium.settings import PREFIX, Settings, SettingsError

__all__ = ["require_servable", "require_whole_database"]

MIN_SECRET_LENGTH = 32
MIN_SECRET_ALPHABET = 8
TRACING_PACKAGES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


def require_whole_database(settings: Settings) -> Settings:
    """Return these settings, if they name all of a database or none.

    Raises:
        SettingsError: one database URL without the other, or a direct one or a replica without a primary.
    """
    if (settings.database_url is None) != (settings.database_owner_url is None):
        raise SettingsError(
            f"Set both {PREFIX}DATABASE_URL and {PREFIX}DATABASE_OWNER_URL, or neither: "
            "the one runs, the other migrates."
        )
    if settings.database_url is None and settings.database_direct_url:
        raise SettingsError(f"{PREFIX}DATABASE_DIRECT_URL needs {PREFIX}DATABASE_URL, which leads to the pooler.")
    if settings.database_url is None and settings.database_replica_urls:
        raise SettingsError(f"{PREFIX}DATABASE_REPLICA_URLS needs {PREFIX}DATABASE_URL, their primary.")
    return settings


def require_servable(settings: Settings) -> Settings:
    """Return these settings, if a server may start with them.

    Raises:
        SettingsError: as `require_whole_database` does; credentials for origins that are not named, other documents
            beside trusted ones only, traces without the packages that make them, or in production a missing or weak
            key, or mail without an address for its links.
    """
    require_whole_database(settings)
    if settings.is_production and settings.secret_key is None and not settings.signing_keys:
        raise SettingsError(
            f"In production set {PREFIX}SECRET_KEY ({MIN_SECRET_LENGTH} random characters or more) "
            f"or {PREFIX}SIGNING_KEYS."
        )
    if settings.is_production and settings.secret_key is not None and _is_weak(settings.secret_key.get_secret_value()):
        raise SettingsError(
            f"{PREFIX}SECRET_KEY is too weak for production: it takes {MIN_SECRET_LENGTH} random characters or more."
        )
    if settings.cors_credentials and (not settings.cors_origins or "*" in settings.cors_origins):
        raise SettingsError(f"{PREFIX}CORS_CREDENTIALS needs {PREFIX}CORS_ORIGINS, each origin by its name.")
    if settings.is_production and settings.smtp_url is not None and settings.public_url is None:
        raise SettingsError(f"{PREFIX}SMTP_URL needs {PREFIX}PUBLIC_URL, where the links in mail lead to.")
    if settings.is_production and settings.backoffice and settings.documents == "off":
        raise SettingsError(f"{PREFIX}BACKOFFICE in production needs {PREFIX}DOCUMENTS, `allowed` or `only`.")
    if settings.documents == "only" and (settings.explorer or settings.persisted_queries):
        other = "EXPLORER" if settings.explorer else "PERSISTED_QUERIES"
        raise SettingsError(f"{PREFIX}DOCUMENTS=only serves nothing else, so {PREFIX}{other} cannot be on.")
    if settings.tracing and not _has_tracing_packages():
        raise SettingsError(f"{PREFIX}TRACING needs the packages of the extra `otel`, which are not installed.")
    return settings


def _has_tracing_packages() -> bool:
    try:
        return all(find_spec(name) is not None for name in TRACING_PACKAGES)
    except ModuleNotFoundError:  # what they are in is not there either
        return False


def _is_weak(secret: str) -> bool:
    """Return whether a secret is too short or too uniform to have been made at random."""
    return len(secret) < MIN_SECRET_LENGTH or len(set(secret)) < MIN_SECRET_ALPHABET
