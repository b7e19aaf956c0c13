"""The compiler's executor: from a request's text and variables to the bytes of its answer."""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import orjson
from graphql import GraphQLError, GraphQLSchema, OperationType, get_operation_ast

from graph.compiler.argument_cache import ArgumentCache, ParsedArguments
from graph.compiler.arguments import (
    CoercedVariables,
    VariableDefinitions,
    argument_parser,
    input_parser,
)
from graph.compiler.coercion import InputCoercion
from graph.compiler.operations import (
    CompiledResult,
    OperationVariant,
    PreparedOperation,
    ReadyOperation,
    StatementContext,
)
from graph.compiler.plan_arguments import DecidedWriteArguments, PlanArguments, RowUpdateArguments
from graph.compiler.plans import Plan, build_plan, build_update_plan
from graph.compiler.selection import SILENT, Unsupported, build_tree, directive_variables
from graph.compiler.update_statement import find_row_update_field
from graph.execution import CachedDocument, DocumentCache
from graph.fields.mutations import Mutation
from graph.runtime.context import Context
from models.database.errors import InvalidValue, StatementRejected, SuperuserRefused
from models.database.read_routing import RoutingReason
from models.lru import CacheUsage, SegmentedLRU, size_of
from models.timings import StepKind, timed
from services.errors import DomainError, Unavailable
from services.permissions import Actor

__all__ = ["NOTHING_UPDATED", "Compiler"]

NOTHING_UPDATED = "no row updated"
"""Why an update is left to the reference executor that found no such row, or nothing to change."""

PLAN_BYTES = 10 * 2**20
PLANNED_AHEAD_BYTES = 32 * 2**20
MAX_VARIANTS = 16  # of one operation, by the booleans of `@skip` and `@include`

# What things take in memory, by measurement.
PREPARED_BYTES = 2_000
VARIABLE_BYTES = 1_000
FIELD_BYTES = 1_000
SITE_BYTES = 2_000
PARAMETER_BYTES = 300

REFUSED_ARGUMENTS = "invalid arguments"
FAULT = "an internal error of the compiler"
IDENTITY_PARTS = ("tenant_id", "user_id", "session_id")

log = logging.getLogger("atrium.compiler")


