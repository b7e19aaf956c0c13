"""The schema: every domain's fields, put together."""

import re
from collections.abc import AsyncIterator, Iterable
from copy import copy
from functools import cache
from typing import Any

import strawberry
from graphql import GraphQLError, GraphQLSchema, get_operation_ast
from graphql import OperationType as GraphQLOperationType
from strawberry.exceptions import MissingQueryError
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.tools import create_type
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.field import StrawberryField
from strawberry.types.graphql import OperationType

from graph import (
    account_recovery,
    accounts,
    api_keys,
    articles,
    audit,
    comments,
    documents,
    feed,
    labels,
    members,
    orders,
    products,
    projects,
    superusers,
    tasks,
    tenants,
)
from graph.compiler import Compiler
from graph.execution import DocumentCache, OperationExtension
from graph.fields import node
from graph.fields.domain import Domain
from graph.fields.errors import ERROR_HANDLERS, mask_error
from graph.fields.scalars import SCALARS
from graph.runtime.complexity import Limits
from graph.runtime.context import Context
from graph.shared_execution import EventExecution
from graph.trusted_documents import TrustedDocumentPlanner
from models.lru import CacheUsage

__all__ = ["Schema", "create_schema"]

ONE_RESULT = frozenset({OperationType.QUERY, OperationType.MUTATION})

DOMAINS: tuple[Domain, ...] = (
    accounts.DOMAIN,
    account_recovery.DOMAIN,
    api_keys.DOMAIN,
    tenants.DOMAIN,
    members.DOMAIN,
    projects.DOMAIN,
    labels.DOMAIN,
    tasks.DOMAIN,
    comments.DOMAIN,
    documents.DOMAIN,
    products.DOMAIN,
    orders.DOMAIN,
    articles.DOMAIN,
    audit.DOMAIN,
    superusers.DOMAIN,
    feed.DOMAIN,
)


