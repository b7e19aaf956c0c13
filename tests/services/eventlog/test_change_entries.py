"""Entries of the audit log about one table, as the feed hands them on."""

import pytest
from sqlalchemy import Uuid, literal

from models import Task
from models.base import new_id, table_of
from services import tasks
from services.errors import Forbidden
from services.eventlog.change_entries import change_entries, filtered_entries, is_of_table, select_without_request
from services.permissions import Permission


def test_the_entries_are_those_of_the_collections_table() -> None:
    condition = is_of_table(tasks.TASKS).compile(compile_kwargs={"literal_binds": True})
    assert str(condition) == f"audit_log.table_name = '{table_of(Task).name}'"


def test_entries_can_be_those_of_rows_that_meet_a_condition() -> None:
    project_id = new_id()
    entries = filtered_entries(tasks.TASKS, [("id", literal(project_id, Uuid()))])
    assert "audit_log.row_id = " in str(entries.visible(frozenset({Permission.TASKS_READ})))
    entries = filtered_entries(tasks.TASKS, [("project_id", literal(project_id, Uuid()))])
    text = str(entries.visible(frozenset({Permission.TASKS_READ})))
    assert all(part in text for part in ("old_values", "new_values", "EXISTS", "tasks.project_id"))
    with pytest.raises(Forbidden):
        entries.visible(frozenset({Permission.PRODUCTS_READ}))


def test_where_a_change_was_asked_for_from_is_left_out() -> None:
    text = str(select_without_request())
    assert all(f"CAST(NULL AS TEXT) AS {name}" in text for name in ("request_id", "ip", "user_agent"))
    assert "audit_log.tenant_id = :tenant_id" in text


def test_whoever_sees_nothing_of_the_table_sees_no_entries() -> None:
    entries = change_entries(tasks.TASKS)
    assert str(entries.visible(frozenset({Permission.TASKS_READ}))) != ""
    with pytest.raises(Forbidden):
        entries.visible(frozenset({Permission.PRODUCTS_READ}))
