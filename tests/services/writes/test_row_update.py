"""A checked change of one row, as data, and carried out."""

import pytest
from sqlmodel import col

from models import Project
from models.base import new_id
from services.errors import NotFound, VersionConflict
from services.writes.row_update import RowUpdate, apply_update
from tests.support.factories import World
from tests.support.service_client import ServiceClient


async def test_a_change_is_carried_out_under_its_conditions(rules: ServiceClient, world: World) -> None:
    project_id = await world.add("projects", tenant_id=world.acme.tenant_id, name="Apollo")
    is_apollo = col(Project.name) == "Apollo"
    update = RowUpdate(Project, project_id, {"name": "Gemini"}, 1, is_apollo)
    changed = await rules.apply(world.acme.admin, apply_update, row_update=update)
    assert (changed.name, changed.version) == ("Gemini", 2)
    for refused, error in (
        (update, NotFound),
        (RowUpdate(Project, project_id, {"name": "Late"}, 1), VersionConflict),
        (RowUpdate(Project, new_id(), {"name": "Late"}), NotFound),
    ):
        with pytest.raises(error):
            await rules.apply(world.acme.admin, apply_update, row_update=refused)
    unchanged = RowUpdate(Project, project_id, {})
    assert await rules.apply(world.acme.admin, apply_update, row_update=unchanged) == changed
