"""The two executors side by side on one database full of rows, and who asks them."""

import json
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import asyncpg
from graphql import GraphQLObjectType, GraphQLSchema
from strawberry.schema.schema_converter import GraphQLCoreConverter

from graph.compiler import CompiledResult
from graph.fields.columns import ExpressionField, MoneyField
from graph.fields.match_fields import ArticleSearchField
from graph.fields.relations import ByIdField, ConnectionField, ToOne
from graph.fields.statistics import StatisticsField
from graph.fields.viewer import ViewerReference
from models import Role
from services.errors import DomainError
from services.permissions import ROLES
from tests.conftest import Urls
from tests.support.client import App, Client, run_app
from tests.support.comparable_answers import comparable_answer, has_rows
from tests.support.differential_ports import BothPaths
from tests.support.differential_rows import INSERT_ROWS
from tests.support.factories import Person, Tenant, World, create_world, insert
from tests.support.query_features import features_of
from tests.support.random_queries import KnownValues, ListSite, QueryMaker

__all__ = [
    "COMPILER_FAILED",
    "BothExecutors",
    "Caller",
    "Crashed",
    "Tally",
    "comparable_answer",
    "compare_query",
    "run_both",
]

COMPILER_FAILED = "an internal error of the compiler"

UPDATE_ROWS = (
    """UPDATE products SET price_minor = price_minor + 1 WHERE tenant_id = $1 AND sku LIKE 'SKU-1%'""",
    """UPDATE products SET currency = 'JPY', description = NULL WHERE tenant_id = $1 AND sku LIKE 'SKU-%3'""",
    """UPDATE products SET price_minor = 5, currency = 'KWD', is_active = FALSE
    WHERE tenant_id = $1 AND sku = 'SKU-2'""",
    """UPDATE tasks SET assignee_id = CASE WHEN assignee_id IS NULL THEN created_by END, project_id = NULL,
    title = E'"\\\n' || title WHERE tenant_id = $1 AND title <> 'Alpha'""",
    """UPDATE tasks SET due_date = '2026-05-01 10:00+02' WHERE tenant_id = $1 AND status = 'DONE'""",
    """DELETE FROM tasks WHERE tenant_id = $1 AND title = 'Alpha' AND due_date IS NULL""",
    """UPDATE projects SET name = 'gamma', archived_at = now() WHERE tenant_id = $1 AND name LIKE 'beta%'""",
    """UPDATE articles SET title = 'Still' WHERE tenant_id = $1 AND title = 'River' AND language = 'GERMAN'""",
)
"""What happened to those rows since, so that the audit log tells of changes of every kind of column."""

SELECT_IDS = """
SELECT type || ':' || id AS id, type FROM (
    SELECT 'User' AS type, id, tenant_id, email AS place FROM memberships
    UNION ALL SELECT 'AuditEntry', id, tenant_id, table_name || row_id || action FROM audit_log
    UNION ALL SELECT 'Project', id, tenant_id, '' FROM projects UNION ALL SELECT 'Task', id, tenant_id, '' FROM tasks
    UNION ALL SELECT 'Product', id, tenant_id, '' FROM products UNION ALL SELECT 'Order', id, tenant_id, '' FROM orders
    UNION ALL SELECT 'OrderItem', id, tenant_id, '' FROM order_items
    UNION ALL SELECT 'OrderEvent', id, tenant_id, '' FROM events UNION ALL SELECT 'Tenant', id, id, '' FROM tenants
    UNION ALL SELECT 'Invitation', id, tenant_id, '' FROM invitations
    UNION ALL SELECT 'Document', id, tenant_id, '' FROM documents
    UNION ALL SELECT 'Article', id, tenant_id, '' FROM articles
    UNION ALL SELECT 'ApiKey', id, tenant_id, '' FROM api_keys UNION ALL SELECT 'Label', id, tenant_id, '' FROM labels
    UNION ALL SELECT 'Comment', id, tenant_id, '' FROM comments
) every WHERE tenant_id = $1 ORDER BY type, place, id
"""
"""What can be asked for, in the same order each time: what FURNISH makes has the same ids in every database."""

WORDS = ["alpha", "ALPHA", "be", "%", "_", "o", "Ü", '"', "\\", "words", "SKU-3", "owner@acme.example.com", ""]

SEARCHES = """river | RIVERS or bridge | "stone bridge" or alpha | garden or haus -winter | haus or river or fluss
alpha | stone lamp or Häuser | alpha or river or Fluss | b or script or garden | words or river | river -alpha"""
NO_SEARCHES = ["", "the", "<>", "rivre", "nothing"]

REPEAT_SHARE = 0.25
WEIGHTS = {"owner": 30, "admin": 25, "member": 37, "removed": 1, "outsider": 5}


class Crashed(AssertionError):
    """The compiler did not give a wrong answer, but an INTERNAL error."""


