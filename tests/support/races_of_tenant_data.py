"""Races of what tenants work with: tasks, documents, articles, products, orders."""

from decimal import Decimal
from uuid import UUID

from models import ArticleStatus, OrderStatus
from services import articles, documents, orders, products, projects, tasks, tenants
from services.errors import (
    AlreadyExists,
    DomainError,
    IllegalTransition,
    InvalidInput,
    NotFound,
    OutOfStock,
    VersionConflict,
)
from services.writes.bulk import RowChange
from tests.support.races import Attempt, RaceContext, race, refused

# --- tasks, documents, articles ---

LOST_TASKS = (
    "SELECT count(*) FROM tasks t JOIN projects p ON p.id = t.project_id WHERE t.deleted_at IS NULL AND p.is_deleted"
)
"""Live tasks in a project that is in the trash."""

LAST_IS_DELETION = """
    SELECT new_values ->> 'deleted_at' IS NOT NULL FROM audit_log WHERE table_name = 'documents'
    ORDER BY created_at DESC LIMIT 1
"""
"""Whether the last that happened to a document was that it went to the trash."""


@race
async def creating_a_task_in_a_project_that_is_deleted(context: RaceContext) -> None:
    acme = context.world.acme
    project = await context.rules.apply(acme.admin, projects.create, name="Apollo")
    noting = context.in_transaction(acme.member, tasks.create, values={"title": "Fly", "project_id": project.id})
    await context.rendezvous.between(
        "tasks", noting, context.in_transaction(acme.admin, projects.delete, id=project.id)
    )
    assert await context.value("SELECT count(*) FROM tasks WHERE deleted_at IS NULL") == 0


@race
async def assigning_a_task_to_a_member_who_is_removed(context: RaceContext) -> None:
    acme = context.world.acme
    noting = context.in_transaction(
        acme.admin, tasks.create, values={"title": "Fly", "assignee_id": acme.member.member_id}
    )
    removing = context.in_transaction(acme.owner, tenants.remove, id=acme.member.member_id)
    await context.rendezvous.during("tasks", noting, removing)
    late = (
        "SELECT count(*) FROM tasks t JOIN memberships m ON m.user_id = t.assignee_id WHERE t.created_at > m.ended_at"
    )
    assert await context.value(late) == 0


@race
async def updating_a_task_at_one_version_twice(context: RaceContext) -> None:
    member = context.world.acme.member
    task = await context.rules.apply(member, tasks.create, values={"title": "Fly"})
    changes = [
        context.in_transaction(member, tasks.update, id=task.id, changes={"title": title}, expected_version=1)
        for title in "ab"
    ]
    assert refused(await context.rendezvous.between("tasks", *changes), VersionConflict) == 1


async def _board(context: RaceContext, *positions: str) -> list[UUID]:
    """Tasks at these positions, by their ids."""
    made = []
    for position in positions:
        task = await context.rules.apply(context.world.acme.member, tasks.create, values={"title": position})
        await context.world.connection.execute("UPDATE tasks SET position = $2 WHERE id = $1", task.id, position)
        made.append(task.id)
    return made


@race
async def moving_two_tasks_to_one_place(context: RaceContext) -> None:
    first, _, third, fourth = await _board(context, "a1", "a3", "a5", "a7")  # between the first two is one number
    moves = [
        context.in_transaction(context.world.acme.member, tasks.move, id=task_id, after=first)
        for task_id in (third, fourth)
    ]
    outcomes = await context.rendezvous.between("tasks", *moves)
    assert refused(outcomes) == 0
    order = [title for (title,) in await context.world.connection.fetch("SELECT title FROM tasks ORDER BY position")]
    assert order in (["a1", "a5", "a7", "a3"], ["a1", "a7", "a5", "a3"])


