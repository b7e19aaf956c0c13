"""One operation from its text to its answer: parsed, measured and validated once per text, masked, and closed.

What a text says never changes, so everything that depends on the text alone is kept, in a bounded cache. The budget is
checked before validation, which is the dearer of the two.
"""

import gc
import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from graphql import DocumentNode, GraphQLError, GraphQLSchema, OperationDefinitionNode, get_operation_ast
from graphql import ExecutionResult as GraphQLExecutionResult
from graphql.validation import NoSchemaIntrospectionCustomRule, specified_rules
from graphql.validation.rules import overlapping_fields_can_be_merged
from graphql.validation.validate import ValidationAbortedError
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document
from strawberry.types.execution import ExecutionResult, StreamExecutionResult
from strawberry.types.graphql import OperationType

from graph.fields.errors import mask_error, without_nodes
from graph.runtime.complexity import CostModel, Limits, analyze, parse_document
from graph.runtime.context import Context
from models.database.read_routing import RoutingReason
from models.lru import CacheUsage, SegmentedLRU, size_of
from models.timings import StepKind, timed

__all__ = ["DocumentCache", "OperationExtension"]

DOCUMENT_BYTES = 20 * 2**20
PINNED_BYTES = 64 * 2**20
REFUSAL_BYTES = 2 * 2**20
LONGEST_REFUSAL_BYTES = 128 * 2**10
DIGEST_BYTES = 16
YOUNGEST = 0  # generation of the collector

# What things take in memory, by measurement: a token of a text as nodes, a list whose length waits for variables, an
# error, and an entry of a cache.
TOKEN_BYTES = 320
STEP_BYTES = 200
KNOWN_BYTES = 1_500  # figures of its cost, for some values of variables
ERROR_BYTES = 1_000
ENTRY_BYTES = 1_000

PRIMARY_REASONS: Mapping[OperationType, RoutingReason] = {
    OperationType.MUTATION: RoutingReason.WRITE,
    OperationType.SUBSCRIPTION: RoutingReason.SUBSCRIPTION,
}
"""Kinds of operations that the primary answers, and why; what is left are queries."""

# graphql-core compares fields that share a response name pairwise. Its own bound lets one text cost most of a second.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 50_000


@dataclass(slots=True, eq=False)
class CachedDocument:
    """One valid operation of a document, within the limits that follow from the document alone."""

    document: DocumentNode
    cost_model: CostModel
    prepared: Any = None
    """What the compiler prepared; its size is added to the cache."""

    @property
    def operation(self) -> OperationDefinitionNode:
        """Return the operation, where the document has one alone."""
        operation = get_operation_ast(self.document)
        assert operation is not None, "it is valid, and has one operation"
        return operation


Refusal = tuple[GraphQLError, ...]
"""Errors of a refused document, without its nodes."""

RefusalKey = tuple[bytes] | tuple[bytes, str | None]
"""Digest of the document, and the name of the operation where only that one is refused."""


@dataclass(frozen=True, slots=True)
class PinnedDocument:
    """A document of one operation that stays in the cache, whether that is named or not."""

    cached: CachedDocument
    names: tuple[str | None, ...]
    bytes: int


