"""The rules of what is done by mail: setting a forgotten password, proving an address, and changing it.

Who asks for an e-mail learns nothing of whether there is an account: the answer, and the work for it, are the same.
"""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import ColumnElement, func, select, update
from sqlmodel import col

from models import EmailTokenKind, User
from models.base import CHANGE_TIME, new_id
from models.database import WriteSession, extend_context
from models.database.identity import Identity
from services import security
from services.accounts import load_own_account, validate_email_address
from services.authentication import (
    EMAIL_COUNTER,
    AuthConfig,
    Transactions,
    clear_attempts,
    find_account_throttled,
    hash_password,
    record_attempt,
    verify_password,
)
from services.email import tokens as email_tokens
from services.email.messages import OutgoingEmail
from services.errors import IllegalTransition, InvalidCredentials, InvalidInput, InvalidToken, RateLimited
from services.permissions import Actor, Permission
from services.sessions import revoke
from services.validation import validating
from services.writes.rows import unique_violation_as

__all__ = [
    "request_email_change",
    "request_email_verification",
    "request_password_reset",
    "reset_password",
    "verify_email",
]

WRONG = "The password is wrong."
UNIQUE_CONSTRAINTS = {"users_email_key": "token"}


async def request_password_reset(
    transactions: Transactions, auth: AuthConfig, client: Identity, *, email: str
) -> timedelta:
    """Send a link to set a new password, if there is an active account; return how long the link is valid.

    Open to everybody. Whether there is an account changes neither the answer nor the work.

    Raises:
        InvalidInput: no e-mail address.
        RateLimited: too many requests for this address, or from this one.
    """
    with validating() as validator:
        email = validate_email_address(validator, "email", email)

    # One transaction, which writes in any case: one that has nothing to write commits faster.
    async def work(session: WriteSession) -> tuple[int, OutgoingEmail | None, bool]:
        seconds, account = await find_account_throttled(session, auth, client, email, kind=EMAIL_COUNTER)
        if seconds:
            return seconds, None, False
        user_id = account.id if account else new_id()
        await extend_context(session, user_id=user_id)
        return 0, *(await email_tokens.issue_email_token(session, auth.emails, EmailTokenKind.RESET, user_id, email))

    seconds, message, exists = await transactions.write(work, client)
    if message is None:
        raise RateLimited(seconds)
    if exists:
        auth.emails.mailer.send_later(message)
    return auth.emails.lifetimes[EmailTokenKind.RESET]


async def reset_password(
    transactions: Transactions, auth: AuthConfig, client: Identity, *, token: str, new_password: str
) -> int:
    """Set a new password with a e-mailed token; all sessions of the account end. Says how many ended.

    Open to whoever holds the token, who has proved the address thereby. What else was mailed is good no longer, lest
    somebody who knew the old password has asked for another address.

    Raises:
        InvalidInput: the new password is weak.
        InvalidToken: unknown, used, over, of another kind, or the account is inactive or has another address now.
        Unavailable: too many passwords are waiting to be hashed.
    """
    with validating() as validator:
        for sentence in security.password_weaknesses(new_password):
            validator.add_problem("new_password", sentence)
    presented = email_tokens.parse_email_token(token, EmailTokenKind.RESET)
    # A hash is dear, and is made for nobody who has no good token.
    if presented is None or not await transactions.write(
        lambda session: email_tokens.is_valid(session, presented), client
    ):
        raise InvalidToken
    hashed = await hash_password(auth, new_password)

    async def work(session: WriteSession) -> tuple[str, int]:
        spent = await email_tokens.consume_token(session, presented)
        if spent is None:
            raise InvalidToken
        proved = func.coalesce(col(User.email_verified_at), CHANGE_TIME)
        same = (col(User.id) == spent.user_id, col(User.email) == spent.email, col(User.is_active))
        changed = update(User).where(*same).values(password_hash=hashed, email_verified_at=proved)
        if not (await session.exec(changed.returning(col(User.id)))).all():
            raise InvalidToken
        await email_tokens.revoke_tokens(session, spent.user_id, *EmailTokenKind)
        await clear_attempts(session, auth, client, spent.email)
        return spent.email, await revoke(session, Actor.of(replace(client, user_id=spent.user_id)))

    email, ended = await transactions.write(work, client)
    auth.emails.mailer.send_later(auth.emails.password_reset_message(email))
    return ended


