"""Failures of the database as what they are to clients."""

from models.database.errors import DatabaseUnavailable, PoolTimeout, SessionNotLive
from services.errors import Unauthenticated, Unavailable

__all__ = ["translate_database_errors"]


class _TranslateDatabaseErrors:
    """Translates what leaves the block; a class, since every request comes through here."""

    __slots__ = ()

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        """Translate a failure."""
        if isinstance(error, SessionNotLive):
            message = "This session has ended, or your role has changed: refresh or log in again."
            raise Unauthenticated(message) from None
        if isinstance(error, PoolTimeout | DatabaseUnavailable):
            raise Unavailable from None


translate_database_errors = _TranslateDatabaseErrors()
