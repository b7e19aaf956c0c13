"""What the shared tests try of the feed's cursor; what follows the feed belongs to the domains of its subscriptions."""

from tests.support.domain_cases import DomainCases

OUTCOMES = """
                                  owner      admin      member     removed    outsider   nobody
feedCursor                        ok         ok         ok         U          F          U
"""

CASES = DomainCases(
    operations={"feedCursor": {}},
    outcomes=OUTCOMES,
    cannot_leak={"feedCursor": "is a number that counts the entries of all tenants, and says nothing of any"},
)
