"""What the shared tests try of superusers: what they see and suspend, in no tenant's name."""

import random

from services import superusers
from tests.support import case_objects
from tests.support.case_values import PAGE
from tests.support.domain_cases import CollectionCase, DomainCases
from tests.support.factories import Person, World, create_person, make_superuser

OUTCOMES = """
                                  owner      admin      member     removed    outsider   nobody     superuser
accounts                          F          F          F          U          F          U          ok
accounts: found                   F          F          F          U          F          U          ok
tenants                           F          F          F          U          F          U          ok
tenants: found                    F          F          F          U          F          U          ok
accountLog                     F          F          F          U          F          U          ok
accountLog: of one             F          F          F          U          F          U          ok
superuserActs                     F          F          F          U          F          U          ok
superuserActs: of one             F          F          F          U          F          U          ok
suspendAccount                    F          F          F          U          F          U          ok
resumeAccount                     F          F          F          U          F          U          ok
suspendTenant                     F          F          F          U          F          U          ok
resumeTenant                      F          F          F          U          F          U          ok
"""

SCALE = {
    "superuser_acts": """
    INSERT INTO superuser_acts (id, type, account_id, created_at)
    SELECT gen_random_uuid(), 'ACCOUNT_SUSPENDED', u.id, now() - n * interval '1 hour'
    FROM (SELECT id FROM users ORDER BY email LIMIT 100) u, generate_series(1, 50) n;
    UPDATE users SET is_superuser = true WHERE id IN (
        SELECT DISTINCT ON (tenant_id) user_id FROM memberships WHERE role = 'OWNER' ORDER BY tenant_id, email
    );
    UPDATE users SET is_active = false WHERE id IN (SELECT id FROM users WHERE NOT is_superuser ORDER BY id LIMIT 20);
    INSERT INTO tenants (id, name, slug, is_active, created_at)
    SELECT gen_random_uuid(), 'Tenant ' || md5(n::text), 't-' || md5(n::text), n % 200 > 0,
        now() - n * interval '1 hour'
    FROM generate_series(1, 3000) n;
    UPDATE sessions SET authenticated_at = now()
""",
}


async def many_accounts(world: World, chance: random.Random) -> Person:
    """Insert some accounts and tenants, and acts on them; whoever asks is a superuser of no tenant."""
    superuser = await create_person(world.app, world.connection, "superuser@example.com")
    await make_superuser(world.connection, superuser)
    for number in range(60):
        email = f"{chance.randrange(10**9)}-{number}@example.com"
        account = await world.add("users", email=email, full_name=f"Somebody {number}")
        await world.add("tenants", name=f"Tenant {number}", slug=f"tenant-{number}")
        await world.connection.execute("UPDATE users SET is_active = false WHERE id = $1", account)
    return superuser


async def insert_listed(world: World) -> None:
    """Make the owner of acme a superuser, and suspend some people."""
    await make_superuser(world.connection, world.acme.owner)
    await world.connection.execute("UPDATE users SET is_active = false WHERE email LIKE '%@globex.example.com'")


OPERATIONS = {
    "accounts": PAGE,
    "accounts: found": {"filter": {"text": {"contains": "example"}, "isActive": {"eq": True}}},
    "tenants": PAGE,
    "tenants: found": {"filter": {"text": {"contains": "ACME"}, "isActive": {"eq": True}}},
    "accountLog": PAGE,
    "accountLog: of one": {"filter": {"accountId": {"eq": case_objects.account}}},
    "superuserActs": PAGE,
    "superuserActs: of one": {
        "filter": {"actorId": {"eq": case_objects.account}, "accountId": {"eq": case_objects.account}}
    },
    "suspendAccount": {"input": {"id": case_objects.account}},
    "resumeAccount": {"input": {"id": case_objects.suspended_account}},
    "suspendTenant": {"input": {"id": case_objects.other_tenant}},
    "resumeTenant": {"input": {"id": case_objects.suspended_tenant}},
}
CASE_NAMES = frozenset(OPERATIONS)

CASES = DomainCases(
    operations=OPERATIONS,
    outcomes=OUTCOMES,
    forbidden_to_keys=CASE_NAMES,
    superuser_cases=CASE_NAMES,
    collections={
        "superusers.MANAGED_ACCOUNTS": CollectionCase(superusers.MANAGED_ACCOUNTS, many_accounts, 0),
        "superusers.MANAGED_TENANTS": CollectionCase(superusers.MANAGED_TENANTS, many_accounts, 62),
        "superusers.ACCOUNT_EVENTS": CollectionCase(superusers.ACCOUNT_EVENTS, many_accounts, 0),
        "superusers.ACTS": CollectionCase(superusers.ACTS, many_accounts, 0),
    },
    scale=SCALE,
    selective={
        "Query.accounts text": "ada 3f2",
        "Query.accounts is_active": "SELECT false WHERE $1::uuid IS NOT NULL",
        "Query.accounts is_superuser": "SELECT true WHERE $1::uuid IS NOT NULL",
        "Query.account_log account_id": "SELECT id FROM users WHERE $1::uuid IS NOT NULL ORDER BY email LIMIT 1",
        "Query.tenants text": "tenant 3f2",
        "Query.tenants is_active": "SELECT false WHERE $1::uuid IS NOT NULL",
    },
    places={"Account": "accounts(first: 1) {{ nodes {{ {} }} }}"},
    insert_listed=insert_listed,
)
