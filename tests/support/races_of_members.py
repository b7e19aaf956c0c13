"""Races of members, invitations and accounts."""

from functools import partial

from atrium import admin as atrium_admin
from models import Role
from models.database.errors import SessionNotLive
from models.database.identity import Identity
from services import account_recovery, accounts, api_keys, invitations, members, sessions, tenants
from services.errors import AlreadyExists, IllegalTransition, InvalidCredentials, InvalidToken, NotFound
from services.members import NewMember
from services.sessions import IssuedSession
from tests.support.factories import PASSWORD, Person
from tests.support.mailbox import sent_emails, token_from_email
from tests.support.races import EMAIL, LIFETIME, NEXT, OTHER, RaceContext, race, refused

# --- invitations and members ---


def _as_owner(context: RaceContext, person: Person) -> Person:
    """Return somebody who has become an owner of acme, with a token that says so."""
    claims = {"tenant_id": context.world.acme.tenant_id, "user_id": person.user_id, "role": "OWNER"}
    token, _ = context.rules.auth.tokens.issue(**claims, session_id=person.session_id)
    return Person(person.user_id, person.email, context.world.app.client_with(token))


@race
async def inviting_one_address_twice(context: RaceContext) -> None:
    acme = context.world.acme
    as_admin = context.invite(acme.owner, role=Role.ADMIN)
    outcomes = await context.rendezvous.between("invitations", context.invite(acme.admin), as_admin)
    assert refused(outcomes) == 0
    assert len(await context.open_invitations()) == 1


@race
async def inviting_and_creating_one_person(context: RaceContext) -> None:
    acme = context.world.acme
    given = {"new_members": [NewMember(EMAIL, "Guest", PASSWORD, Role.ADMIN)], "lifetime": LIFETIME}
    creating = context.with_own_transactions(acme.owner, members.create_all, **given)
    outcomes = await context.rendezvous.between("invitations", context.invite(acme.admin), creating)
    assert refused(outcomes, AlreadyExists) <= 1
    assert await context.open_invitations() == []


@race
async def accepting_an_invitation_that_is_sent_anew(context: RaceContext) -> None:
    world = context.world
    _, token = await context.invite(world.acme.admin, world.outsider.email)()
    again = context.invite(world.acme.owner, world.outsider.email, Role.ADMIN)
    accepting = context.in_transaction(world.outsider, invitations.accept, token=token)
    outcomes = await context.rendezvous.between("invitations", accepting, again)
    assert refused(outcomes, InvalidToken, AlreadyExists) == 1
    joined = "SELECT count(*) FROM memberships WHERE user_id = $1"
    assert await context.value(joined, world.outsider.user_id) + len(await context.open_invitations()) == 1


@race
async def accepting_an_invitation_that_is_revoked(context: RaceContext) -> None:
    world = context.world
    invitation, token = await context.invite(world.acme.admin, world.outsider.email)()
    accepting = context.in_transaction(world.outsider, invitations.accept, token=token)
    revoking = context.in_transaction(world.acme.admin, invitations.revoke, id=invitation.id)
    outcomes = await context.rendezvous.between("invitations", accepting, revoking)
    assert refused(outcomes, InvalidToken, NotFound) == 1
    assert await context.value("SELECT count(*) FROM invitations WHERE num_nonnulls(accepted_at, revoked_at) = 1") == 1


@race
async def accepting_an_invitation_twice(context: RaceContext) -> None:
    world = context.world
    _, token = await context.invite(world.acme.admin, world.outsider.email)()
    accepting = context.in_transaction(world.outsider, invitations.accept, token=token)
    assert refused(await context.rendezvous.between("memberships", accepting, accepting), InvalidToken) == 1


@race
async def inviting_while_being_removed(context: RaceContext) -> None:
    acme = context.world.acme
    sending = context.invite(acme.admin)
    removing = context.in_transaction(acme.owner, tenants.remove, id=acme.admin.member_id)
    await context.rendezvous.during("invitations", sending, removing)
    assert await context.open_invitations() == []


@race
async def inviting_while_being_demoted(context: RaceContext) -> None:
    acme = context.world.acme
    demoting = context.in_transaction(acme.owner, tenants.change_role, id=acme.admin.member_id, role=Role.MEMBER)
    await context.rendezvous.during("memberships", demoting, context.invite(acme.admin))
    assert await context.open_invitations() == []


@race
async def inviting_while_being_suspended(context: RaceContext) -> None:
    admin = context.world.acme.admin
    suspending = partial(
        atrium_admin.set_account_active, context.urls.owner, email=admin.email, tenant=None, active=False
    )
    await context.rendezvous.during("invitations", context.invite(admin), suspending)
    assert await context.open_invitations() == []


