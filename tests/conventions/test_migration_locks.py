"""No migration locks a table for longer than a moment, or takes away what the release before still uses."""

import asyncio
from pathlib import Path

import pytest

from atrium import migrate
from tests.conftest import Urls
from tests.support.extra_migrations import extra_migrations, statements
from tests.support.migration_checks import RUNTIME_URL, Fault, find_faults, find_faults_of_migrations

VALUES_KNOWN = "ALTER TABLE tasks ADD CONSTRAINT tasks_note_known CHECK (note IS NOT NULL) NOT VALID"

REFUSED = {
    "an index": (["CREATE INDEX tasks_by_note ON tasks (note)"], "require-concurrent-index-creation"),
    "a dropped index": (["DROP INDEX tasks_by_title_key"], "require-concurrent-index-deletion"),
    "an index made anew": (["REINDEX TABLE tasks"], "require-concurrent-reindex"),
    "a reference": (
        ["ALTER TABLE tasks ADD CONSTRAINT tasks_user FOREIGN KEY (created_by) REFERENCES users (id)"],
        "adding-foreign-key-constraint",
    ),
    "a check": (["ALTER TABLE tasks ADD CONSTRAINT a CHECK (version > 0)"], "constraint-missing-not-valid"),
    "a check that is validated behind the same lock": (
        [VALUES_KNOWN, "ALTER TABLE tasks VALIDATE CONSTRAINT tasks_note_known"],
        "constraint-missing-not-valid",
    ),
    "a check of a new column": (["ALTER TABLE tasks ADD COLUMN a text CHECK (a <> '')"], "check-of-new-column"),
    "a column that has to be known": (["ALTER TABLE tasks ALTER note SET NOT NULL"], "adding-not-nullable-field"),
    "a column that others would have to give": (["ALTER TABLE tasks ADD a text NOT NULL"], "adding-required-field"),
    "a default for each row": (
        ["ALTER TABLE tasks ADD COLUMN a uuid DEFAULT gen_random_uuid()"],
        "adding-field-with-default",
    ),
    "a stored column": (
        ["ALTER TABLE tasks ADD COLUMN a text GENERATED ALWAYS AS (lower(title)) STORED"],
        "adding-field-with-default",
    ),
    "another type": (["ALTER TABLE tasks ALTER COLUMN version TYPE bigint"], "changing-column-type"),
    "a key": (["ALTER TABLE tasks ADD PRIMARY KEY (id)"], "adding-serial-primary-key-field"),
    "a unique column": (["ALTER TABLE tasks ADD UNIQUE (title)"], "disallowed-unique-constraint"),
    "rows in another order": (["CLUSTER tasks USING tasks_pkey"], "rewrite"),
    "rows without gaps": (["VACUUM FULL tasks"], "rewrite"),
    "rows elsewhere": (["ALTER TABLE tasks SET UNLOGGED"], "rewrite"),
    "a lock": (["LOCK TABLE tasks IN SHARE MODE"], "lock-table"),
    "no rows": (["TRUNCATE tasks"], "truncate"),
    "a column by another name": (["ALTER TABLE tasks RENAME COLUMN title TO name"], "renaming-column"),
    "a table by another name": (["ALTER TABLE tasks RENAME TO jobs"], "renaming-table"),
    "a dropped column": (["ALTER TABLE tasks DROP COLUMN title"], "ban-drop-column"),
    "a dropped table": (["DROP TABLE tasks"], "ban-drop-table"),
    "rows that are changed behind a lock": (
        ["ALTER TABLE tasks ADD COLUMN a text", "UPDATE tasks SET a = title"],
        "rows-behind-lock",
    ),
    "rows that are deleted behind a lock": (
        ["DROP TRIGGER audit_delete ON tasks", "DELETE FROM tasks WHERE title = ''"],
        "rows-behind-lock",
    ),
    "rows that are copied behind a lock": (
        [
            "CREATE TABLE titles (title text)",
            "CREATE TRIGGER keep AFTER INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION atrium_touch()",
            "INSERT INTO titles (title) SELECT title FROM tasks",
        ],
        "rows-behind-lock",
    ),
    "what nobody sees": (["DO $$ BEGIN EXECUTE 'ALTER TABLE tasks ADD UNIQUE (title)'; END $$"], "do-block"),
    "a wait without an end": (["SET LOCAL lock_timeout = 0"], "lock-timeout"),
}


NEWEST = migrate.newest_revision()


def faults_of(folder: Path, *upgrades: str, **exceptions: str) -> list[Fault]:
    """What migrations with these bodies do that they may not; the exceptions are the first one's."""
    with extra_migrations(folder, *upgrades) as revisions:
        script = migrate.sql_script(RUNTIME_URL, NEWEST)
    return find_faults(script, {revisions[0]: {rule.replace("_", "-"): why for rule, why in exceptions.items()}})


