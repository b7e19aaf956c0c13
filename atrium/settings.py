"""Every setting of Atrium, read once at the start and handed down as values.

`load_settings` reads environment variables that begin with `ATRIUM_` and a `.env` file; no other module looks at the
environment. `Settings(...)` builds the same object from values alone, for tests and scripts.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource, SettingsConfigDict

from atrium.setting_types import (
    DocumentMode,
    HeaderNames,
    Networks,
    OptionalDatabaseUrl,
    OptionalSmtpUrl,
    Origins,
    ReplicaUrls,
    SigningKeyTexts,
)
from atrium.unknown_variables import describe_unknown
from graph.runtime.complexity import Limits
from services.cost_buckets import BucketLimit

__all__ = ["PREFIX", "Settings", "SettingsError", "load_settings", "names_production"]

PREFIX = "ATRIUM_"
LOCAL_ORIGIN = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?"

_LIMITS = Limits()


class SettingsError(Exception):
    """The settings do not allow a start; the message is one sentence per fault, without any value."""


class Settings(BaseModel):
    """The whole configuration. Each field is the variable `ATRIUM_` plus its name in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    environment: Literal["development", "production"] = Field(
        "development", description="`production` refuses a start with weak keys and closes what helps an attacker."
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    workers: int = Field(
        1, ge=1, le=256, description="Processes that serve the port; all that is said of one process is of each."
    )
    data_dir: Path = Field(
        Path(".atrium"), description="Folder of the embedded database and the development signing key."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe messages that are logged; requests are logged at `info`."
    )

    database_url: OptionalDatabaseUrl = Field(
        None, description="PostgreSQL 15 or later, as the runtime role. Unset: the embedded database is started."
    )
    database_owner_url: OptionalDatabaseUrl = Field(
        None, description="The same database as the owner role, which migrates it. Set both or neither."
    )
    database_direct_url: OptionalDatabaseUrl = Field(
        None,
        description="PostgreSQL itself, as the runtime role, where `ATRIUM_DATABASE_URL` leads through a pooler that "
        "shares connections between transactions: for what needs a connection of its own.",
    )
    database_replica_urls: ReplicaUrls = Field(
        (), description="Read replicas, as the runtime role, separated by commas."
    )
    replica_max_lag_seconds: float = Field(
        10.0,
        gt=0,
        le=30,
        description="How far a replica may be behind for readers who wrote nothing within the last minute.",
    )
    pool_size: int = Field(10, ge=1, le=1000, description="Connections per database in one process.")
    admission_wait_seconds: float = Field(
        2.0, gt=0, le=60, description="How long an operation waits for a connection before it is turned away."
    )
    feed_connections: int = Field(
        2, ge=1, le=100, description="Connections to the primary, besides the pool's, that serve all subscriptions."
    )
    subscriptions_per_session: int = Field(
        1000, ge=1, le=100_000, description="Most open subscriptions of one session or API key in a process."
    )

    secret_key: SecretStr | None = Field(
        None,
        description="At least 32 random characters; keys are derived from it. "
        "Unset in development: one is made in the data folder.",
    )
    signing_keys: SigningKeyTexts = Field(
        (),
        description="Ed25519 keys that sign access tokens, PEM or base64 seeds, by comma or line break. "
        "The first signs, all verify.",
    )
    issuer: str = Field("atrium", min_length=1, description="`iss` of access tokens.")
    audience: str = Field("atrium", min_length=1, description="`aud` of access tokens.")
    access_token_minutes: int = Field(30, ge=1, le=1440, description="Lifetime of an access token.")
    refresh_token_days: int = Field(30, ge=1, le=365, description="Lifetime of a refresh token.")
    refresh_grace_seconds: int = Field(
        60, ge=0, le=600, description="How long a used refresh token answers with its successor, until that is used."
    )
    login_attempts_per_account: int = Field(5, ge=1, description="Failed logins per account in one window.")
    login_attempts_per_address: int = Field(50, ge=1, description="Failed logins per address in one window.")
    login_window_minutes: int = Field(15, ge=1, le=1440, description="Length of the login window.")
    password_hash_workers: int | None = Field(
        None, ge=1, le=64, description="Threads that hash passwords; one hash takes 19 MiB. Unset: one per core."
    )
    bulk_password_timeout_seconds: float = Field(
        300.0, gt=0, le=3600, description="Longest time of one `createUsers` to hash passwords, beside the request's."
    )
    invitation_days: int = Field(7, ge=1, le=90, description="How long an invitation can be accepted.")

    smtp_url: OptionalSmtpUrl = Field(
        None,
        description="The mail server: `smtp://user:password@host:port`, or `smtps://…` for TLS from the first byte. "
        "Unset: mail is written to the log in development, and dropped in production.",
    )
    mail_from: str = Field("atrium@localhost", min_length=3, description="Who mail is from.")
    public_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s#?]+$",
        description="Where people open the links in mail: the front end's address. Unset in development: Atrium's own "
        "back office, or Atrium itself without one.",
    )
    password_reset_minutes: int = Field(60, ge=5, le=1440, description="How long a link to set a password works.")
    email_verification_hours: int = Field(24, ge=1, le=168, description="How long a link to prove an address works.")

    idempotency_key_hours: int = Field(
        24,
        ge=1,
        le=8760,
        description="How long an idempotency key is kept at least; `atrium purge` removes older ones.",
    )

    http_status: Literal["2026", "legacy"] = Field(
        "2026",
        description="Statuses and media types of answers: by the first edition of GraphQL over HTTP (September "
        "2026), or by the drafts before it, for `legacy` clients.",
    )
    request_timeout_seconds: float = Field(
        60.0, gt=0, le=3600, description="Longest time to the beginning of an answer; then it is cancelled."
    )
    header_limit_bytes: int = Field(
        16_384, ge=1024, le=1_048_576, description="Most bytes of a request's first line and headers together."
    )
    header_limit_count: int = Field(100, ge=10, le=10_000, description="Most headers of a request.")
    header_timeout_seconds: float = Field(
        10.0,
        gt=0,
        le=3600,
        description="Longest time from a connection's or a request's first byte to the end of its "
        "headers; a connection on which nothing is sent is closed as late.",
    )
    keep_alive_seconds: float = Field(
        5.0,
        gt=0,
        le=3600,
        description="How long a connection is kept for the next request. Behind a balancer, set "
        "more than it keeps its own connections.",
    )
    connections_per_address: int = Field(
        2000, ge=1, description="Most connections from one address; those of `ATRIUM_TRUSTED_PROXIES` are not counted."
    )
    body_limit_bytes: int = Field(
        1_310_720, ge=1024, description="Largest request body and largest WebSocket message, with a valid token."
    )
    anonymous_body_limit_bytes: int = Field(
        65_536, ge=1024, description="Largest request body and largest WebSocket message without a valid token."
    )
    shutdown_seconds: float = Field(
        30.0,
        ge=0,
        le=3600,
        description="How long requests may take that are under way when the process is told to end; then they are "
        "cancelled, and answered with `SERVICE_UNAVAILABLE`.",
    )
    limit_depth: int = Field(_LIMITS.depth, ge=1, description="Deepest nesting of fields in a document.")
    limit_aliases: int = Field(_LIMITS.aliases, ge=0, description="Most aliases in a document.")
    limit_directives: int = Field(_LIMITS.directives, ge=0, description="Most directives in a document.")
    limit_root_fields: int = Field(_LIMITS.root_fields, ge=1, description="Most fields at a document's root.")
    limit_tokens: int = Field(_LIMITS.tokens, ge=1, description="Most tokens in a document.")
    limit_cost: int = Field(_LIMITS.cost, ge=1, description="Largest estimated cost of an operation.")
    limit_characters: int = Field(_LIMITS.characters, ge=1, description="Longest document.")
    actor_cost_maximum: int = Field(
        200_000, ge=0, description="Most points of cost that a user or an API key can spend at once; 0 for no limit."
    )
    actor_cost_rate: int = Field(
        2_000, ge=1, description="Points of cost that a user or an API key gets back each second, up to the maximum."
    )
    tenant_cost_maximum: int = Field(
        2_000_000, ge=0, description="Most points of cost that all of a tenant can spend at once; 0 for no limit."
    )
    tenant_cost_rate: int = Field(
        20_000, ge=1, description="Points of cost that a tenant gets back each second, up to the maximum."
    )

    slow_operation_seconds: float = Field(
        1.0,
        ge=0,
        le=3600,
        description="A query or mutation that takes as long is logged with its statements; 0 for none.",
    )
    slow_operation_plans: bool = Field(
        False,
        description="Whether the plan of the slowest statement is logged too, of one operation in 10 s: `on` or `off`.",
    )
    tracing: bool = Field(
        False,
        description="Whether operations are traced for OpenTelemetry: `on` or `off`. It needs the extra `otel`; the "
        "variables `OTEL_*` say where spans go, and which requests are sampled.",
    )

    compiler: bool = Field(
        True, description="Whether queries are compiled to one SQL statement where that is possible: `on` or `off`."
    )
    documents: DocumentMode = Field(
        "off",
        description="Whether trusted documents are served, those that `atrium documents add` has stored: `off`, "
        "`allowed` beside any others, or `only` them.",
    )
    persisted_queries: bool = Field(
        False, description="Whether clients may register queries by their hashes and send those alone: `on` or `off`."
    )
    introspection: bool | None = Field(None, description="Whether the schema can be read. Unset: in development only.")
    explorer: bool | None = Field(
        None,
        description="Whether the explorer is served. Unset: in development only, unless `ATRIUM_DOCUMENTS` is `only`.",
    )
    backoffice: bool | None = Field(
        None,
        description="Whether the back office is served. Unset: in development only; production needs its documents.",
    )
    web_build: bool = Field(
        True, description="Whether `serve` builds the pages in a clone that has none; never in production."
    )
    cors_origins: Origins | None = Field(
        None,
        description="Origins whose pages may call, separated by commas. "
        "Unset: any port of localhost in development, none in production.",
    )
    cors_headers: HeaderNames = Field(
        (), description="Request headers that these pages may send besides the usual ones, separated by commas."
    )
    cors_credentials: bool = Field(
        False, description="Whether the pages of `ATRIUM_CORS_ORIGINS` may send and be given cookies: `on` or `off`."
    )
    trusted_proxies: Networks = Field(
        (), description="Networks whose `X-Forwarded-For` is believed, separated by commas."
    )

    @property
    def is_production(self) -> bool:
        """Return whether this is production."""
        return self.environment == "production"

    @property
    def introspection_enabled(self) -> bool:
        """Return whether the schema can be read: as set, else in development only."""
        return not self.is_production if self.introspection is None else self.introspection

    @property
    def explorer_enabled(self) -> bool:
        """Return whether the explorer is served: as set, else in development only, unless it could send nothing."""
        return not self.is_production and self.documents != "only" if self.explorer is None else self.explorer

    @property
    def backoffice_enabled(self) -> bool:
        """Return whether the back office is served: as set, else in development only."""
        return not self.is_production if self.backoffice is None else self.backoffice

    @property
    def mail_link_url(self) -> str:
        """Return where the links in mail lead to: as set, else to the back office, or this server without one."""
        return self.public_url or f"http://{self.host}:{self.port}{'/app' if self.backoffice_enabled else ''}"

    @property
    def builds_pages(self) -> bool:
        """Return whether a server builds the pages that it serves and does not have."""
        return self.web_build and not self.is_production and (self.explorer_enabled or self.backoffice_enabled)

    @property
    def cors_origin_pattern(self) -> str | None:
        """Return the pattern of further allowed origins: those of this machine in development, unless any are set."""
        return LOCAL_ORIGIN if self.cors_origins is None and not self.is_production else None

    @property
    def limits(self) -> Limits:
        """Return the budget of one document."""
        return Limits(
            depth=self.limit_depth,
            aliases=self.limit_aliases,
            directives=self.limit_directives,
            root_fields=self.limit_root_fields,
            tokens=self.limit_tokens,
            cost=self.limit_cost,
            characters=self.limit_characters,
        )

    @property
    def actor_cost_limit(self) -> BucketLimit:
        """Return the bucket of a user or an API key."""
        return BucketLimit(self.actor_cost_maximum, self.actor_cost_rate)

    @property
    def tenant_cost_limit(self) -> BucketLimit:
        """Return the bucket of a tenant."""
        return BucketLimit(self.tenant_cost_maximum, self.tenant_cost_rate)


