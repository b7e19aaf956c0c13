"""Every operation of the documents is executed, by a server, on things that are there, and shows something."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from graphql import OperationDefinitionNode, OperationType, parse

from models import TaskStatus
from tests.api.test_schema_reference import EXAMPLES
from tests.support import case_documents, case_objects
from tests.support.case_context import CaseBuilder, CaseContext, Identifier, enter_as, global_id
from tests.support.doc_pages import PAGES, code_blocks, page_text, relative_path
from tests.support.domain_cases import insert_rows
from tests.support.factories import PASSWORD, World
from tests.support.operation_cases import build_values
from tests.support.source_files import ROOT
from tests.support.subscription_client import collect_subscription

WALKTHROUGH = "CONTRIBUTING.md"
"""The page whose operations are about a domain that is yet to be added; test_walkthrough.py runs them."""
REFERENCE = ROOT / "docs/schema"
"""The pages of the schema, whose operations tests/api/test_schema_reference.py runs."""


class DocumentedOperation(NamedTuple):
    """One operation of a page."""

    name: str
    text: str
    kind: OperationType


def operations(page: Path) -> Iterator[DocumentedOperation]:
    """The operations of a page; those without a name are counted."""
    found = [node for block in code_blocks(page, "graphql") for node in parse(block).definitions]
    for number, node in enumerate(found, 1):
        assert isinstance(node, OperationDefinitionNode), f"{page} shows a fragment alone"
        assert node.loc is not None
        name = node.name.value if node.name else f"number {number}"
        text = node.loc.source.body[node.loc.start : node.loc.end]
        yield DocumentedOperation(name, text, node.operation)


HERE = [page for page in PAGES if page.name != WALKTHROUGH and page.parent != REFERENCE]
OPERATIONS = [operation for page in HERE for operation in operations(page)]


async def own_email(stage: CaseContext) -> str:
    """The address of whoever asks."""
    assert stage.actor is not None
    return stage.actor.email


async def project_with_board(stage: CaseContext) -> Identifier:
    """A project with a task in each status."""
    made = await stage.add("projects", name="Apollo")
    for status in TaskStatus:
        await stage.add("tasks", title="Plan", project_id=made, status=status, created_by=stage.tenant.owner.user_id)
    return global_id("Project", made)


async def plan_in_trash(stage: CaseContext) -> Identifier:
    """A document in the trash, which was changed before."""
    author = stage.tenant.owner.user_id
    made = await stage.add("documents", title="The plan", content="First", created_by=author)
    gone = "UPDATE documents SET content = 'Then', deleted_at = now(), deleted_by = $2 WHERE id = $1"
    await stage.world.connection.execute(gone, made, author)
    return global_id("Document", made)


VARIABLES: dict[str, Any] = {
    "Login": {"email": own_email, "password": PASSWORD, "tenant": "acme"},
    "Refresh": {"refreshToken": case_objects.refresh_token, "tenant": "acme"},
    "Note": {"title": "Water the plants"},
    "MyTasks": {"me": case_objects.member},
    "ProjectBoard": {"project": project_with_board},
    "Revenue": {"since": "2020-01-01T00:00:00Z"},
    "Done": {"id": case_objects.task, "version": 1},
    "Add": {"title": "Water the plants"},
    "Drop": {"task": case_objects.task, "above": case_objects.task, "seen": 1},
    "Buy": {"product": case_objects.product, "key": "first"},
    "Back": {"id": case_documents.changed_document, "entry": case_documents.entry_before, "seen": 2},
    "Search": {"query": "article"},
    "Trash": {"unused": plan_in_trash},
    "Forgotten": {"email": own_email},
    "Reset": {"token": case_objects.email_token("reset"), "password": "An0ther-one!"},
    "Verify": {"token": case_objects.email_token("verify")},
    "Suspend": {"account": case_objects.account},
    "Recent": {"n": 5},
    "Rename": {"id": case_objects.task, "title": "Water them", "seen": 1},
    "add_task": {"input": {"title": "Water the plants"}},
}
"""By the operation's name, what it is given; whatever is callable makes something for it."""

ROLES = {"Find": "superuser", "Suspend": "superuser", "Reset": "member"}
"""By the operation's name, as which new person it is sent; the owner of acme, who stays logged in, sends all others."""

FOLLOWED: dict[str, CaseBuilder] = {
    "Orders": case_objects.order,
    "BoardChanges": case_objects.task,
    "TaskChanges": case_objects.task,
    "task_changes": case_objects.task,
}
"""By the subscription's name, what happens that it tells of."""


def faults(value: Any) -> Iterator[str]:
    """What of an answer shows nothing: errors of fields, and lists without anything."""
    if isinstance(value, dict):
        if "code" in value:
            yield f"{value['code']}"
        yield from (f"no {name}" for name in ("nodes", "edges", "groups", "languages") if value.get(name) == [])
    for each in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
        yield from faults(each)


async def send(operation: DocumentedOperation, world: World) -> list[str]:
    """What an operation answers that is none of what it shows."""
    stage = CaseContext(world, world.acme, world.acme.owner)
    if operation.name in ROLES:
        stage = await enter_as(world, world.acme, ROLES[operation.name])
    given = await build_values(VARIABLES.get(operation.name, {}), stage)
    if operation.kind is OperationType.SUBSCRIPTION:
        data = await follow(operation, stage)
    else:
        answer = await stage.client.send(operation.text, **given)
        if "errors" in answer:
            return [error["message"] for error in answer["errors"]]
        data = answer["data"]
    return [*faults(data), *(f"no {name}" for name, value in data.items() if value is None)]


@pytest.mark.parametrize("page", [page for page in HERE if [*operations(page)]], ids=relative_path)
async def test_operations_show_something(page: Path, world: World) -> None:
    await insert_rows(world)
    found = {operation.name: await send(operation, world) for operation in operations(page)}
    assert {name: said for name, said in found.items() if said} == {}


async def follow(operation: DocumentedOperation, stage: CaseContext) -> dict[str, Any]:
    """The first message of a subscription after something has happened."""
    cursor = (await stage.client.run("{ feedCursor }"))["feedCursor"]
    await FOLLOWED[operation.name](stage)
    assert stage.actor is not None
    [message] = await collect_subscription(stage.world, stage.actor, operation.text, 1, cursor)
    return {"message": message}


def test_what_is_given_is_asked_for() -> None:
    names = {operation.name for operation in OPERATIONS}
    assert {*VARIABLES, *ROLES, *FOLLOWED} <= names
    followed = {each.name for each in OPERATIONS if each.kind is OperationType.SUBSCRIPTION}
    assert followed == FOLLOWED.keys()


def test_the_other_pages_are_executed_elsewhere() -> None:
    reference = [page for page in PAGES if page.parent == REFERENCE]
    shown = {page.stem: list(code_blocks(page, "graphql")) for page in reference}
    assert {name: blocks for name, blocks in shown.items() if blocks} == {
        name: [example] for name, example in EXAMPLES.items()
    }
    before, heading, _ = page_text(WALKTHROUGH).partition("## Add your own domain")
    assert heading, "which is what test_walkthrough.py follows"
    assert "```graphql" not in before


def test_answers_that_show_nothing_are_seen() -> None:
    fine = {"tasks": {"nodes": [{"id": "Task:1", "labels": {"nodes": [{"name": "a"}]}}]}}
    assert list(faults(fine)) == []
    empty = {"tasks": {"nodes": [{"labels": {"nodes": []}}]}, "made": {"code": "NOT_FOUND"}}
    assert list(faults(empty)) == ["no nodes", "NOT_FOUND"]