class DocumentCache:
    """Recently used documents: the syntax trees of valid ones, and the errors of refused ones.

    Documents that are pinned stay until they are unpinned, however long nobody asks for them.
    """

    def __init__(self, limits: Limits, *, introspection: bool) -> None:
        self.limits = limits
        self._worded = partial(without_nodes, suggestions=introspection)
        self._rules = (*specified_rules, *(() if introspection else (NoSchemaIntrospectionCustomRule,)))
        self._documents: SegmentedLRU[tuple[str, str | None], CachedDocument] = SegmentedLRU(
            DOCUMENT_BYTES, _document_size
        )
        self._refusals: SegmentedLRU[RefusalKey, Refusal] = SegmentedLRU(
            REFUSAL_BYTES, _refusal_size, max_entry_bytes=LONGEST_REFUSAL_BYTES
        )
        self._pinned: dict[str, PinnedDocument] = {}
        self._pinned_bytes = 0

    @property
    def usage(self) -> dict[str, CacheUsage]:
        """Sizes of its caches by name."""
        pinned = CacheUsage(self._pinned_bytes, len(self._pinned))
        return {"documents": self._documents.usage, "pinned_documents": pinned, "refusals": self._refusals.usage}

    def find(self, source: str, operation_name: str | None) -> CachedDocument | None:
        """Return what is cached of an operation, or None."""
        pinned = self._pinned.get(source)
        if pinned is not None and operation_name in pinned.names:
            return pinned.cached
        return self._documents.get((source, operation_name))

    def pin(self, schema: GraphQLSchema, source: str) -> CachedDocument | None:
        """Keep a document of one operation until it is unpinned; None if it is refused, or there is no room for it.

        Raises:
            GraphQLError: it is no GraphQL, or too large.
        """
        if source in self._pinned:
            return self._pinned[source].cached
        document = self.document(source, None)
        if self.validation_errors(schema, source, None, {}, document):
            return None
        key = (source, None)
        cached = self._documents.get(key)
        if cached is None:
            return None
        weight = _document_size(key, cached)
        if self._pinned_bytes + weight > PINNED_BYTES:
            return None
        self._documents.discard(key)
        name = cached.operation.name
        self._pinned[source] = PinnedDocument(cached, (None, name.value) if name else (None,), weight)
        self._pinned_bytes += weight
        return cached

    def unpin(self, source: str) -> CachedDocument | None:
        """Keep a document no longer; return what was kept."""
        pinned = self._pinned.pop(source, None)
        if pinned is None:
            return None
        self._pinned_bytes -= pinned.bytes
        return pinned.cached

    def charge(self, source: str, operation_name: str | None, more_bytes: int) -> None:
        """Add to the size of a cached operation."""
        self._documents.charge((source, operation_name), more_bytes)

    def document(self, source: str, operation_name: str | None) -> DocumentNode:
        """Return the parsed document.

        Raises:
            GraphQLError: it is no GraphQL, or too large.
        """
        text = self.find(source, operation_name)
        if text is not None:
            return text.document
        key = (_digest(source),)
        known = self._refusals.get(key)
        if known is None:
            try:
                with timed(StepKind.PARSE):
                    return parse_document(source, self.limits)
            except GraphQLError as error:
                known = (self._worded(error),)
            self._refusals.put(key, known)
        raise self._worded(known[0])  # not the one that is kept, which would hold on to whoever raised it

    def admit(
        self, schema: GraphQLSchema, source: str, operation_name: str | None, context: Context, given: dict[str, Any]
    ) -> bool:
        """Take what a valid operation asks for out of the buckets that pay for it; return whether they hold it."""
        if not context.cost.is_used:
            return True
        cached = self.find(source, operation_name)
        model = cached.cost_model if cached else _analyze(schema, self.document(source, operation_name), operation_name)
        return context.cost.admit(model, given, self.limits.cost)

    def validation_errors(
        self,
        schema: GraphQLSchema,
        source: str,
        operation_name: str | None,
        variables: dict[str, Any],
        document: DocumentNode,
    ) -> Sequence[GraphQLError]:
        """Return why an operation is not executed: it is too complex, or not valid. Cache what is valid."""
        cached = self.find(source, operation_name)
        if cached is not None:
            refusal = cached.cost_model.measure(variables).limit_error(self.limits)
            return [] if refusal is None else [refusal]
        key = (_digest(source), operation_name)
        known = self._refusals.get(key)
        if known is not None:
            return known
        with timed(StepKind.VALIDATE):
            return self._validate_anew(schema, key, source, variables, document)

    def _validate_anew(
        self,
        schema: GraphQLSchema,
        key: tuple[bytes, str | None],
        source: str,
        variables: dict[str, Any],
        document: DocumentNode,
    ) -> Sequence[GraphQLError]:
        operation_name = key[1]
        try:
            cost_model = _analyze(schema, document, operation_name)
            refusal = cost_model.measure(variables).limit_error(self.limits)
        except GraphQLError as error:
            return self._refused(key, [error])
        if refusal is not None:  # with other variables it may ask for less
            return [refusal] if cost_model.steps else self._refused(key, [refusal])
        if errors := _validate(schema, document, self._rules):
            return self._refused(key, errors)
        self._documents.put((source, operation_name), CachedDocument(document, cost_model))
        return []

    def _refused(self, key: RefusalKey, errors: Sequence[GraphQLError]) -> Sequence[GraphQLError]:
        if any(error.original_error is not None for error in errors):
            return errors  # what they say depends on what caused them
        refusal = tuple(map(self._worded, errors))
        self._refusals.put(key, refusal)
        return refusal


def _drop_frames(error: BaseException) -> None:
    """Drop the frames that an error and its causes hold: circles of references wait for the garbage collector."""
    chain: list[BaseException | None] = [error]
    while chain:
        one = chain.pop()
        if one is not None and one.__traceback__ is not None:
            one.__traceback__ = None
            chain += [one.__cause__, one.__context__, getattr(one, "original_error", None)]


def _analyze(schema: GraphQLSchema, document: DocumentNode, operation_name: str | None) -> CostModel:
    """Return what the text says of an operation's cost.

    Raises:
        GraphQLError: there is no such operation, it is not said which is meant, or a fragment spreads itself.
    """
    if operation_name is None and sum(isinstance(d, OperationDefinitionNode) for d in document.definitions) > 1:
        raise GraphQLError("Say which operation is meant, in operationName.")
    if operation_name is not None and get_operation_ast(document, operation_name) is None:
        raise GraphQLError("There is no operation of this name.")
    return analyze(schema, document, operation_name)