@dataclass
class Caller:
    """Somebody who asks, at both applications."""

    name: str
    compiled: Client
    reference: Client
    known: KnownValues


@dataclass
class Tally:
    """How often what happened."""

    queries: int = 0
    refused: int = 0
    """Answered with an error, whose words are the reference executor's to find."""
    compiled: int = 0
    sent_to_ports: int = 0
    """Compiled ones that were sent again through a port, with the fast path and without."""
    took_fast_path: int = 0
    """Of those, by the server's own count."""
    with_rows: int = 0
    declined: Counter[str] = field(default_factory=Counter)
    by_caller: Counter[str] = field(default_factory=Counter)
    by_feature: Counter[str] = field(default_factory=Counter)
    """Queries by what they use of filters, orders and statistics."""
    compiled_by_feature: Counter[str] = field(default_factory=Counter)

    def note_features(self, features: set[str], *, is_compiled: bool) -> None:
        """Count a query with what it uses."""
        self.by_feature.update(features)
        if is_compiled:
            self.compiled_by_feature.update(features)

    def feature_table(self) -> str:
        """Return for each feature how many queries have it, and how many of those were compiled."""
        lines = ["| Used | Queries | Compiled |", "| --- | --- | --- |"]
        for name, count in sorted(self.by_feature.items()):
            lines.append(f"| `{name}` | {count} | {self.compiled_by_feature[name] / count:.1%} |")
        return "\n".join(lines)

    def __str__(self) -> str:
        fast = (
            f", {self.took_fast_path / self.sent_to_ports:.1%} of these on the fast path" if self.sent_to_ports else ""
        )
        return (
            f"{self.queries} queries, {self.refused / self.queries:.1%} refused, {self.compiled / self.answered:.1%} of"
            f" the others compiled{fast}, {self.with_rows / self.queries:.1%} with rows; by {dict(self.by_caller)};"
            f" declined {dict(self.declined.most_common())}"
        )

    @property
    def answered(self) -> int:
        """Return how many were not refused."""
        return self.queries - self.refused


@dataclass
class BothExecutors:
    """Two applications on one database: one compiles, one does not."""

    compiled: App
    reference: App
    people: list[Caller]
    world: World
    schema: GraphQLSchema
    paths: BothPaths | None = None
    """The application that compiles, on ports."""
    compiled_results: list[CompiledResult] = field(default_factory=list)
    """What the compiler answered lately."""
    reference_answers: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    """What the reference executor answered, to whom and what."""

    def use_compiler(self, compiler: Any) -> None:
        """Have this compiler answer from here on, and note what it does."""
        answer = compiler.execute

        async def noted(*args: Any, **options: Any) -> CompiledResult:
            self.compiled_results.append(await answer(*args, **options))
            return self.compiled_results[-1]

        compiler.execute = noted
        self.compiled.components.schema.compiler = compiler

    def random_caller(self, randomness: random.Random) -> Caller:
        return randomness.choices(self.people, [WEIGHTS[who.name] for who in self.people])[0]


@asynccontextmanager
async def run_both(urls: Urls, connection: asyncpg.Connection) -> AsyncIterator[BothExecutors]:
    """Both executors, on a world full of rows."""
    async with run_app(urls, compiler=True) as compiled, run_app(urls, compiler=False) as reference:
        world = await create_world(compiled, connection)
        await _belong_to_both(connection, world)
        for tenant in (world.acme, world.globex):
            furnish = INSERT_ROWS.replace("$1", f"'{tenant.tenant_id}'::uuid").replace("$2", f"'{tenant.slug}'")
            await connection.execute(furnish)
            for statement in UPDATE_ROWS:
                await connection.execute(statement, tenant.tenant_id)
        ids = await _select_ids(connection, world.acme)
        acme = world.acme
        people = {
            "owner": acme.owner,
            "admin": acme.admin,
            "member": acme.member,
            "removed": acme.removed,
            "outsider": world.outsider,
        }
        searches = [*re.split(r" \| |\n", SEARCHES) * 12, *NO_SEARCHES]
        known = partial(KnownValues, ids, WORDS, searches)
        everybody = [
            Caller(
                name,
                person.client,
                reference.client_with(person.client.token),
                known(_allows(person), person.role in {"OWNER", "ADMIN"}),
            )
            for name, person in people.items()
        ]
        schema = compiled.components.schema.graphql
        executors = BothExecutors(compiled, reference, everybody, world, schema)
        executors.use_compiler(compiled.components.schema.compiler)
        yield executors


async def _belong_to_both(connection: asyncpg.Connection, world: World) -> None:
    """Acme's people belong to globex too, whose policy alone would show them their membership there."""
    for person in (world.acme.owner, world.acme.member):
        member = {"tenant_id": world.globex.tenant_id, "user_id": person.user_id, "role": "MEMBER"}
        await insert(connection, "memberships", **member, full_name="", email="")


