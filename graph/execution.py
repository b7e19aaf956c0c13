"""One operation from its text to its answer: parsed, measured and validated once per text, masked, and closed.

What a text says never changes, so everything that depends on the text alone is kept, in a bounded cache. The budget is
checked before validation, which is the dearer of the two.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from graphql import DocumentNode, GraphQLError, GraphQLSchema, OperationDefinitionNode, get_operation_ast
from graphql import ExecutionResult as GraphQLExecutionResult
from graphql.validation import NoSchemaIntrospectionCustomRule, specified_rules
from graphql.validation.rules import overlapping_fields_can_be_merged
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document
from strawberry.types.execution import ExecutionResult, StreamExecutionResult
from strawberry.types.graphql import OperationType

from graph.fields.errors import mask_error
from graph.runtime.complexity import CostModel, Limits, analyze, parse_document
from graph.runtime.context import Context
from graph.runtime.lru import SegmentedLRU
from models.database.read_routing import RoutingReason

__all__ = ["DocumentCache", "OperationExtension"]

MAX_CACHED_DOCUMENTS = 500

PRIMARY_REASONS: Mapping[OperationType, RoutingReason] = {
    OperationType.MUTATION: RoutingReason.WRITE,
    OperationType.SUBSCRIPTION: RoutingReason.SUBSCRIPTION,
}
"""Kinds of operations that the primary answers, and why; what is left are queries."""

# graphql-core compares fields that share a response name pairwise. Its own bound lets one text cost most of a second.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 50_000


@dataclass(slots=True)
class CachedDocument:
    """What is known of one text."""

    document: DocumentNode
    cost_models: dict[str | None, CostModel] = field(default_factory=dict)
    validation_errors: list[GraphQLError] | None = None


class DocumentCache:
    """The texts that were seen lately."""

    def __init__(self, limits: Limits, *, introspection: bool) -> None:
        self.limits = limits
        self._rules = (*specified_rules, *(() if introspection else (NoSchemaIntrospectionCustomRule,)))
        self._documents: SegmentedLRU[str, CachedDocument] = SegmentedLRU(MAX_CACHED_DOCUMENTS)

    def _get_or_parse(self, source: str) -> CachedDocument:
        cached = self._documents.get(source)
        if cached is None:
            cached = CachedDocument(parse_document(source, self.limits))
            self._documents.put(source, cached)
        return cached

    def document(self, source: str) -> DocumentNode:
        """Return the parsed document.

        Raises:
            GraphQLError: it is no GraphQL, or too large.
        """
        return self._get_or_parse(source).document

    def cost_model(self, schema: GraphQLSchema, source: str, operation_name: str | None) -> CostModel:
        """Return what the document says of an operation's cost.

        Raises:
            GraphQLError: a fragment spreads itself.
        """
        cached = self._get_or_parse(source)
        if operation_name not in cached.cost_models:
            cached.cost_models[operation_name] = analyze(schema, cached.document, operation_name)
        return cached.cost_models[operation_name]

    def validation_errors(
        self,
        schema: GraphQLSchema,
        source: str,
        operation_name: str | None,
        variables: dict[str, Any],
    ) -> list[GraphQLError]:
        """Return why an operation is not executed: it is too complex, or not valid."""
        cached = self._get_or_parse(source)
        if (
            operation_name is None
            and sum(isinstance(d, OperationDefinitionNode) for d in cached.document.definitions) > 1
        ):
            return [GraphQLError("Say which operation is meant, in operationName.")]
        if operation_name is not None and get_operation_ast(cached.document, operation_name) is None:
            return [GraphQLError("There is no operation of this name.")]  # and nothing is kept under it
        try:
            refusal = self.cost_model(schema, source, operation_name).measure(variables).limit_error(self.limits)
        except GraphQLError as cycle:
            refusal = cycle
        if refusal is not None:
            return [refusal]
        if cached.validation_errors is None:
            cached.validation_errors = validate_document(schema, cached.document, self._rules)
        return cached.validation_errors


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
        if self.execution_context.query:
            self.execution_context.graphql_document = self._document_cache.document(self.execution_context.query)
        yield

    def on_validate(self) -> Iterator[None]:
        """Measure and validate, or remember."""
        context = self.execution_context
        context.pre_execution_errors = self._document_cache.validation_errors(
            context.schema._schema,  # noqa: SLF001  # the way Strawberry's own extensions reach it
            context.query or "",
            context._provided_operation_name,  # noqa: SLF001  # likewise; unlike its public twin it never raises
            context.variables or {},
        )
        yield

    def _mask_errors(self, errors: list[GraphQLError]) -> list[GraphQLError]:
        if self._context.route.replica_lost:
            return errors  # nobody will see them: it is run again
        request_id = self._context.actor.identity.request_id
        return [mask_error(error, request_id, suggestions=self._suggestions) for error in errors]

    def _record_operation(self) -> None:
        execution = self.execution_context
        if execution.graphql_document is not None:
            with suppress(RuntimeError):  # no operation of that name; there is nothing to tell
                type_, name = execution.operation_type.value, execution.operation_name
                self._context.log.record("reference", type_, name, self._context.actor.identity)
