"""The compiler's executor: from a request's text and variables to the bytes of its answer."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from graphql import DocumentNode, GraphQLError, GraphQLSchema, OperationDefinitionNode, OperationType, get_operation_ast

from graph.compiler.arguments import Values, Variables, asker
from graph.compiler.coercion import Inputs
from graph.compiler.plans import Plan, plan, shape
from graph.compiler.selection import NOT_OURS, Declined, Tree, switches, tree_of
from graph.compiler.update_statement import edit_field
from graph.execution import Texts
from graph.fields.mutations import Mutation
from graph.runtime.complexity import Outline
from graph.runtime.context import Context
from graph.runtime.lru import Cache
from models.database.errors import Unfit, Unreadable
from services.errors import DomainError, Unavailable
from services.writes.row_update import Edit

__all__ = ["Answer", "Compiler"]

OPERATIONS_KEPT = 500
PLANS_KEPT = 2_000
TREES_KEPT = 16  # of one operation, by the booleans of `@skip` and `@include`

REFUSED_ARGUMENTS = "refused arguments"
FAULT = "a fault"
OWN = ("tenant_id", "user_id", "session_id")

log = logging.getLogger("atrium.compiler")


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: the data, as it is sent, or why the reference executor has to."""

    data: Any = None
    declined: str | None = None


@dataclass(slots=True, eq=False)
class Prepared:
    """What is known of one operation of one text: it is valid, and no subscription."""

    document: DocumentNode
    operation: OperationDefinitionNode
    type: str
    name: str | None
    outline: Outline
    variables: Variables
    switches: tuple[str, ...]
    trees: Cache[tuple[Any, ...], "Planned | Declined"] = field(default_factory=lambda: Cache(TREES_KEPT))


@dataclass(slots=True, eq=False)
class Planned:
    """One tree of an operation, and what its sites ask for if that is the same in every request."""

    tree: Tree
    askers: Sequence[Callable[[Values], Any]]
    asked: Sequence[Any] | None = None
    edits: Mutation | None = None
    """The field of a mutation that may come down to an edit."""


