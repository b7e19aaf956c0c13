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

from graph.fields.errors import present
from graph.runtime.complexity import Limits, Outline, outline, parse
from graph.runtime.context import Context
from graph.runtime.lru import Cache
from models.database.read_routing import Why

__all__ = ["Operation", "Texts"]

TEXTS_KEPT = 500

PRIMARY_FOR: Mapping[OperationType, Why] = {
    OperationType.MUTATION: Why.WRITE,
    OperationType.SUBSCRIPTION: Why.SUBSCRIPTION,
}
"""Kinds of operations that the primary answers, and why; what is left are queries."""

# graphql-core compares fields that share a response name pairwise. Its own bound lets one text cost most of a second.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 50_000


@dataclass(slots=True)
class Text:
    """What is known of one text."""

    document: DocumentNode
    outlines: dict[str | None, Outline] = field(default_factory=dict)
    faults: list[GraphQLError] | None = None


class Texts:
    """The texts that were seen lately."""

    def __init__(self, limits: Limits, *, introspection: bool) -> None:
        self.limits = limits
        self._rules = (*specified_rules, *(() if introspection else (NoSchemaIntrospectionCustomRule,)))
        self._texts: Cache[str, Text] = Cache(TEXTS_KEPT)

    def _read(self, source: str) -> Text:
        text = self._texts.get(source)
        if text is None:
            text = Text(parse(source, self.limits))
            self._texts.put(source, text)
        return text

    def document(self, source: str) -> DocumentNode:
        """The parsed text.

        Raises:
            GraphQLError: it is no GraphQL, or too large.
        """
        return self._read(source).document

    def outline(self, schema: GraphQLSchema, source: str, operation_name: str | None) -> Outline:
        """What the text says of an operation's cost.

        Raises:
            GraphQLError: a fragment spreads itself.
        """
        text = self._read(source)
        if operation_name not in text.outlines:
            text.outlines[operation_name] = outline(schema, text.document, operation_name)
        return text.outlines[operation_name]

    def faults(
        self,
        schema: GraphQLSchema,
        source: str,
        operation_name: str | None,
        variables: dict[str, Any],
    ) -> list[GraphQLError]:
        """Why an operation is not executed: it asks for too much, or is not valid."""
        text = self._read(source)
        if (
            operation_name is None
            and sum(isinstance(d, OperationDefinitionNode) for d in text.document.definitions) > 1
        ):
            return [GraphQLError("Say which operation is meant, in operationName.")]
        if operation_name is not None and get_operation_ast(text.document, operation_name) is None:
            return [GraphQLError("There is no operation of this name.")]  # and nothing is kept under it
        try:
            refusal = self.outline(schema, source, operation_name).measure(variables).refusal(self.limits)
        except GraphQLError as cycle:
            refusal = cycle
        if refusal is not None:
            return [refusal]
        if text.faults is None:
            text.faults = validate_document(schema, text.document, self._rules)
        return text.faults


class Operation(SchemaExtension):
    """What surrounds the execution of every operation."""

    def __init__(self, texts: Texts, *, suggestions: bool) -> None:
        super().__init__()
        self._texts = texts
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
            await self._context.end()
            self._trace()
        result = self.execution_context.result
        if isinstance(result, ExecutionResult | GraphQLExecutionResult) and result.errors:
            result.errors = self._presented(result.errors)

    def on_execute(self) -> Iterator[None]:
        """Say which nodes may be read."""
        self._context.route.kind = PRIMARY_FOR.get(self.execution_context.operation_type)
        yield

    def get_results(self) -> dict[str, Any]:
        """What the answer carries beside its data."""
        return self._context.told()

    def on_stream_result(self, result: StreamExecutionResult) -> Iterator[None]:
        """The same for each event of a subscription."""
        if isinstance(result, ExecutionResult | GraphQLExecutionResult) and result.errors:
            result.errors = self._presented(result.errors)
        yield

    def on_parse(self) -> Iterator[None]:
        """Parse, or remember."""
        if self.execution_context.query:
            self.execution_context.graphql_document = self._texts.document(self.execution_context.query)
        yield

    def on_validate(self) -> Iterator[None]:
        """Measure and validate, or remember."""
        context = self.execution_context
        context.pre_execution_errors = self._texts.faults(
            context.schema._schema,  # noqa: SLF001  # the way Strawberry's own extensions reach it
            context.query or "",
            context._provided_operation_name,  # noqa: SLF001  # likewise; unlike its public twin it never raises
            context.variables or {},
        )
        yield

    def _presented(self, errors: list[GraphQLError]) -> list[GraphQLError]:
        if self._context.route.lost:
            return errors  # nobody will see them: it is run again
        request_id = self._context.actor.identity.request_id
        return [present(error, request_id, suggestions=self._suggestions) for error in errors]

    def _trace(self) -> None:
        asked = self.execution_context
        if asked.graphql_document is not None:
            with suppress(RuntimeError):  # no operation of that name; there is nothing to tell
                self._context.note("reference", asked.operation_type.value, asked.operation_name)