class Compiler:
    """Runs queries of one schema, and edits, as single statements."""

    def __init__(self, schema: Any, graphql: GraphQLSchema, document_cache: DocumentCache) -> None:
        """Args: schema: Strawberry's; graphql: the same as graphql-core has it; document_cache: parsed documents."""
        self._schema = schema
        self._graphql = graphql
        self._document_cache = document_cache
        self._coercion = InputCoercion(schema)
        self._plans: SegmentedLRU[tuple[Any, ...], Plan | Unsupported] = SegmentedLRU(PLAN_BYTES, _weigh_plan)
        self._arguments = ArgumentCache()
        self._planned_ahead: dict[tuple[Any, ...], Plan | Unsupported] = {}
        self._planned_ahead_bytes = 0

    @property
    def usage(self) -> dict[str, CacheUsage]:
        """How much its caches hold, by their names."""
        ahead = CacheUsage(self._planned_ahead_bytes, len(self._planned_ahead))
        return {"plans": self._plans.usage, "plans_ahead": ahead, "arguments": self._arguments.usage}

    def plan_ahead(self, source: str, variables: dict[str, Any], actor: Actor) -> None:
        """Plan a pinned document for these variables and this actor, and keep the plan until `forget_plans`.

        What cannot be planned is left to the first request.
        """
        cached = self._document_cache.find(source, None)
        if cached is None:
            return
        if cached.prepared is None:
            cached.prepared = self._prepare(cached, source, None)
        if isinstance(cached.prepared, Unsupported):
            return
        with suppress(Unsupported, DomainError, GraphQLError):
            self._find_plan(cached.prepared, variables, actor, keep=True)

    def forget_plans(self, cached: CachedDocument) -> None:
        """Drop what was planned ahead of a document."""
        if not isinstance(cached.prepared, PreparedOperation):
            return
        numbers = {each.number for each in cached.prepared.variants.values() if isinstance(each, OperationVariant)}
        for key in [key for key in self._planned_ahead if key[0] in numbers]:
            self._planned_ahead_bytes -= _weigh_plan(key, self._planned_ahead.pop(key))

    def find_ready(
        self, source: str, operation_name: str | None, variables: dict[str, Any] | None, actor: Actor
    ) -> ReadyOperation | None:
        """Return the plan of an operation of a document that is cached and was compiled before; None without one."""
        cached = self._document_cache.find(source, operation_name)
        if cached is None or not isinstance(cached.prepared, PreparedOperation):
            return None
        try:
            plan, arguments = self._find_plan(cached.prepared, variables, actor)
        except (Unsupported, DomainError, GraphQLError):
            return None
        except Exception:
            log.exception("the compiler failed, and the request takes the long way")
            return None
        return ReadyOperation(cached.prepared, plan, arguments, cached.cost_model)

    async def execute(
        self,
        source: str,
        operation_name: str | None,
        variables: dict[str, Any] | None,
        context: Context,
        *,
        may_change: bool,
    ) -> CompiledResult:
        """Answer an operation, or say why not; nothing was changed then, and nothing was shown."""
        try:
            prepared = self._get_prepared(source, operation_name, variables, context)
            if prepared.type == "mutation" and not may_change:
                return CompiledResult(declined=SILENT)
            plan, arguments = self._find_plan(prepared, variables, context.actor)
        except Unsupported as declined:
            return CompiledResult(declined=declined.reason)
        except (DomainError, GraphQLError):
            return CompiledResult(declined=REFUSED_ARGUMENTS)
        except Exception:
            log.exception("the compiler failed, and the reference executor goes on")
            return CompiledResult(declined=FAULT)
        return await self.run(ReadyOperation(prepared, plan, arguments), context)

    async def run(self, ready: ReadyOperation, context: StatementContext) -> CompiledResult:
        """Answer an operation whose plan is known, or say why not."""
        plan = ready.plan
        run = self._run_query if plan.mutation is None else self._run_update
        result = await run(plan, ready.arguments, context)
        if result.declined is None:
            self.record(ready, context)
        return result

    @staticmethod
    def record(ready: ReadyOperation, context: StatementContext) -> None:
        """Count an operation that was answered."""
        ready.plan.uses += 1
        context.log.record("compiler", ready.prepared.type, ready.prepared.name, context.actor.identity)

    @staticmethod
    async def _run_query(plan: Plan, arguments: Sequence[PlanArguments], context: StatementContext) -> CompiledResult:
        """Run a query. What is refused is worded by the reference executor, without another look at the database."""
        context.route.operation_kind_reason = None  # a replica will do
        data = await _fetch(plan, arguments, context, prepare=plan.uses > 0)
        if isinstance(data, CompiledResult):
            return data
        if not data:
            return CompiledResult(declined="no search result")
        return CompiledResult(orjson.Fragment(data), text=data)

    @staticmethod
    async def _run_update(plan: Plan, arguments: Sequence[PlanArguments], context: StatementContext) -> CompiledResult:
        """Run a compiled update. One that changed nothing is run again by the reference executor."""
        identity = replace(context.actor.identity, operation=plan.mutation or "")
        if plan.reading is not None:
            decided = await _decide(plan.reading, arguments, context, prepare=plan.uses > 0)
            if isinstance(decided, CompiledResult):
                return decided
            arguments = decided
        try:
            data = await context.compiled.execute(plan.sql, plan.values(arguments, identity), prepare=plan.uses > 0)
        except StatementRejected:
            log.exception("a compiled edit failed, and the reference executor goes on")
            return CompiledResult(declined=FAULT)
        except Unavailable as refusal:  # and nobody knows whether it was changed
            context.fail_with(refusal)
            return CompiledResult(declined=type(refusal).__name__)
        if data is None:
            return CompiledResult(declined=NOTHING_UPDATED)
        return CompiledResult(orjson.Fragment(data), text=data)

    def _get_prepared(
        self, source: str, operation_name: str | None, variables: dict[str, Any] | None, context: Context
    ) -> PreparedOperation:
        cached = self._document_cache.find(source, operation_name) or self._parse_and_validate(
            source, operation_name, variables, context
        )
        if cached.prepared is None:
            cached.prepared = self._prepare(cached, source, operation_name)
        prepared: PreparedOperation | Unsupported = cached.prepared
        if isinstance(prepared, Unsupported):
            raise prepared.again()
        if cached.cost_model.steps:
            cost = context.cost.estimate
            if (cached.cost_model.cost(variables) if cost is None else cost) > self._document_cache.limits.cost:
                raise Unsupported("operation too complex")
        return prepared

    def _parse_and_validate(
        self, source: str, operation_name: str | None, variables: dict[str, Any] | None, context: Context
    ) -> CachedDocument:
        """Parse and validate a document that is not cached.

        Raises:
            Unsupported: it is refused, which the reference executor answers.
        """
        try:
            document = context.document = self._document_cache.document(source, operation_name)
        except GraphQLError:
            raise Unsupported("invalid document") from None
        errors = self._document_cache.validation_errors(
            self._graphql, source, operation_name, variables or {}, document
        )
        cached = None if errors else self._document_cache.find(source, operation_name)
        if cached is None:
            raise Unsupported("invalid document" if errors else "document too large for the cache")
        if not self._document_cache.admit(self._graphql, source, operation_name, context, variables or {}):
            raise Unsupported(SILENT)
        return cached

    def _prepare(
        self, cached: CachedDocument, source: str, operation_name: str | None
    ) -> PreparedOperation | Unsupported:
        operation = get_operation_ast(cached.document, operation_name)
        assert operation is not None, "it is valid"
        if operation.operation is OperationType.SUBSCRIPTION:
            return Unsupported(SILENT)
        name = operation_name or (operation.name.value if operation.name else None)
        try:
            variables = VariableDefinitions(self._graphql, operation, self._coercion)
        except Unsupported as declined:
            return declined.again()
        definitions = operation.variable_definitions or ()
        self._document_cache.charge(source, operation_name, PREPARED_BYTES + len(definitions) * VARIABLE_BYTES)
        return PreparedOperation(
            (source, operation_name),
            cached.document,
            operation,
            operation.operation.value,
            name,
            variables,
            directive_variables(cached.document, operation),
        )

    def _find_plan(
        self, prepared: PreparedOperation, given: dict[str, Any] | None, actor: Actor, *, keep: bool = False
    ) -> tuple[Plan, Sequence[PlanArguments]]:
        identity, permissions = actor.identity, actor.permissions
        if identity.user_id is None:
            raise Unsupported("no authenticated user")
        values = prepared.variables.coerce(given or {})
        booleans = tuple([values.coerced.get(name) for name in prepared.directive_variables])
        variant = prepared.variants.get(booleans)
        if variant is None:
            with timed(StepKind.PLAN):
                variant = self._build_variant(prepared, values)
            self._keep_tree(prepared, booleans, variant)
        if isinstance(variant, Unsupported):
            raise variant.again()
        if variant.arguments is not None:
            arguments, plan_keys = ParsedArguments(variant.arguments, ())
        elif variant.parse_change is None:
            arguments, plan_keys = self._arguments.parse(variant, values, given or {})
        else:
            arguments, plan_keys = ParsedArguments.of([variant.parse_change(values, actor)])
        key = (variant.number, permissions, identity.tenant_id is None, identity.session_id is None, plan_keys)
        plan = self._plans.get(key)
        if plan is None and (plan := self._planned_ahead.get(key)) is not None:
            self._plans.put(key, plan)
        if plan is None:
            identity_parts = {name: getattr(identity, name) is not None for name in IDENTITY_PARTS}
            build = build_plan if variant.parse_change is None else build_update_plan
            with timed(StepKind.PLAN):
                plan = build(variant.tree, permissions, arguments, identity_parts)
            (self._plan_ahead if keep else self._plans.put)(key, plan)
            _log_declined(prepared, plan)
        if isinstance(plan, Unsupported):
            raise plan.again()
        return plan, arguments

    def _plan_ahead(self, key: tuple[Any, ...], plan: Plan | Unsupported) -> None:
        """Keep a plan for a request that is yet to come, if there is room."""
        weight = _weigh_plan(key, plan)
        if self._planned_ahead_bytes + weight <= PLANNED_AHEAD_BYTES:
            self._planned_ahead[key] = plan
            self._planned_ahead_bytes += weight

    def _keep_tree(
        self, prepared: PreparedOperation, booleans: tuple[Any, ...], planned: OperationVariant | Unsupported
    ) -> None:
        """Keep a tree for as long as its operation is kept."""
        if len(prepared.variants) == MAX_VARIANTS:
            del prepared.variants[next(iter(prepared.variants))]
        prepared.variants[booleans] = planned
        if isinstance(planned, OperationVariant):
            tree = planned.tree
            self._document_cache.charge(*prepared.key, tree.fields * FIELD_BYTES + len(tree.sites) * SITE_BYTES)

    def _build_variant(self, prepared: PreparedOperation, values: CoercedVariables) -> OperationVariant | Unsupported:
        try:
            tree = build_tree(self._graphql, prepared.document, prepared.operation, values.as_graphql_core())
            if prepared.type == "mutation":
                field = find_row_update_field(tree)
                parse_input = input_parser(self._schema, self._coercion, tree.sites[0])
                return OperationVariant(tree, parse_change=_change_parser(field, parse_input))
            argument_parsers = [argument_parser(self._schema, self._coercion, site) for site in tree.sites]
            if any(site.has_variables for site in tree.sites):
                return OperationVariant(tree, argument_parsers)
            return OperationVariant(tree, argument_parsers, [parse(values) for parse in argument_parsers])
        except Unsupported as declined:
            _log_declined(prepared, declined)
            return declined.again()
        except (DomainError, GraphQLError):
            refused = Unsupported(REFUSED_ARGUMENTS)
            _log_declined(prepared, refused)
            return refused