@race
async def inviting_a_member_who_is_removed(context: RaceContext) -> None:
    acme = context.world.acme
    removing = context.in_transaction(acme.owner, tenants.remove, id=acme.member.member_id)
    outcomes = await context.rendezvous.during("memberships", removing, context.invite(acme.admin, acme.member.email))
    sent = refused(outcomes, AlreadyExists) == 0  # after the removal, if at all
    assert len(await context.open_invitations()) == sent


@race
async def two_owners_removing_each_other(context: RaceContext) -> None:
    acme = context.world.acme
    await context.in_transaction(acme.owner, tenants.change_role, id=acme.admin.member_id, role=Role.OWNER)()
    one = context.in_transaction(acme.owner, tenants.remove, id=acme.admin.member_id)
    two = context.in_transaction(_as_owner(context, acme.admin), tenants.remove, id=acme.owner.member_id)
    await context.rendezvous.between("memberships", one, two)
    owners = "SELECT count(*) FROM memberships WHERE tenant_id = $1 AND role = 'OWNER' AND NOT is_former"
    assert await context.value(owners, acme.tenant_id) == 1


@race
async def two_owners_leaving(context: RaceContext) -> None:
    acme = context.world.acme
    await context.in_transaction(acme.owner, tenants.change_role, id=acme.admin.member_id, role=Role.OWNER)()
    leaving = [
        context.in_transaction(acme.owner, tenants.leave),
        context.in_transaction(_as_owner(context, acme.admin), tenants.leave),
    ]
    assert refused(await context.rendezvous.between("memberships", *leaving), IllegalTransition) == 1


@race
async def deactivating_members_while_being_demoted(context: RaceContext) -> None:
    acme = context.world.acme
    switching = context.in_transaction(acme.admin, members.set_active, ids=[acme.member.member_id], is_active=False)
    demoting = context.in_transaction(acme.owner, tenants.change_role, id=acme.admin.member_id, role=Role.MEMBER)
    await context.rendezvous.during("memberships", demoting, switching)
    first = "SELECT o.updated_at > m.updated_at FROM memberships m, memberships o WHERE m.id = $1 AND o.id = $2"
    active = await context.value("SELECT is_active FROM memberships WHERE id = $1", acme.member.member_id)
    assert active or await context.value(first, acme.member.member_id, acme.admin.member_id)


@race
async def creating_two_tenants_of_one_name(context: RaceContext) -> None:
    founding = context.in_transaction(context.world.outsider, tenants.create, name="Initech", slug="initech")
    assert refused(await context.rendezvous.between("tenants", founding, founding), AlreadyExists) == 1


# --- accounts and what is mailed ---


@race
async def registering_one_address_twice(context: RaceContext) -> None:
    registering = context.with_own_transactions(
        None, accounts.register, email=EMAIL, full_name="Guest", password=PASSWORD
    )
    assert refused(await context.rendezvous.between("users", registering, registering), AlreadyExists) == 1


@race
async def changing_a_password_twice(context: RaceContext) -> None:
    member = context.world.acme.member
    changes = [
        context.with_own_transactions(
            member, accounts.change_password, current_password=PASSWORD, new_password=password
        )
        for password in (NEXT, OTHER)
    ]
    assert refused(await context.rendezvous.between("users", *changes), InvalidCredentials) == 1


@race
async def logging_in_while_the_password_changes(context: RaceContext) -> None:
    member = context.world.acme.member
    change = context.with_own_transactions(
        member, accounts.change_password, current_password=PASSWORD, new_password=NEXT
    )
    login = context.with_own_transactions(None, sessions.login, email=member.email, password=PASSWORD)
    _, opened = await context.rendezvous.between("users", change, login)
    assert isinstance(opened, InvalidCredentials) or not await context.rules.is_live(opened.identity)


@race
async def logging_in_while_being_suspended(context: RaceContext) -> None:
    member = context.world.acme.member
    login = context.with_own_transactions(None, sessions.login, email=member.email, password=PASSWORD)
    suspend = partial(
        atrium_admin.set_account_active, context.urls.owner, email=member.email, tenant=None, active=False
    )
    outcomes = await context.rendezvous.during("users", login, suspend)
    assert refused(outcomes, InvalidCredentials) == 1
    assert await context.value("SELECT count(*) FROM sessions WHERE user_id = $1", member.user_id) == 1


