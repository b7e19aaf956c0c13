"""How tests ask for many things at once, and watch what that costs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch
from uuid import UUID

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from tests.support.factories import Person, World

ERROR_SELECTION = "__typename ... on Error { message code } ... on InvalidInput { fields { path message } }"
TAKEN_SELECTION = "... on AlreadyExists { field }"
CONFLICT_SELECTION = "... on VersionConflict { currentVersion current { id } }"
OUTCOMES_SELECTION = f"{ERROR_SELECTION} ... on Outcomes {{ succeeded failed }}"
USERS_SELECTION = f"""
{OUTCOMES_SELECTION} ... on CreatedUserOutcomes {{ outcomes {{ index result {{ {ERROR_SELECTION} {TAKEN_SELECTION}
    ... on User {{ id fullName role isActive userEmail: email }}
    ... on Invitation {{ id email role token expiresAt }}
}} }} }}
"""
TASKS_SELECTION = f"""
{OUTCOMES_SELECTION} ... on TaskOutcomes {{ outcomes {{ index result {{ {ERROR_SELECTION} {CONFLICT_SELECTION}
    ... on Task {{ id title description status version project {{ id }} assignee {{ id }} }}
}} }} }}
"""
NEW_TASKS_SELECTION = TASKS_SELECTION.replace("TaskOutcomes", "NewTaskOutcomes").replace(CONFLICT_SELECTION, "")
DELETED_TASKS_SELECTION = NEW_TASKS_SELECTION.replace("NewTaskOutcomes", "DeletedTaskOutcomes")
PRODUCT_SELECTION = "... on Product { id sku name stockQuantity isActive version price { amount currency } }"
PRODUCTS_SELECTION = f"""
{OUTCOMES_SELECTION} ... on ProductOutcomes {{ outcomes {{ index result {{
    {ERROR_SELECTION} {TAKEN_SELECTION} {CONFLICT_SELECTION} {PRODUCT_SELECTION} }} }} }}
"""
RESTOCK_SELECTION = f"""
{OUTCOMES_SELECTION}
... on RestockOutcomes {{ outcomes {{ index result {{ {ERROR_SELECTION} {PRODUCT_SELECTION} }} }} }}
"""
ORDERS_SELECTION = f"""
{OUTCOMES_SELECTION} ... on OrderOutcomes {{ outcomes {{ index result {{ {ERROR_SELECTION} {CONFLICT_SELECTION}
    ... on IllegalTransition {{ currentStatus allowed }} ... on Order {{ id number status version }} }} }} }}