@race
async def moving_a_task_beside_one_that_is_deleted(context: RaceContext) -> None:
    member, (first, _, third) = context.world.acme.member, await _board(context, "a1", "a3", "a5")
    moving = context.in_transaction(member, tasks.move, id=third, after=first)
    outcomes = await context.rendezvous.between("tasks", moving, context.in_transaction(member, tasks.delete, id=first))
    assert refused(outcomes, InvalidInput) <= 1
    order = [title for (title,) in await context.world.connection.fetch("SELECT title FROM tasks ORDER BY position")]
    assert order == (["a3", "a5"] if isinstance(outcomes[0], InvalidInput) else ["a5", "a3"])


@race
async def creating_tasks_in_a_project_that_is_deleted(context: RaceContext) -> None:
    acme = context.world.acme
    project = await context.rules.apply(acme.admin, projects.create, name="Apollo")
    noting = context.in_transaction(
        acme.member, tasks.create_all, rows=[{"title": "Fly", "project_id": project.id}, {"title": "Land"}]
    )
    await context.rendezvous.between(
        "tasks", noting, context.in_transaction(acme.admin, projects.delete, id=project.id)
    )
    assert await context.value(LOST_TASKS) == 0
    assert await context.value("SELECT count(*) FROM tasks WHERE deleted_at IS NULL") == 1


@race
async def deleting_tasks_one_of_which_is_deleted(context: RaceContext) -> None:
    member, ids = context.world.acme.member, await _board(context, "a1", "a3")
    outcomes = await context.rendezvous.between(
        "tasks",
        context.in_transaction(member, tasks.delete_all, rows=ids),
        context.in_transaction(member, tasks.delete, id=ids[1]),
    )
    assert refused(outcomes, NotFound) == (not isinstance(outcomes[0][1], NotFound))
    assert await context.value("SELECT count(*) FROM tasks") == 0


@race
async def moving_a_task_into_a_project_that_is_deleted(context: RaceContext) -> None:
    acme = context.world.acme
    project = await context.rules.apply(acme.admin, projects.create, name="Apollo")
    task = await context.rules.apply(acme.member, tasks.create, values={"title": "Fly"})
    moving = context.in_transaction(acme.member, tasks.update, id=task.id, changes={"project_id": project.id})
    await context.rendezvous.during("tasks", moving, context.in_transaction(acme.admin, projects.delete, id=project.id))
    assert await context.value(LOST_TASKS) == 0


@race
async def moving_tasks_into_a_project_that_is_deleted(context: RaceContext) -> None:
    acme = context.world.acme
    project = await context.rules.apply(acme.admin, projects.create, name="Apollo")
    task = await context.rules.apply(acme.member, tasks.create, values={"title": "Fly"})
    moving = context.in_transaction(
        acme.member, tasks.update_all, rows=[RowChange(task.id, {"project_id": project.id})]
    )
    await context.rendezvous.during("tasks", moving, context.in_transaction(acme.admin, projects.delete, id=project.id))
    assert await context.value(LOST_TASKS) == 0


@race
async def saving_a_task_of_a_former_member_while_it_is_reassigned(context: RaceContext) -> None:
    acme = context.world.acme
    task = await context.rules.apply(
        acme.admin, tasks.create, values={"title": "Fly", "assignee_id": acme.member.member_id}
    )
    await context.in_transaction(acme.owner, tenants.remove, id=acme.member.member_id)()
    unchanged = {"assignee_id": acme.member.member_id, "title": "Land"}
    saving = context.in_transaction(acme.admin, tasks.update, id=task.id, changes=unchanged)
    giving = context.in_transaction(acme.owner, tasks.update, id=task.id, changes={"assignee_id": acme.owner.member_id})
    outcomes = await context.rendezvous.during("tasks", saving, giving)
    assert refused(outcomes) == 0
    assert await context.value("SELECT assignee_id FROM tasks") == acme.owner.user_id


