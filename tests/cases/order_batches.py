"""What the shared tests try of orders, many at a time."""

from tests.support import case_objects
from tests.support.domain_cases import DomainCases

OUTCOMES = """
                                  owner      admin      member     removed    outsider   nobody
confirmOrders                     ok         ok         F          U          F          U
"""

CASES = DomainCases(
    operations={"confirmOrders": {"input": {"orders": [{"id": case_objects.order, "expectedVersion": 1}]}}},
    outcomes=OUTCOMES,
)
