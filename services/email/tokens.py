"""Tokens that are sent by e-mail: issued, checked, used once, revoked."""

from uuid import UUID

from sqlalchemy import ColumnElement, Text, Uuid, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from models import EmailToken, EmailTokenKind, User
from models.base import new_id, table_of
from models.database import WriteSession, extend_context, fetch
from services import security
from services.email.messages import EmailTemplates, OutgoingEmail

__all__ = ["consume_token", "is_valid", "issue_email_token", "parse_email_token", "revoke_tokens"]


async def issue_email_token(
    session: WriteSession,
    emails: EmailTemplates,
    kind: EmailTokenKind,
    user_id: UUID,
    email: str,
    *,
    condition: ColumnElement[bool] | None = None,
) -> tuple[OutgoingEmail, bool]:
    """Make a e-mailed token for an account, and its e-mail; says whether there is such an account, and it is active.

    It takes one statement, and an e-mail is written, whether there is one or not: nobody can tell from the work. What
    may reach the account must have been assumed.

    Args:
        session: the transaction.
        emails: how e-mails are written.
        kind: what the token is for.
        user_id: whose account.
        email: where the e-mail goes.
        condition: what else must hold for the account until the transaction ends.
    """
    token = security.OpaqueToken.make(kind, user_id, new_id())
    values = {
        "id": literal(token.id, Uuid()),
        "kind": literal(kind.value, Text()),
        "email": literal(email, Text()),
        "digest": literal(token.digest, Text()),
        "expires_at": func.clock_timestamp() + emails.lifetimes[kind],
    }
    account = select(col(User.id), *values.values()).where(col(User.id) == user_id, col(User.is_active))
    if condition is not None:
        account = account.where(condition).with_for_update(read=True)
    made = insert(EmailToken).from_select(["user_id", *values], account, include_defaults=False)
    exists = bool((await session.exec(made.returning(col(EmailToken.id)))).all())
    return emails.token_message(kind, email, token), exists


def parse_email_token(text: str, *kinds: EmailTokenKind) -> security.OpaqueToken | None:
    """Read a token of one of these kinds; None for whatever else a client may have sent."""
    return next((token for kind in kinds if (token := security.OpaqueToken.parse(text, kind))), None)


async def is_valid(session: WriteSession, token: security.OpaqueToken) -> bool:
    """Return whether a token could be spent now."""
    await extend_context(session, presented=token.id)
    return bool((await session.exec(select(col(EmailToken.id)).where(*_valid_conditions(token)))).all())


async def consume_token(session: WriteSession, token: security.OpaqueToken) -> EmailToken | None:
    """Use a token up; None if it is unknown, used, or over. Of two who use it at once, one succeeds.

    From here on the transaction reaches the account that it was mailed to.
    """
    await extend_context(session, presented=token.id)
    used = update(EmailToken).where(*_valid_conditions(token)).values(used_at=func.clock_timestamp())
    rows = await fetch(session, EmailToken, used.returning(*table_of(EmailToken).c))
    if not rows:
        return None
    await extend_context(session, user_id=rows[0].user_id)
    return rows[0]


async def revoke_tokens(session: WriteSession, user_id: UUID, *kinds: EmailTokenKind) -> None:
    """Use up whatever tokens of these kinds an account has left, since what they were for has happened."""
    left = update(EmailToken).where(
        col(EmailToken.user_id) == user_id, col(EmailToken.used_at).is_(None), col(EmailToken.kind).in_(kinds)
    )
    await session.exec(left.values(used_at=func.clock_timestamp()))


def _valid_conditions(token: security.OpaqueToken) -> tuple[ColumnElement[bool], ...]:
    return (
        col(EmailToken.id) == token.id,
        col(EmailToken.user_id) == token.owner,
        col(EmailToken.kind) == token.kind,
        col(EmailToken.digest) == token.digest,
        col(EmailToken.used_at).is_(None),
        col(EmailToken.expires_at) > func.clock_timestamp(),
    )
