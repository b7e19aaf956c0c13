"""What the shared tests try of tasks."""

from models.base import new_id
from services import tasks
from tests.support import bulk_fixtures, case_objects
from tests.support.case_context import CaseContext, Identifier, global_id, secret_text
from tests.support.case_values import PAGE
from tests.support.derived_cases import insert_listed_rows
from tests.support.domain_cases import CollectionCase, DomainCases
from tests.support.factories import World

OUTCOMES = """
                                  owner      admin      member     removed    outsider   nobody
node: Task                        ok         ok         ok         U          F          U
task                              ok         ok         ok         U          F          U
tasks                             ok         ok         ok         U          F          U
taskStats                         ok         ok         ok         U          F          U
tasks: holding a text             ok         ok         ok         U          F          U
tasks: of a project               ok         ok         ok         U          F          U
tasks: of somebody                ok         ok         ok         U          F          U
tasks: by somebody                ok         ok         ok         U          F          U
tasks: after                      ok         ok         ok         U          F          U
createTask                        ok         ok         ok         U          F          U
updateTask                        ok         ok         ok         U          F          U
updateTask: at a version          ok         ok         ok         U          F          U
deleteTask                        ok         ok         ok         U          F          U
tasks: with a label               ok         ok         ok         U          F          U
updateTasks                       ok         ok         ok         U          F          U
createTasks                       ok         ok         ok         U          F          U
moveTask                          ok         ok         ok         U          F          U
moveTask: at a version            ok         ok         ok         U          F          U
deleteTasks                       ok         ok         ok         U          F          U
"""


async def label(stage: CaseContext) -> Identifier:
    """A label, with a task that has it."""
    text = await secret_text(stage)
    label_id = await stage.add("labels", name=f"{text} {new_id()}"[:50])
    await stage.add("tasks", title=text, created_by=stage.tenant.owner.user_id, label_ids=[label_id])
    return global_id("Label", label_id)


SCALE = {
    "tasks": """
    INSERT INTO tasks (tenant_id, id, title, description, status, due_date, project_id, assignee_id, created_by,
        created_at, updated_at, deleted_at, priority, label_ids)
    SELECT t.id, gen_random_uuid(), 'Task ' || md5(slug || n),
        CASE WHEN n % 3 = 0 THEN repeat('What is to be done about it. ', 1 + n % 20) END,
        CASE WHEN n % 20 = 0 THEN 'IN_PROGRESS' WHEN n % 10 = 1 THEN 'TODO' ELSE 'DONE' END,
        CASE WHEN n % 5 > 0 THEN now() + (n - 4500) * interval '1 hour' END,
        CASE WHEN n % 10 > 0 THEN p.ids[1 + n % 300] END, CASE WHEN n % 4 > 0 THEN m.ids[1 + n % 200] END, m.ids[1],
        now() - n * interval '1 hour', now() - n * interval '1 minute', CASE WHEN n % 50 = 7 THEN now() END,
        CASE WHEN n % 40 = 0 THEN 'URGENT' WHEN n % 10 = 1 THEN 'HIGH' ELSE 'NONE' END,
        CASE WHEN n % 20 = 0 THEN ARRAY[md5(slug || n % 400)::uuid] ELSE '{}' END
    FROM tenants t
        JOIN (SELECT tenant_id, array_agg(id) FROM projects GROUP BY 1) p (tenant_id, ids) ON p.tenant_id = t.id
        JOIN (SELECT tenant_id, array_agg(user_id) FROM memberships GROUP BY 1) m (tenant_id, ids)
            ON m.tenant_id = t.id,
        generate_series(1, 5000) n
""",
}


MOVE = {"id": case_objects.task, "after": case_objects.task}
NEW_TASK = {
    "title": secret_text,
    "projectId": case_objects.project,
    "assigneeId": case_objects.member,
    "labelIds": [label],
}


async def task_creator(stage: CaseContext) -> Identifier:
    """The owner, who has created a task for a member."""
    await case_objects.task(stage)
    assert stage.tenant.owner.member_id
    return global_id("User", stage.tenant.owner.member_id)


async def insert_listed(world: World) -> None:
    """Insert tasks with labels."""
    tenant_id = world.acme.tenant_id
    labels = [await world.add("labels", tenant_id=tenant_id, name=f"mark {number}") for number in range(3)]
    await insert_listed_rows(tasks.TASKS, "Task", label_ids=labels)(world)


CASES = DomainCases(
    operations={
        "task": {"id": case_objects.task},
        "tasks": {"orderBy": {"field": "DUE_DATE"}},
        "taskStats": {
            "filter": {"assigneeId": {"eq": case_objects.member}},
            "groupBy": ["STATUS", "PROJECT"],
            "by": "DAY",
            "timeZone": "Europe/Berlin",
        },
        "tasks: holding a text": {"filter": {"text": {"contains": case_objects.text_in_task}}},
        "tasks: of a project": {"filter": {"projectId": {"eq": case_objects.project}}},
        "tasks: with a label": {"filter": {"labelIds": {"contains": label}}, "orderBy": {"field": "PRIORITY"}},
        "tasks: of somebody": {"filter": {"assigneeId": {"eq": case_objects.member}}},
        "tasks: by somebody": {"filter": {"creatorId": {"eq": task_creator}}},
        "tasks: after": {**PAGE, "after": case_objects.first_cursor("tasks", case_objects.task)},
        "createTask": {
            "input": {
                "title": secret_text,
                "projectId": case_objects.project,
                "assigneeId": case_objects.member,
                "labelIds": [label],
            }
        },
        "updateTask": {
            "input": {
                "id": case_objects.task,
                "title": secret_text,
                "projectId": case_objects.project,
                "assigneeId": case_objects.member,
                "labelIds": [label],
            }
        },
        "updateTask: at a version": {"input": {"id": case_objects.task, "status": "DONE", "expectedVersion": 1}},
        "deleteTask": {"input": {"id": case_objects.task}},
        "updateTasks": {
            "input": {
                "tasks": [
                    {
                        "id": case_objects.task,
                        "projectId": case_objects.project,
                        "assigneeId": case_objects.member,
                        "labelIds": [label],
                    }
                ]
            }
        },
        "createTasks": {"input": {"tasks": [NEW_TASK]}},
        "moveTask": {"input": {**MOVE, "projectId": case_objects.project}},
        "moveTask: at a version": {
            "input": {"id": case_objects.task, "before": case_objects.task, "status": "DONE", "expectedVersion": 1}
        },
        "deleteTasks": {"input": {"tasks": [{"id": case_objects.task}]}},
    },
    nodes={"Task": case_objects.task},
    outcomes=OUTCOMES,
    collections={"tasks.TASKS": CollectionCase(tasks.TASKS, bulk_fixtures.some_tasks, 230)},
    scale=SCALE,
    selective={"Query.tasks label_ids": "SELECT unnest(label_ids) FROM tasks WHERE tenant_id = $1 LIMIT 1"},
    sort_columns={"priority": "priority_rank", "status": "status_rank"},
    insert_listed=insert_listed,
)
