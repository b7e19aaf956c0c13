"""The plans of the statements that reading runs, taken where they run: as the runtime role, inside a tenant's walls."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event

from models.database import Database, ReadSession
from models.database.identity import Identity

__all__ = ["Plan", "PlanRecorder", "record_plans"]


@dataclass(frozen=True)
class Plan:
    """One node of a plan and all that is beneath it."""

    node: dict[str, Any]

    def __iter__(self) -> Iterator["Plan"]:
        """The node, and every one beneath it."""
        yield self
        for child in self.node.get("Plans", []):
            yield from Plan(child)

    @property
    def type(self) -> str:
        """What the node does, such as `Index Scan`."""
        return str(self.node["Node Type"])

    @property
    def conditions(self) -> str:
        """What is looked up in indexes, in all nodes."""
        return "\n".join(str(plan.node["Index Cond"]) for plan in self if "Index Cond" in plan.node)

    @property
    def sorts(self) -> bool:
        """Whether anything is sorted."""
        return any("Sort" in plan.type for plan in self)

    @property
    def pages(self) -> list["Plan"]:
        """The parts of the plan that stop after some rows."""
        return [plan for plan in self if plan.type == "Limit"]

    def __str__(self) -> str:
        """It whole, to look at when a test fails."""
        return json.dumps(self.node, indent=1)


class PlanRecorder:
    """Says how the statements were planned that a session has run."""

    def __init__(self, session: ReadSession) -> None:
        self.session = session
        self._ran: list[tuple[str, tuple[Any, ...]]] = []

    def record(self, statement: str, parameters: tuple[Any, ...]) -> None:
        """Remember a statement."""
        self._ran.append((statement, parameters))

    async def plan(self) -> Plan:
        """The plan of the one statement that ran since the last time."""
        ((statement, parameters),) = self._ran
        connection = await self.session.connection()
        explained = await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
        (found,) = explained.scalar_one()
        self.clear()
        return Plan(found["Plan"])

    async def never_sort(self) -> None:
        """Until the end of the unit, let the planner sort only what it cannot read in order."""
        connection = await self.session.connection()
        await connection.exec_driver_sql("SELECT set_config('enable_sort', 'off', true)")

    def clear(self) -> None:
        """Forget what ran."""
        self._ran.clear()


@asynccontextmanager
async def record_plans(database: Database, identity: Identity) -> AsyncIterator[PlanRecorder]:
    """A read unit whose statements can be explained, with the very values that they ran with."""
    async with database.read(identity) as session:
        planner = PlanRecorder(session)

        def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
            planner.record(statement, parameters)

        event.listen(database.engine.sync_engine, "before_cursor_execute", note)
        try:
            yield planner
        finally:
            event.remove(database.engine.sync_engine, "before_cursor_execute", note)
