"""People of a tenant beside those of the world, for scenarios that name them by variables."""

from tests.support.factories import World, create_person

__all__ = ["add_people"]


async def add_people(world: World, count: int = 0) -> dict[str, str]:
    """Make a second owner and some members of Acme; give what scenarios need of them, by the names of variables."""
    acme = world.acme
    owner = await create_person(world.app, world.connection, "second-owner@acme.example.com", acme.tenant_id, "owner")
    variables = {
        "ADMIN": acme.admin.id,
        "ADMIN_EMAIL": acme.admin.email,
        "ADMIN_TOKEN": acme.admin.client.token or "",
        "MEMBER_EMAIL": acme.member.email,
        "SECOND_OWNER": owner.id,
    }
    for number in range(1, count + 1):
        email = f"person-{number:02}@acme.example.com"
        person = await create_person(world.app, world.connection, email, acme.tenant_id, "member")
        variables[f"PERSON_{number}"] = person.id
    return variables
