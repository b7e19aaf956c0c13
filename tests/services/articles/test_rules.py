"""Articles: texts at their limits, whose draft it is, and when it counts as published."""

from typing import Any

import pytest

from models import Article
from models.base import new_id
from services import articles
from services.errors import Forbidden, InvalidInput, NotFound, VersionConflict
from services.permissions import Permission
from tests.support.factories import Person, World
from tests.support.service_client import ServiceClient, invalid_paths

LIMITS = [("title", 1, 200), ("content", 0, 100_000)]


async def create(rules: ServiceClient, person: Person, **values: Any) -> Article:
    return await rules.apply(person, articles.create, values={"title": "Tea", "content": "Leaves", **values})


@pytest.mark.parametrize(("field", "least", "most"), LIMITS)
async def test_texts_have_their_lengths(rules: ServiceClient, world: World, field: str, least: int, most: int) -> None:
    member = world.acme.member
    article = await create(rules, member)
    for size in (least, most):
        assert len(getattr(await create(rules, member, **{field: "x" * size}), field)) == size
        changes = {field: "x" * size}
        changed = await rules.apply(member, articles.update, id=article.id, changes=changes)
        assert len(getattr(changed, field)) == size
    for size in ([least - 1] if least else []) + [most + 1]:
        with pytest.raises(InvalidInput) as refused:
            await create(rules, member, **{field: "x" * size})
        assert invalid_paths(refused.value) == [field]
        with pytest.raises(InvalidInput) as refused:
            await rules.apply(member, articles.update, id=article.id, changes={field: "x" * size})
        assert invalid_paths(refused.value) == [field]


async def test_it_is_an_english_draft_unless_told_otherwise(rules: ServiceClient, world: World) -> None:
    draft = await create(rules, world.acme.member)
    assert (draft.language, draft.status, draft.published_at) == ("ENGLISH", "DRAFT", None)
    assert draft.author_id == world.acme.member.user_id
    published = await create(rules, world.acme.admin, language="GERMAN", status="PUBLISHED")
    assert (published.language, published.status) == ("GERMAN", "PUBLISHED")
    assert published.published_at is not None


async def test_the_first_publication_counts_until_it_is_a_draft_again(rules: ServiceClient, world: World) -> None:
    admin = world.acme.admin
    article = await create(rules, admin)

    async def update(**changes: Any) -> Article:
        return await rules.apply(admin, articles.update, id=article.id, changes=changes)

    first = await update(status="PUBLISHED")
    assert first.published_at is not None
    assert (await update(status="PUBLISHED", title="More")).published_at == first.published_at
    assert (await update(status="DRAFT")).published_at is None
    again = await update(status="PUBLISHED")
    assert again.published_at is not None
    assert again.published_at > first.published_at


async def test_members_change_their_own_drafts_alone(rules: ServiceClient, world: World) -> None:
    mine, theirs = await create(rules, world.acme.member), await create(rules, world.acme.owner)
    shown = await create(rules, world.acme.admin, status="PUBLISHED")
    changes = {"changes": {"title": "Mine"}}
    assert (await rules.apply(world.acme.member, articles.update, id=mine.id, **changes)).title == "Mine"
    for article_id, refusal in ((theirs.id, NotFound), (shown.id, Forbidden), (new_id(), NotFound)):
        with pytest.raises(refusal):
            await rules.apply(world.acme.member, articles.update, id=article_id, **changes)
        with pytest.raises(refusal):
            await rules.apply(world.acme.member, articles.delete, id=article_id)
    with pytest.raises(Forbidden):
        await create(rules, world.acme.member, status="PUBLISHED")
    with pytest.raises(Forbidden):
        await rules.apply(world.acme.member, articles.update, id=mine.id, changes={"status": "PUBLISHED"})
    assert (await rules.apply(world.acme.member, articles.delete, id=mine.id)).title == "Mine"


async def test_nothing_is_changed_over_a_newer_version(rules: ServiceClient, world: World) -> None:
    article = await create(rules, world.acme.member)
    given = {"id": article.id, "changes": {"title": "Late"}, "expected_version": 2}
    with pytest.raises(VersionConflict):
        await rules.apply(world.acme.member, articles.update, **given)


async def test_an_import_says_what_became_of_each(rules: ServiceClient, world: World) -> None:
    rows = [{"title": "Good", "content": ""}, {"title": "x" * 201, "content": "x" * 100_001}]
    with pytest.raises(Forbidden):
        await rules.apply(world.acme.member, articles.import_all, rows=rows)
    good, bad = await rules.apply(world.acme.admin, articles.import_all, rows=rows)
    assert good.title == "Good"
    assert invalid_paths(bad) == ["articles.1.title", "articles.1.content"]
    with pytest.raises(Forbidden):
        articles.visible({Permission.TENANT_READ})