class Compiler:
    """Runs queries of one schema, and edits, as single statements."""

    def __init__(self, schema: Any, graphql: GraphQLSchema, texts: Texts) -> None:
        """Args: schema: Strawberry's; graphql: the same as graphql-core has it; texts: what is known of texts."""
        self._schema = schema
        self._graphql = graphql
        self._texts = texts
        self._inputs = Inputs(schema)
        self._operations: Cache[tuple[str, str | None], Prepared | Declined] = Cache(OPERATIONS_KEPT)
        self._plans: Cache[tuple[Any, ...], Plan | Declined] = Cache(PLANS_KEPT)

    async def answer(
        self,
        source: str,
        operation_name: str | None,
        variables: dict[str, Any] | None,
        context: Context,
        *,
        may_change: bool,
    ) -> Answer:
        """Answer an operation, or say why not; nothing was changed then, and nothing was shown."""
        try:
            prepared = self._prepared(source, operation_name, variables)
            if prepared.type == "mutation" and not may_change:
                return Answer(declined=NOT_OURS)
            found, asked = self._plan(prepared, variables, context)
        except Declined as declined:
            return Answer(declined=declined.reason)
        except (DomainError, GraphQLError):
            return Answer(declined=REFUSED_ARGUMENTS)
        except Exception:
            log.exception("the compiler failed, and the reference executor goes on")
            return Answer(declined=FAULT)
        run = self._ask if found.mutation is None else self._change
        answer = await run(found, asked, context)
        if answer.declined is None:
            found.uses += 1
            context.note("compiler", prepared.type, prepared.name)
        return answer

    @staticmethod
    async def _ask(found: Plan, asked: Sequence[Any], context: Context) -> Answer:
        """Run a query. What is refused is worded by the reference executor, without another look at the database."""
        context.route.kind = None  # a replica will do
        try:
            data = await context.ask(found.sql, found.values(asked, context.actor.identity), keep=found.uses > 0)
        except Unreadable:
            return Answer(declined="a value that breaks a promise")
        except Unfit:
            log.exception("a compiled statement failed, and the reference executor goes on")
            return Answer(declined=FAULT)
        except Exception as refusal:  # noqa: BLE001  # what it is to clients and to the log is not decided here
            context.refuse(refusal)
            return Answer(declined=type(refusal).__name__)
        return Answer(orjson.Fragment(data)) if data else Answer(declined="nothing that matches")

    @staticmethod
    async def _change(found: Plan, asked: Sequence[Any], context: Context) -> Answer:
        """Carry an edit out. One that changed nothing is begun anew by the reference executor."""
        identity = replace(context.actor.identity, operation=found.mutation or "")
        try:
            data = await context.change(found.sql, found.values(asked, identity), keep=found.uses > 0)
        except Unfit:
            log.exception("a compiled edit failed, and the reference executor goes on")
            return Answer(declined=FAULT)
        except Unavailable as refusal:  # and nobody knows whether it was changed
            context.refuse(refusal)
            return Answer(declined=type(refusal).__name__)
        return Answer(declined="an edit that changed nothing") if data is None else Answer(orjson.Fragment(data))

    def _prepared(self, source: str, operation_name: str | None, variables: dict[str, Any] | None) -> Prepared:
        key = (source, operation_name)
        found = self._operations.get(key)
        if found is None:
            found = self._prepare(source, operation_name, variables)
            self._operations.put(key, found)
        if isinstance(found, Declined):
            raise found
        if found.outline.steps and found.outline.measure(variables).refusal(self._texts.limits) is not None:
            raise Declined("over the budget")
        return found

    def _prepare(self, source: str, operation_name: str | None, variables: dict[str, Any] | None) -> Any:
        faults = self._texts.faults(self._graphql, source, operation_name, variables or {})
        if faults:
            raise Declined("not valid")
        document = self._texts.document(source)
        operation = get_operation_ast(document, operation_name)
        if operation is None:
            raise Declined("not valid")
        if operation.operation is OperationType.SUBSCRIPTION:
            return Declined(NOT_OURS)
        name = operation_name or (operation.name.value if operation.name else None)
        outline = self._texts.outline(self._graphql, source, operation_name)
        variables_ = Variables(self._graphql, operation, self._inputs)
        return Prepared(
            document, operation, operation.operation.value, name, outline, variables_, switches(document, operation)
        )

    def _plan(self, prepared: Prepared, given: dict[str, Any] | None, context: Context) -> tuple[Plan, Sequence[Any]]:
        identity, permissions = context.actor.identity, context.actor.permissions
        if identity.user_id is None:
            raise Declined("nobody asks")
        values = prepared.variables.read(given or {})
        booleans = tuple([values.coerced.get(name) for name in prepared.switches])
        planned = prepared.trees.get(booleans)
        if planned is None:
            planned = self._planned(prepared, values)
            prepared.trees.put(booleans, planned)
        if isinstance(planned, Declined):
            raise planned
        asked: Sequence[Any]
        shapes: tuple[Any, ...] = ()
        if planned.asked is not None:
            asked = planned.asked
        else:
            asked = [ask(values) for ask in planned.askers]
            if planned.edits is not None:
                asked = [_edit(planned.edits, context, asked[0])]
            shapes = tuple([shape(each) for each in asked])
        key = (planned, permissions, identity.tenant_id is None, identity.session_id is None, shapes)
        found = self._plans.get(key)
        if found is None:
            known = {name: getattr(identity, name) is not None for name in OWN}
            found = plan(planned.tree, permissions, asked, known)
            self._plans.put(key, found)
            _tell(prepared, found)
        if isinstance(found, Declined):
            raise found
        return found, asked

    def _planned(self, prepared: Prepared, values: Values) -> Planned | Declined:
        try:
            tree = tree_of(self._graphql, prepared.document, prepared.operation, values.whole())
            askers = [asker(self._schema, self._inputs, site) for site in tree.sites]
            edits = edit_field(tree) if prepared.type == "mutation" else None
            if edits is not None or any(site.has_variables for site in tree.sites):
                return Planned(tree, askers, None, edits)
            return Planned(tree, askers, [ask(values) for ask in askers])
        except Declined as declined:
            _tell(prepared, declined)
            return declined
        except (DomainError, GraphQLError):
            refused = Declined(REFUSED_ARGUMENTS)
            _tell(prepared, refused)
            return refused


def _edit(field: Mutation, context: Context, asked: Any) -> Edit[Any]:
    """The edit that a mutation comes down to.

    Raises:
        Declined: it is more than that, or less.
    """
    edit = field.edit(context.actor, asked) if field.edit else None
    if edit is None or not edit.changes:
        raise Declined("more than an edit")
    return edit


def _tell(prepared: Prepared, found: object) -> None:
    """Log why an operation is left to the reference executor; once for as long as that is remembered."""
    if isinstance(found, Declined) and found.reason != NOT_OURS:
        log.info("not compiled: %s", found.reason, extra={"fields": {"operation_name": prepared.name}})
