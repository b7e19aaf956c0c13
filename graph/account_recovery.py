"""What is done by mail, in GraphQL: a forgotten password, an address that is proved or changed."""

from datetime import timedelta
from typing import Annotated

from graph.accounts import SessionsEnded
from graph.fields.descriptions import input_type, output, result
from graph.fields.errors import (
    AlreadyExists,
    IllegalTransition,
    InvalidCredentials,
    InvalidInput,
    InvalidToken,
    RateLimited,
)
from graph.fields.inputs import values
from graph.fields.mutations import account_mutation
from graph.runtime.context import Context
from services import account_recovery

__all__ = ["MUTATIONS", "EmailVerified", "MailRequested"]


@output
class MailRequested:
    """A letter is on its way, if there is anybody to write to; nobody learns here whether there is."""

    valid_minutes: int
    """For how many minutes the link in it works, once."""


@output
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


RequestPasswordResetResult = Annotated[MailRequested | InvalidInput | RateLimited, result("RequestPasswordReset")]
ResetPasswordResult = Annotated[SessionsEnded | InvalidToken | InvalidInput, result("ResetPassword")]
RequestEmailVerificationResult = Annotated[
    MailRequested | IllegalTransition | RateLimited, result("RequestEmailVerification")
]
RequestEmailChangeResult = Annotated[
    MailRequested | InvalidInput | InvalidCredentials | RateLimited, result("RequestEmailChange")
]
VerifyEmailResult = Annotated[EmailVerified | InvalidToken | AlreadyExists, result("VerifyEmail")]


def _requested(lifetime: timedelta) -> MailRequested:
    return MailRequested(valid_minutes=round(lifetime.total_seconds() / 60))


@account_mutation(RequestPasswordResetResult)
async def request_password_reset(context: Context, input: RequestPasswordResetInput) -> MailRequested:
    """Mail a link to set a new password with. The answer is the same whether there is such an account or not."""
    origin = context.actor.identity.origin()
    return _requested(await account_recovery.request_reset(context, context.door, origin, **values(input)))


@account_mutation(ResetPasswordResult)
async def reset_password(context: Context, input: ResetPasswordInput) -> SessionsEnded:
    """Set a new password with what came by mail; all sessions of the account end. Log in with it next."""
    origin = context.actor.identity.origin()
    return SessionsEnded(count=await account_recovery.reset(context, context.door, origin, **values(input)))


@account_mutation(RequestEmailVerificationResult)
async def request_email_verification(context: Context) -> MailRequested:
    """Mail a link that proves that the viewer's address is theirs; `register` has sent the first."""
    return _requested(await account_recovery.request_verification(context, context.door, context.actor))


@account_mutation(RequestEmailChangeResult)
async def request_email_change(context: Context, input: RequestEmailChangeInput) -> MailRequested:
    """Mail a link to another address of the viewer's, which becomes the account's when the link is opened."""
    return _requested(await account_recovery.request_change(context, context.door, context.actor, **values(input)))


@account_mutation(VerifyEmailResult)
async def verify_email(context: Context, input: VerifyEmailInput) -> EmailVerified:
    """Prove an address with what came by mail there; nobody need be logged in."""
    origin = context.actor.identity.origin()
    return EmailVerified(email=await account_recovery.verify(context, context.door, origin, **values(input)))


MUTATIONS = [
    request_password_reset,
    reset_password,
    request_email_verification,
    request_email_change,
    verify_email,
]