@race
async def deleting_a_project_twice(context: RaceContext) -> None:
    admin = context.world.acme.admin
    project = await context.rules.apply(admin, projects.create, name="Apollo")
    deleting = context.in_transaction(admin, projects.delete, id=project.id)
    outcomes = await context.rendezvous.between("projects", deleting, deleting)
    assert refused(outcomes) == 0
    assert {(outcome.version, outcome.deleted_at) for outcome in outcomes} == {(2, outcomes[0].deleted_at)}


@race
async def restoring_a_project_that_is_deleted_again(context: RaceContext) -> None:
    admin = context.world.acme.admin
    project = await context.rules.apply(admin, projects.create, name="Apollo")
    await context.rules.apply(admin, tasks.create, values={"title": "Fly", "project_id": project.id})
    await context.rules.apply(admin, projects.delete, id=project.id)
    restoring = context.in_transaction(admin, projects.restore, id=project.id)
    await context.rendezvous.between("tasks", restoring, context.in_transaction(admin, projects.delete, id=project.id))
    apart = "SELECT count(*) FROM tasks t JOIN projects p ON p.id = t.project_id"
    assert await context.value(f"{apart} WHERE t.deleted_at IS DISTINCT FROM p.deleted_at") == 0


@race
async def creating_two_documents_of_one_title(context: RaceContext) -> None:
    writing = context.in_transaction(context.world.acme.member, documents.create, values={"title": "Plan"})
    assert refused(await context.rendezvous.between("documents", writing, writing), AlreadyExists) == 1


@race
async def updating_a_document_that_is_deleted(context: RaceContext) -> None:
    member = context.world.acme.member
    row = await context.rules.apply(member, documents.create, values={"title": "Plan"})
    change = context.in_transaction(member, documents.update, id=row.id, changes={"content": "late"})
    deleting = context.in_transaction(member, documents.delete, id=row.id)
    outcomes = await context.rendezvous.during("documents", change, deleting)
    late = await context.value("SELECT content = 'late' FROM documents")
    assert refused(outcomes, NotFound) == (not late)
    assert await context.value(LAST_IS_DELETION)


@race
async def reverting_a_document_that_is_deleted(context: RaceContext) -> None:
    member = context.world.acme.member
    row = await context.rules.apply(member, documents.create, values={"title": "Plan", "content": "early"})
    await context.rules.apply(member, documents.update, id=row.id, changes={"content": "late"})
    first = await context.value("SELECT id FROM audit_log WHERE row_id = $1 ORDER BY created_at LIMIT 1", row.id)
    reverting = context.in_transaction(member, documents.revert, id=row.id, to=first)
    deleting = context.in_transaction(member, documents.delete, id=row.id)
    outcomes = await context.rendezvous.during("documents", reverting, deleting)
    late = await context.value("SELECT content = 'late' FROM documents")
    assert refused(outcomes, NotFound) == late
    assert await context.value(LAST_IS_DELETION)


@race
async def purging_a_document_that_is_restored(context: RaceContext) -> None:
    admin = context.world.acme.admin
    row = await context.rules.apply(admin, documents.create, values={"title": "Plan"})
    await context.rules.apply(admin, documents.delete, id=row.id)
    restoring = context.in_transaction(admin, documents.restore, id=row.id)
    outcomes = await context.rendezvous.between(
        "documents", context.in_transaction(admin, documents.purge, id=row.id), restoring
    )
    assert refused(outcomes, NotFound, IllegalTransition) == 1
    assert await context.value("SELECT count(*) FROM documents") == isinstance(outcomes[0], DomainError)


@race
async def restoring_into_a_project_that_is_deleted(context: RaceContext) -> None:
    admin = context.world.acme.admin
    project = await context.rules.apply(admin, projects.create, name="Apollo")
    row = await context.rules.apply(admin, documents.create, values={"title": "Plan", "project_id": project.id})
    await context.rules.apply(admin, documents.delete, id=row.id)
    restoring = context.in_transaction(admin, documents.restore, id=row.id)
    await context.rendezvous.between(
        "documents", restoring, context.in_transaction(admin, projects.delete, id=project.id)
    )
    lost = "SELECT count(*) FROM documents d JOIN projects p ON p.id = d.project_id WHERE d.deleted_at IS NULL"
    assert await context.value(f"{lost} AND p.is_deleted") == 0


