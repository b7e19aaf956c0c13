"""People in bulk in GraphQL: adding many to the tenant, and switching many on or off."""

from typing import Annotated, Any

import strawberry
from strawberry import UNSET

from graph.fields.bulk import Outcome, Outcomes, to_outcomes
from graph.fields.descriptions import input_type, object_type, result_union
from graph.fields.domain import Domain
from graph.fields.errors import AlreadyExists, IllegalTransition, InvalidInput
from graph.fields.inputs import id_of, to_kwargs
from graph.fields.mutations import mutation, mutation_without_transaction
from graph.runtime.context import Context
from graph.tenants import Invitation, User
from models import Role
from models.database import WriteSession
from services import members
from services.permissions import Actor

__all__ = ["DOMAIN", "CreatedUserOutcome", "CreatedUserOutcomes", "UsersSwitched"]


@input_type
class CreateUserInput:
    """One user to add to the tenant with `createUsers`."""

    email: str
    """E-mail address of the user to add; up to 255 characters, stored in lower case."""
    full_name: str
    """Full name of the user to add, 1 to 100 characters; used only if an account is created, not if the user is
    invited."""
    password: str | None = UNSET
    """Password of the account to create: 8 to 128 characters, with at least one upper-case letter, one digit and one of
    !@#$%^&*(). Null to send an invitation instead; a user who already has an account is always invited."""
    role: Role = Role.MEMBER
    """Role of the user to add; MEMBER if omitted. Only owners may add owners."""


@input_type
class CreateUsersInput:
    """Users to add to the tenant; for admins and owners."""

    users: list[CreateUserInput]
    """Users to add to the tenant, 1 to 1,000, each e-mail address only once."""


@input_type
class SetUsersActiveInput:
    """Input of `setUsersActive`: the members to activate or deactivate."""

    ids: list[strawberry.ID] = id_of("User")
    """Global IDs of the users to activate or deactivate: 1 to 1,000; IDs of users who are not members of the tenant are
    ignored."""
    is_active: bool
    """Whether the users may use the tenant from now on."""


CreatedUserResult = Annotated[
    User | Invitation | InvalidInput | AlreadyExists,
    result_union(
        "CreatedUser",
        "Result of `createUsers` for one user: the new member, the invitation sent to the user, or a typed error.",
    ),
]


@object_type
class CreatedUserOutcome(Outcome):
    """Outcome of `createUsers` for one user of the input."""

    result: CreatedUserResult
    """User who is now a member, or the invitation sent to the user, or a typed error."""


@object_type
class CreatedUserOutcomes(Outcomes):
    """Outcomes of one `createUsers` call, one for each user of the input."""

    outcomes: list[CreatedUserOutcome]
    """Outcome for each user, in the order of the input."""


@object_type
class UsersSwitched:
    """Number of members that `setUsersActive` changed."""

    count: int
    """Number of members that were activated or deactivated; members who already had the requested state are not
    counted."""


@mutation_without_transaction(CreatedUserOutcomes | InvalidInput, result="the outcome for each user to add")
async def create_users(context: Context, input: CreateUsersInput) -> CreatedUserOutcomes:
    """Add 1 to 1,000 people to the tenant.

    A row with a password and an unknown e-mail address creates an account and a member; every other row sends an
    invitation, whose token is also returned, only in this response. Failed rows do not affect the others. For admins
    and owners; only owners add owners.
    """
    results = await members.create_all(
        context,
        context.auth,
        context.actor,
        new_members=[members.NewMember(**to_kwargs(row)) for row in input.users],
        lifetime=context.auth.invitation_lifetime,
    )

    def to_type(outcome: Any) -> Any:
        if not isinstance(outcome, members.IssuedInvitation):
            return outcome
        context.one_time_secrets[outcome.invitation.id] = outcome.token
        return outcome.invitation

    return to_outcomes(CreatedUserOutcomes, CreatedUserOutcome, results, to_type)


@mutation(UsersSwitched | InvalidInput | IllegalTransition, result="the number of members that were changed")
async def set_users_active(session: WriteSession, actor: Actor, input: SetUsersActiveInput) -> UsersSwitched:
    """Activate or deactivate 1 to 1,000 members of the tenant.

    Tokens of deactivated members stop working in this tenant; their accounts stay. For admins and owners; only owners
    change owners, nobody deactivates themselves, and one active owner must remain.
    """
    return UsersSwitched(count=await members.set_active(session, actor, **to_kwargs(input)))


DOMAIN = Domain(mutations=[create_users, set_users_active])
