"""What the shared tests try of tenants, their members and invitations."""

from datetime import timedelta
from typing import Any

from models.base import new_id, now
from services import invitations, tenants
from tests.support import bulk_fixtures, case_objects
from tests.support.case_values import PAGE
from tests.support.domain_cases import CollectionCase, DomainCases
from tests.support.factories import World

OUTCOMES = """
                                  owner      admin      member     removed    outsider   nobody
tenant                            ok         ok         ok         U          null       null
node: User                        ok         ok         ok         U          F          U
node: Tenant                      ok         ok         ok         U          F          U
node: Invitation                  ok         ok         F          U          F          U
users                             ok         ok         ok         U          F          U
users: by address                 ok         ok         F          U          F          U
users: after                      ok         ok         ok         U          F          U
invitations                       ok         ok         F          U          F          U
invitations: after                ok         ok         F          U          F          U
createTenant                      ok         ok         ok         U          ok         U
updateTenant                      ok         ok         F          U          F          U
inviteMember                      ok         ok         F          F          F          U
inviteMember: an owner            ok         F          F          F          F          U
revokeInvitation                  ok         ok         F          U          F          U
acceptInvitation                  ok         ok         ok         U          ok         U
acceptInvitation: of this tenant  EXISTS     EXISTS     EXISTS     U          ok         U
changeMemberRole                  ok         ok         F          U          F          U
changeMemberRole: to owner        ok         F          F          U          F          U
changeMemberRole: of an owner     ok         F          F          U          F          U
removeMember                      ok         ok         F          U          F          U
removeMember: an owner            ok         F          F          U          F          U
leaveTenant                       ok         ok         ok         U          F          U
leaveTenant: alone                ILLEGAL    ok         ok         U          F          U
"""

SCALE = {
    "tenants": """
    INSERT INTO tenants (id, name, slug) SELECT gen_random_uuid(), initcap(slug), slug FROM unnest($1::text[]) slug
""",
    "users": """
    INSERT INTO users (id, email, full_name, created_at)
    SELECT gen_random_uuid(), format('person%s@%s.example.com', n, slug),
        format('%s %s', (ARRAY['Ada', 'Grace', 'Alan', 'Edsger', 'Barbara'])[1 + n % 5], md5(slug || n)),
        now() - n * interval '1 hour'
    FROM tenants, generate_series(1, 2000) n
""",
    "memberships": """
    INSERT INTO memberships (tenant_id, id, user_id, role, is_active, ended_at, full_name, email, created_at)
    SELECT t.id, gen_random_uuid(), u.id,
        CASE WHEN n <= 3 THEN 'OWNER' WHEN n % 50 = 0 THEN 'ADMIN' ELSE 'MEMBER' END,
        n % 40 <> 39, CASE WHEN n % 20 = 19 THEN now() END, '', '', u.created_at
    FROM users u, LATERAL (SELECT substring(email FROM '\\d+')::int, substring(email FROM '@(\\w+)')) p (n, slug)
        JOIN tenants t USING (slug)
""",
    "invitations": """
    INSERT INTO invitations (tenant_id, id, email, role, digest, invited_by, created_at, expires_at, accepted_at)
    SELECT t.id, gen_random_uuid(), format('guest%s@example.com', n), 'MEMBER', '', m.user_id,
        now() - n * interval '1 hour', now() + interval '7 days', CASE WHEN n % 5 > 0 THEN now() END
    FROM tenants t JOIN memberships m ON m.tenant_id = t.id AND m.email LIKE 'person1@%', generate_series(1, 100) n;
    INSERT INTO invitations (tenant_id, id, email, role, digest, invited_by, expires_at)
    SELECT DISTINCT ON (t.id, guest.email)
        t.id, gen_random_uuid(), guest.email, 'MEMBER', '', host.user_id, now() + interval '7 days'
    FROM tenants t JOIN memberships host ON host.tenant_id = t.id AND host.role = 'OWNER'
        JOIN memberships guest ON guest.tenant_id <> t.id AND guest.role = 'OWNER'
""",
}


async def _membership(world: World) -> dict[str, Any]:
    """Return the values of a new membership, with its account made before."""
    email = f"{new_id()}@example.com"
    user_id = await world.add("users", email=email, full_name="Ada")
    return {"tenant_id": world.acme.tenant_id, "user_id": user_id, "full_name": "Ada", "email": email}


