"""What docs/architecture.md draws and quotes of the database is what the models and the compiler make."""

import re
from collections.abc import Iterator

from sqlalchemy import ForeignKeyConstraint

from atrium.documents import outdated_documents
from graph.compiler.selection import MAX_OBJECTS
from models import Model
from models.base import new_id
from models.database.identity import ENTER_CALL, ENTER_PARAMETERS
from tests.support.compiled_operations import compile_statements
from tests.support.doc_pages import code_blocks, page_text
from tests.support.source_files import ROOT

ARCHITECTURE = "docs/architecture.md"

# Lines of the picture that are no foreign keys: the database leaves these to triggers and to the rules.
LOOSE = {
    ("tenants", "audit_log"),
    ("orders", "events"),
    ("events", "unsealed"),
    ("audit_log", "unsealed"),
    ("events", "feed"),
    ("audit_log", "feed"),
}

# Columns that the database has and no model, so that nobody reads them along.
UNREAD = {("articles", "vector")}

PICTURE = next(block for block in code_blocks(ARCHITECTURE, "mermaid") if block.startswith("erDiagram"))


def keys() -> Iterator[tuple[str, str, bool]]:
    """Every foreign key: the table that it points at, the table that has it, and whether it may point at nothing."""
    for name, table in Model.metadata.tables.items():
        for key in table.constraints:
            if isinstance(key, ForeignKeyConstraint):
                yield key.referred_table.name, name, any(column.nullable for column in key.columns)


def test_every_foreign_key_is_in_the_picture() -> None:
    drawn = {
        (one, many): left for one, left, many in re.findall(r"^ +(\w+) (\|[|o])--\S+ (\w+) : ", PICTURE, re.MULTILINE)
    }
    assert len(drawn) == PICTURE.count("--")
    assert drawn.keys() - LOOSE == {(one, many) for one, many, _ in keys()}, "Run `uv run atrium docs`."
    needed = {(one, many) for one, many, is_optional in keys() if not is_optional}
    assert {pair for pair, left in drawn.items() if left == "||"} - LOOSE == needed, "Run `uv run atrium docs`."


def test_columns_in_the_picture_are_those_of_the_tables() -> None:
    entities = re.findall(r"^ +(\w+) \{\n(.*?)^ +\}", PICTURE, re.MULTILINE | re.DOTALL)
    assert entities
    for name, body in entities:
        columns = Model.metadata.tables[name].c
        shown = re.findall(r"^ +\S+ (\w+)( PK)?", body, re.MULTILINE)
        assert {(name, column) for column, _ in shown if column not in columns} <= UNREAD
        assert {column for column, key in shown if key} == {each.name for each in columns if each.primary_key}, (
            f"Draw the key of {name} in the picture of docs/architecture.md as its table has it."
        )


# What the examples are given.
VALUES = {"n": 5, "id": f"Task:{new_id()}", "title": "Plan", "seen": 1}


def compile_statement(operation: str) -> str:
    """The statement that an operation of a member becomes."""
    declined, [statement] = compile_statements(operation, VALUES)
    assert declined is None
    return statement


def shorten(statement: str) -> str:
    """A statement without what the page leaves out: quotes, types of parameters, and names that are said twice."""
    for pattern, instead in (
        (r'"', ""),
        (r"(\$\d+)::\w+", r"\1"),
        (r"\b(memberships|orders|tasks)\.", ""),
        (r"\b(\w+) AS \1\b", r"\1"),
        (r"\s+", ""),
    ):
        statement = re.sub(pattern, instead, statement)
    return statement


def test_the_statements_that_are_shown_are_those_that_are_made() -> None:
    for operation, shown in zip(code_blocks(ARCHITECTURE, "graphql"), code_blocks(ARCHITECTURE, "sql"), strict=True):
        assert shorten(shown) == shorten(compile_statement(operation))
        assert shorten(ENTER_CALL) in shorten(shown)
    assert f"`${len(ENTER_PARAMETERS) + 1}`" in page_text(ARCHITECTURE), "the first parameter behind those of the entry"


def test_the_parts_that_follow_from_the_code_are_current() -> None:
    different = sorted(str(path.relative_to(ROOT)) for path in outdated_documents(ROOT))
    assert not different, f"Run `uv run atrium docs`, which writes {different}."


def test_the_most_objects_of_a_statement_are_said() -> None:
    assert f"more than {MAX_OBJECTS} objects" in page_text(ARCHITECTURE)
