"""Manifests of trusted documents, as the tools of GraphQL clients write them, or a folder of .graphql files."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    Visitor,
    parse,
    print_ast,
    visit,
)

__all__ = ["SHA256_PREFIX", "ManifestDocument", "ManifestError", "document_digest", "read_manifest"]

APOLLO_FORMAT = "apollo-persisted-query-manifest"
SUFFIXES = frozenset({".graphql", ".gql"})
SHA256_PREFIX = "sha256:"


class ManifestError(Exception):
    """A manifest that cannot be read; the message is one sentence for each fault, a line each."""


@dataclass(frozen=True, slots=True)
class ManifestDocument:
    """One document of a manifest."""

    id: str
    source: str
    type: str | None = None
    """The type of its operation, where the manifest says it."""
    name: str | None = None
    """The name of its operation, where the manifest says it."""


def document_digest(source: str) -> str:
    """Return the SHA-256 of a document's text in UTF-8, as hexadecimal digits in lower case."""
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()


def read_manifest(path: Path) -> list[ManifestDocument]:
    """Return the documents of a manifest.

    It is Apollo's (`apollo-persisted-query-manifest`, version 1), an object of texts by their ids, as Relay and
    graphql-codegen write it, or a folder of .graphql files.

    Raises:
        ManifestError: it is none of these, or cannot be read.
    """
    try:
        if path.is_dir():
            return _read_folder(path)
        data = orjson.loads(path.read_bytes())
    except OSError as error:
        raise ManifestError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise ManifestError(f"{path} is not JSON.") from None
    if isinstance(data, dict) and data.get("format") == APOLLO_FORMAT:
        return _read_apollo(path, data)
    if isinstance(data, dict) and data and all(isinstance(text, str) for text in data.values()):
        return [ManifestDocument(id_, text) for id_, text in data.items()]
    raise ManifestError(
        f"{path} is no manifest: neither Apollo's ({APOLLO_FORMAT}) nor an object of texts by their ids."
    )


def _read_apollo(path: Path, data: Mapping[str, Any]) -> list[ManifestDocument]:
    if data.get("version") != 1:
        raise ManifestError(f"{path} has another version than 1, which is the only one that is known.")
    operations = data.get("operations")
    if not isinstance(operations, list):
        raise ManifestError(f"{path} has no list of operations.")
    found = []
    for number, each in enumerate(operations, 1):
        if not isinstance(each, dict) or not all(isinstance(each.get(key), str) for key in ("id", "body")):
            raise ManifestError(f"{path}: operation {number} has no id or no body.")
        found.append(ManifestDocument(each["id"], each["body"], each.get("type"), each.get("name")))
    return found


def _read_folder(path: Path) -> list[ManifestDocument]:
    """Return one document for each operation of a folder; its id is the hash of its text.

    The text is the file's, to the last byte, where that is one operation with all its fragments. Else it is the
    operation and its fragments, wherever in the folder they are, as graphql-js prints them.
    """
    files = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES)
    if not files:
        raise ManifestError(f"{path} has no .graphql files.")
    parsed: dict[Path, tuple[str, DocumentNode]] = {}
    faults = []
    for file in files:
        try:
            source = file.read_text(encoding="utf-8")
            parsed[file] = (source, parse(source, no_location=True))
        except UnicodeDecodeError:
            faults.append(f"{file} is not UTF-8.")
        except GraphQLError as error:
            faults.append(f"{file}: {error.message}")
    fragments: dict[str, FragmentDefinitionNode] = {}
    for file, (_, document) in parsed.items():
        for node in document.definitions:
            if isinstance(node, FragmentDefinitionNode):
                if node.name.value in fragments:
                    faults.append(f"{file}: the fragment {node.name.value} is there more than once.")
                fragments[node.name.value] = node
    if faults:
        raise ManifestError("\n".join(faults))
    sources = [text for source, document in parsed.values() for text in _split(source, document, fragments)]
    return [ManifestDocument(f"{SHA256_PREFIX}{document_digest(source)}", source) for source in sources]


def _split(source: str, document: DocumentNode, fragments: Mapping[str, FragmentDefinitionNode]) -> Iterator[str]:
    """Yield the text of each operation of a file, with its fragments."""
    own = {node.name.value for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    for operation in operations:
        names = _fragment_names(operation, fragments)
        if len(operations) == 1 and own == set(names):
            yield source
        else:
            nodes = (operation, *(fragments[name] for name in names if name in fragments))
            yield print_ast(DocumentNode(definitions=nodes))


class _SpreadVisitor(Visitor):
    """Collects the names of the fragments that are spread, in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: object) -> None:
        """Note one spread."""
        self.names.append(node.name.value)


def _fragment_names(operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> list[str]:
    """Return the names of the fragments that an operation uses, and of those that these use."""
    names: list[str] = []
    waiting: list[OperationDefinitionNode | FragmentDefinitionNode] = [operation]
    while waiting:
        visitor = _SpreadVisitor()
        visit(waiting.pop(0), visitor)
        for name in visitor.names:
            if name not in names:
                names.append(name)
                if name in fragments:
                    waiting.append(fragments[name])
    return names
