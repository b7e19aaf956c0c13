"""What is done by mail, in GraphQL: a forgotten password, an address that is proved or changed."""

from datetime import timedelta

from graph.accounts import SessionsEnded
from graph.fields.descriptions import input_type, object_type
from graph.fields.domain import Domain
from graph.fields.errors import (
    AlreadyExists,
    IllegalTransition,
    InvalidCredentials,
    InvalidInput,
    InvalidToken,
    RateLimited,
)
from graph.fields.inputs import to_kwargs
from graph.fields.mutations import mutation_without_transaction
from graph.runtime.context import Context
from services import account_recovery

__all__ = ["DOMAIN", "EmailVerified", "MailRequested"]


@object_type
class MailRequested:
    """Confirmation that an e-mail with a link was requested.

    The answer does not reveal whether an account has the address.
    """

    valid_minutes: int
    """Number of minutes for which the link in the e-mail can be used, once."""


@object_type
class EmailVerified:
    """Confirmation that an e-mail address has been verified with `verifyEmail`."""

    email: str
    """Verified e-mail address, which is now the address of the account."""


@input_type
class RequestPasswordResetInput:
    """Input of `requestPasswordReset`: the account whose password was forgotten."""

    email: str
    """E-mail address of the account whose password is to be reset."""


@input_type
class ResetPasswordInput:
    """Input of `resetPassword`: the e-mailed token and the new password."""

    token: str
    """Token from the e-mail that `requestPasswordReset` sent; it can be used once, until it expires."""
    new_password: str
    """New password of the account whose password is reset: 8 to 128 characters, with at least one upper-case letter,
    one digit and one of !@#$%^&*()."""


@input_type
class RequestEmailChangeInput:
    """Input of `requestEmailChange`: the account's next e-mail address."""

    email: str
    """New e-mail address, at most 255 characters; the account gets it only when the link mailed to it is confirmed with
    `verifyEmail`."""
    password: str
    """Current password of the viewer's account, to confirm the e-mail change."""


@input_type
class VerifyEmailInput:
    """Input of `verifyEmail`: the e-mailed token that proves an e-mail address."""

    token: str
    """Token from the verification e-mail of `register`, `requestEmailVerification` or `requestEmailChange`; it can be
    used once, until it expires."""


def _to_mail_requested(lifetime: timedelta) -> MailRequested:
    return MailRequested(valid_minutes=round(lifetime.total_seconds() / 60))


@mutation_without_transaction(
    MailRequested | InvalidInput | RateLimited, result="confirmation that a reset link was requested"
)
async def request_password_reset(context: Context, input: RequestPasswordResetInput) -> MailRequested:
    """Mail a link that resets a forgotten password.

    Open to everyone; the answer is the same whether or not an account has the address.
    """
    origin = context.actor.identity.without_user()
    return _to_mail_requested(
        await account_recovery.request_password_reset(context, context.auth, origin, **to_kwargs(input))
    )


@mutation_without_transaction(
    SessionsEnded | InvalidToken | InvalidInput, result="the number of sessions that the reset ended"
)
async def reset_password(context: Context, input: ResetPasswordInput) -> SessionsEnded:
    """Set a new password with the token from the reset e-mail.

    All sessions of the account end; log in with the new password.
    """
    origin = context.actor.identity.without_user()
    return SessionsEnded(count=await account_recovery.reset_password(context, context.auth, origin, **to_kwargs(input)))


@mutation_without_transaction(
    MailRequested | IllegalTransition | RateLimited, result="confirmation that a verification link was mailed"
)
async def request_email_verification(context: Context) -> MailRequested:
    """Mail a link that verifies the viewer's e-mail address; `register` has already sent the first one."""
    return _to_mail_requested(await account_recovery.request_email_verification(context, context.auth, context.actor))


@mutation_without_transaction(
    MailRequested | InvalidInput | InvalidCredentials | RateLimited,
    result="confirmation that a link was mailed to the new address",
)
async def request_email_change(context: Context, input: RequestEmailChangeInput) -> MailRequested:
    """Mail a verification link to a new e-mail address of the viewer.

    The address replaces the current one when the link is confirmed with `verifyEmail`.
    """
    return _to_mail_requested(
        await account_recovery.request_email_change(context, context.auth, context.actor, **to_kwargs(input))
    )


@mutation_without_transaction(EmailVerified | InvalidToken | AlreadyExists, result="the verified e-mail address")
async def verify_email(context: Context, input: VerifyEmailInput) -> EmailVerified:
    """Verify an e-mail address with the token from the verification e-mail.

    Open to everyone who has the token, without logging in.
    """
    origin = context.actor.identity.without_user()
    return EmailVerified(email=await account_recovery.verify_email(context, context.auth, origin, **to_kwargs(input)))


DOMAIN = Domain(
    mutations=[
        request_password_reset,
        reset_password,
        request_email_verification,
        request_email_change,
        verify_email,
    ]
)
