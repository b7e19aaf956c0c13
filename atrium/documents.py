"""What of the documents follows from the code: `atrium docs` writes it, and a test compares it.

A part stands between `<!-- name -->` and `<!-- /name -->`. In the picture of the tables, the lines of foreign keys are
kept with their labels as long as the keys are there; what is new gets its column's name as its label.
"""

import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

from graphql import GraphQLObjectType
from sqlalchemy import ForeignKeyConstraint

from atrium.schema_reference import PAGE_WIDTH, reference_pages
from atrium.settings_reference import settings_table
from graph import schema
from models import Model

__all__ = ["outdated_documents"]

PICTURE = re.compile(r'^    (\w+) (\|[|o])--\S+ (\w+) : "[^"]*"\n', re.MULTILINE)
ENTITY = re.compile(r"^    (\w+)(?: \{)?$", re.MULTILINE)
NO_KEYS = frozenset(
    {("tenants", "audit_log"), ("orders", "events"), ("events", "unsealed"), ("audit_log", "unsealed")}
    | {("events", "feed"), ("audit_log", "feed")}
)
"""Lines of the picture that are no foreign keys: the database leaves these to triggers and to the rules."""


def current_documents(root: Path) -> dict[Path, str]:
    """Return the documents that have such parts, as they should be, and the whole reference of the schema."""
    parts: dict[str, dict[str, Callable[[], str]]] = {
        "docs/operations.md": {"settings": settings_table},
        "docs/clients.md": {"histories": _types_with_history},
        "SECURITY.md": {"histories": _visible_histories},
        "docs/architecture.md": {"row-updates": _row_updates},
    }
    found = {}
    for name, texts in parts.items():
        text = (root / name).read_text(encoding="utf-8")
        for mark, part in texts.items():
            before, start, rest = text.partition(f"<!-- {mark} -->\n")
            _, end, after = rest.partition(f"<!-- /{mark} -->")
            assert start, f"{name} has no part {mark}"
            text = before + start + part() + end + after
        found[root / name] = text
    architecture = root / "docs/architecture.md"
    found[architecture] = _with_foreign_keys(found[architecture])
    return found | reference_pages(root)


def outdated_documents(root: Path) -> dict[Path, str]:
    """Return those that are not there, or say something else, as they should be."""
    return {
        path: text
        for path, text in current_documents(root).items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }


def _filled(sentence: str) -> str:
    """Return a sentence as a paragraph."""
    return textwrap.fill(sentence, PAGE_WIDTH) + "\n"


def _types_with_history() -> str:
    return _filled(f"{_listed(_histories(), '', 'and').capitalize()} have a `history`.")


def _visible_histories() -> str:
    return _filled(f"Whoever sees {_listed(_histories(), 'a', 'or')} sees its history too.")


def _histories() -> list[str]:
    """Return the types that have a history, in words."""
    types = schema.create_schema().graphql.type_map.values()
    having = [type_.name for type_ in types if isinstance(type_, GraphQLObjectType) and "history" in type_.fields]
    return [re.sub("(?<!^)(?=[A-Z])", " ", name).lower() for name in sorted(having)]


def _listed(words: list[str], article: str, conjunction: str) -> str:
    """Return some words in a sentence: with an article each, or in the plural."""
    if article:
        said = [f"{'an' if word[0] in 'aeiou' else 'a'} {word}" for word in words]
    else:
        said = [f"{word[:-1]}ies" if word.endswith("y") else f"{word}s" for word in words]
    return f"{', '.join(said[:-1])} {conjunction} {said[-1]}"


def _row_updates() -> str:
    """Return the mutations that come down to one statement."""
    fields = schema.create_schema().graphql.mutation_type
    assert fields is not None
    names = []
    for name, field in fields.fields.items():
        if getattr(field.extensions.get("strawberry-definition"), "row_update", None):
            names.append(f"`{name}`")
    return _filled(f"These are {', '.join(names[:-1])} and {names[-1]}.")


def _foreign_keys() -> Iterator[tuple[tuple[str, str], bool, str]]:
    """Every foreign key: both tables, whether it may point at nothing, and a word for it."""
    for name, table in Model.metadata.tables.items():
        for key in table.constraints:
            if isinstance(key, ForeignKeyConstraint):
                column = key.column_keys[-1].removesuffix("_id")
                optional = any(each.nullable for each in key.columns)
                yield (key.referred_table.name, name), optional, "owns" if column == "tenant" else column


def _with_foreign_keys(text: str) -> str:
    """Return the picture of the tables with a line for each foreign key."""
    keys: dict[tuple[str, str], tuple[bool, list[str]]] = {}
    for tables, optional, word in _foreign_keys():
        before, words = keys.get(tables, (True, []))
        keys[tables] = (before and optional, [*words, word])
    drawn: set[tuple[str, str]] = set()

    def kept(found: re.Match[str]) -> str:
        tables = (found[1], found[3])
        drawn.add(tables)
        if tables in NO_KEYS:
            return found[0]
        if tables not in keys:
            return ""
        return found[0].replace(f" {found[2]}--", f" {'|o' if keys[tables][0] else '||'}--", 1)

    text = PICTURE.sub(kept, text)
    more = "".join(
        f'    {one} {"|o" if optional else "||"}--o{{ {many} : "{", ".join(words)}"\n'
        for (one, many), (optional, words) in keys.items()
        if (one, many) not in drawn
    )
    shown = set(ENTITY.findall(text))
    more += "".join(f"    {table}\n" for table in Model.metadata.tables if table not in shown)
    last = list(PICTURE.finditer(text))[-1].end()
    return text[:last] + more + text[last:]
