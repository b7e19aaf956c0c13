"""The application: everything built from the settings, and joined."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from atrium import health, http, mail, migrate
from atrium.http.consistency import Consistency
from atrium.http.responses import RequestRefused
from atrium.metrics import Metrics
from atrium.settings import Settings, SettingsError
from graph import schema
from graph.runtime.context import Context
from models import MailedKind
from models.database import Database
from models.database.errors import Overloaded, Retry, Unreachable
from models.database.identity import Identity
from models.database.topology import PRIMARY, Nodes
from services import errors, security
from services.api_keys import Keyring, is_key
from services.authentication import Door
from services.email.messages import Mailer, Nowhere, Post
from services.eventlog.outbox import Feed
from services.permissions import Actor

__all__ = ["Parts", "build", "door_of", "signing_keys"]

PRIMARY_CONNECT_SECONDS = 5.0
REPLICA_CONNECT_SECONDS = 2.0  # the primary is waiting to take over


@dataclass(frozen=True, slots=True)
class Parts:
    """What an application is made of."""

    settings: Settings
    database: Database
    nodes: Nodes
    consistency: Consistency
    door: Door
    keyring: Keyring
    mailer: mail.Carrier
    feed: Feed
    schema: schema.Schema

    async def context(self, call: http.Call) -> Context:
        """The context of one operation; whoever brings no valid token is nobody."""
        record = call.record
        extensions: dict[str, Any] = {}
        origin = Identity(
            request_id=record.request_id, ip=record.client_address or "", user_agent=record.user_agent or ""
        )
        identity, bad_token, expires_at = origin, False, None
        if authorization := call.authorization:
            try:
                identity, expires_at = await self._recognised(authorization, origin)
            except (security.InvalidToken, errors.InvalidToken):
                bad_token = True
        return Context(
            self.database,
            Actor.of(identity),
            self.door,
            self.feed,
            bad_token=bad_token,
            expires_at=expires_at,
            trace=record,
            route=self.consistency.route(call, extensions),
            extensions=extensions,
            tells=not self.settings.is_production,
        )

    async def _recognised(self, authorization: str, origin: Identity) -> tuple[Identity, datetime | None]:
        """Who a bearer token or an API key stands for, and when it ends."""
        token = authorization.removeprefix("Bearer ").strip()
        if not is_key(token):
            claims = self.door.tokens.read(token)
            person = Identity(
                claims.tenant_id,
                claims.user_id,
                claims.role,
                claims.session_id,
                origin.request_id,
                origin.ip,
                origin.user_agent,
            )
            return person, claims.expires_at
        try:
            machine = await self.keyring.recognise(token, origin)
        except (Overloaded, Unreachable, Retry):
            unavailable = errors.Unavailable()
            raise RequestRefused(unavailable.code, unavailable.message) from None
        return machine.asking(origin), machine.expires_at

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """What works in the background does so for as long as this lasts; then everything is closed."""
        async with AsyncExitStack() as stack:
            stack.callback(self.door.passwords.close)
            stack.push_async_callback(self.database.close)
            for part in (self.feed, self.nodes, self.mailer):
                part.start()
                stack.push_async_callback(part.stop)
            yield


def build(settings: Settings, *, database_url: str) -> http.Application:
    """The application that serves `settings` on the database at this URL, as the runtime role."""
    keys, mailer = signing_keys(settings), mail.carrier(settings)
    metrics = Metrics(lambda: pool_usage(parts.nodes))
    nodes = nodes_of(settings, database_url, metrics)
    parts = Parts(
        settings=settings,
        database=nodes.primary,
        nodes=nodes,
        consistency=Consistency(keys.derive("consistency"), nodes),
        door=door_of(settings, keys, mailer),
        keyring=Keyring(nodes.primary),
        mailer=mailer,
        feed=Feed(database_url),
        schema=schema.build(settings.limits, introspection=settings.introspection_enabled, compiler=settings.compiler),
    )
    app = http.Application(
        title="Atrium",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lambda _app: parts.running(),
        telemetry={"tracing": False, "metrics": False, "logs": False},  # logs and metrics are our own
    )
    app.state.parts = parts

    async def context(call: http.Call) -> Context:
        return await parts.context(call)

    async def migrated() -> None:
        if await migrate.pending(database_url):
            raise RuntimeError("migrations are pending: run atrium migrate")

    http.install(
        app,
        settings=settings,
        schema=parts.schema,
        get_context=context,
        key_set=keys.jwks(),
        observe=metrics.observe,
    )
    checks = {"database": parts.database.ping, "migrations": migrated}
    app.router.routes.extend([*health.routes(checks, reveal=not settings.is_production), metrics.route()])
    return app


def nodes_of(settings: Settings, database_url: str, metrics: Metrics) -> Nodes:
    """The primary at this URL and the replicas in the settings."""

    def database(url: str, connect_seconds: float) -> Database:
        return Database(
            url, pool_size=settings.pool_size, wait=settings.admission_wait_seconds, connect=connect_seconds
        )

    return Nodes(
        database(database_url, PRIMARY_CONNECT_SECONDS),
        [database(url.get_secret_value(), REPLICA_CONNECT_SECONDS) for url in settings.database_replica_urls],
        max_lag=settings.replica_max_lag_seconds,
        observe=metrics.count_read,
    )


def pool_usage(nodes: Nodes) -> dict[str, dict[str, float]]:
    """The connections of each node, by state."""
    databases = {PRIMARY: nodes.primary, **{replica.name: replica.database for replica in nodes.replicas}}
    return {name: {"size": each.pool_size, "in_use": each.in_use} for name, each in databases.items()}


def door_of(settings: Settings, keys: security.SigningKeys, mailer: Mailer | None = None) -> Door:
    """How people get in, by the settings; without a mailer, nothing is mailed."""
    proof = timedelta(hours=settings.email_verification_hours)
    reset = timedelta(minutes=settings.password_reset_minutes)
    return Door(
        passwords=security.Passwords(workers=settings.password_hash_workers or os.cpu_count() or 1),
        tokens=security.Tokens(
            keys,
            issuer=settings.issuer,
            audience=settings.audience,
            lifetime=timedelta(minutes=settings.access_token_minutes),
        ),
        pepper=keys.derive("door"),
        session_lifetime=timedelta(days=settings.refresh_token_days),
        invitation_lifetime=timedelta(days=settings.invitation_days),
        refresh_grace=timedelta(seconds=settings.refresh_grace_seconds),
        account_attempts=settings.login_attempts_per_account,
        address_attempts=settings.login_attempts_per_address,
        window=timedelta(minutes=settings.login_window_minutes),
        post=Post(
            mailer or Nowhere(),
            settings.public_url or f"http://{settings.host}:{settings.port}",
            {MailedKind.RESET: reset, MailedKind.VERIFY: proof, MailedKind.CHANGE: proof},
        ),
    )


def signing_keys(settings: Settings) -> security.SigningKeys:
    """The keys that access tokens are signed with: the ones given, or derived from the secret.

    Raises:
        SettingsError: there is none, or one is unreadable or easy to guess.
    """
    try:
        if settings.signing_keys:
            return security.SigningKeys.from_pems([key.get_secret_value() for key in settings.signing_keys])
        if settings.secret_key:
            return security.SigningKeys.from_secret(settings.secret_key.get_secret_value())
    except security.WeakKey as error:
        raise SettingsError(str(error)) from None
    raise SettingsError("Set ATRIUM_SECRET_KEY or ATRIUM_SIGNING_KEYS.")
