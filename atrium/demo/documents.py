"""What the demo's companies have written: documents, and the entries of the audit log that tell how they came to be.

Their past lies in the past, where no trigger would put it; so they come together with what the triggers would have
said, had they been there.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from random import Random
from typing import Any
from uuid import UUID

from atrium.demo.builders import CompanyContext, RowBuilder, RowValues
from atrium.demo.vocabulary import DOCUMENT_KINDS, SENTENCES, SUBJECTS, pick_pair
from models import AuditAction, AuditEntry, Document
from models.base import new_id

__all__ = ["AUDIT_TRIGGERS", "BUILDERS", "COMPUTED_COLUMNS"]

AUDIT_TRIGGERS = {"documents": "audit_insert"}
"""Tables whose rows come with their own entries, and the trigger that would write others."""

COMPUTED_COLUMNS = {
    "audit_log": {
        "values_digest": "sha256(salt || convert_to("
        "coalesce(old_values::text, '') || E'\\n' || coalesce(new_values::text, ''), 'UTF8'))"
    }
}
"""By table, columns that the database computes while rows are loaded: here as the triggers do."""

USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) demo"


def _build_documents(context: CompanyContext, numbers: range) -> Iterator[RowValues]:
    """Documents that several people worked on, some of them in the trash."""
    writers = [person.user_id for person in context.people if not person.is_former]
    for number in numbers:
        subject, paper, turn = pick_pair(number, SUBJECTS, DOCUMENT_KINDS)
        title = f"{subject} {paper}" + (f", part {turn + 1}" if turn else "")
        moments = sorted(context.random_past(0, 60) for _ in range(1 + context.random.randrange(6)))
        project = context.random.choice(context.projects) if context.projects and context.chance(0.6) else None
        document: dict[str, Any] = {
            "tenant_id": context.tenant_id,
            "id": new_id(),
            "title": f"{title} (draft)" if len(moments) > 1 else title,
            "content": _random_paragraph(context.random),
            "project_id": project["id"] if project else None,
            "created_by": context.random.choice(writers),
            "deleted_at": None,
            "deleted_by": None,
            "created_at": moments[0],
            "updated_at": moments[0],
            "version": 1,
        }
        yield AuditEntry, _build_audit_entry(document["created_by"], "createDocument", moments[0], None, document)
        in_trash = number % 9 == 5 and len(moments) > 1  # noqa: PLR2004  # one in nine
        for moment in moments[1:]:
            changes: dict[str, Any] = {"content": document["content"] + "\n\n" + _random_paragraph(context.random)}
            if document["title"] != title:
                changes["title"] = title
            operation, editor = "updateDocument", context.random.choice(writers)
            if in_trash and moment == moments[-1]:
                changes, operation = {"deleted_at": moment, "deleted_by": editor}, "deleteDocument"
            changed = {**document, **changes, "updated_at": moment, "version": document["version"] + 1}
            yield AuditEntry, _build_audit_entry(editor, operation, moment, document, changed)
            document = changed
        yield Document, document


def _random_paragraph(draw: Random) -> str:
    return " ".join(draw.sample(SENTENCES, draw.randint(2, 5)))


def _build_audit_entry(
    actor_id: UUID, operation: str, moment: datetime, before: dict[str, Any] | None, now: dict[str, Any]
) -> dict[str, Any]:
    """Return what the log says of a change."""
    changed = [name for name in now if before is None or before[name] != now[name]]
    return {
        "tenant_id": now["tenant_id"],
        "id": new_id(),
        "table_name": "documents",
        "row_id": now["id"],
        "action": AuditAction.UPDATE if before else AuditAction.CREATE,
        "actor_id": actor_id,
        "request_id": "demo",
        "operation": operation,
        "ip": "192.0.2.7",
        "user_agent": USER_AGENT,
        "old_values": _audit_values(before, changed) if before else None,
        "new_values": _audit_values(now, changed),
        "salt": new_id().bytes,
        "created_at": moment,
    }


def _audit_values(document: dict[str, Any], names: list[str]) -> str:
    def plain(value: Any) -> Any:
        return value.isoformat() if isinstance(value, datetime) else str(value)

    return json.dumps({name: document[name] for name in names}, default=plain)


BUILDERS = (RowBuilder(Document, _build_documents, minimum=40, at_full_scale=2_000),)
"""Documents."""