class _FromEnvironment(BaseSettings, Settings):
    """The same settings, filled from the environment."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore"
    )


def load_settings(env_file: Path | None = Path(".env")) -> Settings:
    """Return the settings of this process, from the environment and then from `env_file`, if there is one.

    Raises:
        SettingsError: one line per faulty or unknown variable, with its name and without its value.
    """
    names = {name.upper() for name in _variables(env_file)}
    faults = describe_unknown(names, PREFIX, {name.upper() for name in Settings.model_fields})
    try:
        settings = _FromEnvironment(_env_file=env_file)
    except ValidationError as error:
        faults += _error_lines(error)
    if faults:
        raise SettingsError("\n".join(faults)) from None
    return settings


def names_production(env_file: Path | None = Path(".env")) -> bool:
    """Return whether the process is meant for production, whatever else is wrong with its settings."""
    named = _variables(env_file).get(f"{PREFIX}ENVIRONMENT".lower())
    return named is not None and named != "development"


def _variables(env_file: Path | None) -> dict[str, str | None]:
    """Return the variables of the environment and of `env_file`, by their names in lower case."""
    from_file = DotEnvSettingsSource(_FromEnvironment, env_file=env_file).env_vars
    return {**from_file, **EnvSettingsSource(_FromEnvironment).env_vars}


def _error_lines(error: ValidationError) -> list[str]:
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    first = {str(fault["loc"][0]).upper(): fault["msg"] for fault in reversed(faults)}
    return [f"{PREFIX}{name}: {_sentence(message)}" for name, message in reversed(first.items())]


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ").rstrip(".") + "."
