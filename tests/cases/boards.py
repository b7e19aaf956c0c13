"""What the shared tests try of tasks on boards, and of many at a time."""

from tests.cases.tasks import label
from tests.support import case_objects
from tests.support.case_context import secret_text
from tests.support.domain_cases import DomainCases

OUTCOMES = """
                                  owner      admin      member     removed    outsider   nobody
createTasks                       ok         ok         ok         U          F          U
moveTask                          ok         ok         ok         U          F          U
moveTask: at a version            ok         ok         ok         U          F          U
deleteTasks                       ok         ok         ok         U          F          U
"""

MOVE = {"id": case_objects.task, "after": case_objects.task}
NEW_TASK = {
    "title": secret_text,
    "projectId": case_objects.project,
    "assigneeId": case_objects.member,
    "labelIds": [label],
}

CASES = DomainCases(
    operations={
        "createTasks": {"input": {"tasks": [NEW_TASK]}},
        "moveTask": {"input": {**MOVE, "projectId": case_objects.project}},
        "moveTask: at a version": {
            "input": {"id": case_objects.task, "before": case_objects.task, "status": "DONE", "expectedVersion": 1}
        },
        "deleteTasks": {"input": {"tasks": [{"id": case_objects.task}]}},
    },
    outcomes=OUTCOMES,
)
