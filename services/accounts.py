"""The rules of accounts: who a person is, their name and their password."""

from collections.abc import Set as AbstractSet
from typing import Any

from sqlalchemy import Select, and_, select
from sqlalchemy import update as sql_update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from models import AccountEvent, EmailTokenKind, LoginSession, User
from models.base import CHANGE_TIME, new_id, table_of
from models.database import WriteSession, extend_context, fetch
from models.database.identity import Identity
from services import security
from services.authentication import (
    AuthConfig,
    Transactions,
    clear_attempts,
    hash_password,
    record_attempt,
    verify_password,
)
from services.email import messages
from services.email import tokens as email_tokens
from services.errors import AlreadyExists, InvalidCredentials
from services.permissions import USER_ID, Actor, Permission, require_permission
from services.queries.collection import Collection, SortOrder
from services.sessions import IssuedSession, open_session, revoke
from services.validation import Validator, validating
from services.writes.rows import update_where

__all__ = [
    "SECURITY_EVENTS",
    "VIEWERS",
    "change_password",
    "load_own_account",
    "register",
    "update",
    "validate_email_address",
    "viewers",
]

MAX_NAME_LENGTH = 100
WRONG_PASSWORD_MESSAGE = "The current password is wrong."  # noqa: S105  # a message


def viewers(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return the actor's own account."""
    require_permission(permissions, Permission.ACCOUNT)
    return select(*table_of(User).c).where(col(User.id) == USER_ID)


VIEWERS = Collection(
    model=User,
    visible=viewers,
    filters={},
    orders={"created_at": SortOrder.by(col(User.created_at))},
    default_order=("created_at", False),
)


def security_events(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return what happened to the actor's own account."""
    require_permission(permissions, Permission.ACCOUNT)
    return select(*table_of(AccountEvent).c).where(col(AccountEvent.user_id) == USER_ID)


SECURITY_EVENTS = Collection(
    model=AccountEvent,
    visible=security_events,
    filters={},
    orders={"created_at": SortOrder.newest_first(col(AccountEvent.created_at))},
    default_order=("created_at", True),
)


async def load_own_account(session: WriteSession, actor: Actor) -> User:
    """Return the actor's own account."""
    actor.require(Permission.ACCOUNT)
    return (await fetch(session, User, viewers(actor.permissions), {"user_id": actor.identity.user_id}))[0]


def validate_email_address(validator: Validator, path: str, value: str) -> str:
    """Validate an e-mail address; return the form in which it is stored and compared."""
    return validator.check_email(path, value)


async def register(
    transactions: Transactions, auth: AuthConfig, client: Identity, *, email: str, full_name: str, password: str
) -> IssuedSession:
    """Make an account and log it in, as yet without a tenant, and mail a link that proves its address.

    Open to everybody.

    Raises:
        InvalidInput: no e-mail address, an empty name or one of more than 100 characters, a weak password.
        AlreadyExists: there is an account with this e-mail.
        RateLimited: too many tries from this address.
    """
    with validating() as validator:
        email = validate_email_address(validator, "email", email)
        full_name = validator.check_line("full_name", full_name, max_length=MAX_NAME_LENGTH)
        for sentence in security.password_weaknesses(password):
            validator.add_problem("password", sentence)
    await record_attempt(transactions, auth, client)
    hashed = await hash_password(auth, password)
    user_id = new_id()

    async def work(session: WriteSession) -> tuple[IssuedSession, messages.OutgoingEmail]:
        await extend_context(session, user_id=user_id)
        values = {
            "id": user_id,
            "email": email,
            "full_name": full_name,
            "password_hash": hashed,
            "last_login": CHANGE_TIME,
        }
        made = insert(User).values(**values).on_conflict_do_nothing(index_elements=["email"])
        if not (await session.exec(made.returning(col(User.id)))).all():
            raise AlreadyExists("email", "There is an account with this e-mail already.")
        message, _ = await email_tokens.issue_email_token(session, auth.emails, EmailTokenKind.VERIFY, user_id, email)
        return await open_session(session, auth, client, user_id, None), message

    opened, message = await transactions.write(work, client)
    auth.emails.mailer.send_later(message)
    return opened


async def update(session: WriteSession, actor: Actor, *, full_name: str, expected_version: int | None = None) -> User:
    """Change the actor's own name.

    Raises:
        InvalidInput: an empty name, or one of more than 100 characters.
        VersionConflict: the account is not at the expected version.
    """
    actor.require(Permission.ACCOUNT)
    with validating() as validator:
        full_name = validator.check_line("full_name", full_name, max_length=MAX_NAME_LENGTH)
    return await update_where(
        session, User, col(User.id) == actor.identity.user_id, {"full_name": full_name}, expected_version
    )


async def change_password(
    transactions: Transactions, auth: AuthConfig, actor: Actor, *, current_password: str, new_password: str
) -> int:
    """Set a new password; every other session of the actor ends. Says how many ended.

    Links that were mailed to set a password or another address are good no longer.

    Raises:
        InvalidCredentials: the current password is wrong.
        InvalidInput: the new password is weak.
        RateLimited: too many tries.
    """
    actor.require(Permission.ACCOUNT)
    with validating() as validator:
        for sentence in security.password_weaknesses(new_password):
            validator.add_problem("new_password", sentence)

    account = await transactions.write(lambda session: load_own_account(session, actor))
    await record_attempt(transactions, auth, actor.identity, account.email)
    if not (await verify_password(auth, current_password, account.password_hash)).ok:
        raise InvalidCredentials(WRONG_PASSWORD_MESSAGE)
    hashed = await hash_password(auth, new_password)

    async def work(session: WriteSession) -> int:
        same = and_(col(User.id) == account.id, col(User.password_hash) == account.password_hash)
        changed_hash = sql_update(User).where(same).values(password_hash=hashed).returning(col(User.id))
        if not (await session.exec(changed_hash)).all():
            raise InvalidCredentials(WRONG_PASSWORD_MESSAGE)  # no longer: it was changed while it was being checked
        await clear_attempts(session, auth, actor.identity, account.email)
        await email_tokens.revoke_tokens(session, account.id, EmailTokenKind.RESET, EmailTokenKind.CHANGE)
        return await revoke(session, actor, col(LoginSession.id) != actor.identity.session_id)

    return await transactions.write(work)