async def request_email_verification(transactions: Transactions, auth: AuthConfig, actor: Actor) -> timedelta:
    """Send a link that verifies the actor's own address; return how long the link is valid.

    Raises:
        IllegalTransition: it is proved already.
        RateLimited: too many requests.
    """
    actor.require(Permission.ACCOUNT)
    account = await transactions.write(lambda session: load_own_account(session, actor))
    if account.email_verified_at is not None:
        raise IllegalTransition("This address is verified already.")
    await record_attempt(transactions, auth, actor.identity, account.email, kind=EMAIL_COUNTER)
    return await _send_token(transactions, auth, EmailTokenKind.VERIFY, account, account.email)


async def request_email_change(
    transactions: Transactions, auth: AuthConfig, actor: Actor, *, email: str, password: str
) -> timedelta:
    """Send a link to a new address, which becomes the account's when it is opened; return how long it is valid.

    Whether the address belongs to another account is said to nobody but whoever reads its mail.

    Raises:
        InvalidInput: no e-mail address, or the account's own.
        InvalidCredentials: the password is wrong.
        RateLimited: too many tries.
    """
    actor.require(Permission.ACCOUNT)
    with validating() as validator:
        email = validate_email_address(validator, "email", email)
    account = await transactions.write(lambda session: load_own_account(session, actor))
    if email == account.email:
        raise InvalidInput.of("email", "This is the account's address already.")
    await record_attempt(transactions, auth, actor.identity, account.email)
    if not (await verify_password(auth, password, account.password_hash)).ok:
        raise InvalidCredentials(WRONG)
    await transactions.write(lambda session: clear_attempts(session, auth, actor.identity, account.email))
    await record_attempt(transactions, auth, actor.identity, email, kind=EMAIL_COUNTER)
    # A new password makes good no longer what the old one has asked for, and this is asked for in the old one's name.
    same = col(User.password_hash) == account.password_hash
    return await _send_token(transactions, auth, EmailTokenKind.CHANGE, account, email, condition=same)


async def verify_email(transactions: Transactions, auth: AuthConfig, client: Identity, *, token: str) -> str:
    """Verify an address with an e-mailed token and return it; a new address becomes the account's.

    Open to whoever holds the token, since e-mails are opened on other devices. The old address is told of a new one,
    and what else was mailed to the account is good no longer.

    Raises:
        InvalidToken: unknown, used, over, of another kind, or the account is inactive or has another address now.
        AlreadyExists: the address has become another account's in the meantime.
    """
    presented = email_tokens.parse_email_token(token, EmailTokenKind.VERIFY, EmailTokenKind.CHANGE)
    if presented is None:
        raise InvalidToken

    async def work(session: WriteSession) -> tuple[str, str]:
        spent = await email_tokens.consume_token(session, presented)
        if spent is None:
            raise InvalidToken
        mine = (col(User.id) == spent.user_id, col(User.is_active))
        old = (await session.exec(select(col(User.email)).where(*mine).with_for_update())).scalar_one_or_none()
        if old is None or (spent.kind == EmailTokenKind.VERIFY and old != spent.email):
            raise InvalidToken
        proved = {"email": spent.email, "email_verified_at": CHANGE_TIME}
        async with unique_violation_as(UNIQUE_CONSTRAINTS):
            await session.exec(update(User).where(*mine).values(**proved))
        done = [*EmailTokenKind] if spent.kind == EmailTokenKind.CHANGE else [EmailTokenKind.VERIFY]
        await email_tokens.revoke_tokens(session, spent.user_id, *done)
        return str(old), spent.email

    old, new = await transactions.write(work, client)
    if old != new:
        auth.emails.mailer.send_later(auth.emails.email_changed_message(old, new))
    return new


async def _send_token(
    transactions: Transactions,
    auth: AuthConfig,
    kind: EmailTokenKind,
    account: User,
    email: str,
    *,
    condition: ColumnElement[bool] | None = None,
) -> timedelta:
    message, exists = await transactions.write(
        lambda session: email_tokens.issue_email_token(
            session, auth.emails, kind, account.id, email, condition=condition
        )
    )
    if exists:
        auth.emails.mailer.send_later(message)
    elif condition is not None:
        raise InvalidCredentials(WRONG)  # no longer right: it was changed while it was being checked
    return auth.emails.lifetimes[kind]
