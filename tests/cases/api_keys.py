"""What the shared tests try of API keys."""

from services import api_keys
from tests.support import bulk_fixtures, case_objects
from tests.support.case_context import CaseContext, Identifier, global_id, secret_text
from tests.support.case_values import PAGE
from tests.support.derived_cases import insert_listed_rows
from tests.support.domain_cases import CollectionCase, DomainCases

OUTCOMES = """
                                  owner      admin      member     removed    outsider   nobody
node: ApiKey                      ok         ok         null       U          null       U
apiKeys                           ok         ok         ok         U          ok         U
apiKeys: of somebody              ok         ok         ok         U          ok         U
apiKeys: after                    ok         ok         ok         U          INPUT      U
createApiKey                      ok         ok         F          U          F          U
createApiKey: of an owner         ok         F          F          U          F          U
revokeApiKey                      ok         ok         F          U          F          U
"""

SCALE = {
    "api_keys": """
    INSERT INTO api_keys (tenant_id, id, name, role, digest, created_by, created_at, revoked_at)
    SELECT t.id, gen_random_uuid(), 'Machine ' || n, 'MEMBER', '', m.user_id, now() - n * interval '1 hour',
        CASE WHEN n % 5 > 0 THEN now() END
    FROM tenants t JOIN memberships m ON m.tenant_id = t.id AND m.email LIKE 'person1__@%', generate_series(1, 5) n
""",
}


async def key_creator(stage: CaseContext) -> Identifier:
    """The owner, who has made an API key."""
    await case_objects.api_key(stage)
    assert stage.tenant.owner.member_id
    return global_id("User", stage.tenant.owner.member_id)


CASES = DomainCases(
    operations={
        "apiKeys": PAGE,
        "apiKeys: of somebody": {"filter": {"creatorId": {"eq": key_creator}}},
        "apiKeys: after": {**PAGE, "after": case_objects.first_cursor("apiKeys", case_objects.own_key)},
        "createApiKey": {"input": {"name": secret_text, "role": "ADMIN", "expiresAt": "2999-01-01T00:00:00Z"}},
        "createApiKey: of an owner": {"input": {"name": secret_text, "role": "OWNER"}},
        "revokeApiKey": {"input": {"id": case_objects.api_key}},
    },
    nodes={"ApiKey": case_objects.api_key},
    outcomes=OUTCOMES,
    forbidden_to_keys=frozenset(
        {
            "createApiKey: of an owner",
            "apiKeys: of somebody",
            "apiKeys: after",
            "createApiKey",
            "revokeApiKey",
            "apiKeys",
            "node: ApiKey",
        }
    ),
    collections={
        "api_keys.API_KEYS": CollectionCase(api_keys.API_KEYS, bulk_fixtures.some_keys, 60),
        "api_keys.ALL_API_KEYS": CollectionCase(api_keys.ALL_API_KEYS, bulk_fixtures.some_keys, 60),
    },
    scale=SCALE,
    short_lists={"Query.api_keys": "one for each machine"},
    insert_listed=insert_listed_rows(api_keys.API_KEYS, "ApiKey", revoked_at=None),
)