def _change_parser(
    field: Mutation, parse_input: Callable[[CoercedVariables], Any]
) -> Callable[[CoercedVariables, Actor], RowUpdateArguments | DecidedWriteArguments]:
    """Return what reads the change that a mutation comes down to; it raises Unsupported where there is none."""

    def parse(values: CoercedVariables, actor: Actor) -> RowUpdateArguments | DecidedWriteArguments:
        if field.decided_write is not None:
            return DecidedWriteArguments(field.decided_write(actor, parse_input(values)))
        row_update = field.row_update(actor, parse_input(values)) if field.row_update else None
        if row_update is None or not row_update.changes:
            raise Unsupported("more than one row update")
        return RowUpdateArguments(row_update)

    return parse


async def _fetch(
    plan: Plan, arguments: Sequence[PlanArguments], context: StatementContext, *, prepare: bool
) -> str | CompiledResult:
    """Return the text of a statement that reads, or why the reference executor has to."""
    try:
        return await context.compiled.fetch(plan.sql, plan.values(arguments, context.actor.identity), prepare=prepare)
    except InvalidValue:
        return CompiledResult(declined="a value outside its declared type")
    except SuperuserRefused:
        return CompiledResult(declined="for superusers alone")
    except StatementRejected:
        log.exception("a compiled statement failed, and the reference executor goes on")
        return CompiledResult(declined=FAULT)
    except Exception as refusal:  # noqa: BLE001  # what it is to clients and to the log is not decided here
        context.fail_with(refusal)
        return CompiledResult(declined=type(refusal).__name__)


