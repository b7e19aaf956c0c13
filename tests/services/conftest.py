"""The ground for the tests of the rules: services called directly, as people of the world."""

from functools import cache

import pytest

from graph import schema
from tests.support.factories import World
from tests.support.service_client import ServiceClient

build_once = cache(schema.create_schema)


@pytest.fixture(autouse=True)
def _one_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is built once: few ask it anything here, and what it keeps of their questions is no matter to rules."""
    monkeypatch.setattr(schema, "create_schema", build_once)


@pytest.fixture
def rules(world: World) -> ServiceClient:
    return ServiceClient(world.app.components.database, world.app.components.auth)
