"""What migrations may not do: lock a table for longer than a moment, or take away what the release before still uses.

It reads the SQL that `atrium migrate --sql` writes of every migration since the last release that was checked by
nobody. squawk knows most of it (.squawk.toml); what it does not know stands here. As a program it prints what it finds.
"""

import json
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from alembic.script import ScriptDirectory

from atrium import migrate
from tests.support.source_files import ROOT

__all__ = ["LAST_UNCHECKED", "RUNTIME_URL", "Fault", "find_faults", "find_faults_of_migrations"]

LAST_UNCHECKED = "0031"
"""The newest revision of release 0.2.0, up to which migrations are as they are."""

LINE_LENGTH = 120
RUNTIME_URL = "postgresql+asyncpg://atrium_app@127.0.0.1/atrium"

QUOTED = re.compile(r"\$(\w*)\$.*?\$\1\$|'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)
STEP = re.compile(r"^-- Running upgrade \S* ?-> (\w+)", re.MULTILINE)
NEW_TABLE = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)")
CHANGED_TABLE = re.compile(
    r"(?:ALTER TABLE (?:ONLY )?(?:IF EXISTS )?|(?:CREATE|DROP) (?:OR REPLACE )?(?:CONSTRAINT )?TRIGGER .*? ON )(\w+)"
)
FILLED_TABLE = re.compile(r"(?:UPDATE|DELETE FROM|INSERT INTO|MERGE INTO) (?:ONLY )?(\w+)")
BOOKKEEPING = re.compile(r"(?:UPDATE|INSERT INTO|COMMENT ON TABLE) alembic_version\b")
BESIDE_WRITERS = re.compile(
    r"(?:CREATE (?:UNIQUE )?INDEX|DROP INDEX|REINDEX .*?) CONCURRENTLY|CREATE STATISTICS IF NOT|SET lock_timeout"
)

REFUSED = {
    "lock-table": (r"LOCK\b", "Leave it out: each statement takes the lock that it needs."),
    "rewrite": (
        r"CLUSTER\b|VACUUM\b|ALTER TABLE .*\bSET (?:LOGGED|UNLOGGED|TABLESPACE|ACCESS METHOD)\b",
        "Leave it to an operator, who knows when nobody is about: the table is written anew behind a lock.",
    ),
    "truncate": (r"TRUNCATE\b", "Delete the rows in batches, in a migration of its own: TRUNCATE locks out readers."),
    "refresh": (r"REFRESH MATERIALIZED VIEW (?!CONCURRENTLY)", "Write REFRESH MATERIALIZED VIEW CONCURRENTLY."),
    "check-of-new-column": (
        r"ALTER TABLE .*\bADD (?:COLUMN )?(?!CONSTRAINT\b|CHECK\b)\w+ (?:(?!, ADD\b).)*\bCHECK \(",
        "Add the column without its check, then the check NOT VALID, and VALIDATE it in the next migration.",
    ),
    "lock-timeout": (
        r"(?:RE)?SET (?:LOCAL |SESSION )?lock_timeout|RESET ALL",
        "Leave it out: what runs migrations has set it, for all of them.",
    ),
}
"""By rule, what statements of a transaction are refused, and what to write instead."""

EXPAND_AND_CONTRACT = (
    "Make what is new beside it, and take it away a release after the last program that uses it; then give the reason"
    " in `exceptions`."
)
"""What to write instead where squawk says only that programs of before may need something."""

IN_DO = re.compile(
    r"\b(?:ALTER TABLE|DROP (?:TABLE|INDEX)|UPDATE \w+ SET|DELETE FROM|TRUNCATE|LOCK|CREATE (?:UNIQUE )?INDEX)\b",
    re.IGNORECASE,
)
"""What a DO block may not hide."""


class Statement(NamedTuple):
    """One statement of a migration."""

    revision: str
    line: int
    text: str
    """As it was written."""
    words: str
    """Without what is quoted, in one line, with single spaces."""


class Fault(NamedTuple):
    """What a migration may not do."""

    revision: str
    rule: str
    statement: str
    """Its first line."""
    advice: str

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.revision}: {self.statement}\n    {self.rule}: {self.advice}"


def find_faults(script: str, exceptions: Mapping[str, Mapping[str, str]] | None = None) -> list[Fault]:
    """What the SQL of migrations does that it may not.

    Args:
        script: as `migrate.sql_script` gives it.
        exceptions: by revision and rule, why something is allowed nevertheless; one that allows nothing is a fault too.
    """
    statements = list(split_script(script))
    found = [*ask_squawk(script, statements), *find_own_faults(statements)]
    given = ((revision, *each) for revision, rules in (exceptions or {}).items() for each in rules.items())
    allowed = {(revision, rule) for revision, rule, reason in given if reason.strip()}
    needed = {(fault.revision, fault.rule) for fault in found}
    unneeded = (Fault(*pair, "", "Take this exception out: nothing needs it.") for pair in sorted(allowed - needed))
    return [*(fault for fault in found if (fault.revision, fault.rule) not in allowed), *unneeded]


