"""Whatever a tenant owns is audited, or stands on the list of what is not, with a reason."""

import asyncpg
import pytest

from tests.support.audit_exemptions import EXEMPT
from tests.support.pg_catalog import table_names

ACTIONS = {"audit_insert", "audit_update", "audit_delete"}

TRIGGERS = "SELECT tgrelid::regclass::text, tgname, tgargs FROM pg_trigger WHERE tgname ~ '^audit_'"
GENERATED = """
    SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attgenerated <> '' ORDER BY attname
"""
SECRETS = """
    SELECT column_name FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = $1 AND column_name ~ '(digest|hash|secret|password|salt)'
    ORDER BY column_name
"""


Triggers = dict[str, dict[str, list[str]]]


@pytest.fixture
async def triggers(owner_connection: asyncpg.Connection) -> Triggers:
    """By table, the triggers that write into the log, with their arguments."""
    found: Triggers = {}
    for table, name, arguments in await owner_connection.fetch(TRIGGERS):
        found.setdefault(table, {})[name] = arguments.decode().split("\0")
    return found


async def test_no_table_escapes(owner_connection: asyncpg.Connection, triggers: Triggers) -> None:
    escaped = await table_names(owner_connection) - triggers.keys() - EXEMPT.keys()
    assert not escaped, (
        f"Call add_audit_triggers in the migration of {sorted(escaped)}, or write why their changes are not"
        " written down into tests/support/audit_exemptions.py."
    )
    gone = EXEMPT.keys() - await table_names(owner_connection) | triggers.keys() & EXEMPT.keys()
    assert not gone, f"Take {sorted(gone)} out of tests/support/audit_exemptions.py: they are gone, or written down."
    for table, made in triggers.items():
        assert made.keys() == ACTIONS, f"Call add_audit_triggers({table!r}) in a migration, which makes all of them."


async def test_triggers_know_what_is_generated_and_what_is_secret(
    owner_connection: asyncpg.Connection, triggers: Triggers
) -> None:
    for table, made in triggers.items():
        generated = [name for (name,) in await owner_connection.fetch(GENERATED, table)]
        secrets = [name for (name,) in await owner_connection.fetch(SECRETS, table)]
        for arguments in made.values():
            told = [sorted(filter(None, argument.strip("{}").split(","))) for argument in arguments[:2]]
            assert told == [generated, secrets], (
                f"Call add_audit_triggers({table!r}) again where a migration changes its generated or secret columns."
            )
