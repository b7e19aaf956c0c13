"""Documents and articles that operations are tried on, made as a case needs them."""

from typing import Any
from uuid import UUID

from models.base import new_id, now
from tests.support.case_context import CaseContext, Identifier, global_id, secret_text, unused_email
from tests.support.case_objects import forge_cursor
from tests.support.factories import create_person


async def _insert_document(stage: CaseContext, **values: Any) -> UUID:
    by = {"created_by": stage.tenant.member.user_id}
    title = f"{await secret_text(stage)} {new_id()}"
    return await stage.add("documents", title=title, content=await secret_text(stage), **by, **values)


async def document(stage: CaseContext) -> Identifier:
    """A live document in a project."""
    made = await stage.add("projects", name=await secret_text(stage))
    return global_id("Document", await _insert_document(stage, project_id=made))


async def deleted_document(stage: CaseContext) -> Identifier:
    """A document in the trash."""
    return global_id(
        "Document", await _insert_document(stage, deleted_at=now(), deleted_by=stage.tenant.member.user_id)
    )


async def project_of_documents(stage: CaseContext) -> Identifier:
    """A project with a document."""
    made = await stage.add("projects", name=await secret_text(stage))
    await _insert_document(stage, project_id=made)
    return global_id("Project", made)


async def document_author(stage: CaseContext) -> Identifier:
    """A new member, who wrote a document, and deleted one."""
    made = await create_person(
        stage.world.app, stage.world.connection, unused_email(stage), stage.tenant.tenant_id, "member"
    )
    await _insert_document(stage, deleted_at=now(), deleted_by=made.user_id)
    await stage.add("documents", title=f"{await secret_text(stage)} {new_id()}", created_by=made.user_id)
    assert made.member_id is not None
    return global_id("User", made.member_id)


async def text_in_document(stage: CaseContext) -> str:
    """A text in the title of a document, one of which is in the trash."""
    await _insert_document(stage)
    await deleted_document(stage)
    return await secret_text(stage)


async def changed_document(stage: CaseContext) -> Identifier:
    """A document that was changed."""
    stage.changed_document_id = await _insert_document(stage)
    await stage.world.connection.execute(
        "UPDATE documents SET content = content || '!' WHERE id = $1", stage.changed_document_id
    )
    return global_id("Document", stage.changed_document_id)


async def entry_before(stage: CaseContext) -> Identifier:
    """What the audit log says of that document from before it was changed."""
    found = "SELECT id FROM audit_log WHERE row_id = $1 AND action = 'CREATE'"
    return global_id("AuditEntry", await stage.world.connection.fetchval(found, stage.changed_document_id))


async def article(stage: CaseContext) -> Identifier:
    """An article that is published, by a member."""
    return global_id("Article", await _insert_article(stage, stage.tenant.member.user_id, status="PUBLISHED"))


async def draft_article(stage: CaseContext) -> Identifier:
    """A draft of a member's, who is not about to ask."""
    return global_id("Article", await _insert_article(stage, stage.tenant.member.user_id))


async def own_draft(stage: CaseContext) -> Identifier:
    """A draft of whoever asks, if they ever belonged to the tenant."""
    whose = stage.actor.user_id if stage.actor and stage.actor.member_id else stage.tenant.member.user_id
    return global_id("Article", await _insert_article(stage, whose))


async def _insert_article(stage: CaseContext, author_id: UUID, **values: Any) -> UUID:
    text = await secret_text(stage)
    return await stage.add("articles", title=text, content=text, author_id=author_id, **values)


async def text_in_article(stage: CaseContext) -> str:
    """A text in an article."""
    await article(stage)
    return await secret_text(stage)


async def article_title_prefix(stage: CaseContext) -> Identifier:
    """How the title of an article begins."""
    return Identifier(await text_in_article(stage), lambda: f"none {new_id()}")


async def article_author(stage: CaseContext) -> Identifier:
    """A new member, with an article."""
    made = await create_person(
        stage.world.app, stage.world.connection, unused_email(stage), stage.tenant.tenant_id, "member"
    )
    await _insert_article(stage, made.user_id, status="PUBLISHED")
    assert made.member_id is not None
    return global_id("User", made.member_id)


async def search_cursor(stage: CaseContext) -> Identifier:
    """The cursor of the first article of a search, of which there are two."""
    for _ in range(2):
        await article(stage)
    query = '{ searchArticles(query: "secret", first: 1, orderBy: NEWEST) { pageInfo { endCursor } } }'
    answer = await stage.client.send(query)
    found = ((answer.get("data") or {}).get("searchArticles") or {}).get("pageInfo", {}).get("endCursor") or ""
    return Identifier(found, lambda: forge_cursor(found))
