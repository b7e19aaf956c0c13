"""How tests follow a subscription: on the schema itself, as somebody of the world, without a socket."""

import asyncio
from contextlib import aclosing
from typing import Any

from graph.runtime.context import Context
from services.permissions import Actor
from tests.support.factories import Person, World

__all__ = ["collect_subscription"]


async def collect_subscription(
    world: World, person: Person, subscription: str, count: int, after: str | None = None, **variables: Any
) -> list[dict[str, Any]]:
    """The first answers, of a subscription with one field, after a cursor; they come within half a minute."""
    answers = await world.app.components.schema.subscribe(
        subscription, variable_values={"after": after, **variables}, context_value=_build_context(world, person)
    )
    found = []
    async with asyncio.timeout(30), aclosing(answers):
        async for result in answers:
            assert result.errors is None, result.errors
            found.extend(result.data.values())
            if len(found) == count:
                break
    return found


def _build_context(world: World, person: Person) -> Context:
    parts = world.app.components
    return Context(parts.database, Actor.of(person.identity), parts.auth, parts.feed)
