"""The rules of people in bulk: adding many to a tenant at once, and switching many on or off."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, and_, bindparam, func, or_, select, update
from sqlmodel import col

from models import Invitation, Membership, Role, User
from models.base import new_id, table_of
from models.database import WriteSession, extend_context, fetch
from services import invitations, security
from services.accounts import MAX_NAME_LENGTH, validate_email_address
from services.authentication import AuthConfig, Transactions
from services.errors import AlreadyExists, DomainError, IllegalTransition, InvalidInput, Unavailable
from services.invitations import MEMBER_ALREADY
from services.permissions import Actor, Permission
from services.validation import Validator
from services.writes.bulk import Batch, check_row_count, insert_statement, unnest_params
from services.writes.rows import lock_tenant

__all__ = ["IssuedInvitation", "NewMember", "create_all", "set_active"]


class NewMember(NamedTuple):
    """Somebody who is to belong to the tenant."""

    email: str
    full_name: str
    password: str | None = None
    role: Role = Role.MEMBER


class IssuedInvitation(NamedTuple):
    """An invitation, and the token that it is accepted with."""

    invitation: Invitation
    token: str


MemberOutcome = Membership | IssuedInvitation | DomainError


async def create_all(
    transactions: Transactions, auth: AuthConfig, actor: Actor, *, new_members: Sequence[NewMember], lifetime: timedelta
) -> list[MemberOutcome]:
    """Add up to 1,000 people to the tenant; give what became of each, in their order.

    Who comes with a password and is new to Atrium gets an account and is a member at once. Everybody else gets an
    invitation, by mail too: an account that there is already is never changed, and nobody joins a tenant unasked. The
    passwords are hashed before the transaction begins.

    Raises:
        Forbidden: making an owner is for owners.
        InvalidInput: no people, or too many. What is wrong with one of them is their own outcome: no e-mail address,
            one that came before, an empty name or one of more than 100 characters, a weak password; AlreadyExists
            for whoever is a member already.
        SessionNotLive: the actor was removed or demoted while they waited for their turn.
        Unavailable: too many passwords are waiting to be hashed.
    """
    actor.require(Permission.MEMBERS_WRITE)
    if any(person.role is Role.OWNER for person in new_members):
        actor.require(Permission.OWNERS_WRITE)
    batch = Batch[NewMember, Membership | IssuedInvitation]("users", new_members)
    for index, person in batch.pending_rows():
        with batch.validating(index) as validator:
            batch.pending[index] = _validate_new_member(validator, person)
    batch.reject_duplicates("email", lambda person: person.email)
    hashes = await _hash_passwords(transactions, auth, actor, batch.pending)

    async def work(session: WriteSession) -> tuple[dict[int, MemberOutcome], str]:
        await lock_tenant(session, actor)
        return await _add_members(session, actor, batch.pending, hashes, lifetime), await invitations.tenant_name(
            session, actor
        )

    added, tenant = await transactions.write(work)
    for outcome in added.values():
        if isinstance(outcome, IssuedInvitation):
            message = auth.emails.invitation_message(outcome.invitation.email, tenant, outcome.token, lifetime)
            auth.emails.mailer.send_later(message)
    batch.finish_all(added)
    return batch.outcomes()


async def set_active(session: WriteSession, actor: Actor, *, ids: Sequence[UUID], is_active: bool) -> int:
    """Activate or deactivate up to 1,000 members of the tenant; return how many changed. Accounts stay as they are.

    Whoever is shut out keeps their name and their role, and their tokens stop working at once. Ids of nobody who
    belongs to the tenant now change nothing.

    Raises:
        Forbidden: switching owners is for owners.
        InvalidInput: no ids, or too many; the actor's own, to be shut out.
        IllegalTransition: no active owner would be left.
    """
    actor.require(Permission.MEMBERS_WRITE)
    check_row_count("ids", ids)
    here = and_(col(Membership.tenant_id) == actor.identity.tenant_id, col(Membership.is_former).is_(False))
    is_selected = col(Membership.id) == func.any(bindparam("ids", type_=ARRAY(Uuid())))
    is_owner = and_(col(Membership.role) == Role.OWNER, col(Membership.is_active))
    await lock_tenant(session, actor)
    concerned = select(*table_of(Membership).c).where(here, or_(is_selected, is_owner))
    rows = await fetch(session, Membership, concerned, {"ids": list(ids)})
    wanted = set(ids)
    changing = {row.id for row in rows if row.id in wanted and row.is_active != is_active}
    _check_switch(actor, ids, rows, changing)
    switched = (
        update(Membership).where(here, is_selected).values(is_active=is_active).returning(*table_of(Membership).c)
    )
    members = await fetch(session, Membership, switched, {"ids": list(changing)})
    await invitations.revoke_unauthorized(session, actor, members)
    return len(members)


def _check_switch(actor: Actor, ids: Sequence[UUID], rows: Sequence[Membership], changing: AbstractSet[UUID]) -> None:
    """Refuse to switch those of the rows that would change; all active owners are among the rows."""
    owners = {row.id for row in rows if row.role == Role.OWNER}
    if owners & changing:
        actor.require(Permission.OWNERS_WRITE)
    shut_out = {row.id: row for row in rows if row.id in changing and row.is_active}
    for row in shut_out.values():
        if row.user_id == actor.identity.user_id:
            raise InvalidInput.of(f"ids.{ids.index(row.id)}", "You cannot shut yourself out.")
    if owners & shut_out.keys() and not any(row.is_active for row in rows if row.id in owners - shut_out.keys()):
        raise IllegalTransition("A tenant keeps at least one owner.")


def _validate_new_member(validator: Validator, person: NewMember) -> NewMember:
    email = validate_email_address(validator, "email", person.email)
    full_name = validator.check_line("full_name", person.full_name, max_length=MAX_NAME_LENGTH)
    for sentence in security.password_weaknesses(person.password) if person.password is not None else ():
        validator.add_problem("password", sentence)
    return person._replace(email=email, full_name=full_name)


async def _hash_passwords(
    transactions: Transactions, auth: AuthConfig, actor: Actor, people: Mapping[int, NewMember]
) -> dict[int, str]:
    """Hash the passwords of people who are no members yet; holds no connection meanwhile."""
    passwords = {index: person.password for index, person in people.items() if person.password is not None}
    if not passwords:
        return {}
    emails = [people[index].email for index in passwords]
    members = await transactions.write(lambda session: invitations.member_emails_in(session, actor, emails))
    needed = {index: password for index, password in passwords.items() if people[index].email not in members}
    try:
        async with transactions.long_work():
            hashes = await auth.passwords.hash_all(list(needed.values()))
    except security.HashingBusy:
        raise Unavailable from None
    return dict(zip(needed, hashes, strict=True))


async def _add_members(
    session: WriteSession,
    actor: Actor,
    people: Mapping[int, NewMember],
    hashes: Mapping[int, str],
    lifetime: timedelta,
) -> dict[int, MemberOutcome]:
    """Add people whose rows are valid. A retry of the transaction begins here, so nothing is kept."""
    accounts = await _insert_accounts(session, people, hashes)
    rest = {person.email: person.role for index, person in people.items() if index not in accounts}
    members = await invitations.member_emails_in(session, actor, rest)
    for email in members:
        del rest[email]
    await invitations.revoke_open(session, actor, [p.email for p in people.values() if p.email not in members])
    joined = await _insert_memberships(session, actor, {accounts[index]: people[index].role for index in accounts})
    invited = await invitations.invite_all(session, actor, rest, lifetime=lifetime)
    outcomes: dict[int, MemberOutcome] = {}
    for index, person in people.items():
        if index in accounts:
            outcomes[index] = joined[accounts[index]]
        elif person.email in members:
            outcomes[index] = AlreadyExists(f"users.{index}.email", MEMBER_ALREADY)
        else:
            outcomes[index] = IssuedInvitation(*invited[person.email])
    return outcomes


async def _insert_accounts(
    session: WriteSession, people: Mapping[int, NewMember], hashes: Mapping[int, str]
) -> dict[int, UUID]:
    """Make the accounts for which there is a hash, one after the other by their addresses; gives the new ones."""
    if not hashes:
        return {}
    ids = {index: new_id() for index in hashes}
    await extend_context(session, creating=ids.values())
    rows = [
        {
            "id": ids[index],
            "email": people[index].email,
            "full_name": people[index].full_name,
            "password_hash": hashed,
        }
        for index, hashed in hashes.items()
    ]
    new = insert_statement(User, list(rows[0]), order_by="email").on_conflict_do_nothing(index_elements=["email"])
    made = set((await session.exec(new.returning(col(User.id)), params=unnest_params("given", rows))).scalars())
    return {index: row_id for index, row_id in ids.items() if row_id in made}


async def _insert_memberships(
    session: WriteSession, actor: Actor, roles: Mapping[UUID, Role]
) -> dict[UUID, Membership]:
    """Make new accounts members; gives the memberships by account."""
    if not roles:
        return {}
    same = {"tenant_id": actor.identity.tenant_id, "full_name": "", "email": ""}  # copied by the database
    rows = [{"id": new_id(), "user_id": user_id, "role": role, **same} for user_id, role in roles.items()]
    new = insert_statement(Membership, list(rows[0])).returning(*table_of(Membership).c)
    members = await fetch(session, Membership, new, unnest_params("given", rows))
    return {member.user_id: member for member in members}