@race
async def requesting_another_address_while_the_password_changes(context: RaceContext) -> None:
    member = context.world.acme.member
    change = context.with_own_transactions(
        member, accounts.change_password, current_password=PASSWORD, new_password=NEXT
    )
    asking = context.with_own_transactions(
        member, account_recovery.request_email_change, email=EMAIL, password=PASSWORD
    )
    outcomes = await context.rendezvous.during("mailed_tokens", asking, change)
    assert refused(outcomes, InvalidCredentials) == 1
    assert await context.value("SELECT count(*) FROM mailed_tokens WHERE used_at IS NULL") == 0


@race
async def using_an_email_token_twice(context: RaceContext) -> None:
    await context.with_own_transactions(
        None, account_recovery.request_password_reset, email=context.world.acme.member.email
    )()
    token = token_from_email(sent_emails(context.world)[-1])
    resets = [
        context.with_own_transactions(None, account_recovery.reset_password, token=token, new_password=password)
        for password in (NEXT, OTHER)
    ]
    assert refused(await context.rendezvous.between("mailed_tokens", *resets), InvalidToken) == 1


@race
async def verifying_an_address_that_somebody_registers(context: RaceContext) -> None:
    await context.with_own_transactions(
        context.world.acme.member, account_recovery.request_email_change, email=EMAIL, password=PASSWORD
    )()
    proving = context.with_own_transactions(
        None, account_recovery.verify_email, token=token_from_email(sent_emails(context.world)[-1])
    )
    registering = context.with_own_transactions(
        None, accounts.register, email=EMAIL, full_name="Guest", password=PASSWORD
    )
    assert refused(await context.rendezvous.between("users", proving, registering), AlreadyExists) == 1


@race
async def refreshing_with_one_token_twice(context: RaceContext) -> None:
    opened = await context.rules.login(context.world.acme.member.email)
    refresh = context.with_own_transactions(None, sessions.refresh, refresh_token=opened.refresh_token)
    outcomes = await context.rendezvous.between("sessions", refresh, refresh)
    assert refused(outcomes) == 0
    assert len({outcome.refresh_token for outcome in outcomes}) == 1


@race
async def refreshing_with_one_token_for_two_tenants(context: RaceContext) -> None:
    acme, globex, member = context.world.acme, context.world.globex, context.world.acme.member
    _, invitation = await context.invite(globex.owner, member.email)()
    await context.in_transaction(member, invitations.accept, token=invitation)()
    opened = await context.rules.login(member.email, tenant=acme.slug)
    finished: list[IssuedSession] = []

    async def refresh(slug: str) -> IssuedSession:
        given = {"refresh_token": opened.refresh_token, "tenant": slug}
        finished.append(await context.with_own_transactions(None, sessions.refresh, **given)())
        return finished[-1]

    outcomes = await context.rendezvous.between("sessions", partial(refresh, acme.slug), partial(refresh, globex.slug))
    assert refused(outcomes) == 0
    newest = await context.value("SELECT tenant_id FROM sessions WHERE id = $1", opened.identity.session_id)
    assert newest == finished[0].identity.tenant_id
    assert [outcome.identity.tenant_id for outcome in outcomes] == [acme.tenant_id, globex.tenant_id]
    assert len({outcome.refresh_token for outcome in outcomes}) == 1


@race
async def switching_to_a_tenant_while_being_removed(context: RaceContext) -> None:
    acme = context.world.acme
    entering = context.in_transaction(acme.member, sessions.switch_tenant, auth=context.rules.auth, tenant=acme.slug)
    removing = context.in_transaction(acme.owner, tenants.remove, id=acme.member.member_id)
    opened, _ = await context.rendezvous.during("sessions", entering, removing)
    assert isinstance(opened, SessionNotLive) or not await context.rules.is_live(opened.identity)


@race
async def creating_an_api_key_while_being_demoted(context: RaceContext) -> None:
    acme = context.world.acme
    making = context.in_transaction(acme.admin, api_keys.create, name="Robot", role=Role.ADMIN)
    demoting = context.in_transaction(acme.owner, tenants.change_role, id=acme.admin.member_id, role=Role.MEMBER)
    (key, _), _ = await context.rendezvous.during("api_keys", making, demoting)
    machine = Identity(acme.tenant_id, acme.admin.user_id, "ADMIN", api_key_id=key.id)
    assert not await context.rules.is_live(machine)


@race
async def revoking_an_api_key_twice(context: RaceContext) -> None:
    admin = context.world.acme.admin
    key, _ = await context.rules.apply(admin, api_keys.create, name="Robot")
    revoking = context.in_transaction(admin, api_keys.revoke, id=key.id)
    assert refused(await context.rendezvous.between("api_keys", revoking, revoking), NotFound) == 1