@race
async def updating_a_draft_that_is_published(context: RaceContext) -> None:
    acme = context.world.acme
    row = await context.rules.apply(acme.member, articles.create, values={"title": "Tea", "content": "green"})
    change = context.in_transaction(acme.member, articles.update, id=row.id, changes={"content": "black"})
    publish = context.in_transaction(
        acme.admin, articles.update, id=row.id, changes={"status": ArticleStatus.PUBLISHED}
    )
    outcomes = await context.rendezvous.between("articles", change, publish)
    assert await context.value("SELECT content FROM articles") == (
        "black" if not refused(outcomes, NotFound) else "green"
    )


@race
async def deleting_a_draft_that_is_published(context: RaceContext) -> None:
    acme = context.world.acme
    row = await context.rules.apply(acme.member, articles.create, values={"title": "Tea", "content": "green"})
    publish = context.in_transaction(
        acme.admin, articles.update, id=row.id, changes={"status": ArticleStatus.PUBLISHED}
    )
    outcomes = await context.rendezvous.between(
        "articles", context.in_transaction(acme.member, articles.delete, id=row.id), publish
    )
    assert refused(outcomes, NotFound) == 1
    assert await context.value("SELECT count(*) FROM articles") == isinstance(outcomes[0], NotFound)


# --- products and orders ---


async def _tea(context: RaceContext, stock: int, sku: str = "TEA") -> UUID:
    product = {"sku": sku, "name": "Tea", "price": {"amount": Decimal(2), "currency": "EUR"}}
    row = await context.rules.apply(context.world.acme.admin, products.create, values=product, stock_quantity=stock)
    return UUID(str(row.id))


def _buying(context: RaceContext, tea: UUID, key: str | None = None) -> Attempt:
    given = {"items": [orders.Item(tea, 1)], "shipping_address": "Here", "idempotency_key": key}
    return context.in_transaction(context.world.acme.member, orders.place, **given)


@race
async def creating_two_products_of_one_sku(context: RaceContext) -> None:
    product = {"sku": "TEA", "name": "Tea", "price": {"amount": Decimal(2), "currency": "EUR"}}
    offering = context.in_transaction(context.world.acme.admin, products.create, values=product)
    assert refused(await context.rendezvous.between("products", offering, offering), AlreadyExists) == 1


@race
async def ordering_the_last_item_twice(context: RaceContext) -> None:
    buying = _buying(context, await _tea(context, 1))
    assert refused(await context.rendezvous.between("products", buying, buying), OutOfStock) == 1


@race
async def ordering_what_is_restocked(context: RaceContext) -> None:
    tea = await _tea(context, 1)
    restocking = context.in_transaction(context.world.acme.admin, products.restock, id=tea, quantity=5)
    assert refused(await context.rendezvous.between("products", _buying(context, tea), restocking)) == 0
    assert await context.value("SELECT stock_quantity FROM products") == 5


@race
async def ordering_what_is_taken_off_sale(context: RaceContext) -> None:
    tea = await _tea(context, 5)
    ending = context.in_transaction(context.world.acme.admin, products.update, id=tea, changes={"is_active": False})
    await context.rendezvous.during("products", _buying(context, tea), ending)
    sold = "SELECT count(*) FROM orders o JOIN products p ON NOT p.is_active AND o.created_at > p.updated_at"
    assert await context.value(sold) == 0


@race
async def ordering_what_is_restocked_with_others(context: RaceContext) -> None:
    tea = await _tea(context, 1)
    restocking = context.in_transaction(
        context.world.acme.admin, products.restock_all, rows=[products.StockReceipt(tea, 5)]
    )
    assert refused(await context.rendezvous.during("products", restocking, _buying(context, tea))) == 0
    assert await context.value("SELECT stock_quantity FROM products") == 5