async def _decide(
    reading: Plan, arguments: Sequence[PlanArguments], context: StatementContext, *, prepare: bool
) -> Sequence[PlanArguments] | CompiledResult:
    """Read what a write depends on, and decide it; or say why the reference executor has to."""
    (change,) = arguments
    assert isinstance(change, DecidedWriteArguments)
    context.route.primary_reason = RoutingReason.WRITE
    found = await _fetch(reading, [change.to_read()], context, prepare=prepare)
    if isinstance(found, CompiledResult):
        return found
    try:
        decided = change.decided(context.actor, orjson.loads(found))
    except DomainError as refusal:
        return CompiledResult(declined=type(refusal).__name__)
    return CompiledResult(declined="a repeated idempotency key") if decided is None else [decided]


def _log_declined(prepared: PreparedOperation, found: object) -> None:
    """Log why an operation is left to the reference executor; once for as long as that is remembered."""
    if isinstance(found, Unsupported) and found.reason != SILENT:
        log.info("not compiled: %s", found.reason, extra={"fields": {"operation_name": prepared.name}})


def _weigh_plan(_key: tuple[Any, ...], kept: Plan | Unsupported) -> int:
    if isinstance(kept, Unsupported):
        return PREPARED_BYTES + size_of(kept.reason)
    weight = PREPARED_BYTES + size_of(kept.sql) + len(kept.binders) * PARAMETER_BYTES
    return weight if kept.reading is None else weight + _weigh_plan(_key, kept.reading)