async def insert_listed(world: World) -> None:
    """Insert tenants of the owner's, and invitations to them and by them."""
    acme, owner_id = world.acme, world.acme.owner.user_id
    for number in range(5):
        tenant_id = await world.add("tenants", name=f"Tenant {number}", slug=f"tenant-{number}")
        member = {"tenant_id": tenant_id, "user_id": owner_id, "role": "OWNER"}
        await world.add("memberships", **member, full_name="", email="")
        offer = {"invited_by": owner_id, "role": "MEMBER", "digest": "none", "expires_at": now() + timedelta(days=1)}
        await world.add("invitations", **offer, tenant_id=tenant_id, email=acme.owner.email)
        await world.add("invitations", **offer, tenant_id=acme.tenant_id, email=f"{number}@example.com")


CASES = DomainCases(
    operations={
        "tenant": {},
        "users": {"orderBy": {"field": "CREATED_AT"}},
        "users: by address": {
            "filter": {"email": {"eq": case_objects.member_email}, "isFormer": {"in": [False, True]}}
        },
        "users: after": {**PAGE, "after": case_objects.first_cursor("users", case_objects.member)},
        "invitations": PAGE,
        "invitations: after": {**PAGE, "after": case_objects.first_cursor("invitations", case_objects.invitation)},
        "createTenant": {"input": {"name": case_objects.new_name, "slug": case_objects.new_slug}},
        "updateTenant": {"input": {"name": case_objects.new_name}},
        "inviteMember": {"input": {"email": case_objects.new_email}},
        "inviteMember: an owner": {"input": {"email": case_objects.new_email, "role": "OWNER"}},
        "revokeInvitation": {"input": {"id": case_objects.invitation}},
        "acceptInvitation": {"input": {"token": case_objects.invitation_token_elsewhere}},
        "acceptInvitation: of this tenant": {"input": {"token": case_objects.invitation_token_here}},
        "changeMemberRole": {"input": {"id": case_objects.member, "role": "ADMIN"}},
        "changeMemberRole: to owner": {"input": {"id": case_objects.member, "role": "OWNER"}},
        "changeMemberRole: of an owner": {"input": {"id": case_objects.owner, "role": "MEMBER"}},
        "removeMember": {"input": {"id": case_objects.member}},
        "removeMember: an owner": {"input": {"id": case_objects.owner}},
        "leaveTenant": {},
        "leaveTenant: alone": case_objects.sole_owner,
    },
    nodes={"User": case_objects.member, "Tenant": case_objects.tenant, "Invitation": case_objects.invitation},
    outcomes=OUTCOMES,
    forbidden_to_keys=frozenset(
        {"leaveTenant", "acceptInvitation: of this tenant", "acceptInvitation", "createTenant", "leaveTenant: alone"}
    ),
    owner_outcomes={"acceptInvitation: of this tenant": "ALREADY_EXISTS", "leaveTenant: alone": "ILLEGAL_TRANSITION"},
    cannot_leak={
        "tenant": "is about what the token itself names",
        "updateTenant": "is about what the token itself names",
        "leaveTenant": "is about what the token itself names",
        "leaveTenant: alone": "is about what the token itself names",
        "acceptInvitation": "finds nothing without a secret",
        "acceptInvitation: of this tenant": "finds nothing without a secret",
    },
    collections={
        "tenants.USERS": CollectionCase(tenants.USERS, bulk_fixtures.some_people, 153),
        "tenants.MEMBERSHIPS": CollectionCase(tenants.MEMBERSHIPS, bulk_fixtures.many_tenants, 60),
        "tenants.OWN_TENANTS": CollectionCase(tenants.OWN_TENANTS, bulk_fixtures.many_tenants, 60),
        "tenants.TENANTS": CollectionCase(tenants.TENANTS, bulk_fixtures.nothing_more, 1),
        "invitations.INVITATIONS": CollectionCase(invitations.INVITATIONS, bulk_fixtures.some_invitations, 0),
        "invitations.RECEIVED_INVITATIONS": CollectionCase(
            invitations.RECEIVED_INVITATIONS, bulk_fixtures.some_invitations, 30
        ),
    },
    sort_columns={"full_name": "name_key"},
    scale=SCALE,
    selective={"Query.users full_name contains": "ada 3f2"},
    short_lists={"Query.invitations": "those that nobody has answered yet"},
    places={"User": 'users(filter: {{fullName: {{contains: "owner"}}}}) {{ nodes {{ {} }} }}'},
    audited_rows={"memberships": _membership},
    insert_listed=insert_listed,
)