def _validate(schema: GraphQLSchema, document: DocumentNode, rules: Sequence[Any]) -> list[GraphQLError]:
    """Validate a document, and break the circles in which rules and their context hold it and each other."""
    made: list[Any] = []

    def noted(rule: Any) -> Any:
        def build(context: Any) -> Any:
            visitor = rule(context)
            made.extend((visitor, context))
            return visitor

        return build

    errors = validate_document(schema, document, tuple(map(noted, rules)))
    for each in made:
        vars(each).clear()
    if errors and isinstance(errors[-1], ValidationAbortedError):
        gc.collect(YOUNGEST)  # whoever walks the document stopped on the way, and still holds where that was
    return errors


def _digest(source: str) -> bytes:
    return hashlib.blake2b(source.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()


def _document_size(key: tuple[str, str | None], text: CachedDocument) -> int:
    source, name = key
    steps = sum(len(step.once) + len(step.each) + 1 for step in text.cost_model.steps)
    literals = size_of(source)  # the values of literals are texts of their own
    nodes = text.document.token_count * TOKEN_BYTES
    return ENTRY_BYTES + size_of(source, name) + literals + nodes + steps * STEP_BYTES + bool(steps) * KNOWN_BYTES


def _refusal_size(key: RefusalKey, refusal: Refusal) -> int:
    return ENTRY_BYTES + size_of(*key) + sum(ERROR_BYTES + size_of(error.message) for error in refusal)


class OperationExtension(SchemaExtension):
    """What surrounds the execution of every operation."""

    def __init__(self, document_cache: DocumentCache, *, suggestions: bool) -> None:
        super().__init__()
        self._document_cache = document_cache
        self._suggestions = suggestions

    @property
    def _context(self) -> Context:
        context: Context = self.execution_context.context
        return context

    async def on_operation(self) -> AsyncIterator[None]:
        """Close what the operation opened, and show its errors as a client may see them."""
        try:
            yield
        finally:
            await self._context.reader.end()
            self._record_operation()
            self._context.document = None
        result = self.execution_context.result
        if isinstance(result, ExecutionResult | GraphQLExecutionResult) and result.errors:
            result.errors = self._mask_errors(result.errors)

    def on_execute(self) -> Iterator[None]:
        """Say which nodes may be read."""
        self._context.route.operation_kind_reason = PRIMARY_REASONS.get(self.execution_context.operation_type)
        yield

    def get_results(self) -> dict[str, Any]:
        """Return the response extensions."""
        return self._context.extensions.collect()

    def on_stream_result(self, result: StreamExecutionResult) -> Iterator[None]:
        """Mask the errors of each event of a subscription."""
        if isinstance(result, ExecutionResult | GraphQLExecutionResult) and result.errors:
            result.errors = self._mask_errors(result.errors)
        yield

    def on_parse(self) -> Iterator[None]:
        """Parse, or remember."""
        asked = self.execution_context
        if asked.query:
            name = asked._provided_operation_name  # noqa: SLF001  # unlike its public twin it never raises
            asked.graphql_document = self._context.document or self._document_cache.document(asked.query, name)
        yield

    def on_validate(self) -> Iterator[None]:
        """Measure and validate, or remember."""
        asked = self.execution_context
        assert asked.graphql_document is not None, "it was parsed"
        schema = asked.schema._schema  # noqa: SLF001  # the way Strawberry's own extensions reach it
        source, name = asked.query or "", asked._provided_operation_name  # noqa: SLF001  # likewise
        variables = asked.variables or {}
        asked.pre_execution_errors = list(
            self._document_cache.validation_errors(schema, source, name, variables, asked.graphql_document)
        )
        if not asked.pre_execution_errors:
            cost, cache = self._context.cost, self._document_cache
            if cost.refused_by is not None or not cache.admit(schema, source, name, self._context, variables):
                asked.pre_execution_errors = [cost.to_error()]
        yield

    def _mask_errors(self, errors: list[GraphQLError]) -> list[GraphQLError]:
        if self._context.route.must_retry:
            return errors  # nobody will see them: it is run again
        request_id = self._context.actor.identity.request_id
        shown = [mask_error(error, request_id, suggestions=self._suggestions) for error in errors]
        for error in errors:
            _drop_frames(error)
        return shown

    def _record_operation(self) -> None:
        execution = self.execution_context
        if execution.graphql_document is not None:
            with suppress(RuntimeError):  # no operation of that name; there is nothing to tell
                type_, name = execution.operation_type.value, execution.operation_name
                self._context.log.record("reference", type_, name, self._context.actor.identity)
