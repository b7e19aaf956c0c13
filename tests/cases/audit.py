"""What the shared tests try of the audit log."""

from datetime import timedelta

from models.base import now
from services import audit
from tests.support import bulk_fixtures, case_objects
from tests.support.case_values import PAGE
from tests.support.domain_cases import CollectionCase, DomainCases

OUTCOMES = """
                                  owner      admin      member     removed    outsider   nobody
node: AuditEntry                  ok         ok         ok         U          F          U
auditLog                          ok         ok         F          U          F          U
auditLog: about something         ok         ok         F          U          F          U
auditLog: by somebody             ok         ok         F          U          F          U
auditLog: after                   ok         ok         F          U          F          U
"""

CASES = DomainCases(
    operations={
        "auditLog": PAGE,
        "auditLog: about something": {"filter": {"rowId": case_objects.task, "table": "TASK"}},
        "auditLog: by somebody": {"filter": {"actor": case_objects.audit_author}},
        "auditLog: after": {**PAGE, "after": case_objects.first_cursor("auditLog", case_objects.audit_entry)},
    },
    nodes={"AuditEntry": case_objects.audit_entry},
    outcomes=OUTCOMES,
    collections={
        "audit.AUDIT": CollectionCase(audit.AUDIT, bulk_fixtures.some_entries, 0),
        "audit.FULL_LOG": CollectionCase(audit.FULL_LOG, bulk_fixtures.some_entries, 0),
    },
    selective={
        "Query.audit_log table": "tenants",
        "Query.audit_log action": "DELETE",
        "Query.audit_log actor": "SELECT id FROM memberships WHERE tenant_id = $1 LIMIT 1",
        "Query.audit_log from_": now() + timedelta(days=1),
        "Query.audit_log to": now() - timedelta(days=1),
    },
)
