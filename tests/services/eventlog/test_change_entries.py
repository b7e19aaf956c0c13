"""Entries of the audit log about one table, as the feed hands them on."""

import pytest

from models import Task
from models.base import table_of
from services import tasks
from services.errors import Forbidden
from services.eventlog.change_entries import change_entries, is_of_table, select_without_request
from services.permissions import Permission


def test_the_entries_are_those_of_the_collections_table() -> None:
    condition = is_of_table(tasks.TASKS).compile(compile_kwargs={"literal_binds": True})
    assert str(condition) == f"audit_log.table_name = '{table_of(Task).name}'"


def test_where_a_change_was_asked_for_from_is_left_out() -> None:
    text = str(select_without_request())
    assert all(f"CAST(NULL AS TEXT) AS {name}" in text for name in ("request_id", "ip", "user_agent"))
    assert "audit_log.tenant_id = :tenant_id" in text


def test_whoever_sees_nothing_of_the_table_sees_no_entries() -> None:
    entries = change_entries(tasks.TASKS)
    assert str(entries.visible(frozenset({Permission.TASKS_READ}))) != ""
    with pytest.raises(Forbidden):
        entries.visible(frozenset({Permission.PRODUCTS_READ}))
