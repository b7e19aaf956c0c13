"""People in bulk in GraphQL: adding many to the tenant, and switching many on or off."""

from typing import Annotated, Any

import strawberry
from strawberry import UNSET

from graph.fields.bulk import Outcome, Outcomes, to_outcomes
from graph.fields.descriptions import input_type, object_type, result_union
from graph.fields.errors import AlreadyExists, IllegalTransition, InvalidInput
from graph.fields.inputs import id_of, to_kwargs
from graph.fields.mutations import mutation, mutation_without_transaction
from graph.runtime.context import Context
from graph.tenants import Invitation, User
from models import Role
from models.database import WriteSession
from services import members
from services.permissions import Actor

__all__ = ["MUTATIONS", "CreatedUserOutcome", "CreatedUserOutcomes", "UsersSwitched"]


@input_type
class CreateUserInput:
    """Somebody who is to belong to the tenant."""

    email: str
    """Their address, up to 255 characters."""
    full_name: str
    """What they are called: 1 to 100 characters. Who gets an invitation says so themselves."""
    password: str | None = UNSET
    """For a new account: 8 to 128 characters, among them an upper-case letter, a digit and one of !@#$%^&*().
    Without one, they get an invitation."""
    role: Role = Role.MEMBER
    """What they will be."""


@input_type
class CreateUsersInput:
    """Who is to belong to the tenant."""

    users: list[CreateUserInput]
    """1 to 1,000 of them, each address once."""


@input_type
class SetUsersActiveInput:
    """Who is let in or shut out."""

    ids: list[strawberry.ID] = id_of("User")
    """1 to 1,000 members; ids of nobody who belongs to the tenant change nothing."""
    is_active: bool
    """Whether they may use the tenant."""


CreatedUserResult = Annotated[User | Invitation | InvalidInput | AlreadyExists, result_union("CreatedUser")]


@object_type
class CreatedUserOutcome(Outcome):
    """What became of one person of a call."""

    result: CreatedUserResult
    """The new member, or the invitation, or why neither."""


@object_type
class CreatedUserOutcomes(Outcomes):
    """What became of the people of a call."""

    outcomes: list[CreatedUserOutcome]
    """One for each row of the input, in their order."""


@object_type
class UsersSwitched:
    """What became of a switch."""

    count: int
    """How many changed; those who were as wanted before do not count."""


CreateUsersResult = Annotated[CreatedUserOutcomes | InvalidInput, result_union("CreateUsers")]
SetUsersActiveResult = Annotated[UsersSwitched | InvalidInput | IllegalTransition, result_union("SetUsersActive")]


@mutation_without_transaction(CreateUsersResult)
async def create_users(context: Context, input: CreateUsersInput) -> CreatedUserOutcomes:
    """Add up to 1,000 people to the tenant; those that are refused hold up no other. For admins and owners.

    Who comes with a password and is new to Atrium gets an account, and is a member at once. Everybody else gets an
    invitation by mail, whose token is shown here once, too: an existing account is never changed, and joins nothing
    unasked. Owners alone make owners. Sent again, it doubles nothing: who is a member already is refused, and a new
    invitation takes the place of the one before.
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


@mutation(SetUsersActiveResult)
async def set_users_active(session: WriteSession, actor: Actor, input: SetUsersActiveInput) -> UsersSwitched:
    """Let up to 1,000 members in, or shut them out: their tokens stop working here at once, and their accounts stay.

    For admins; owners alone switch owners. Nobody shuts themselves out, and a tenant keeps an active owner.
    """
    return UsersSwitched(count=await members.set_active(session, actor, **to_kwargs(input)))


MUTATIONS = [create_users, set_users_active]
