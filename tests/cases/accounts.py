"""What the shared tests try of people's own accounts and sessions."""

from datetime import timedelta

from models.base import now
from services import accounts, sessions
from tests.support import bulk_fixtures, case_objects
from tests.support.case_context import secret_text
from tests.support.domain_cases import CollectionCase, DomainCases
from tests.support.factories import World

OUTCOMES = """
                                  owner      admin      member     removed    outsider   nobody
viewer                            ok         ok         ok         U          ok         null
node: LoginSession                ok         ok         ok         U          ok         U
node: SecurityEvent               ok         ok         ok         U          ok         U
nodes                             ok         ok         F          U          F          U
register                          ok         ok         ok         ok         ok         ok
login                             ok         ok         ok         ok         ok         CREDENTIALS
login: to a tenant                ok         ok         ok         INPUT      INPUT      CREDENTIALS
refresh                           ok         ok         ok         ok         ok         TOKEN
refresh: in a tenant              ok         ok         ok         INPUT      INPUT      TOKEN
logout                            ok         ok         ok         U          ok         U
logoutEverywhere                  ok         ok         ok         U          ok         U
switchTenant                      ok         ok         ok         U          INPUT      U
changePassword                    ok         ok         ok         U          ok         U
updateViewer                      ok         ok         ok         U          ok         U
revokeSession                     ok         ok         ok         U          ok         U
"""

SCALE = {
    "sessions": """
    INSERT INTO sessions (id, user_id, tenant_id, refresh_digest, created_at, expires_at)
    SELECT gen_random_uuid(), user_id, tenant_id, '', now() - n * interval '1 hour', now() + interval '30 days'
    FROM memberships, generate_series(1, 3) n
""",
}


async def insert_listed(world: World) -> None:
    """Insert five more sessions of the owner's."""
    for _ in range(5):
        session = {"user_id": world.acme.owner.user_id, "refresh_digest": "none"}
        await world.add("sessions", **session, expires_at=now() + timedelta(days=1))


CASES = DomainCases(
    operations={
        "viewer": {},
        "register": {
            "input": {"email": case_objects.new_email, "fullName": secret_text, "password": case_objects.password}
        },
        "login": {"input": {"email": case_objects.email, "password": case_objects.password}},
        "login: to a tenant": {
            "input": {"email": case_objects.email, "password": case_objects.password, "tenant": case_objects.slug}
        },
        "refresh": {"input": {"refreshToken": case_objects.refresh_token}},
        "refresh: in a tenant": {"input": {"refreshToken": case_objects.refresh_token, "tenant": case_objects.slug}},
        "logout": {},
        "logoutEverywhere": {},
        "switchTenant": {"input": {"tenant": case_objects.slug}},
        "changePassword": {"input": {"currentPassword": case_objects.password, "newPassword": "An0ther-one!"}},
        "updateViewer": {"input": {"fullName": secret_text}},
        "revokeSession": {"input": {"id": case_objects.login_session}},
    },
    nodes={"LoginSession": case_objects.login_session, "SecurityEvent": case_objects.security_event},
    outcomes=OUTCOMES,
    forbidden_to_keys=frozenset(
        {
            "nodes",
            "revokeSession",
            "switchTenant",
            "updateViewer",
            "node: LoginSession",
            "node: SecurityEvent",
            "viewer",
            "changePassword",
            "logoutEverywhere",
            "logout",
        }
    ),
    cannot_leak={
        "viewer": "is about what the token itself names",
        "switchTenant": "is about what the token itself names",
        "updateViewer": "is about what the token itself names",
        "logout": "is about what the token itself names",
        "login": "finds nothing without a secret",
        "login: to a tenant": "finds nothing without a secret",
        "refresh": "finds nothing without a secret",
        "refresh: in a tenant": "finds nothing without a secret",
    },
    collections={
        "sessions.SESSIONS": CollectionCase(sessions.SESSIONS, bulk_fixtures.some_sessions, 61),
        "accounts.SECURITY_EVENTS": CollectionCase(accounts.SECURITY_EVENTS, bulk_fixtures.some_sessions, 62),
        "accounts.VIEWERS": CollectionCase(accounts.VIEWERS, bulk_fixtures.nothing_more, 1),
    },
    scale=SCALE,
    short_lists={
        "Viewer.sessions": "one for each device of a person",
        "Viewer.security_events": "what happened to one account",
    },
    insert_listed=insert_listed,
)