async def _select_ids(connection: asyncpg.Connection, tenant: Tenant) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in await connection.fetch(SELECT_IDS, tenant.tenant_id):
        found.setdefault(row["type"], []).append(row["id"])
    return found


def _allows(person: Person) -> Callable[[GraphQLObjectType, str], bool]:
    """Whether somebody may see a field, by its declaration."""
    permissions = ROLES[Role(person.role) if person.role else None]

    def readable(collection: Any) -> bool:
        try:
            collection.visible(permissions)
        except DomainError:
            return False
        return True

    def allows(type_: GraphQLObjectType, name: str) -> bool:
        declared = type_.fields[name].extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
        if isinstance(declared, ConnectionField | ToOne | ByIdField):
            return readable(
                declared.collection if isinstance(declared, ConnectionField) else declared.target.collection
            )
        if isinstance(declared, StatisticsField):
            return readable(declared.statistics.collection)
        if isinstance(declared, ArticleSearchField):
            return readable(declared.search_source.collection)
        if isinstance(declared, ViewerReference):
            return person.tenant_id is not None or "tenant_id" not in declared.required_attributes
        if isinstance(declared, ExpressionField | MoneyField) and hasattr(declared, "binding"):
            guarded = declared.binding.collection.restricted
            wanted = declared.expression if isinstance(declared, ExpressionField) else declared.minor
            return wanted not in guarded or guarded[wanted] in permissions
        return name not in {"node", "nodes"} or person.tenant_id is not None

    return allows


async def compare_query(both: BothExecutors, seed: int, tally: Tally) -> None:
    """Make one query by a seed and have both executors answer it; they must agree.

    Now and then it is asked again: from one of its cursors on, by somebody else, or with other variables.
    """
    randomness = random.Random(seed)
    who = both.random_caller(randomness)
    maker = QueryMaker(both.schema, who.known, randomness)
    query = maker.query()
    data = await _ask_both(both, who, query.at(None), query.variables, seed, tally)
    if query.lists and data:
        site = randomness.choice(query.lists)
        cursor = _find_cursor(data, site)
        if cursor is not None:
            await _ask_both(both, who, query.at(site, cursor), query.variables, seed, tally)
    if randomness.random() < REPEAT_SHARE:
        other = both.random_caller(randomness)
        if other.name not in {"removed", "outsider"}:
            await _ask_both(both, other, query.at(None), query.variables, seed, tally)
    if query.variables and randomness.random() < REPEAT_SHARE:
        await _ask_both(both, who, query.at(None), maker.varied(query.variables), seed, tally)


def _find_cursor(data: Any, site: ListSite) -> str | None:
    """A cursor of a list, from the first parent that has one."""
    waiting = [(data, site.path)]
    while waiting:
        value, path = waiting.pop(0)
        if isinstance(value, list):
            waiting += [(each, path) for each in value]
        elif isinstance(value, dict) and path:
            waiting.append((value.get(path[0]), path[1:]))
        elif isinstance(value, dict):
            found: str | None = (value.get("pageInfo") or {}).get("startCursor" if site.backwards else "endCursor")
            if found:
                return found
    return None


async def _ask_both(
    both: BothExecutors, who: Caller, text: str, variables: dict[str, Any], seed: int, tally: Tally
) -> Any:
    body = {"query": text, "variables": variables}
    both.compiled_results.clear()
    compiled = await comparable_answer(who.compiled, body)
    executor = both.compiled_results[0] if both.compiled_results else CompiledResult(declined=COMPILER_FAILED)
    key = (who.name, text, json.dumps(variables))
    if key not in both.reference_answers:
        both.reference_answers[key] = await comparable_answer(who.reference, body)
    reference = both.reference_answers[key]
    story = f"seed {seed}, {who.name}: {text}\n{variables}\n{compiled}\n{reference}"
    codes = {error["extensions"]["code"] for error in compiled.get("errors", [])}
    if "INTERNAL" in codes:
        raise Crashed(story)
    assert json.dumps(compiled) == json.dumps(reference), story
    if both.paths is not None:
        by_port = await both.paths.ask(who.compiled.token, body, by_get=tally.queries % 3 == 0)
        assert json.dumps(by_port.get("data")) == json.dumps(reference.get("data")), f"{story}\n{by_port}"
        tally.sent_to_ports += executor.declined is None
    assert not codes & {"GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"}, story
    tally.queries += 1
    tally.by_caller[who.name] += 1
    if codes:
        tally.refused += 1
    else:
        tally.compiled += executor.declined is None
        tally.note_features(features_of(text, variables), is_compiled=executor.declined is None)
    tally.with_rows += has_rows(compiled.get("data"))
    if executor.declined is not None:
        tally.declined[executor.declined] += 1
    return compiled.get("data")
