"""What operators do with trusted documents from the command line: add, list, check and remove them."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from graphql import DocumentNode, GraphQLError, build_schema, print_schema

from atrium.admin import open_transaction
from atrium.manifests import SHA256_PREFIX, ManifestDocument, ManifestError, document_digest, read_manifest
from atrium.schema_changes import SchemaUnreadable, compare_schemas, deprecations
from atrium.settings import Settings
from atrium.web.build import STATIC
from atrium.web.built_pages import BACKOFFICE
from graph.schema import Schema, create_schema
from graph.trusted_documents import deprecated_uses, document_faults, only_operation, used_fields
from models import TrustedDocument
from services import trusted_documents
from services.errors import AlreadyExists, NotFound
from services.trusted_documents import NewTrustedDocument

__all__ = [
    "NAMING",
    "STORED",
    "BrokenDocument",
    "DocumentFaults",
    "DocumentsAction",
    "Report",
    "add_manifest",
    "broken_documents",
    "check_schema",
    "list_documents",
    "remove_documents",
    "run",
    "stored_documents",
]

STORED = "stored"
"""What stands for the documents that are stored, where documents are named."""

DOCUMENT_ID = re.compile(r"[A-Za-z0-9._~-]{1,255}|(?=.{1,255}\Z)[A-Za-z0-9._~-]+:[A-Za-z0-9._~-]+")
"""The syntax of GraphQL over HTTP, appendix A: a custom identifier, or a prefix and what is behind it."""


class DocumentsAction(StrEnum):
    """What `atrium documents` does."""

    ADD = "add"
    LIST = "list"
    CHECK = "check"
    REMOVE = "remove"


NAMING = frozenset({DocumentsAction.ADD, DocumentsAction.REMOVE})
"""Actions that are told what to act on."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a command has to say."""

    messages: Sequence[str] = ()
    """Sentences for the operator."""
    output: Sequence[str] = ()
    """What the command was asked for, a line each."""
    is_good: bool = True


