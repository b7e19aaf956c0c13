"""What the shared tests try of projects."""

from models import Project
from services import projects
from tests.support import case_objects
from tests.support.case_context import secret_text
from tests.support.case_values import PAGE
from tests.support.derived_rows import some_rows
from tests.support.derived_scale import scale_insert
from tests.support.domain_cases import CollectionCase, DomainCases
from tests.support.factories import World

OUTCOMES = """
                                  owner      admin      member     removed    outsider   nobody
node: Project                     ok         ok         ok         U          F          U
project                           ok         ok         ok         U          F          U
projects                          ok         ok         ok         U          F          U
projects: holding a text          ok         ok         ok         U          F          U
projects: after                   ok         ok         ok         U          F          U
createProject                     ok         ok         F          U          F          U
updateProject                     ok         ok         F          U          F          U
archiveProject                    ok         ok         F          U          F          U
deleteProject                     ok         ok         F          U          F          U
restoreProject                    ok         ok         F          U          F          U
"""

SCALE = {
    "projects": scale_insert(
        Project,
        rows=300,
        archived_at="CASE WHEN n % 10 = 1 THEN now() END",
        deleted_at="CASE WHEN n % 20 = 2 THEN now() END",
        deleted_by="NULL::uuid",
        created_at="now() - n * interval '1 day'",
        updated_at="now() - n * interval '1 hour'",
    )
}


async def insert_listed(world: World) -> None:
    """Insert the project that all else belongs to, and five more."""
    for name in ("Apollo", *(f"Project {number}" for number in range(5))):
        await world.add("projects", tenant_id=world.acme.tenant_id, name=name)


CASES = DomainCases(
    operations={
        "project": {"id": case_objects.project},
        "projects": {"orderBy": {"field": "NAME"}},
        "projects: holding a text": {
            "filter": {"name": {"contains": case_objects.text_in_archived_project}, "isArchived": {"eq": True}}
        },
        "projects: after": {**PAGE, "after": case_objects.first_cursor("projects", case_objects.project)},
        "createProject": {"input": {"name": secret_text, "idempotencyKey": case_objects.new_name}},
        "updateProject": {"input": {"id": case_objects.project, "name": secret_text, "expectedVersion": 1}},
        "archiveProject": {"input": {"id": case_objects.project}},
        "deleteProject": {"input": {"id": case_objects.project}},
        "restoreProject": {"input": {"id": case_objects.deleted_project}},
    },
    nodes={"Project": case_objects.project},
    outcomes=OUTCOMES,
    collections={
        "projects.PROJECTS": CollectionCase(projects.PROJECTS, some_rows(Project, 150, archived_at=None), 150)
    },
    scale=SCALE,
    places={"Project": 'projects(filter: {{name: {{contains: "apollo"}}}}) {{ nodes {{ {} }} }}'},
    insert_listed=insert_listed,
)
