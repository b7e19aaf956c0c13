"""How tests follow a subscription: on the schema itself, as somebody of the world, without a socket."""

from typing import Any

from graph.context import Context
from models.database import Identity
from services.access import Actor
from tests.factories import Person, World

__all__ = ["followed"]


async def followed(
    world: World, person: Person, subscription: str, count: int, after: str | None = None
) -> list[dict[str, Any]]:
    """The first answers, of a subscription with one field, after a cursor."""
    answers = await world.app.parts.schema.subscribe(
        subscription, variable_values={"after": after}, context_value=_context(world, person)
    )
    found = []
    async for result in answers:
        assert result.errors is None, result.errors
        found.extend(result.data.values())
        if len(found) == count:
            break
    await answers.aclose()
    return found


def _context(world: World, person: Person) -> Context:
    parts = world.app.parts
    identity = Identity(person.tenant_id, person.user_id, person.role, person.session_id)
    return Context(parts.database, Actor.of(identity), parts.door, parts.feed)