ACCEPTED = {
    "an index": ['operations.create_index_concurrently("a", "tasks (tenant_id, title, id)")'],
    "indexes of a page": ['operations.create_indexes("tasks", "title", concurrently=True)'],
    "a dropped index": ['operations.drop_index_concurrently("tasks_by_text")'],
    "a reference": [
        statements("ALTER TABLE tasks ADD CONSTRAINT a FOREIGN KEY (created_by) REFERENCES users (id) NOT VALID"),
        statements("ALTER TABLE tasks VALIDATE CONSTRAINT a"),
    ],
    "a column with a check": [
        statements("ALTER TABLE tasks ADD COLUMN a text", "ALTER TABLE tasks ADD CHECK (a <> '') NOT VALID"),
        statements("ALTER TABLE tasks VALIDATE CONSTRAINT tasks_a_check"),
    ],
    "a column that has to be known": [
        statements("ALTER TABLE tasks ADD COLUMN note text DEFAULT ''"),
        statements(VALUES_KNOWN),
        statements("ALTER TABLE tasks VALIDATE CONSTRAINT tasks_note_known"),
        statements("ALTER TABLE tasks ALTER note SET NOT NULL", "ALTER TABLE tasks DROP CONSTRAINT tasks_note_known"),
    ],
    "a default": [statements("ALTER TABLE tasks ADD COLUMN a timestamptz NOT NULL DEFAULT now()")],
    "a unique column": [
        'operations.create_index_concurrently("tasks_key", "tasks (tenant_id, id, title)", unique=True)',
        statements("ALTER TABLE tasks ADD CONSTRAINT tasks_key UNIQUE USING INDEX tasks_key"),
    ],
    "rows that are changed": [
        statements("ALTER TABLE tasks ADD COLUMN a text"),
        statements("UPDATE tasks SET a = title WHERE a IS NULL"),
    ],
    "a table": [
        'operations.create_tenant_table("notes", "text text NOT NULL CHECK (text <> \'\')", grants="SELECT")\n'
        'operations.create_indexes("notes", "text")\n'
        + statements(
            "INSERT INTO notes (tenant_id, id, text) SELECT tenant_id, id, title FROM tasks WHERE title <> ''"
        ),
    ],
}


def test_no_migration_locks_a_table_or_takes_away_what_is_used() -> None:
    faults = find_faults_of_migrations()
    assert faults == [], "\n".join(map(str, faults))


@pytest.mark.parametrize(("texts", "rule"), REFUSED.values(), ids=REFUSED)
def test_what_locks_or_takes_away_is_refused_by_its_line(texts: list[str], rule: str, tmp_path: Path) -> None:
    faults = faults_of(tmp_path, statements(*texts))
    assert {fault.revision for fault in faults} == {f"{int(NEWEST) + 1:04}"}
    assert rule in {fault.rule for fault in faults}
    told = [str(fault) for fault in faults if fault.rule == rule]
    assert any(line in message and len(message) > len(line) + 40 for line in texts for message in told), told


@pytest.mark.parametrize("upgrades", ACCEPTED.values(), ids=ACCEPTED)
async def test_the_other_way_is_accepted_and_works(upgrades: list[str], urls: Urls, tmp_path: Path) -> None:
    with extra_migrations(tmp_path, *upgrades):
        assert find_faults(migrate.sql_script(RUNTIME_URL, NEWEST)) == []
        await asyncio.to_thread(migrate.upgrade, urls.owner, urls.runtime)


def test_an_index_that_is_made_beside_writers_is_alone(tmp_path: Path) -> None:
    index = ACCEPTED["an index"][0]
    faults = faults_of(tmp_path, statements("ALTER TABLE tasks ADD COLUMN a text") + "\n" + index)
    assert [(fault.rule, fault.statement) for fault in faults] == [("half-done", "ALTER TABLE tasks ADD COLUMN a text")]


def test_what_no_program_uses_any_more_is_dropped_with_a_reason(tmp_path: Path) -> None:
    for folder in ("with", "without", "needless"):
        (tmp_path / folder).mkdir()
    drop, reason = statements("ALTER TABLE tasks DROP COLUMN title"), "Nothing has read it since 0.3.0."
    assert faults_of(tmp_path / "with", drop, ban_drop_column=reason) == []
    assert [fault.rule for fault in faults_of(tmp_path / "without", drop, ban_drop_column=" ")] == ["ban-drop-column"]
    needless = faults_of(tmp_path / "needless", drop, ban_drop_column=reason, ban_drop_table=reason)
    assert [(fault.rule, fault.advice) for fault in needless] == [
        ("ban-drop-table", "Take this exception out: nothing needs it.")
    ]


def test_a_script_without_a_limit_for_locks_is_refused(tmp_path: Path) -> None:
    with extra_migrations(tmp_path, statements("ALTER TABLE tasks ADD COLUMN a text")):
        script = migrate.sql_script(RUNTIME_URL, NEWEST)
    assert find_faults(script) == []
    endless = script.replace("SET lock_timeout", "-- SET lock_timeout")
    assert [fault.rule for fault in find_faults(endless)] == ["require-lock-timeout"]
