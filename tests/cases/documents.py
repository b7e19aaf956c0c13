"""What the shared tests try of documents and their trash."""

from models.base import now
from services import documents
from tests.support import bulk_fixtures, case_documents, case_objects
from tests.support.case_context import secret_text
from tests.support.case_values import PAGE
from tests.support.derived_cases import insert_listed_rows
from tests.support.domain_cases import CollectionCase, DomainCases
from tests.support.factories import World

OUTCOMES = """
                                  owner      admin      member     removed    outsider   nobody
node: Document                    ok         ok         ok         U          F          U
document                          ok         ok         ok         U          F          U
document: as it was               ok         ok         ok         U          F          U
documents                         ok         ok         ok         U          F          U
documents: holding a text         ok         ok         ok         U          F          U
documents: of a project           ok         ok         ok         U          F          U
documents: of somebody            ok         ok         ok         U          F          U
documents: after                  ok         ok         ok         U          F          U
documentStats                     ok         ok         ok         U          F          U
trash                             ok         ok         ok         U          F          U
trash: holding a text             ok         ok         ok         U          F          U
trash: of somebody                ok         ok         ok         U          F          U
trash: after                      ok         ok         ok         U          F          U
createDocument                    ok         ok         ok         U          F          U
updateDocument                    ok         ok         ok         U          F          U
deleteDocument                    ok         ok         ok         U          F          U
restoreDocument                   ok         ok         ok         U          F          U
purgeDocument                     ok         ok         F          U          F          U
revertDocument                    ok         ok         ok         U          F          U
"""

SCALE = {
    "documents": """
    INSERT INTO documents (tenant_id, id, title, content, project_id, created_by, created_at, updated_at, deleted_at,
        deleted_by)
    SELECT t.id, gen_random_uuid(), 'Document ' || md5(slug || n), repeat('What is written. ', 1 + n % 100),
        CASE WHEN n % 10 > 0 THEN p.ids[1 + n % 300] END, m.ids[1 + n % 200],
        now() - n * interval '1 hour', now() - n * interval '1 minute',
        CASE WHEN n % 10 = 7 THEN now() - n * interval '1 second' END, CASE WHEN n % 10 = 7 THEN m.ids[1 + n % 300] END
    FROM tenants t
        JOIN (SELECT tenant_id, array_agg(id) FROM projects GROUP BY 1) p (tenant_id, ids) ON p.tenant_id = t.id
        JOIN (SELECT tenant_id, array_agg(user_id) FROM memberships GROUP BY 1) m (tenant_id, ids)
            ON m.tenant_id = t.id,
        generate_series(1, 5000) n
""",
}


async def insert_listed(world: World) -> None:
    """Insert documents of a project, of which the newest changed twice, and as many in the trash."""
    await insert_live(world)
    by = {"tenant_id": world.acme.tenant_id, "created_by": world.acme.owner.user_id}
    for number in range(5):
        await world.add(
            "documents", **by, title=f"Deleted {number}", deleted_at=now(), deleted_by=world.acme.owner.user_id
        )


insert_live = insert_listed_rows(documents.DOCUMENTS, "Document")

CASES = DomainCases(
    operations={
        "document": {"id": case_documents.document},
        "document: as it was": {"id": case_documents.document, "asOf": "2999-01-01T00:00:00Z"},
        "documents": {"orderBy": {"field": "TITLE"}},
        "documents: holding a text": {"filter": {"title": {"contains": case_documents.text_in_document}}},
        "documents: of a project": {"filter": {"projectId": {"eq": case_documents.project_of_documents}}},
        "documents: of somebody": {"filter": {"creatorId": {"eq": case_documents.document_author}}},
        "documents: after": {**PAGE, "after": case_objects.first_cursor("documents", case_documents.document)},
        "documentStats": {
            "filter": {"projectId": {"eq": case_documents.project_of_documents}},
            "groupBy": ["PROJECT"],
            "by": "WEEK",
        },
        "trash": {**PAGE, "orderBy": {"field": "DELETED_AT"}},
        "trash: holding a text": {"filter": {"title": {"contains": case_documents.text_in_document}}},
        "trash: of somebody": {"filter": {"deletedById": {"eq": case_documents.document_author}}},
        "trash: after": {**PAGE, "after": case_objects.first_cursor("trash", case_documents.deleted_document)},
        "createDocument": {
            "input": {"title": case_objects.new_name, "content": secret_text, "projectId": case_objects.project}
        },
        "updateDocument": {
            "input": {
                "id": case_documents.document,
                "content": case_objects.new_name,
                "projectId": case_objects.project,
                "expectedVersion": 1,
            }
        },
        "deleteDocument": {"input": {"id": case_documents.document, "expectedVersion": 1}},
        "restoreDocument": {"input": {"id": case_documents.deleted_document}},
        "purgeDocument": {"input": {"id": case_documents.deleted_document}},
        "revertDocument": {"input": {"id": case_documents.changed_document, "to": case_documents.entry_before}},
    },
    nodes={"Document": case_documents.document},
    outcomes=OUTCOMES,
    collections={
        "documents.DOCUMENTS": CollectionCase(documents.DOCUMENTS, bulk_fixtures.some_documents, 100),
        "documents.TRASH": CollectionCase(documents.TRASH, bulk_fixtures.some_documents, 50),
        "documents.ALL_DOCUMENTS": CollectionCase(documents.ALL_DOCUMENTS, bulk_fixtures.some_documents, 150),
    },
    scale=SCALE,
    insert_listed=insert_listed,
)
