"""The fan-out: what depends on the viewer, and what those who ask at the same time share."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from models import Task
from models.database import ReadSession
from services.eventlog.fanout import depends_on_user
from services.permissions import TENANT_ID, USER_ID, Actor
from tests.support.factories import World

OF_TENANT = select(col(Task.id)).where(col(Task.tenant_id) == TENANT_ID)
OF_USER = OF_TENANT.where(col(Task.created_by) == USER_ID)


@pytest.mark.parametrize(
    ("clauses", "depends"),
    [
        ([OF_TENANT], False),
        ([OF_USER], True),
        ([OF_TENANT, OF_USER], True),
        ([select(OF_USER.subquery())], True),
        ([], False),
    ],
)
def test_a_statement_that_binds_the_user_depends_on_the_viewer(clauses: list[Any], *, depends: bool) -> None:
    assert depends_on_user(*clauses) == depends


async def test_those_who_read_the_same_at_the_same_time_share_one_read(world: World) -> None:
    fanout, actor, reads = world.app.components.feed.fanout, Actor.of(world.acme.member.identity), list[str]()

    async def read(_session: ReadSession) -> object:
        reads.append("read")
        return object()

    with fanout.subscription(actor.identity) as session:
        first, second, other = await asyncio.gather(
            *(fanout.read(key, actor, session, read) for key in ("same", "same", "other"))
        )
        later = await fanout.read("same", actor, session, read)
    assert first is second
    assert len({id(each) for each in (first, other, later)}) == len(reads) == 3
