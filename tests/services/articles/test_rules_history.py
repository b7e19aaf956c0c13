"""What readers learn of an article's past: what became of it since it was published, and nothing of its drafts."""

from typing import Any
from uuid import UUID

from services import articles, audit
from tests.support.factories import Person, World
from tests.support.service_client import ServiceClient


async def visible_entries(rules: ServiceClient, person: Person, article_id: UUID) -> list[tuple[str, set[str]]]:
    """The entries that somebody sees, oldest first: the action, and all texts that they hold."""
    wanted: dict[str, Any] = {"filter": {"row_id": {"eq": article_id}}, "order": [("created_at", False)]}
    entries = await rules.rows(person, audit.AUDIT, **wanted)
    return [(e.action, {str(v) for v in ((e.old_values or {}) | (e.new_values or {})).values()}) for e in entries]


async def test_readers_see_no_draft_in_an_articles_history(rules: ServiceClient, world: World) -> None:
    admin, author, reader = world.acme.admin, world.acme.member, world.acme.owner
    article = await rules.apply(author, articles.create, values={"title": "A", "content": "secret draft"})
    await rules.apply(author, articles.update, id=article.id, changes={"content": "still secret"})
    await rules.apply(admin, articles.update, id=article.id, changes={"content": "told", "status": "PUBLISHED"})
    await rules.apply(admin, articles.update, id=article.id, changes={"content": "told again"})
    assert [action for action, _ in await visible_entries(rules, author, article.id)] == [
        "CREATE",
        "UPDATE",
        "UPDATE",
        "UPDATE",
    ]
    assert len(await visible_entries(rules, reader, article.id)) == 4

    other = await rules.apply(admin, articles.create, values={"title": "B", "content": "whole", "status": "PUBLISHED"})
    await rules.apply(admin, articles.update, id=other.id, changes={"content": "more"})
    assert [action for action, _ in await visible_entries(rules, author, other.id)] == ["CREATE", "UPDATE"]
    await world.connection.execute(
        "UPDATE articles SET author_id = $1 WHERE id = $2", admin.user_id, article.id
    )  # so that the member is a mere reader
    shown = await visible_entries(rules, author, article.id)
    assert not {"secret draft", "still secret"} & set().union(*(texts for _, texts in shown))
    assert any("told again" in texts for _, texts in shown)

    await rules.apply(admin, articles.update, id=other.id, changes={"status": "DRAFT"})
    await rules.apply(admin, articles.update, id=other.id, changes={"content": "rewritten in secret"})
    assert await visible_entries(rules, author, other.id) == []
    await rules.apply(admin, articles.update, id=other.id, changes={"status": "PUBLISHED"})
    assert await visible_entries(rules, author, other.id) == []
