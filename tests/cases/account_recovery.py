"""What the shared tests try of what is done by mail."""

from tests.support import case_objects
from tests.support.domain_cases import DomainCases

OUTCOMES = """
                                  owner      admin      member     removed    outsider   nobody
requestPasswordReset              ok         ok         ok         ok         ok         ok
resetPassword                     ok         ok         ok         ok         ok         TOKEN
requestEmailVerification          ok         ok         ok         U          ok         U
requestEmailChange                ok         ok         ok         U          ok         U
verifyEmail                       ok         ok         ok         ok         ok         TOKEN
verifyEmail: another              ok         ok         ok         ok         ok         TOKEN
"""

CASES = DomainCases(
    operations={
        "requestPasswordReset": {"input": {"email": case_objects.email}},
        "resetPassword": {"input": {"token": case_objects.email_token("reset"), "newPassword": "An0ther-one!"}},
        "requestEmailVerification": {},
        "requestEmailChange": {"input": {"email": case_objects.new_email, "password": case_objects.password}},
        "verifyEmail": {"input": {"token": case_objects.email_token("verify")}},
        "verifyEmail: another": {"input": {"token": case_objects.email_token("change")}},
    },
    outcomes=OUTCOMES,
    forbidden_to_keys=frozenset({"requestEmailVerification", "requestEmailChange"}),
    cannot_leak={
        "requestEmailVerification": "is about what the token itself names",
        "resetPassword": "finds nothing without a secret",
        "verifyEmail": "finds nothing without a secret",
        "verifyEmail: another": "finds nothing without a secret",
    },
)