class Schema(strawberry.Schema):
    """Strawberry's schema, with three differences.

    It is silent: what is worth a line in the log is logged where errors are masked. What the compiler takes, that
    answers, and Strawberry the rest. And a query whose server failed on the way is executed once more, whole, on the
    primary.
    """

    document_cache: DocumentCache
    compiler: Compiler | None = None

    @property
    def graphql(self) -> GraphQLSchema:
        """Return the same schema as graphql-core has it."""
        return self._schema

    def trusted_document_planner(self) -> TrustedDocumentPlanner:
        """Return what keeps trusted documents ready for their first request."""
        return TrustedDocumentPlanner(self._schema, self.document_cache, self.compiler)

    @property
    def cache_usages(self) -> dict[str, CacheUsage]:
        """Sizes of its caches by name."""
        return self.document_cache.usage | (self.compiler.usage if self.compiler else {})

    async def execute(self, *args: Any, **kwargs: Any) -> ExecutionResult:
        """Execute an operation that has one result, if its cost can be paid; `context_value` is given by name."""
        context: Context = kwargs["context_value"]
        cost = context.cost
        if not cost.is_used:
            return await self._execute(*args, **kwargs)
        if (refused := self._refuse_cost(*args, **kwargs)) is not None:
            return refused
        try:
            result = await self._execute(*args, **kwargs)
        except Exception:
            cost.cancel()
            raise
        if cost.actual is None:
            cost.settle(result.data)
        if cost.is_told or cost.refused_by is not None:
            result.extensions = {**(result.extensions or {}), "cost": cost.to_extension()}
        return result

    def _refuse_cost(
        self,
        query: str | None,
        *,
        context_value: Context,
        variable_values: dict[str, Any] | None = None,
        operation_name: str | None = None,
        **_options: Any,
    ) -> PreExecutionError | None:
        """Return the refusal of an operation whose cost cannot be paid; it is known if the document is cached."""
        context, cost = context_value, context_value.cost
        cached = self.document_cache.find(query, operation_name) if query else None
        if cost.admit(cached.cost_model if cached else None, variable_values, self.document_cache.limits.cost):
            return None
        error = mask_error(cost.to_error(), context.actor.identity.request_id, suggestions=False)
        return PreExecutionError(data=None, errors=[error], extensions={"cost": cost.to_extension()})

    async def _execute(self, *args: Any, **kwargs: Any) -> ExecutionResult:
        if (compiled := await self._execute_compiled(*args, **kwargs)) is not None:
            return compiled
        result = await super().execute(*args, **kwargs)
        if await kwargs["context_value"].prepare_retry():
            result = await super().execute(*args, **kwargs)
        return result

    async def stream(self, *args: Any, **options: Any) -> Any:
        """Execute an operation of any kind, and stream its results; `context_value` is given by name.

        What has one result is executed as by `execute`, so that it is the same whatever it travels by.
        """
        query = options.pop("query", *args)
        name = options.get("operation_name")
        if self._is_subscription(query, name):
            context: Context = options["context_value"]
            context.log.record("reference", "subscription", name, context.actor.identity)
            if (refused := self._refuse_cost(query, **options)) is not None:
                return _only(refused)
            return await super().stream(query, **options)
        return self._streamed(query, options)

    async def _streamed(self, query: str | None, options: dict[str, Any]) -> AsyncIterator[ExecutionResult]:
        allowed = options.get("allowed_operation_types") or ONE_RESULT
        try:
            yield await self.execute(query, **{**options, "allowed_operation_types": allowed})
        except MissingQueryError as error:
            yield _not_executed("`query` is missing.", error)
        except CannotGetOperationTypeError as error:
            yield _not_executed(error.as_http_error_reason(), error)
        except InvalidOperationTypeError as error:
            yield _not_executed("An operation of this kind is not allowed here.", error)

    def _is_subscription(self, query: str | None, name: str | None) -> bool:
        try:
            operation = get_operation_ast(self.document_cache.document(query, name), name) if query else None
        except GraphQLError:
            return False
        return operation is not None and operation.operation is GraphQLOperationType.SUBSCRIPTION

    async def _execute_compiled(
        self,
        query: str | None,
        *,
        context_value: Context,
        variable_values: dict[str, Any] | None = None,
        operation_name: str | None = None,
        allowed_operation_types: Iterable[OperationType] = (OperationType.QUERY,),
        **_options: Any,
    ) -> ExecutionResult | None:
        """Return what the compiler answers; None for what is left to Strawberry."""
        context = context_value
        if self.compiler is None or not query or OperationType.QUERY not in allowed_operation_types:
            return None
        if context.log.declined is not None:
            return None  # it was tried before
        may_change = OperationType.MUTATION in allowed_operation_types
        answer = await self.compiler.execute(query, operation_name, variable_values, context, may_change=may_change)
        if answer.declined is not None:
            context.log.declined = answer.declined
            return None
        if context.cost.is_used:
            context.cost.settle(answer.text)
        return ExecutionResult(data=answer.data, errors=None, extensions=context.extensions.collect() or None)

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log nothing here: `graph.fields.errors.mask_error` does."""


async def _only(result: ExecutionResult) -> AsyncIterator[ExecutionResult]:
    yield result


def _not_executed(message: str, error: Exception) -> PreExecutionError:
    return PreExecutionError(data=None, errors=[GraphQLError(message, original_error=error)])


def create_schema(limits: Limits | None = None, *, introspection: bool = True, compiler: bool = True) -> Schema:
    """Create the whole schema, ready to execute.

    Args:
        limits: what one operation may ask for.
        introspection: whether clients may read the schema; without it, messages suggest no names either.
        compiler: whether queries are compiled where that is possible.
    """
    schema, document_cache = copy(_declared_schema()), DocumentCache(limits or Limits(), introspection=introspection)
    schema.extensions = (lambda: OperationExtension(document_cache, suggestions=introspection),)
    schema.document_cache = document_cache
    if compiler:
        schema.compiler = Compiler(schema, schema.graphql, document_cache)
    return schema


@cache
def _declared_schema() -> Schema:
    """Return the schema as the domains declare it, made once: making its types takes longest, and they never change."""
    queries = (node.Queries, *(domain.queries for domain in DOMAINS if domain.queries))
    subscriptions = tuple(domain.subscriptions for domain in DOMAINS if domain.subscriptions)
    query = strawberry.type(type("Query", queries, {}), description="Query operations, which read data.")
    schema = Schema(
        query=query,
        subscription=strawberry.type(
            type("Subscription", subscriptions, {}),
            description="Subscription operations, which deliver changes and events when they happen.",
        ),
        mutation=create_type(
            "Mutation",
            [*(field for domain in DOMAINS for field in domain.mutations), _query_field(query)],
            description="Operations that change data. Several in one document run one after the other, each in its own "
            "transaction.",
        ),
        config=StrawberryConfig(scalar_map=SCALARS),
        exception_handlers=ERROR_HANDLERS,
        execution_context_class=EventExecution,
    )
    _describe_connections(schema.graphql)
    return schema


def _query_field(query: type) -> StrawberryField:
    """Return the field of `Mutation` that reads; mutations before it in the document are committed by then."""
    field: Any = strawberry.field(
        resolver=_root_value,
        graphql_type=query,
        description="Everything that can be read, for a list or a count that changed with the mutations before this"
        " field: it is read after they were committed. Placed before a mutation it shows the state before.",
    )
    field.python_name = "query"
    assert isinstance(field, StrawberryField)
    return field


def _root_value() -> object:
    """Return the object whose fields are those of `Query`; they read nothing of it."""
    return object()


def _describe_connections(schema: GraphQLSchema) -> None:
    """Give each connection and edge type a description of its own; their Python classes are generic."""
    for name, type_ in schema.type_map.items():
        for suffix, text in (("Connection", "A page of {}s."), ("Edge", "An item of a page of {}s, with its cursor.")):
            if type_.description and name.endswith(suffix) and name.removesuffix(suffix) in schema.type_map:
                words = re.sub("(?<!^)(?=[A-Z])", " ", name.removesuffix(suffix)).lower()
                words = re.sub("(?<![aeiou])y$", "ie", words).replace("api ", "API ")
                type_.description = text.format(words)
