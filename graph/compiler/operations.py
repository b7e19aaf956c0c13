"""Operations on their way through the compiler: prepared once per text, planned once per shape, and answered."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

from graphql import DocumentNode, OperationDefinitionNode

from graph.compiler.arguments import CoercedVariables, ParseArguments, VariableDefinitions
from graph.compiler.plan_arguments import DecidedWriteArguments, PlanArguments, RowUpdateArguments
from graph.compiler.plans import Plan
from graph.compiler.selection import OperationTree, Unsupported
from graph.runtime.compiled_statements import CompiledStatements
from graph.runtime.complexity import CostModel
from graph.runtime.operation_log import OperationLog
from models.database.read_routing import ReadRouter
from services.permissions import Actor

__all__ = ["CompiledResult", "OperationVariant", "PreparedOperation", "ReadyOperation", "StatementContext"]


@dataclass(frozen=True, slots=True)
class CompiledResult:
    """What was answered: the data, as it is sent, or why the reference executor has to."""

    data: Any = None
    declined: str | None = None
    text: str = ""
    """The data as text."""


@dataclass(slots=True, eq=False)
class PreparedOperation:
    """What is known of one operation of one text: it is valid, and no subscription."""

    key: tuple[str, str | None]
    document: DocumentNode
    operation: OperationDefinitionNode
    type: str
    name: str | None
    variables: VariableDefinitions
    directive_variables: tuple[str, ...]
    variants: dict[tuple[Any, ...], "OperationVariant | Unsupported"] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class OperationVariant:
    """One tree of an operation, and what its sites ask for if that is the same in every request."""

    tree: OperationTree
    argument_parsers: Sequence[ParseArguments] = ()
    arguments: Sequence[PlanArguments] | None = None
    parse_change: Callable[[CoercedVariables, Actor], RowUpdateArguments | DecidedWriteArguments] | None = None
    """What reads the row update or the decided write that a mutation comes down to."""
    number: int = field(default_factory=count().__next__)
    """Key of its plans, which hold no reference to the variant that way."""


@dataclass(slots=True)
class ReadyOperation:
    """An operation whose statement is known, and its arguments."""

    prepared: PreparedOperation
    plan: Plan
    arguments: Sequence[PlanArguments]
    cost_model: CostModel | None = None


class StatementContext(Protocol):
    """What of an operation's context its statement is run with."""

    @property
    def actor(self) -> Actor:
        """The caller."""

    @property
    def route(self) -> ReadRouter:
        """Which server is read."""

    @property
    def compiled(self) -> CompiledStatements:
        """What runs the statement."""

    @property
    def log(self) -> OperationLog:
        """The record of the operation."""

    def fail_with(self, refusal: Exception) -> None:
        """Have the operation fail with this."""
