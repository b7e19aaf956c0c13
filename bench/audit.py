"""The audit trail, measured: what a write costs with its triggers, as a ratio to the same write without them.

`uv run python -m bench.audit` takes a minute. The triggers are compared with none, and with one trigger per row, in
turns in one run on one database; figures are good for comparing with each other, and for nothing else.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import asyncpg
from rich.console import Console
from rich.table import Table

from atrium import migrate
from atrium.embedded.server import Server
from models.base import new_id

ROUNDS = 8
SINGLE_UPDATES = 250  # updates of one row, each in a transaction of its own, per round
BULK_UPDATES = 5  # updates of BULK rows, likewise
ROWS_PER_BULK = 1000

TRIGGERS = ("audit_insert", "audit_update", "audit_delete")

# The same entry, written row by row: what the statement's triggers are compared with.
CREATE_ROW_TRIGGERS = """
CREATE FUNCTION audit_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    old_row jsonb := to_jsonb(OLD) - '{title_key}'::text[];
    new_row jsonb := to_jsonb(NEW) - '{title_key}'::text[];
    old_values jsonb;
    new_values jsonb;
    mark bytea := uuid_send(gen_random_uuid());
BEGIN
    SELECT jsonb_object_agg(e.key, old_row -> e.key), jsonb_object_agg(e.key, e.value) INTO old_values, new_values
    FROM jsonb_each(new_row) e WHERE e.value IS DISTINCT FROM old_row -> e.key;
    INSERT INTO public.audit_log SELECT NEW.tenant_id, gen_random_uuid(), TG_TABLE_NAME, NEW.id, 'UPDATE',
        nullif(current_setting('app.user_id', true), '')::uuid, NULL,
        coalesce(current_setting('app.request_id', true), ''), coalesce(current_setting('app.operation', true), ''),
        nullif(current_setting('app.ip', true), ''), nullif(current_setting('app.user_agent', true), ''),
        old_values, new_values, mark,
        sha256(mark || convert_to(old_values::text || E'\\n' || new_values::text, 'UTF8')), clock_timestamp();
    RETURN NULL;
END $$;
CREATE TRIGGER audit_row AFTER UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION audit_row();
ALTER TABLE tasks DISABLE TRIGGER audit_row
"""


class StatementCost(NamedTuple):
    """Milliseconds that one statement took, at the median."""

    single: float
    bulk: float


async def main() -> None:
    """Measure and print."""
    async with _open_database() as connection:
        tenant, ids = await _insert_rows(connection)
        await connection.execute(CREATE_ROW_TRIGGERS)
        kinds: dict[str, tuple[str, ...]] = {
            "no trigger": (),
            "per statement (Atrium's)": TRIGGERS,
            "per row": ("audit_row",),
        }
        costs: dict[str, list[StatementCost]] = {kind: [] for kind in kinds}
        for number in range(ROUNDS + 1):
            for kind, triggers in kinds.items():
                await _enable_triggers(connection, triggers)
                cost = await _measure_cost(connection, tenant, ids, number)
                if number:  # the first round is for warming up
                    costs[kind].append(cost)
        Console().print(_table(costs))


async def _measure_cost(connection: asyncpg.Connection, tenant: UUID, ids: list[UUID], number: int) -> StatementCost:
    one = "UPDATE tasks SET title = $3 WHERE tenant_id = $1 AND id = $2"
    many = "UPDATE tasks SET title = $3 WHERE tenant_id = $1 AND id = ANY ($2)"
    single = await _measure_median(
        SINGLE_UPDATES, lambda n: connection.execute(one, tenant, ids[n], f"one {number} {n}")
    )
    bulk = await _measure_median(
        BULK_UPDATES, lambda n: connection.execute(many, tenant, ids[:ROWS_PER_BULK], f"many {number} {n}")
    )
    for clean in ("TRUNCATE unsealed", "TRUNCATE audit_log", "VACUUM tasks"):
        await connection.execute(clean)
    return StatementCost(single, bulk)


async def _measure_median(times: int, work: Callable[[int], Awaitable[object]]) -> float:
    taken = []
    for number in range(times):
        begun = time.perf_counter()
        await work(number)
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken) * 1000


async def _enable_triggers(connection: asyncpg.Connection, triggers: tuple[str, ...]) -> None:
    for trigger in (*TRIGGERS, "audit_row"):
        change = "ENABLE" if trigger in triggers else "DISABLE"
        await connection.execute(f"ALTER TABLE tasks {change} TRIGGER {trigger}")


async def _insert_rows(connection: asyncpg.Connection) -> tuple[UUID, list[UUID]]:
    tenant, person = new_id(), new_id()
    await connection.execute("INSERT INTO tenants (id, name, slug) VALUES ($1, 'Acme', 'acme')", tenant)
    await connection.execute("INSERT INTO users (id, email, full_name) VALUES ($1, 'a@example.com', 'Ada')", person)
    member = "INSERT INTO memberships (tenant_id, id, user_id, full_name, email) VALUES ($1, $2, $3, '', '')"
    await connection.execute(member, tenant, new_id(), person)
    ids = [new_id() for _ in range(5 * ROWS_PER_BULK)]
    task = """
        INSERT INTO tasks (tenant_id, id, title, description, created_by)
        SELECT $1, id, 'Task ' || id, repeat('About it. ', 10), $3 FROM unnest($2::uuid[]) id
    """
    await connection.execute(task, tenant, ids, person)
    await connection.execute("ANALYZE")
    settings = ("user_id", str(person)), ("request_id", "bench"), ("ip", "203.0.113.9"), ("operation", "updateTask")
    for name, value in settings:
        await connection.execute("SELECT set_config('app.' || $1, $2, false)", name, value)
    return tenant, ids


@asynccontextmanager
async def _open_database() -> AsyncIterator[asyncpg.Connection]:
    with tempfile.TemporaryDirectory(prefix="atrium-bench-") as folder:
        server = Server.start(Path(folder))
        try:
            await asyncio.to_thread(migrate.upgrade, server.owner_url, server.runtime_url)
            connection = await asyncpg.connect(server.owner_url.replace("+asyncpg", ""))
            yield connection
            await connection.close()
        finally:
            server.stop()


def _table(costs: dict[str, list[StatementCost]]) -> Table:
    table = Table("trigger", "1 row, ms", "ratio", f"{ROWS_PER_BULK:,} rows, ms", "ratio", title="An update of tasks")
    base = StatementCost(*map(statistics.median, zip(*costs["no trigger"], strict=True)))
    for kind, rounds in costs.items():
        cost = StatementCost(*map(statistics.median, zip(*rounds, strict=True)))
        ratios = cost.single / base.single, cost.bulk / base.bulk
        table.add_row(kind, f"{cost.single:.2f}", f"{ratios[0]:.2f}", f"{cost.bulk:.1f}", f"{ratios[1]:.2f}")
    return table


if __name__ == "__main__":
    asyncio.run(main())
