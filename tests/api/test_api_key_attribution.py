"""What is done with an API key is told apart from what the key's creator does."""

from typing import Any

import pytest
from rich.progress import Progress

from atrium import maintenance
from tests.conftest import Urls
from tests.support.client import Client
from tests.support.factories import World
from tests.support.order_helpers import create_product
from tests.support.service_client import stop_sequencer

WHO = "viaApiKey apiKey { name role revokedAt creator { fullName } } actor { fullName }"
LOG = f"query($id: ID!) {{ auditLog(filter: {{rowId: {{eq: $id}}}}) {{ nodes {{ operation {WHO} }} }} }}"
HISTORY = f"query($id: ID!) {{ task(id: $id) {{ history {{ nodes {{ operation {WHO} }} }} }} }}"
EVENTS = f"query($id: ID!) {{ order(id: $id) {{ events {{ nodes {{ type {WHO} }} }} }} }}"


@pytest.fixture
async def robot(world: World) -> tuple[Client, str]:
    """Return a client with an API key of the admin's, and the key's id."""
    made = "... on ApiKey { id token }"
    key = await world.acme.admin.client.mutate("createApiKey", made, name="Robot", role="ADMIN")
    return world.app.client_with(key["token"]), key["id"]


def require_robot(made: dict[str, Any], *, revoked: bool = False) -> None:
    assert (made["viaApiKey"], made["actor"]) == (True, {"fullName": "Admin"})
    assert (made["apiKey"]["name"], made["apiKey"]["role"]) == ("Robot", "ADMIN")
    assert made["apiKey"]["creator"] == {"fullName": "Admin"}
    assert (made["apiKey"]["revokedAt"] is not None) == revoked


async def test_the_log_shows_the_key_and_its_maker(robot: tuple[Client, str], world: World) -> None:
    client, key = robot
    task = (await client.mutate("createTask", "... on Task { id }", title="Fly"))["id"]
    await world.acme.admin.client.mutate("updateTask", "__typename", id=task, title="Fly on")
    by_admin, by_robot = (await world.acme.owner.client.run(LOG, id=task))["auditLog"]["nodes"]
    require_robot(by_robot)
    assert (by_admin["viaApiKey"], by_admin["apiKey"], by_admin["actor"]) == (False, None, {"fullName": "Admin"})
    await world.acme.owner.client.mutate("revokeApiKey", "__typename", id=key)
    for log in (LOG, HISTORY):
        answer = await world.acme.owner.client.run(log, id=task)
        require_robot((answer.get("auditLog") or answer["task"]["history"])["nodes"][1], revoked=True)


async def test_who_may_not_see_keys_sees_that_there_was_one(robot: tuple[Client, str], world: World) -> None:
    client, _ = robot
    task = (await client.mutate("createTask", "... on Task { id }", title="Fly"))["id"]
    (entry,) = (await world.acme.member.client.run(HISTORY, id=task))["task"]["history"]["nodes"]
    assert (entry["viaApiKey"], entry["apiKey"], entry["actor"]) == (True, None, {"fullName": "Admin"})
    (entry,) = (await client.run(LOG, id=task))["auditLog"]["nodes"]
    require_robot(entry)


async def test_an_order_that_is_placed_with_a_key_shows_it(robot: tuple[Client, str], world: World, urls: Urls) -> None:
    client, _ = robot
    items = [{"productId": (await create_product(world, "tea"))["id"], "quantity": 1}]
    for made in ("... on Order { id }", "... on Order { id items { totalCount } }"):
        order = (await client.mutate("placeOrder", made, items=items, shippingAddress="Here"))["id"]
        (placed,) = (await world.acme.owner.client.run(EVENTS, id=order))["order"]["events"]["nodes"]
        require_robot(placed)
    assert (await maintenance.verify(urls.runtime, urls.owner, Progress(disable=True))).is_intact


async def test_events_of_orders_show_them_too(robot: tuple[Client, str], world: World, urls: Urls) -> None:
    client, _ = robot
    items = [{"productId": (await create_product(world, "tea"))["id"], "quantity": 1}]
    made = "... on Order { id }"
    order = (await world.acme.owner.client.mutate("placeOrder", made, items=items, shippingAddress="Here"))["id"]
    await client.mutate("confirmOrder", "__typename", id=order)
    placed, confirmed = (await world.acme.owner.client.run(EVENTS, id=order))["order"]["events"]["nodes"]
    assert (placed["viaApiKey"], placed["apiKey"], placed["actor"]) == (False, None, {"fullName": "Owner"})
    require_robot(confirmed)
    quiet = Progress(disable=True)
    assert (await maintenance.verify(urls.runtime, urls.owner, quiet)).is_intact
    await stop_sequencer(world)
    while await world.connection.fetchval("SELECT atrium_seal(100)"):  # until nothing waits
        pass
    await world.connection.execute("UPDATE events SET api_key_id = NULL WHERE version = 2")
    damage = (await maintenance.verify(urls.runtime, urls.owner, quiet)).faults
    assert [(slug, found.reason, found.source) for slug, found in damage] == [("acme", "was altered", "event")]
