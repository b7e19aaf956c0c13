"""The ground for the tests of the rules: services called directly, as people of the world."""

import pytest

from tests.factories import World
from tests.units import Rules


@pytest.fixture
def rules(world: World) -> Rules:
    return Rules(world.app.parts.database, world.app.parts.door)
