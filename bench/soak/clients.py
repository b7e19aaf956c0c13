"""People who use the API: each has a session that is refreshed in time, and remembers the position of what they wrote.

What a node did not answer, or refused for the moment, is sent again to another node, as `docs/clients.md` advises.
"""

import asyncio
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from bench.soak.nodes import Balancer

__all__ = ["Figures", "Person", "RequestFailed"]

PATIENCE_SECONDS = 60  # from the moment when a request was due
PAUSE_SECONDS = 0.2  # before it is sent again
SPARE = timedelta(seconds=30)  # before its end an access token is renewed
RETRYABLE = {"SERVICE_UNAVAILABLE", "TIMEOUT", "REQUEST_TIMEOUT"}
POSITION = "atrium-consistency"

LOGIN = """mutation Login($email: String!, $password: String!, $tenant: String) {
    login(input: {email: $email, password: $password, tenant: $tenant}) { __typename
        ... on Session { accessToken refreshToken expiresAt } ... on Error { code message } } }"""
REFRESH = """mutation Refresh($token: String!) { refresh(input: {refreshToken: $token}) { __typename
    ... on Session { accessToken refreshToken expiresAt } ... on Error { code message } } }"""


class RequestFailed(Exception):
    """A request had no good answer; the message says why."""


@dataclass
class Figures:
    """What became of the requests of one period."""

    latencies: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Seconds from the moment when each was due until its good answer, by kind of traffic."""
    retries: Counter[str] = field(default_factory=Counter)
    """How often a request was sent again, by the reason."""
    failures: list[str] = field(default_factory=list)
    letters: list[float] = field(default_factory=list)
    """Seconds from the wish for a letter until it came."""
    feed: list[float] = field(default_factory=list)
    """Seconds from the answer to the one who wrote until a follower was told."""
    stale: int = 0
    """Reads that did not show what was written before."""

    def add(self, other: "Figures") -> None:
        """Add those of another period."""
        for kind, seconds in other.latencies.items():
            self.latencies[kind] += seconds
        self.retries += other.retries
        self.failures += other.failures
        self.letters += other.letters
        self.feed += other.feed
        self.stale += other.stale


@dataclass
class Person:
    """Somebody with an account, and a session once they have logged in."""

    balancer: Balancer
    email: str
    password: str
    tenant: str | None = None
    session: dict[str, Any] = field(default_factory=dict)
    position: str = ""
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def log_in(self, figures: Figures) -> None:
        """Open a session."""
        given = {"email": self.email, "password": self.password, "tenant": self.tenant}
        self.session = await self._open_session("login", figures, LOGIN, given)

    async def execute(self, kind: str, figures: Figures, query: str, given: dict[str, Any], due: float = 0.0) -> Any:
        """Send an operation until it is answered; return its data.

        Raises:
            RequestFailed: it was refused for good, or for too long.
        """
        headers = {"authorization": f"Bearer {await self.renew_token(figures)}"}
        return await self._send(kind, figures, query, given, headers, due)

    async def execute_anonymously(
        self, kind: str, figures: Figures, query: str, given: dict[str, Any], due: float = 0.0
    ) -> Any:
        """Send an operation as `execute` does, without a token."""
        return await self._send(kind, figures, query, given, {}, due)

    async def renew_token(self, figures: Figures) -> str:
        """Return an access token that is good for a while."""
        async with self._turn:
            if datetime.fromisoformat(self.session["expiresAt"]) - SPARE < datetime.now(UTC):
                given = {"token": self.session["refreshToken"]}
                self.session = await self._open_session("refresh", figures, REFRESH, given)
            return str(self.session["accessToken"])

    async def _open_session(self, kind: str, figures: Figures, query: str, given: dict[str, Any]) -> dict[str, Any]:
        session: dict[str, Any] = (await self.execute_anonymously(kind, figures, query, given))[kind]
        if session["__typename"] != "Session":
            raise RequestFailed(f"{kind}: {session}")
        return session

    async def _send(
        self, kind: str, figures: Figures, query: str, given: dict[str, Any], headers: dict[str, str], due: float
    ) -> Any:
        due = due or time.perf_counter()
        node, said = None, ""
        while time.perf_counter() < due + PATIENCE_SECONDS:
            node = self.balancer.choose(but=node)
            head = headers | ({POSITION: self.position} if self.position else {})
            try:
                answer = await self.balancer.post(node, {"query": query, "variables": given}, head)
            except httpx.TransportError as broken:
                said = type(broken).__name__
            else:
                self.position = answer.headers.get(POSITION) or self.position
                errors, data = _read(answer)
                if data is not None and not errors:
                    figures.latencies[kind].append(time.perf_counter() - due)
                    return data
                said = ", ".join(sorted({error["extensions"]["code"] for error in errors}))
                if not set(said.split(", ")) <= RETRYABLE:
                    raise RequestFailed(f"{kind}: {errors}")
            figures.retries[said] += 1
            await asyncio.sleep(PAUSE_SECONDS)
        raise RequestFailed(f"{kind}: {said} for {PATIENCE_SECONDS} s")


def _read(answer: httpx.Response) -> tuple[list[dict[str, Any]], Any]:
    try:
        body = answer.json()
    except ValueError as broken:
        raise RequestFailed(f"{answer.status_code}: {answer.text[:200]}") from broken
    return body.get("errors") or [], body.get("data")
