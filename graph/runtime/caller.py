"""The caller: the actor of an operation, and whether the request had an invalid token."""

from datetime import datetime

from models.database.identity import Identity
from services.errors import Unauthenticated
from services.permissions import Actor

__all__ = ["Caller"]


class Caller:
    """Actor of the operation; a mutation may switch to the account that has just logged in."""

    __slots__ = ("actor", "expires_at", "has_invalid_token")

    def __init__(self, actor: Actor, *, has_invalid_token: bool, expires_at: datetime | None) -> None:
        self.actor = actor
        self.has_invalid_token = has_invalid_token
        self.expires_at = expires_at

    @property
    def identity(self) -> Identity:
        """Return the identity of the actor."""
        return self.actor.identity

    def reject_invalid_token(self) -> None:
        """Refuse a token that is not valid where nobody may ask, but nobody was not meant.

        Raises:
            Unauthenticated: it came along.
        """
        if self.has_invalid_token:
            raise Unauthenticated("This access token is not valid, or no longer: refresh or log in again.")

    def require_user(self) -> None:
        """Refuse if nobody asks.

        Raises:
            Unauthenticated: nobody does.
        """
        if self.actor.identity.user_id is None:
            self.reject_invalid_token()
            raise Unauthenticated