def split_script(script: str) -> Iterator[Statement]:
    """The statements of each migration; those before the first are of none."""
    blanked = QUOTED.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), script)
    steps = [(match.start(), match[1]) for match in STEP.finditer(script)]
    for match in re.finditer(r"[^;\s][^;]*;", blanked):
        revision = next((name for start, name in reversed(steps) if start < match.end()), "")
        line = script.count("\n", 0, match.start()) + 1
        text = script[match.start() : match.end() - 1]
        yield Statement(revision, line, text.strip(), " ".join(match[0].rstrip(";").split()))


def ask_squawk(script: str, statements: list[Statement]) -> Iterator[Fault]:
    """What squawk has to say."""
    command = [Path(sysconfig.get_path("scripts"), "squawk"), "--config", ROOT / ".squawk.toml", "--reporter", "json"]
    text = re.sub(r"^\\.*$", "", script, flags=re.MULTILINE)  # psql's own commands are no SQL
    ended = subprocess.run(command, input=text, capture_output=True, text=True, check=False, encoding="utf-8")
    assert ended.returncode in {0, 1}, ended.stderr
    for said in json.loads(ended.stdout):
        statement = next(each for each in reversed(statements) if each.line <= said["line"] + 1)
        advice = " ".join(filter(None, (said["message"], said["help"] or EXPAND_AND_CONTRACT)))
        yield Fault(statement.revision, said["rule_name"], first_line(statement), advice)


def find_own_faults(statements: list[Statement]) -> Iterator[Fault]:
    """What squawk does not know."""
    for revision in dict.fromkeys(statement.revision for statement in statements if statement.revision):
        those = [statement for statement in statements if statement.revision == revision]
        made = {name for statement in those for name in NEW_TABLE.findall(statement.words)}
        yield from find_refused(those)
        yield from find_filled_behind_locks(those, made)
        yield from find_half_done(those)


def find_refused(statements: list[Statement]) -> Iterator[Fault]:
    """Statements that are refused for themselves."""
    is_transaction = True
    for statement in statements:
        is_transaction = {"COMMIT": False, "BEGIN": True}.get(statement.words, is_transaction)
        for rule, (pattern, advice) in REFUSED.items():
            if is_transaction and re.match(pattern, statement.words):
                yield Fault(statement.revision, rule, first_line(statement), advice)
        if statement.words.partition(" ")[0] == "DO" and IN_DO.search(statement.text):
            advice = "Write these statements themselves: nobody sees what a DO block does to a table."
            yield Fault(statement.revision, "do-block", first_line(statement), advice)


def find_filled_behind_locks(statements: list[Statement], made: set[str]) -> Iterator[Fault]:
    """Rows that are written while the transaction holds a lock of a table that others use."""
    locked = {name for statement in statements for name in CHANGED_TABLE.findall(statement.words)} - made
    for statement in statements:
        is_filling = FILLED_TABLE.match(statement.words) and " VALUES " not in f"{statement.words} "
        if locked and is_filling and not BOOKKEEPING.match(statement.words):
            advice = f"Put it into a migration of its own: this one keeps others out of {', '.join(sorted(locked))}."
            yield Fault(statement.revision, "rows-behind-lock", first_line(statement), advice)


def find_half_done(statements: list[Statement]) -> Iterator[Fault]:
    """What stays behind when an index that is made beside writers is broken off."""
    inside = [statement for statement in statements if statement.words != "BEGIN"]  # the last one's is the next one's
    if all(statement.words != "COMMIT" for statement in inside[:-1]):
        return
    for statement in inside:
        is_known = BESIDE_WRITERS.match(statement.words) or BOOKKEEPING.match(statement.words)
        if not is_known and statement.words != "COMMIT":
            advice = "Put it into a migration of its own: beside CONCURRENTLY it is no part of one transaction."
            yield Fault(statement.revision, "half-done", first_line(statement), advice)


def first_line(statement: Statement) -> str:
    """How a statement begins."""
    return statement.text.partition("\n")[0][:LINE_LENGTH]


def find_faults_of_migrations() -> list[Fault]:
    """What the migrations since the last unchecked one do that they may not."""
    scripts = ScriptDirectory(str(migrate.MIGRATIONS_FOLDER)).iterate_revisions("head", LAST_UNCHECKED)
    exceptions = {script.revision: getattr(script.module, "exceptions", {}) for script in scripts}
    return find_faults(migrate.sql_script(RUNTIME_URL, LAST_UNCHECKED), exceptions)


if __name__ == "__main__":
    found = find_faults_of_migrations()
    print("\n".join(map(str, found)))  # noqa: T201  # for a shell
    sys.exit(bool(found))
