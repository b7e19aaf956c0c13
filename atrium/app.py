"""The application: everything built from the settings, and joined."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.routing import Route

from atrium import health, http, mail, migrate
from atrium.auth_config import build_auth_config, load_signing_keys
from atrium.http.consistency import ConsistencyTokens
from atrium.http.document_lookup import DocumentLookup
from atrium.http.operation_request import bearer_token
from atrium.http.persisted_queries import PersistedQueries
from atrium.http.responses import RequestRefused
from atrium.metrics import Metrics, metrics_endpoint
from atrium.operation_observer import OperationObserver, load_tracer
from atrium.settings import Settings
from atrium.slow_operations import SlowOperationLog
from atrium.trusted_documents import TrustedDocuments
from atrium.worker_metrics import WorkerMetrics
from graph import schema
from graph.runtime.context import Context
from graph.runtime.operation_cost import OperationCost
from models.database import Database
from models.database.errors import DatabaseUnavailable, PoolTimeout, TransactionConflict
from models.database.identity import Identity
from models.database.topology import PRIMARY, ServerGroup
from models.lru import CacheUsage
from services import errors, security
from services.api_keys import ApiKeyCache, is_api_key
from services.authentication import AuthConfig
from services.cost_buckets import CostBuckets
from services.eventlog.outbox import OutboxRelay
from services.permissions import Actor

if TYPE_CHECKING:
    from atrium.tracing import Tracer  # whose packages are an extra

__all__ = ["Components", "build"]

FEED = "feed"  # the name of its connections in the metrics
PRIMARY_CONNECT_SECONDS = 5.0
REPLICA_CONNECT_SECONDS = 2.0  # the primary is waiting to take over


@dataclass(frozen=True, slots=True)
class Components:
    """What an application is made of."""

    settings: Settings
    database: Database
    servers: ServerGroup
    consistency: ConsistencyTokens
    auth: AuthConfig
    api_key_cache: ApiKeyCache
    mailer: mail.MailTransport
    feed: OutboxRelay
    cost_buckets: CostBuckets
    schema: schema.Schema
    trusted_documents: TrustedDocuments
    persisted_queries: PersistedQueries = field(default_factory=PersistedQueries)

    async def build_context(self, request: http.OperationRequest) -> Context:
        """Build the context of one operation; without a valid token it has no user.

        Raises:
            RequestRefused: a key cannot be looked up now, or the token that opens a WebSocket is not valid.
        """
        record = request.record
        extensions: dict[str, Any] = {}
        client = Identity(
            request_id=record.request_id, ip=record.client_address or "", user_agent=record.user_agent or ""
        )
        identity, has_invalid_token, expires_at = client, False, None
        if authorization := request.authorization:
            try:
                identity, expires_at = await self._authenticate(authorization, client)
            except (security.InvalidAccessToken, errors.InvalidToken):
                if request.connects:
                    raise RequestRefused("UNAUTHENTICATED", "This access token is not valid, or no longer.") from None
                has_invalid_token = True
        context = Context(
            self.database,
            Actor.of(identity),
            self.auth,
            self.feed,
            has_invalid_token=has_invalid_token,
            expires_at=expires_at,
            trace=record,
            route=self.consistency.build_read_router(request, extensions),
            extensions=extensions,
            debug=not self.settings.is_production,
            keeps_sql=request.wants_sql,
            long_work=request.long_work,
            cost=OperationCost(self.cost_buckets.account_of(identity), is_told=request.wants_cost),
        )
        if (setback := request.setback) is not None:
            context.log.declined, context.log.statements = setback.declined, setback.statements
            if setback.refusal is not None:
                context.fail_with(setback.refusal)
        return context

    async def has_valid_token(self, request: http.OperationRequest) -> bool:
        """Return whether a request comes with a valid access token or API key."""
        client = Identity(request_id=request.record.request_id, ip=request.record.client_address or "")
        with suppress(security.InvalidAccessToken, errors.InvalidToken):
            return request.authorization is not None and bool(await self._authenticate(request.authorization, client))
        return False

    async def _authenticate(self, authorization: str, client: Identity) -> tuple[Identity, datetime | None]:
        """Return the identity of an access token or API key, and when it expires."""
        token = bearer_token(authorization)
        if token is None:
            raise errors.InvalidToken
        if not is_api_key(token):
            claims = self.auth.tokens.read(token)
            identity = Identity(
                claims.tenant_id,
                claims.user_id,
                claims.role,
                claims.session_id,
                client.request_id,
                client.ip,
                client.user_agent,
            )
            return identity, claims.expires_at
        try:
            key_identity = await self.api_key_cache.authenticate(token, client)
        except (PoolTimeout, DatabaseUnavailable, TransactionConflict):
            unavailable = errors.Unavailable()
            raise RequestRefused(unavailable.code, unavailable.message) from None
        return key_identity.to_identity(client), key_identity.expires_at

    @asynccontextmanager
    async def run_background_services(self) -> AsyncIterator[None]:
        """Run the background services; on exit close everything."""
        async with AsyncExitStack() as stack:
            stack.callback(self.auth.passwords.close)
            stack.push_async_callback(self.database.close)
            for part in (self.feed, self.servers, self.mailer, self.cost_buckets):
                part.start()
                stack.push_async_callback(part.stop)
            if self.settings.documents != "off":
                await self.trusted_documents.start()
                stack.push_async_callback(self.trusted_documents.stop)
            yield

    def build_operations(self) -> http.Operations | None:
        """Build what operations on the fast path are run with; it needs the compiler, and statements with names."""
        if self.schema.compiler is None or self.database.transaction_pooling:
            return None
        return http.Operations(
            authenticate=self._authenticate_at_once,
            compiler=self.schema.compiler,
            servers=self.servers,
            cost_buckets=self.cost_buckets,
            max_cost=self.settings.limits.cost,
            shows_executor=not self.settings.is_production,
        )

    def _authenticate_at_once(self, authorization: str) -> tuple[Actor, float] | None:
        """Return the actor of an access token or a known API key, and until when that holds; None for anything else."""
        token = bearer_token(authorization)
        if token is None:
            return None
        if is_api_key(token):
            return self._recognise_api_key(token)
        try:
            claims = self.auth.tokens.read(token)
        except security.InvalidAccessToken:
            return None
        identity = Identity(claims.tenant_id, claims.user_id, claims.role, claims.session_id)
        return Actor.of(identity), claims.expires_at.timestamp()

    def _recognise_api_key(self, token: str) -> tuple[Actor, float] | None:
        known = self.api_key_cache.find_known(token)
        if known is None:
            return None
        until = time.time() + known.seconds
        if known.identity.expires_at is not None:
            until = min(until, known.identity.expires_at.timestamp())
        return Actor.of(known.identity.to_identity(Identity())), until

    def build_document_lookup(self) -> DocumentLookup:
        """Build what finds the text of each operation."""
        return DocumentLookup(
            self.settings.documents,
            trusted=self.trusted_documents,
            persisted=self.persisted_queries if self.settings.persisted_queries else None,
            tenant_of=lambda context: context.actor.identity.tenant_id,
            longest=self.settings.limits.characters,
        )


def build(
    settings: Settings,
    *,
    database_url: str,
    pooler_url: str | None = None,
    metrics_folder: Path | None = None,
    tracer: "Tracer | None" = None,
) -> http.Application:
    """Build the application that serves these settings.

    Args:
        settings: all of them but where the database is.
        database_url: the database itself, as the runtime role.
        pooler_url: a pooler in front of it that shares connections between transactions, if there is one: through it
            goes all that needs no connection of its own, which may be nearly everything.
        metrics_folder: where the workers of one supervisor read each other's metrics; None where there is one process.
        tracer: what traces; without one the settings decide.
    """
    tracer = tracer or (load_tracer() if settings.tracing else None)
    keys, mailer = load_signing_keys(settings), mail.build_transport(settings)
    metrics = Metrics(
        lambda: pool_usage(components.servers, components.feed),
        lambda: cache_usages(components, app.fast_path),
        lambda: components.feed.fanout.subscriptions,
    )
    feed = _build_feed(settings, database_url)
    servers = build_server_group(
        settings, pooler_url or database_url, metrics, feed.sequencer.note_commit, transaction_pooling=bool(pooler_url)
    )
    served = _create_schema(settings)
    components = Components(
        settings=settings,
        database=servers.primary,
        servers=servers,
        consistency=ConsistencyTokens(keys.derive("consistency"), servers),
        auth=build_auth_config(settings, keys, mailer),
        api_key_cache=ApiKeyCache(servers.primary),
        mailer=mailer,
        feed=feed,
        cost_buckets=CostBuckets(database_url, settings.actor_cost_limit, settings.tenant_cost_limit),
        schema=served,
        trusted_documents=TrustedDocuments(servers.primary, served.trusted_document_planner()),
    )
    shared_metrics = WorkerMetrics(metrics_folder, metrics.render) if metrics_folder else None
    app = _new_application(components, shared_metrics, tracer)
    observer = OperationObserver(metrics.observe, tracer, _build_slow_log(settings, servers.primary))
    _mount_graphql(app, components, keys, observer)
    metrics_route = metrics_endpoint(shared_metrics.render_all if shared_metrics else metrics.render_now)
    app.router.routes += [*_build_health_routes(components, database_url), metrics_route]
    return app


def _mount_graphql(
    app: http.Application, components: Components, keys: security.SigningKeys, observer: OperationObserver
) -> None:
    http.mount_graphql(
        app,
        settings=components.settings,
        schema=components.schema,
        get_context=components.build_context,
        has_valid_token=components.has_valid_token,
        key_set=keys.jwks(),
        observer=observer,
        documents=components.build_document_lookup(),
        operations=components.build_operations(),
    )


def _build_health_routes(components: Components, database_url: str) -> list[Route]:
    async def require_compatible_revision() -> None:
        if not await migrate.has_compatible_revision(database_url):
            raise RuntimeError("the database is not at a revision that this program can serve: run atrium migrate")

    checks = {"database": components.database.ping, "migrations": require_compatible_revision}
    return health.build_routes(checks, reveal=not components.settings.is_production)


def _build_slow_log(settings: Settings, database: Database) -> SlowOperationLog | None:
    explain = database.explain if settings.slow_operation_plans else None
    return SlowOperationLog(settings.slow_operation_seconds, explain) if settings.slow_operation_seconds else None


def _build_feed(settings: Settings, database_url: str) -> OutboxRelay:
    per_session = settings.subscriptions_per_session
    return OutboxRelay(database_url, connections=settings.feed_connections, per_session=per_session)


def _create_schema(settings: Settings) -> schema.Schema:
    return schema.create_schema(
        settings.limits, introspection=settings.introspection_enabled, compiler=settings.compiler
    )


def _new_application(
    components: Components, shared_metrics: WorkerMetrics | None, tracer: "Tracer | None"
) -> http.Application:
    @asynccontextmanager
    async def run(_app: FastAPI) -> AsyncIterator[None]:
        async with components.run_background_services(), shared_metrics.serve() if shared_metrics else nullcontext():
            yield
            if tracer is not None:
                await tracer.close()

    app = http.Application(
        title="Atrium",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=run,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # logs and metrics are our own
    )
    app.state.components = components
    return app


def build_server_group(
    settings: Settings,
    database_url: str,
    metrics: Metrics,
    on_commit: Callable[[], None] = lambda: None,
    *,
    transaction_pooling: bool = False,
) -> ServerGroup:
    """Return the primary at this URL, whose commits are told, and the replicas in the settings.

    With `transaction_pooling` any of them may be behind a pooler that shares connections between transactions.
    """
    options: dict[str, Any] = {
        "pool_size": settings.pool_size,
        "wait": settings.admission_wait_seconds,
        "transaction_pooling": transaction_pooling,
    }
    replicas = [url.get_secret_value() for url in settings.database_replica_urls]
    return ServerGroup(
        Database(database_url, connect=PRIMARY_CONNECT_SECONDS, on_commit=on_commit, **options),
        [Database(url, connect=REPLICA_CONNECT_SECONDS, **options) for url in replicas],
        max_lag=settings.replica_max_lag_seconds,
        observe=metrics.count_read,
    )


def pool_usage(servers: ServerGroup, feed: OutboxRelay) -> dict[str, dict[str, float]]:
    """Return the connections of each node, and those of the feed, by state."""
    databases = {PRIMARY: servers.primary, **{replica.name: replica.database for replica in servers.replicas}}
    databases[FEED] = feed.fanout.database
    return {name: {"size": each.pool_size, "in_use": each.in_use} for name, each in databases.items()}


def cache_usages(parts: Components, fast_path: http.FastPath | None = None) -> dict[str, CacheUsage]:
    """How much each cache holds; `statements` are what the databases remember for this process."""
    replicas = [replica.database for replica in parts.servers.replicas]
    databases = [parts.servers.primary, *replicas, parts.feed.fanout.database]
    statements = [each.statement_usage for each in databases]
    return {
        **parts.schema.cache_usages,
        **({"request_heads": fast_path.heads.usage} if fast_path else {}),
        "access_tokens": parts.auth.tokens.usage,
        "api_keys": parts.api_key_cache.usage,
        "cost_buckets": parts.cost_buckets.usage,
        "trusted_documents": parts.trusted_documents.usage,
        "persisted_queries": parts.persisted_queries.usage,
        "statements": CacheUsage(sum(each.bytes for each in statements), sum(each.entries for each in statements)),
    }
