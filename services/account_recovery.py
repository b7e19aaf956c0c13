"""The rules of what is done by mail: setting a forgotten password, proving an address, and changing it.

Who asks for a letter learns nothing of whether there is an account: the answer, and the work for it, are the same.
"""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import func, select, update
from sqlmodel import col

from models import MailedKind, User
from models.base import new_id
from models.database import WriteSession, assume, fetch
from models.database.identity import Identity
from services import security
from services.accounts import email_address, viewers
from services.authentication import MAIL, Door, Units, count_try, forgive, hash_password, seek, verify_password
from services.email import messages
from services.email.messages import Letter
from services.errors import IllegalTransition, InvalidCredentials, InvalidInput, InvalidToken, RateLimited
from services.permissions import Actor, Permission
from services.sessions import revoke
from services.validation import checking
from services.writes.rows import taken

__all__ = ["request_change", "request_reset", "request_verification", "reset", "verify"]

TAKEN = {"users_email_key": "token"}


async def request_reset(units: Units, door: Door, origin: Identity, *, email: str) -> timedelta:
    """Mail a link to set a new password with, if there is an active account; says how long it is good.

    Open to everybody. Whether there is an account changes neither the answer nor the work.

    Raises:
        InvalidInput: no e-mail address.
        RateLimited: too many requests for this address, or from this one.
    """
    with checking() as checks:
        email = email_address(checks, "email", email)

    # One transaction, which writes in any case: one that has nothing to write commits faster.
    async def work(session: WriteSession) -> tuple[int, Letter | None, bool]:
        seconds, account = await seek(session, door, origin, email, kind=MAIL)
        if seconds:
            return seconds, None, False
        user_id = account.id if account else new_id()
        await assume(session, user_id=user_id)
        return 0, *(await messages.issue(session, door.post, MailedKind.RESET, user_id, email))

    seconds, letter, exists = await units.write(work, origin)
    if letter is None:
        raise RateLimited(seconds)
    if exists:
        door.post.mailer.post(letter)
    return door.post.lifetimes[MailedKind.RESET]


async def reset(units: Units, door: Door, origin: Identity, *, token: str, new_password: str) -> int:
    """Set a new password with a mailed token; all sessions of the account end. Says how many ended.

    Open to whoever holds the token, who has proved the address thereby. What else was mailed is good no longer, lest
    somebody who knew the old password has asked for another address.

    Raises:
        InvalidInput: the new password is weak.
        InvalidToken: unknown, used, over, of another kind, or the account is inactive or has another address now.
        Unavailable: too many passwords are waiting to be hashed.
    """
    with checking() as checks:
        for sentence in security.weaknesses(new_password):
            checks.problem("new_password", sentence)
    presented = messages.parse(token, MailedKind.RESET)
    # A hash is dear, and is made for nobody who has no good token.
    if presented is None or not await units.write(lambda session: messages.is_good(session, presented), origin):
        raise InvalidToken
    hashed = await hash_password(door, new_password)

    async def work(session: WriteSession) -> tuple[str, int]:
        spent = await messages.spend(session, presented)
        if spent is None:
            raise InvalidToken
        proved = func.coalesce(col(User.email_verified_at), func.clock_timestamp())
        same = (col(User.id) == spent.user_id, col(User.email) == spent.email, col(User.is_active))
        changed = update(User).where(*same).values(password_hash=hashed, email_verified_at=proved)
        if not (await session.exec(changed.returning(col(User.id)))).all():
            raise InvalidToken
        await messages.spend_all(session, spent.user_id, *MailedKind)
        await forgive(session, door, origin, spent.email)
        return spent.email, await revoke(session, Actor.of(replace(origin, user_id=spent.user_id)))

    email, ended = await units.write(work, origin)
    door.post.mailer.post(door.post.reset_done(email))
    return ended


async def request_verification(units: Units, door: Door, actor: Actor) -> timedelta:
    """Mail a link that proves the actor's own address; says how long it is good.

    Raises:
        IllegalTransition: it is proved already.
        RateLimited: too many requests.
    """
    actor.require(Permission.ACCOUNT)
    account = await units.write(lambda session: _mine(session, actor))
    if account.email_verified_at is not None:
        raise IllegalTransition("This address is verified already.")
    await count_try(units, door, actor.identity, account.email, kind=MAIL)
    return await _send_proof(units, door, MailedKind.VERIFY, account, account.email)


async def request_change(units: Units, door: Door, actor: Actor, *, email: str, password: str) -> timedelta:
    """Mail a link to another address, which becomes the account's when the link is opened; says how long it is good.

    Whether the address belongs to another account is said to nobody but whoever reads its mail.

    Raises:
        InvalidInput: no e-mail address, or the account's own.
        InvalidCredentials: the password is wrong.
        RateLimited: too many tries.
    """
    actor.require(Permission.ACCOUNT)
    with checking() as checks:
        email = email_address(checks, "email", email)
    account = await units.write(lambda session: _mine(session, actor))
    if email == account.email:
        raise InvalidInput.of("email", "This is the account's address already.")
    await count_try(units, door, actor.identity, account.email)
    if not (await verify_password(door, password, account.password_hash)).ok:
        raise InvalidCredentials("The password is wrong.")
    await units.write(lambda session: forgive(session, door, actor.identity, account.email))
    await count_try(units, door, actor.identity, email, kind=MAIL)
    return await _send_proof(units, door, MailedKind.CHANGE, account, email)


async def verify(units: Units, door: Door, origin: Identity, *, token: str) -> str:
    """Prove an address with a mailed token; gives it. One that is new to the account becomes the account's.

    Open to whoever holds the token, since letters are opened on other devices. The old address is told of a new one,
    and what else was mailed to the account is good no longer.

    Raises:
        InvalidToken: unknown, used, over, of another kind, or the account is inactive or has another address now.
        AlreadyExists: the address has become another account's in the meantime.
    """
    presented = messages.parse(token, MailedKind.VERIFY, MailedKind.CHANGE)
    if presented is None:
        raise InvalidToken

    async def work(session: WriteSession) -> tuple[str, str]:
        spent = await messages.spend(session, presented)
        if spent is None:
            raise InvalidToken
        mine = (col(User.id) == spent.user_id, col(User.is_active))
        old = (await session.exec(select(col(User.email)).where(*mine).with_for_update())).scalar_one_or_none()
        if old is None or (spent.kind == MailedKind.VERIFY and old != spent.email):
            raise InvalidToken
        proved = {"email": spent.email, "email_verified_at": func.clock_timestamp()}
        async with taken(TAKEN):
            await session.exec(update(User).where(*mine).values(**proved))
        done = [*MailedKind] if spent.kind == MailedKind.CHANGE else [MailedKind.VERIFY]
        await messages.spend_all(session, spent.user_id, *done)
        return str(old), spent.email

    old, new = await units.write(work, origin)
    if old != new:
        door.post.mailer.post(door.post.changed(old, new))
    return new


async def _mine(session: WriteSession, actor: Actor) -> User:
    return (await fetch(session, User, viewers(actor.permissions), {"user_id": actor.identity.user_id}))[0]


async def _send_proof(units: Units, door: Door, kind: MailedKind, account: User, email: str) -> timedelta:
    letter, exists = await units.write(lambda session: messages.issue(session, door.post, kind, account.id, email))
    if exists:
        door.post.mailer.post(letter)
    return door.post.lifetimes[kind]
