"""The execution of the reference executor: graphql-core's and Strawberry's, as Atrium runs it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from graphql import GraphQLError, GraphQLOutputType, GraphQLResolveInfo, OperationType
from graphql.execution.collect_fields import FieldDetailsList
from graphql.execution.executor import CollectedErrors
from graphql.pyutils import Path
from graphql.type.definition import GraphQLResolveInfoHelpers
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

__all__ = ["ReferenceExecution"]

READS_OF_A_MUTATION = 2
HELPERS = GraphQLResolveInfoHelpers(gather=lambda values: asyncio.gather(*values), track=lambda _values: None)


class ReferenceExecution(StrawberryGraphQLCoreExecutionContext):
    """An execution by graphql-core, with two differences.

    Its memory returns when it ends: graphql-core offers methods of its own to resolvers, which lead back to it, so that
    its document would wait for the collector. None of ours asks for them. And what shows the result of a mutation is
    read once more if the connection fails meanwhile, since the client could not send again what is written already.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.async_helpers = HELPERS

    def complete_awaitable_value(
        self,
        return_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Awaitable[Any],
        position_context: Any,
    ) -> Coroutine[Any, Any, Any]:
        """Complete what a resolver returns."""
        complete = partial(super().complete_awaitable_value, return_type, field_details_list, info, path)
        if path.prev is not None or self.operation.operation is not OperationType.MUTATION:
            return complete(result, position_context)
        return self._complete_mutation(complete, result, position_context)

    async def _complete_mutation(
        self, complete: Callable[[Awaitable[Any], Any], Awaitable[Any]], result: Awaitable[Any], position_context: Any
    ) -> Any:
        written = asyncio.ensure_future(result)  # awaited for each reading, it is done once
        errors_before = self.collected_errors.errors
        for _ in range(READS_OF_A_MUTATION):
            self.collected_errors = CollectedErrors()
            completed = failure = None
            try:
                completed = await complete(written, position_context)
            except GraphQLError as error:
                failure = error
            if not await self.context_value.prepare_reread():
                break
        self.collected_errors.errors[:0] = errors_before
        if failure is not None:
            raise failure
        return completed
