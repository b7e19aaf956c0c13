"""Mutations: one shape for all. One input, one transaction, one union of the object itself and typed errors."""

import inspect
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import Annotated, Any

from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from graph.fields.descriptions import docstring_summary, result_union
from graph.runtime.context import Context
from services.permissions import Actor
from services.writes.decided_write import DecidedWrite
from services.writes.row_update import RowUpdate

__all__ = ["Mutation", "mutation", "mutation_without_transaction"]

Handler = Callable[..., Awaitable[Any]]
MakeRowUpdate = Callable[[Actor, Any], RowUpdate[Any] | None]
MakeDecidedWrite = Callable[[Actor, Any], DecidedWrite[Any]]


class Mutation(StrawberryField):
    """A field that runs a function, and takes its `input` if it has one."""

    handler: Handler
    row_update: MakeRowUpdate | None = None
    """What gives the one edit that an input comes down to, or None if more has to be done for it."""
    decided_write: MakeDecidedWrite | None = None
    """What gives the decided write that an input comes down to."""

    @property
    def is_basic_field(self) -> bool:
        """Return False: it depends on the caller."""
        return False

    @cached_property
    def is_async(self) -> bool:
        """It is, so that refusals are caught where they are raised."""
        return True

    @property  # type: ignore[misc]  # nobody sets them, though Strawberry's can be
    def arguments(self) -> list[StrawberryArgument]:
        """Return the one input, or none."""
        return self._input

    @cached_property
    def _input(self) -> list[StrawberryArgument]:
        parameter = inspect.signature(self.handler).parameters.get("input")
        if parameter is None:
            return []
        annotation = StrawberryAnnotation(parameter.annotation)
        return [
            StrawberryArgument(
                "input", None, annotation, description=f"Input of the mutation `{to_camel_case(self.python_name)}`."
            )
        ]

    def parse_arguments(self, kwargs: dict[str, Any]) -> Any:
        """Return the input, if there is one."""
        return kwargs.get("input")

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Awaitable[Any]:  # noqa: ARG002  # Strawberry's signature
        """Run it in one transaction, which is committed before the answer is read."""
        context: Context = info.context
        context.writer.operation = info.field_name
        return context.write(lambda session: self.handler(session, context.actor, **kwargs))


class MutationWithoutTransaction(Mutation):
    """A field that runs a function which opens its own transactions."""

    async def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Run it on the context."""
        info.context.writer.operation = info.field_name
        await info.context.close()
        return await self.handler(info.context, **kwargs)


def mutation(
    returns: Any,
    row_update: MakeRowUpdate | None = None,
    *,
    decided_write: MakeDecidedWrite | None = None,
    result: str | None = None,
) -> Callable[[Handler], Mutation]:
    """Return a mutation field from `async def name(session, actor, input: NameInput)`.

    The function runs in one transaction, which is rolled back when it raises. Its docstring is the description.

    Args:
        returns: its union of the object and typed errors.
        row_update: what gives the update of one row that an input may come down to; the compiler carries it out.
        decided_write: what gives the decided write that an input comes down to; likewise.
        result: what the object of the union is, in words. The union, here just the sum of its types, is then named
            after the function and described so: `createTask` gives `CreateTaskResult`.
    """

    def decorate(handler: Handler) -> Mutation:
        field = _mutation_field(Mutation, handler, returns, result)
        field.row_update = row_update
        field.decided_write = decided_write
        return field

    return decorate


def _union(handler: Handler, types: Any, result: str) -> Any:
    name = to_camel_case(getattr(handler, "__name__", ""))
    described = result_union(name[0].upper() + name[1:], f"Result of `{name}`: {result}, or a typed error.")
    return Annotated.__class_getitem__((types, described))  # type: ignore[attr-defined]  # what brackets do at run time


def mutation_without_transaction(returns: Any, *, result: str | None = None) -> Callable[[Handler], Mutation]:
    """Return a mutation field from `async def name(context, input: NameInput)`, which opens its own write units.

    For work around a password, since hashing takes long on purpose and no connection may wait for it; and for what
    changes who the rest of the operation runs as. `returns` and `result` are as in `mutation`.
    """
    return lambda handler: _mutation_field(MutationWithoutTransaction, handler, returns, result)


def _mutation_field(kind: type[Mutation], handler: Handler, returns: Any, result: str | None) -> Mutation:
    returns = returns if result is None else _union(handler, returns, result)
    field = kind(
        python_name=getattr(handler, "__name__", ""),
        type_annotation=StrawberryAnnotation(returns),
        description=docstring_summary(handler),
    )
    field.handler = handler
    return field
