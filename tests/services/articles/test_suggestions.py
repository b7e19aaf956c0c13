"""Suggestions complete a title."""

from typing import Any

import pytest

from services import articles
from services.errors import InvalidInput
from tests.support.factories import Person, World
from tests.support.service_client import ServiceClient


async def test_suggestions_begin_with_the_prefix_in_any_case(rules: ServiceClient, world: World) -> None:
    acme = world.acme
    for title in ("Émile", "émigré", "Email", "E%", "e_x", "zed"):
        await world.add("articles", tenant_id=acme.tenant_id, author_id=acme.owner.user_id, title=title, content="")

    async def suggested(person: Person, prefix: str, first: int = 10) -> list[str]:
        actor = rules.actor(person)
        async with rules.database.read(actor.identity) as session:
            rows: list[Any] = await articles.suggest(session, actor, prefix=prefix, first=first)
        return [row.title for row in rows]

    assert await suggested(acme.owner, "ém") == ["émigré", "Émile"]
    assert await suggested(acme.owner, "e") == ["E%", "e_x", "Email"]
    assert await suggested(acme.owner, "e", 1) == ["E%"]
    assert await suggested(acme.owner, "E%") == ["E%"]
    assert await suggested(acme.owner, " ") == []
    assert await suggested(acme.member, "e") == []
    for prefix, first in (("a\0", 10), ("x" * 201, 10), ("e", 0), ("e", 21)):
        with pytest.raises(InvalidInput):
            await suggested(acme.owner, prefix, first)