"""
SWITCH_SELECTION = f"{ERROR_SELECTION} ... on UsersSwitched {{ count }}"

BULK_MUTATIONS: dict[str, tuple[str, str]] = {
    "createUsers": ("users", USERS_SELECTION),
    "setUsersActive": ("ids", SWITCH_SELECTION),
    "updateTasks": ("tasks", TASKS_SELECTION),
    "createTasks": ("tasks", NEW_TASKS_SELECTION),
    "deleteTasks": ("tasks", DELETED_TASKS_SELECTION),
    "updateProducts": ("products", PRODUCTS_SELECTION),
    "restockProducts": ("products", RESTOCK_SELECTION),
    "confirmOrders": ("orders", ORDERS_SELECTION),
}


def sample_row(mutation: str, number: int) -> Any:
    """A row that is well-formed, whatever becomes of it."""
    return {
        "createUsers": {"email": f"{number}@example.com", "fullName": "N"},
        "setUsersActive": f"User:{UUID(int=number)}",
        "updateTasks": {"id": f"Task:{UUID(int=number)}", "title": "t"},
        "createTasks": {"title": "t"},
        "deleteTasks": {"id": f"Task:{UUID(int=number)}"},
        "updateProducts": {"id": f"Product:{UUID(int=number)}", "name": "n"},
        "restockProducts": {"id": f"Product:{UUID(int=number)}", "quantity": 1},
        "confirmOrders": {"id": f"Order:{UUID(int=number)}"},
    }[mutation]


async def run_bulk(person: Person, mutation: str, rows: list[Any], **more: Any) -> dict[str, Any]:
    name, fields = BULK_MUTATIONS[mutation]
    if mutation == "setUsersActive":
        more = {"isActive": False, **more}
    return await person.client.mutate(mutation, fields, **{name: rows}, **more)


async def request_error_codes(person: Person, mutation: str, rows: list[Any], **more: Any) -> list[str]:
    """The codes with which a call is refused at the top."""
    name, fields = BULK_MUTATIONS[mutation]
    given = {name: rows, **({"isActive": False} if mutation == "setUsersActive" else {}), **more}
    type_name = mutation[0].upper() + mutation[1:] + "Input"
    query = f"mutation($input: {type_name}!) {{ {mutation}(input: $input) {{ {fields} }} }}"
    return await person.client.error_codes(query, input=given)


def result_types(answer: dict[str, Any]) -> list[str]:
    assert [outcome["index"] for outcome in answer["outcomes"]] == list(range(len(answer["outcomes"])))
    found = [outcome["result"]["__typename"] for outcome in answer["outcomes"]]
    failed = sum(
        kind in {"InvalidInput", "NotFound", "AlreadyExists", "VersionConflict", "IllegalTransition"} for kind in found
    )
    assert (answer["succeeded"], answer["failed"]) == (len(found) - failed, failed)
    return found


def results(answer: dict[str, Any]) -> list[dict[str, Any]]:
    result_types(answer)
    return [outcome["result"] for outcome in answer["outcomes"]]


def result_paths(result: dict[str, Any]) -> list[str]:
    return [field["path"] for field in result["fields"]]


async def insert_task(world: World, title: str, tenant_id: UUID | None = None) -> UUID:
    """A task of acme's, or of globex's if that is the tenant."""
    owner = world.acme.owner.user_id if tenant_id is None else world.globex.owner.user_id
    return await world.add("tasks", tenant_id=tenant_id or world.acme.tenant_id, title=title, created_by=owner)


async def create_task(world: World, title: str, tenant_id: UUID | None = None) -> str:
    """The same, by the id that clients know."""
    return f"Task:{await insert_task(world, title, tenant_id)}"


async def insert_product(world: World, sku: str, tenant_id: UUID | None = None, stock: int = 5) -> UUID:
    """A product of acme's or another tenant's."""
    values = {"sku": sku, "name": sku.title(), "price_minor": 100, "currency": "EUR", "stock_quantity": stock}
    return await world.add("products", tenant_id=tenant_id or world.acme.tenant_id, **values)


async def create_product(world: World, sku: str, tenant_id: UUID | None = None, stock: int = 5) -> str:
    """The same, by the id that clients know."""
    return f"Product:{await insert_product(world, sku, tenant_id, stock)}"


@contextmanager
def record_statements() -> Iterator[list[str]]:
    """Every statement that the driver sends, as often as it sends it; but for BEGIN and COMMIT."""
    log: list[str] = []
    one = PreparedStatement.__dict__["_PreparedStatement__do_execute"]
    many = asyncpg.Connection.__dict__["_executemany"]

    async def note(self: Any, executor: Any) -> Any:
        log.append(self._query)
        return await one(self, executor)

    async def note_many(self: Any, query: str, args: Any, *more: Any, **options: Any) -> Any:
        args = list(args)
        log.extend([query] * len(args))
        return await many(self, query, args, *more, **options)

    with (
        patch.object(PreparedStatement, "_PreparedStatement__do_execute", note),
        patch.object(asyncpg.Connection, "_executemany", note_many),
    ):
        yield log


def count_transactions(sent: list[str]) -> int:
    """How many transactions were begun; one that was chosen to break a deadlock was begun again."""
    return sum("atrium_enter" in statement for statement in sent)


async def slow_down(world: World, what: str) -> None:
    """Make each row of a statement take its time, so that two statements meet in the middle."""
    await world.connection.execute(f"""
        CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.05); RETURN NEW; END $$;
        CREATE TRIGGER wait BEFORE {what} FOR EACH ROW EXECUTE FUNCTION wait();
    """)