class DocumentFaults(Exception):
    """What is wrong with documents; one sentence for each fault."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class BrokenDocument:
    """A document that does not fit the schema."""

    label: str
    """Its id, and the name of its operation where the manifest says it."""
    faults: Sequence[str]
    fields: Sequence[str]
    """What it selects, such as `Task.title`."""

    def lines(self) -> Iterator[str]:
        """Yield what is wrong, and which fields the document uses."""
        yield from (f"{self.label}: {' '.join(fault.split())}" for fault in self.faults)
        if self.fields:
            yield f"{self.label} uses {', '.join(self.fields)}."


async def run(action: DocumentsAction, names: Sequence[str], owner_url: str, settings: Settings) -> Report:
    """Do what `atrium documents` was told, and say what came of it."""
    if action is DocumentsAction.LIST:
        return Report(output=[json.dumps(each, default=str) for each in await list_documents(owner_url)])
    if action is DocumentsAction.REMOVE:
        return await _remove(owner_url, names)
    schema = create_schema(settings.limits, introspection=settings.introspection_enabled, compiler=False)
    if action is DocumentsAction.CHECK:
        return _check(schema, await stored_documents(owner_url))
    counts = [0, 0]
    for name in names:
        try:
            added = await add_manifest(owner_url, schema, _manifest_path(name))
        except (ManifestError, DocumentFaults) as error:
            return Report([*str(error).splitlines(), "Nothing of this manifest was added."], is_good=False)
        counts = [before + more for before, more in zip(counts, added, strict=True)]
    return Report([f"{counts[0]} trusted documents added, {counts[1]} were there already."])


def _manifest_path(name: str) -> Path:
    return STATIC / name / "persisted-documents.json" if name == BACKOFFICE.name else Path(name)


async def _remove(owner_url: str, ids: Sequence[str]) -> Report:
    try:
        await remove_documents(owner_url, ids)
    except NotFound as error:
        return Report([error.message, "Nothing was removed."], is_good=False)
    return Report([f"{len(set(ids))} trusted documents removed."])


async def check_schema(current: Schema, old: Path | None, named: str | None, owner_url: str | None) -> Report:
    """Say what the current schema breaks.

    It is good if all documents fit, or without documents, if no change can break any.

    Args:
        current: the schema.
        old: a file with another one, to compare with.
        named: the path of a manifest; with `owner_url`, the documents are those that are stored there.
        owner_url: the database as the owner role.
    """
    lines: list[str] = []
    is_good = True
    try:
        if old is not None:
            changes = compare_schemas(old, current.as_str())
            lines += [f"Breaking: {each}" for each in changes.breaking]
            lines += [f"Dangerous: {each}" for each in changes.dangerous]
            is_good = not changes.breaking
        lines += [f"Deprecated: {each.coordinate}: {each.reason}" for each in deprecations(current.graphql)]
        if named is not None:
            documents = read_manifest(Path(named)) if owner_url is None else await stored_documents(owner_url)
            checked = _check(current, documents)
            lines += checked.messages
            is_good = checked.is_good
    except (ManifestError, SchemaUnreadable) as error:
        return Report(str(error).splitlines(), is_good=False)
    return Report([*lines, *([] if is_good else ["The schema breaks clients."])], is_good=is_good)


def _check(schema: Schema, documents: Sequence[ManifestDocument]) -> Report:
    """Say which documents do not fit a schema, and which use what is deprecated."""
    broken = broken_documents(schema, documents)
    lines = [line for each in broken for line in each.lines()]
    total = f"{len(documents) - len(broken)} of {len(documents)} trusted documents fit the schema."
    return Report([*lines, *_deprecated_uses(schema, documents), total], is_good=not broken)


async def add_manifest(owner_url: str, schema: Schema, path: Path) -> tuple[int, int]:
    """Store the documents of a manifest, all or none; return how many are new, and how many were there already.

    Raises:
        ManifestError: it cannot be read.
        DocumentFaults: documents do not fit the schema or its limits, their ids do not fit them, or stand for others.
    """
    documents = read_manifest(path)
    faults = [fault for document in documents for fault in _faults(schema, document)]
    faults += _repeated_ids(documents)
    if faults:
        raise DocumentFaults(faults)
    new = {document.id: _to_row(schema, document) for document in documents}
    try:
        async with open_transaction(owner_url) as session:
            count = await trusted_documents.insert_documents(session, list(new.values()))
    except AlreadyExists as error:
        raise DocumentFaults(error.message.splitlines()) from None
    return count, len(new) - count


async def remove_documents(owner_url: str, ids: Sequence[str]) -> None:
    """Remove documents, all or none.

    Raises:
        NotFound: there is none of one of these ids.
    """
    async with open_transaction(owner_url) as session:
        await trusted_documents.delete_documents(session, ids)


async def list_documents(owner_url: str) -> list[dict[str, Any]]:
    """Return what is stored of each document, but for its text."""
    async with open_transaction(owner_url) as session:
        rows = await trusted_documents.select_all(session)
    names = ("id", "sha256", "operation_type", "operation_name", "added_at")
    return [{name: getattr(row, name) for name in names} for row in rows]


async def stored_documents(owner_url: str) -> list[ManifestDocument]:
    """Return the documents that are stored."""
    async with open_transaction(owner_url) as session:
        rows: list[TrustedDocument] = await trusted_documents.select_all(session)
    return [ManifestDocument(row.id, row.source, row.operation_type, row.operation_name) for row in rows]


def broken_documents(schema: Schema, documents: Sequence[ManifestDocument]) -> list[BrokenDocument]:
    """Return the documents that do not fit a schema and its limits, with the fields that they use."""
    return [
        BrokenDocument(_label(document), faults, _used_fields(schema, document))
        for document in documents
        if (faults := document_faults(schema.graphql, schema.document_cache, document.source))
    ]


def _deprecated_uses(schema: Schema, documents: Sequence[ManifestDocument]) -> list[str]:
    """Return a sentence for each part of the schema that is deprecated and that a document uses."""
    if not deprecations(schema.graphql):
        return []
    from_sdl = build_schema(print_schema(schema.graphql))  # graphql-core's rule looks at the nodes that it was built of
    return [
        f"{_label(document)}: {' '.join(use.split())}"
        for document in documents
        if (parsed := _parsed(schema, document)) is not None
        for use in deprecated_uses(from_sdl, parsed)
    ]


def _used_fields(schema: Schema, document: ManifestDocument) -> list[str]:
    parsed = _parsed(schema, document)
    return used_fields(schema.graphql, parsed) if parsed is not None else []


def _label(document: ManifestDocument) -> str:
    return f"{document.id} {document.name}" if document.name else document.id


def _parsed(schema: Schema, document: ManifestDocument) -> DocumentNode | None:
    try:
        return schema.document_cache.document(document.source, None)
    except GraphQLError:
        return None


def _faults(schema: Schema, document: ManifestDocument) -> Iterator[str]:
    """Yield what is wrong with one document of a manifest."""
    if not DOCUMENT_ID.fullmatch(document.id):
        yield f"{document.id[:100]!r} is no id: letters, digits and .-_~, with one colon at most."
        return
    is_hash = document.id.startswith(SHA256_PREFIX)
    if is_hash and document.id != f"{SHA256_PREFIX}{document_digest(document.source)}":
        yield f"{document.id}: this is not the hash of its text."
    if "\x00" in document.source:
        yield f"{document.id}: the text holds the character NUL."
        return
    faults = document_faults(schema.graphql, schema.document_cache, document.source)
    yield from (f"{document.id}: {' '.join(fault.split())}" for fault in faults)
    if not faults:
        row = _to_row(schema, document)
        for said, found, what in (
            (document.type, row.operation_type, "type"),
            (document.name, row.operation_name, "name"),
        ):
            if said is not None and said != found:
                yield f"{document.id}: the manifest gives the {what} {said}, and the operation has {found}."


def _repeated_ids(documents: Sequence[ManifestDocument]) -> list[str]:
    """Return a sentence for each id that stands for more than one text."""
    counts = Counter(id_ for id_, _ in {(document.id, document.source) for document in documents})
    return [f"{id_}: the manifest has this id more than once." for id_, count in sorted(counts.items()) if count > 1]


def _to_row(schema: Schema, document: ManifestDocument) -> NewTrustedDocument:
    operation = only_operation(schema.document_cache.document(document.source, None))
    assert operation is not None, "it has no faults"
    return NewTrustedDocument(
        id=document.id,
        sha256=document_digest(document.source),
        operation_type=operation.operation.value,
        operation_name=operation.name.value if operation.name else None,
        source=document.source,
    )
