"""What the shared tests try of changes of many members at once."""

from tests.support import case_objects
from tests.support.case_context import secret_text
from tests.support.domain_cases import DomainCases

OUTCOMES = """
                                  owner      admin      member     removed    outsider   nobody
createUsers                       ok         ok         F          F          F          U
createUsers: an owner             ok         F          F          F          F          U
setUsersActive                    ok         ok         F          U          F          U
setUsersActive: an owner          ok         F          F          U          F          U
"""

CASES = DomainCases(
    operations={
        "createUsers": {
            "input": {
                "users": [
                    {"email": case_objects.new_email, "fullName": secret_text, "password": case_objects.password},
                    {"email": case_objects.new_email, "fullName": secret_text},
                ]
            }
        },
        "createUsers: an owner": {
            "input": {"users": [{"email": case_objects.new_email, "fullName": secret_text, "role": "OWNER"}]}
        },
        "setUsersActive": {"input": {"ids": [case_objects.member], "isActive": False}},
        "setUsersActive: an owner": {"input": {"ids": [case_objects.owner], "isActive": False}},
    },
    outcomes=OUTCOMES,
)