@race
async def updating_two_products_to_one_sku(context: RaceContext) -> None:
    admin, ids = context.world.acme.admin, []
    for sku in ("ONE", "TWO"):
        product = {"sku": sku, "name": sku, "price": {"amount": Decimal(2), "currency": "EUR"}}
        ids.append((await context.rules.apply(admin, products.create, values=product)).id)
    changes = [
        context.in_transaction(admin, products.update_all, rows=[RowChange(row_id, {"sku": "TEA"})]) for row_id in ids
    ]
    outcomes = await context.rendezvous.between("products", *changes)
    assert refused(outcomes) == 0
    assert sum(isinstance(row, AlreadyExists) for (row,) in outcomes) == 1


@race
async def restocking_to_the_limit_twice(context: RaceContext) -> None:
    tea = await _tea(context, 2**31 - 2)
    restocking = context.in_transaction(context.world.acme.admin, products.restock, id=tea, quantity=1)
    assert refused(await context.rendezvous.between("products", restocking, restocking), InvalidInput) == 1


@race
async def ordering_once_with_one_key(context: RaceContext) -> None:
    buying = _buying(context, await _tea(context, 9), key="same")
    outcomes = await context.rendezvous.between("idempotency_keys", buying, buying)
    assert refused(outcomes) == 0
    assert (len({order.id for order in outcomes}), await context.value("SELECT stock_quantity FROM products")) == (1, 8)


@race
async def placing_two_orders_of_different_products(context: RaceContext) -> None:
    shelf = [await _tea(context, 9), await _tea(context, 9, "COFFEE")]
    outcomes = await context.rendezvous.between("order_numbers", *(_buying(context, each) for each in shelf))
    assert refused(outcomes) == 0
    assert sorted(order.number for order in outcomes) == [1001, 1002]


@race
async def confirming_orders_one_of_which_is_cancelled(context: RaceContext) -> None:
    admin, tea = context.world.acme.admin, await _tea(context, 9)
    first, second = await _buying(context, tea)(), await _buying(context, tea)()
    confirming = context.in_transaction(admin, orders.confirm_all, rows=[RowChange(o.id, {}) for o in (first, second)])
    cancelling = context.in_transaction(admin, orders.transition, id=second.id, status=OrderStatus.CANCELLED)
    confirmed, cancelled = await context.rendezvous.between("events", confirming, cancelling)
    assert confirmed[0].status == OrderStatus.CONFIRMED
    assert isinstance(confirmed[1], IllegalTransition) or cancelled.version == 3
    assert await context.value("SELECT stock_quantity FROM products") == 8


@race
async def confirming_an_order_that_is_cancelled(context: RaceContext) -> None:
    order = await _buying(context, await _tea(context, 9))()
    moves = [
        context.in_transaction(
            context.world.acme.admin, orders.transition, id=order.id, status=status, expected_version=1
        )
        for status in (OrderStatus.CONFIRMED, OrderStatus.CANCELLED)
    ]
    outcomes = await context.rendezvous.between("events", *moves)
    assert refused(outcomes, VersionConflict, IllegalTransition) == 1
    cancelled = not isinstance(outcomes[1], Exception)
    assert await context.value("SELECT stock_quantity FROM products") == (9 if cancelled else 8)


@race
async def deleting_an_order_twice(context: RaceContext) -> None:
    admin, order = context.world.acme.admin, await _buying(context, await _tea(context, 9))()
    await context.rules.apply(admin, orders.transition, id=order.id, status=OrderStatus.CANCELLED)
    deleting = context.in_transaction(admin, orders.delete, id=order.id)
    assert refused(await context.rendezvous.between("events", deleting, deleting), NotFound) == 1
    assert await context.value("SELECT count(*) FROM events WHERE type = 'OrderDeleted'") == 1
