"""What is done by mail, in GraphQL: a forgotten password, an address that is proved or changed."""

from datetime import timedelta
from typing import Annotated

from graph.accounts import SessionsEnded
from graph.fields.descriptions import input_type, object_type, result_union
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

__all__ = ["MUTATIONS", "EmailVerified", "MailRequested"]


@object_type
class MailRequested:
    """A letter is on its way, if there is anybody to write to; nobody learns here whether there is."""

    valid_minutes: int
    """For how many minutes the link in it works, once."""


@object_type
class EmailVerified:
    """An address was proved to be somebody's."""

    email: str
    """The address, which is the account's now."""


@input_type
class RequestPasswordResetInput:
    """Whose password was forgotten."""

    email: str
    """The address of the account."""


@input_type
class ResetPasswordInput:
    """The new password, and the right to set it."""

    token: str
    """What came by mail."""
    new_password: str
    """8 to 128 characters, among them an upper-case letter, a digit and one of !@#$%^&*()."""


@input_type
class RequestEmailChangeInput:
    """The account's next address."""

    email: str
    """The address; it takes the place of the present one when the link that is mailed there is opened."""
    password: str
    """The account's password."""


@input_type
class VerifyEmailInput:
    """The proof of an address."""

    token: str
    """What came by mail."""


RequestPasswordResetResult = Annotated[MailRequested | InvalidInput | RateLimited, result_union("RequestPasswordReset")]
ResetPasswordResult = Annotated[SessionsEnded | InvalidToken | InvalidInput, result_union("ResetPassword")]
RequestEmailVerificationResult = Annotated[
    MailRequested | IllegalTransition | RateLimited, result_union("RequestEmailVerification")
]
RequestEmailChangeResult = Annotated[
    MailRequested | InvalidInput | InvalidCredentials | RateLimited, result_union("RequestEmailChange")
]
VerifyEmailResult = Annotated[EmailVerified | InvalidToken | AlreadyExists, result_union("VerifyEmail")]


def _to_mail_requested(lifetime: timedelta) -> MailRequested:
    return MailRequested(valid_minutes=round(lifetime.total_seconds() / 60))


@mutation_without_transaction(RequestPasswordResetResult)
async def request_password_reset(context: Context, input: RequestPasswordResetInput) -> MailRequested:
    """Mail a link to set a new password with. The answer is the same whether there is such an account or not."""
    origin = context.actor.identity.without_user()
    return _to_mail_requested(
        await account_recovery.request_password_reset(context, context.auth, origin, **to_kwargs(input))
    )


@mutation_without_transaction(ResetPasswordResult)
async def reset_password(context: Context, input: ResetPasswordInput) -> SessionsEnded:
    """Set a new password with what came by mail; all sessions of the account end. Log in with it next."""
    origin = context.actor.identity.without_user()
    return SessionsEnded(count=await account_recovery.reset_password(context, context.auth, origin, **to_kwargs(input)))


@mutation_without_transaction(RequestEmailVerificationResult)
async def request_email_verification(context: Context) -> MailRequested:
    """Mail a link that proves that the viewer's address is theirs; `register` has sent the first."""
    return _to_mail_requested(await account_recovery.request_email_verification(context, context.auth, context.actor))


@mutation_without_transaction(RequestEmailChangeResult)
async def request_email_change(context: Context, input: RequestEmailChangeInput) -> MailRequested:
    """Mail a link to another address of the viewer's, which becomes the account's when the link is opened."""
    return _to_mail_requested(
        await account_recovery.request_email_change(context, context.auth, context.actor, **to_kwargs(input))
    )


@mutation_without_transaction(VerifyEmailResult)
async def verify_email(context: Context, input: VerifyEmailInput) -> EmailVerified:
    """Prove an address with what came by mail there; nobody need be logged in."""
    origin = context.actor.identity.without_user()
    return EmailVerified(email=await account_recovery.verify_email(context, context.auth, origin, **to_kwargs(input)))


MUTATIONS = [
    request_password_reset,
    reset_password,
    request_email_verification,
    request_email_change,
    verify_email,
]
