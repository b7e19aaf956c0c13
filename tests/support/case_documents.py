"""Documents and articles that operations are tried on, made as a case needs them."""

from typing import Any
from uuid import UUID

from models.base import new_id, now
from tests.support.case_context import Name, Stage, address, named, secret
from tests.support.case_objects import forged
from tests.support.factories import person


async def _document(stage: Stage, **values: Any) -> UUID:
    by = {"created_by": stage.tenant.member.user_id}
    title = f"{await secret(stage)} {new_id()}"
    return await stage.add("documents", title=title, content=await secret(stage), **by, **values)


async def document(stage: Stage) -> Name:
    """A live document in a project."""
    made = await stage.add("projects", name=await secret(stage))
    return named("Document", await _document(stage, project_id=made))


async def deleted_document(stage: Stage) -> Name:
    """A document in the trash."""
    return named("Document", await _document(stage, deleted_at=now(), deleted_by=stage.tenant.member.user_id))


async def project_of_documents(stage: Stage) -> Name:
    """A project with a document."""
    made = await stage.add("projects", name=await secret(stage))
    await _document(stage, project_id=made)
    return named("Project", made)


async def reader(stage: Stage) -> Name:
    """A new member, who wrote a document, and deleted one."""
    made = await person(stage.world.app, stage.world.connection, address(stage), stage.tenant.tenant_id, "member")
    await _document(stage, deleted_at=now(), deleted_by=made.user_id)
    await stage.add("documents", title=f"{await secret(stage)} {new_id()}", created_by=made.user_id)
    assert made.member_id is not None
    return named("User", made.member_id)


async def written(stage: Stage) -> str:
    """A text in the title of a document, one of which is in the trash."""
    await _document(stage)
    await deleted_document(stage)
    return await secret(stage)


async def changed_document(stage: Stage) -> Name:
    """A document that was changed."""
    stage.changed = await _document(stage)
    await stage.world.connection.execute("UPDATE documents SET content = content || '!' WHERE id = $1", stage.changed)
    return named("Document", stage.changed)


async def entry_before(stage: Stage) -> Name:
    """What the audit log says of that document from before it was changed."""
    found = "SELECT id FROM audit_log WHERE row_id = $1 AND action = 'CREATE'"
    return named("AuditEntry", await stage.world.connection.fetchval(found, stage.changed))


async def article(stage: Stage) -> Name:
    """An article that is published, by a member."""
    return named("Article", await _article(stage, stage.tenant.member.user_id, status="PUBLISHED"))


async def drafted(stage: Stage) -> Name:
    """A draft of a member's, who is not about to ask."""
    return named("Article", await _article(stage, stage.tenant.member.user_id))


async def own_draft(stage: Stage) -> Name:
    """A draft of whoever asks, if they ever belonged to the tenant."""
    whose = stage.actor.user_id if stage.actor and stage.actor.member_id else stage.tenant.member.user_id
    return named("Article", await _article(stage, whose))


async def _article(stage: Stage, author_id: UUID, **values: Any) -> UUID:
    text = await secret(stage)
    return await stage.add("articles", title=text, content=text, author_id=author_id, **values)


async def published(stage: Stage) -> str:
    """A text in an article."""
    await article(stage)
    return await secret(stage)


async def titled(stage: Stage) -> Name:
    """How the title of an article begins."""
    return Name(await published(stage), lambda: f"none {new_id()}")


async def writer(stage: Stage) -> Name:
    """A new member, with an article."""
    made = await person(stage.world.app, stage.world.connection, address(stage), stage.tenant.tenant_id, "member")
    await _article(stage, made.user_id, status="PUBLISHED")
    assert made.member_id is not None
    return named("User", made.member_id)


async def found_cursor(stage: Stage) -> Name:
    """The cursor of the first article of a search, of which there are two."""
    for _ in range(2):
        await article(stage)
    query = '{ searchArticles(query: "secret", first: 1, orderBy: NEWEST) { pageInfo { endCursor } } }'
    answer = await stage.client.send(query)
    found = ((answer.get("data") or {}).get("searchArticles") or {}).get("pageInfo", {}).get("endCursor") or ""
    return Name(found, lambda: forged(found))
