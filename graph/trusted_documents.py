"""Trusted documents and the schema: whether they fit it, what they use of it, and how they are planned."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    validate,
    visit,
)
from graphql.validation import NoDeprecatedCustomRule

from graph.compiler import Compiler
from graph.compiler.sample_variables import sample_variables
from graph.execution import DocumentCache
from models.database.identity import Identity
from services.permissions import ROLES, Actor

__all__ = ["TrustedDocumentPlanner", "deprecated_uses", "document_faults", "only_operation", "used_fields"]

NOBODY_ID = UUID(int=0)
SAMPLE_ACTORS = tuple(Actor.of(Identity(NOBODY_ID, NOBODY_ID, role, NOBODY_ID)) for role in ROLES if role is not None)
"""Somebody in each role; plans depend on the role alone."""


class TrustedDocumentPlanner:
    """Keeps the trusted documents of one schema parsed, validated and planned."""

    def __init__(self, schema: GraphQLSchema, document_cache: DocumentCache, compiler: Compiler | None) -> None:
        """Args: schema: as graphql-core has it; document_cache: where they are kept; compiler: who plans them."""
        self._schema = schema
        self._document_cache = document_cache
        self._compiler = compiler

    def prepare(self, source: str) -> Iterator[bool]:
        """Prepare a document for its first request, some milliseconds' work before each value.

        Yields:
            True; or False, once, if it does not fit the schema, or into the cache.
        """
        try:
            cached = self._document_cache.pin(self._schema, source)
        except GraphQLError:
            cached = None
        yield cached is not None
        if cached is None or self._compiler is None:
            return
        for variables in sample_variables(self._schema, cached.document, cached.operation):
            for actor in SAMPLE_ACTORS:
                self._compiler.plan_ahead(source, variables, actor)
                yield True

    def forget(self, source: str) -> None:
        """Keep a document no longer."""
        cached = self._document_cache.unpin(source)
        if cached is not None and self._compiler is not None:
            self._compiler.forget_plans(cached)


def only_operation(document: DocumentNode) -> OperationDefinitionNode | None:
    """Return the operation of a document; None where there is none, or more than one."""
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    return operations[0] if len(operations) == 1 else None


def document_faults(schema: GraphQLSchema, document_cache: DocumentCache, source: str) -> Sequence[str]:
    """Return why a document cannot be stored, one sentence for each fault; none if it can."""
    try:
        document = document_cache.document(source, None)
    except GraphQLError as error:
        return [error.message]
    if only_operation(document) is None:
        return ["A document must have one operation, with the fragments that it uses."]
    return [error.message for error in document_cache.validation_errors(schema, source, None, {}, document)]


class _FieldVisitor(Visitor):
    """Collects the fields of a document by type and name."""

    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self.found: set[str] = set()
        self._info = info

    def enter_field(self, node: FieldNode, *_: object) -> None:
        """Note one field; what the schema does not have is noted by its name."""
        parent = self._info.get_parent_type()
        self.found.add(f"{parent.name if parent else '?'}.{node.name.value}")


def used_fields(schema: GraphQLSchema, document: DocumentNode) -> list[str]:
    """Return the fields that a document selects, such as `Task.title`, in alphabetical order."""
    info = TypeInfo(schema)
    visitor = _FieldVisitor(info)
    visit(document, TypeInfoVisitor(info, visitor))
    return sorted(name for name in visitor.found if not name.endswith(".__typename"))


def deprecated_uses(schema: GraphQLSchema, document: DocumentNode) -> list[str]:
    """Return a sentence for each deprecated field, argument, input field or enum value that a document names.

    Args:
        schema: one that was built from SDL.
        document: what uses it.
    """
    found = validate(schema, document, [NoDeprecatedCustomRule])
    return list(dict.fromkeys(error.message for error in found))
