"""Changes of articles, as followers see them: nothing of other people's drafts."""

from typing import Any

from sqlmodel import col

from models import AuditEntry
from models.base import table_of
from models.database import fetch
from services import articles
from services.articles.changes import visible_changes
from services.queries.loading import bind_values
from tests.support.factories import Person, World
from tests.support.service_client import ServiceClient

Values = dict[str, Any] | None


async def followed(rules: ServiceClient, person: Person) -> list[tuple[str, Values, Values]]:
    """What somebody sees, of titles, contents and states."""
    actor = rules.actor(person)
    entries = visible_changes(actor.permissions).order_by(col(AuditEntry.created_at))
    async with rules.database.read(actor.identity) as session:
        rows = await fetch(session, AuditEntry, entries, bind_values(actor))
    return [(row.action, _short(row.old_values), _short(row.new_values)) for row in rows]


def _short(values: Values) -> Values:
    return values and {name: value for name, value in values.items() if name in {"title", "status", "content"}}


async def test_readers_learn_of_publications_and_their_ends_and_nothing_of_drafts(
    rules: ServiceClient, world: World
) -> None:
    admin, member = world.acme.admin, world.acme.member
    draft = await rules.apply(admin, articles.create, values={"title": "Secret", "content": "s"})
    assert await followed(rules, member) == []
    said = {"title": "Said", "content": "p", "status": "PUBLISHED"}
    await rules.apply(admin, articles.update, id=draft.id, changes=said)
    assert await followed(rules, member) == [("UPDATE", {"status": "DRAFT"}, {"status": "PUBLISHED"})]
    await rules.apply(admin, articles.update, id=draft.id, changes={"title": "Said again"})
    assert (await followed(rules, member))[1:] == [("UPDATE", {"title": "Said"}, {"title": "Said again"})]
    await rules.apply(admin, articles.update, id=draft.id, changes={"title": "Hidden", "status": "DRAFT"})
    assert await followed(rules, member) == [("UPDATE", {"status": "PUBLISHED"}, {"status": "DRAFT"})]
    await rules.apply(admin, articles.update, id=draft.id, changes={"content": "hidden"})
    await rules.apply(admin, articles.delete, id=draft.id)
    assert await followed(rules, member) == [("UPDATE", {"status": "PUBLISHED"}, {"status": "DRAFT"})]
    assert len(await followed(rules, admin)) == 6


async def test_the_deletion_of_a_published_article_is_told_by_its_status(rules: ServiceClient, world: World) -> None:
    values = {"title": "News", "content": "n", "status": "PUBLISHED"}
    article = await rules.apply(world.acme.admin, articles.create, values=values)
    assert await followed(rules, world.acme.member) == [("CREATE", None, values)]
    await rules.apply(world.acme.admin, articles.delete, id=article.id)
    assert await followed(rules, world.acme.member) == [("DELETE", {"status": "PUBLISHED"}, None)]


async def test_authors_see_all_of_their_own(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    draft = await rules.apply(member, articles.create, values={"title": "Mine", "content": "m"})
    await rules.apply(member, articles.update, id=draft.id, changes={"title": "Ours"})
    assert await followed(rules, member) == [
        ("CREATE", None, {"title": "Mine", "content": "m", "status": "DRAFT"}),
        ("UPDATE", {"title": "Mine"}, {"title": "Ours"}),
    ]
    await rules.apply(member, articles.delete, id=draft.id)
    assert await followed(rules, member) == [("DELETE", {"title": "Ours", "content": "m", "status": "DRAFT"}, None)]


def test_entries_have_their_columns_in_the_order_of_the_table(rules: ServiceClient, world: World) -> None:
    shown = visible_changes(rules.actor(world.acme.member).permissions).selected_columns
    assert [column.key for column in shown] == table_of(AuditEntry).c.keys()
