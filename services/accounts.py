"""The rules of accounts: who a person is, their name and their password."""

from collections.abc import Set as AbstractSet
from typing import Any

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import Select, and_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from models import LoginSession, MailedKind, User
from models.base import new_id, now, table_of
from models.database import WriteSession, assume, fetch
from models.database.identity import Identity
from services import security
from services.authentication import LONGEST_EMAIL, Door, Units, count_try, forgive, hash_password, verify_password
from services.email import messages
from services.errors import AlreadyExists, InvalidCredentials
from services.permissions import USER_ID, Actor, Permission, permitted
from services.queries.collection import Collection, Order
from services.sessions import Opened, open_session, revoke
from services.validation import Checks, checking
from services.writes.rows import changed

__all__ = ["VIEWERS", "change_password", "email_address", "register", "rename", "viewers"]

LONGEST_NAME = 100
WRONG = "The current password is wrong."


def viewers(permissions: AbstractSet[Permission]) -> Select[Any]:
    """The actor's own account."""
    permitted(permissions, Permission.ACCOUNT)
    return select(*table_of(User).c).where(col(User.id) == USER_ID)


VIEWERS = Collection(
    model=User,
    visible=viewers,
    filters={},
    orders={"created_at": Order.by(col(User.created_at))},
    default_order=("created_at", False),
)


def email_address(checks: Checks, path: str, value: str) -> str:
    """An e-mail address in the form in which it is stored and compared: lower case."""
    try:
        checked = validate_email(value.strip(), check_deliverability=False, test_environment=True).normalized.lower()
    except (EmailNotValidError, UnicodeError):
        checked = ""
    if not checked or "=?" in checked:  # which in a letter's header is an encoded word, and may name another mailbox
        checks.problem(path, "This is not an e-mail address.")
        return ""
    return checks.text(path, checked, least=1, most=LONGEST_EMAIL)


async def register(units: Units, door: Door, origin: Identity, *, email: str, full_name: str, password: str) -> Opened:
    """Make an account and log it in, as yet without a tenant, and mail a link that proves its address.

    Open to everybody.

    Raises:
        InvalidInput: no e-mail address, an empty name or one of more than 100 characters, a weak password.
        AlreadyExists: there is an account with this e-mail.
        RateLimited: too many tries from this address.
    """
    with checking() as checks:
        email = email_address(checks, "email", email)
        full_name = checks.text("full_name", full_name, least=1, most=LONGEST_NAME)
        for sentence in security.weaknesses(password):
            checks.problem("password", sentence)
    await count_try(units, door, origin)
    hashed = await hash_password(door, password)
    user_id = new_id()

    async def work(session: WriteSession) -> tuple[Opened, messages.Letter]:
        await assume(session, user_id=user_id)
        values = {"id": user_id, "email": email, "full_name": full_name, "password_hash": hashed, "last_login": now()}
        made = insert(User).values(**values).on_conflict_do_nothing(index_elements=["email"])
        if not (await session.exec(made.returning(col(User.id)))).all():
            raise AlreadyExists("email", "There is an account with this e-mail already.")
        letter, _ = await messages.issue(session, door.post, MailedKind.VERIFY, user_id, email)
        return await open_session(session, door, origin, user_id, None), letter

    opened, letter = await units.write(work, origin)
    door.post.mailer.post(letter)
    return opened


async def rename(session: WriteSession, actor: Actor, *, full_name: str, expected_version: int | None = None) -> User:
    """Change the actor's own name.

    Raises:
        InvalidInput: an empty name, or one of more than 100 characters.
        VersionConflict: the account is not at the expected version.
    """
    actor.require(Permission.ACCOUNT)
    with checking() as checks:
        full_name = checks.text("full_name", full_name, least=1, most=LONGEST_NAME)
    return await changed(
        session, User, col(User.id) == actor.identity.user_id, {"full_name": full_name}, expected_version
    )


async def change_password(units: Units, door: Door, actor: Actor, *, current_password: str, new_password: str) -> int:
    """Set a new password; every other session of the actor ends. Says how many ended.

    Links that were mailed to set a password or another address are good no longer.

    Raises:
        InvalidCredentials: the current password is wrong.
        InvalidInput: the new password is weak.
        RateLimited: too many tries.
    """
    actor.require(Permission.ACCOUNT)
    with checking() as checks:
        for sentence in security.weaknesses(new_password):
            checks.problem("new_password", sentence)

    async def mine(session: WriteSession) -> User:
        return (await fetch(session, User, viewers(actor.permissions), {"user_id": actor.identity.user_id}))[0]

    account = await units.write(mine)
    await count_try(units, door, actor.identity, account.email)
    if not (await verify_password(door, current_password, account.password_hash)).ok:
        raise InvalidCredentials(WRONG)
    hashed = await hash_password(door, new_password)

    async def work(session: WriteSession) -> int:
        same = and_(col(User.id) == account.id, col(User.password_hash) == account.password_hash)
        changed_hash = update(User).where(same).values(password_hash=hashed).returning(col(User.id))
        if not (await session.exec(changed_hash)).all():
            raise InvalidCredentials(WRONG)  # no longer: it was changed while it was being checked
        await forgive(session, door, actor.identity, account.email)
        await messages.spend_all(session, account.id, MailedKind.RESET, MailedKind.CHANGE)
        return await revoke(session, actor, col(LoginSession.id) != actor.identity.session_id)

    return await units.write(work)
