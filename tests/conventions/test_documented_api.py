"""What docs/clients.md and SECURITY.md say of the API is what the schema and the constants of the code say."""

import hashlib
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from graphql import GraphQLObjectType, GraphQLSchema, build_schema, get_named_type
from graphql.language.parser import MAX_NESTING_DEPTH

from atrium.http import persisted_queries
from atrium.http.endpoint import CONNECTION_INIT_SECONDS, MOST_OPERATIONS
from atrium.http.request_parsing import MAX_DEPTH, MAX_QUERY_STRING
from atrium.settings import Settings
from graph import shared_execution
from graph.compiler.selection import MAX_OBJECTS
from graph.fields.errors import STATUS
from graph.fields.node import MAX_NODE_IDS
from graph.runtime.complexity import COUNT_COST, ROW_COST, WRITE_COST
from graph.runtime.operation_cost import MINIMUM_COST
from models.base import new_id
from models.database import partitions
from services.articles import MAX_TITLE_LENGTH
from services.articles.suggestions import MAX_SUGGESTIONS
from services.articles.suggestions import suggest as suggesting
from services.eventlog import fanout, outbox
from services.orders.rules import MAX_LINES
from services.queries import filters, page_request
from services.security import passwords
from services.security.opaque_tokens import OpaqueToken
from services.writes import bulk, idempotency
from tests.support.assertions import CPU_BUDGET_SECONDS
from tests.support.doc_pages import code_spans, page_text, section_text, table_rows
from tests.support.source_files import ROOT

CLIENTS, SECURITY = "docs/clients.md", "SECURITY.md"

# What mutations do, by the first word of their names: some make something or add to it, and need a key against doing it
# twice; the others leave things as they are when they are repeated, or are refused then.
CREATING_VERBS = {"create", "import", "invite", "place", "register", "restock"}
OTHER_VERBS = {
    *(
        "accept",
        "archive",
        "cancel",
        "change",
        "confirm",
        "delete",
        "deliver",
        "leave",
        "login",
        "logout",
        "move",
        "purge",
    ),
    *("refresh", "remove", "request", "reset", "restore", "resume", "revert", "revoke", "set", "ship", "suspend"),
    *("switch", "update", "verify"),
}


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema((ROOT / "schema.graphql").read_text(encoding="utf-8"))


def fields(schema: GraphQLSchema) -> Iterator[tuple[str, str, Any]]:
    """Every field of an object: the object's type, the field's name, and the field."""
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLObjectType):
            yield from ((type_.name, name, field) for name, field in type_.fields.items())


def test_what_has_a_history_is_named(schema: GraphQLSchema) -> None:
    having = {type_.lower() for type_, name, _ in fields(schema) if name == "history"}
    [things] = re.findall(r"^([A-Z][^.>]+?) have a `history`", section_text(CLIENTS, "What happened"), re.MULTILINE)
    advice = "Run `uv run atrium docs`, which names in docs/clients.md and SECURITY.md what has a history."
    assert {word.lower().removesuffix("s") for word in re.findall(r"\w+", things)} - {"and"} == having, advice
    [seen] = re.findall(r"Whoever sees ([^.]+?) sees\s+its\s+history", page_text(SECURITY))
    assert set(re.findall(r"\ban? (\w+)", seen)) == having, advice


def test_lists_without_filter_and_order_are_named(schema: GraphQLSchema) -> None:
    lists = {
        f"{type_}.{name}": {"filter", "orderBy"} & set(field.args)
        for type_, name, field in fields(schema)
        if get_named_type(field.type).name.endswith("Connection")
    }
    halves = {name for name, extras in lists.items() if len(extras) == 1}
    assert halves == set(), f"Hand both `filter=` and `order=` to @backed_by of what {sorted(halves)} list, or neither."
    rows = table_rows(CLIENTS, "Lists with neither `filter` nor `orderBy`")
    named = {name for names, _ in rows for name in code_spans(names)}
    plain = {name for name, extras in lists.items() if not extras}
    assert named == plain, (
        "Write these into the table of lists with neither `filter` nor `orderBy` of docs/clients.md, or take them out:"
        f" {sorted(named ^ plain)}"
    )


def test_what_is_made_without_a_key_is_named(schema: GraphQLSchema) -> None:
    assert schema.mutation_type is not None
    mutations = {name: field for name, field in schema.mutation_type.fields.items() if name != "query"}
    verbs = {name: re.match("[a-z]+", name)[0] for name in mutations}  # type: ignore[index]  # every name begins so
    new = set(verbs.values()) ^ (CREATING_VERBS | OTHER_VERBS)
    assert not new, (
        f"Write {sorted(new)} into CREATING_VERBS of this file if mutations so called create, else into OTHER_VERBS."
    )
    keyed = {
        name
        for name, field in mutations.items()
        if any("idempotencyKey" in getattr(get_named_type(given.type), "fields", ()) for given in field.args.values())
    }
    others = {name for name in keyed if verbs[name] not in CREATING_VERBS}
    assert not others, f"Take `idempotencyKey` out of the inputs of {sorted(others)}: repeated, they do nothing again."
    rows = table_rows(CLIENTS, "Mutation without a key")
    unkeyed = {name for name, verb in verbs.items() if verb in CREATING_VERBS} - keyed
    named = {name for cell, _ in rows for name in code_spans(cell)}
    assert named == unkeyed, (
        "Give their inputs an `idempotency_key`, or write into docs/clients.md, beside the mutations without a key, why"
        f" not: {sorted(named ^ unkeyed)}"
    )


def default(of: Callable[..., Any], name: str) -> Any:
    """What a parameter is when nothing is given for it."""
    return inspect.signature(of).parameters[name].default


def setting(name: str) -> Any:
    return Settings.model_fields[name].default


# Those that are settings are held against these by test_documentation.py.
LIMITS = {
    f"rows of a page; {page_request.DEFAULT_PAGE_SIZE} by default": page_request.MAX_PAGE_SIZE,
    "ids in `nodes`": MAX_NODE_IDS,
    "rows of a bulk call, and ids in `setUsersActive`": bulk.MAX_ROWS,
    "products of an order": MAX_LINES,
    "characters of a text that is searched or filtered by": filters.MAX_FILTER_LENGTH,
    "characters of a `prefix`, in `suggestArticles`": MAX_TITLE_LENGTH,
    f"suggestions; {default(suggesting, 'first')} by default": MAX_SUGGESTIONS,
    "query string of a GET, in bytes": MAX_QUERY_STRING,
    "levels of JSON": MAX_DEPTH,
    "levels of braces and brackets in a document": MAX_NESTING_DEPTH,
    "operations that run at once on a WebSocket": MOST_OPERATIONS,
    "seconds until `connection_init` on a WebSocket": CONNECTION_INIT_SECONDS,
    "characters of an `idempotencyKey`": idempotency.MAX_IDEMPOTENCY_KEY_LENGTH,
    f"characters of a password, at least {passwords.MIN_LENGTH}, with an upper-case letter, a digit and one of"
    f" `{passwords.SYMBOLS}`": passwords.MAX_LENGTH,
}


def test_limits_that_are_no_settings_are_those_of_the_code() -> None:
    assert {what: int(most) for what, most, set_by in table_rows(CLIENTS, "What") if not set_by} == LIMITS


def test_points_are_those_of_the_code() -> None:
    points = [int(points) for _, points in table_rows(CLIENTS, "Counted")]
    assert points == [MINIMUM_COST, 1, 1, COUNT_COST, WRITE_COST, ROW_COST, 0, MINIMUM_COST]


SECRET = [len(OpaqueToken.make("key", new_id(), new_id()).secret) * 8, hashlib.sha256().digest_size * 8]
WINDOW = setting("login_window_minutes")

FIGURES = {
    "passwords": [
        default(passwords.Passwords, "memory_kib") // 1024,
        default(passwords.Passwords, "passes"),
        passwords.MIN_LENGTH,
        passwords.MAX_LENGTH,
    ],
    "hashes at the same time in one process": [default(passwords.Passwords, "waiting")],
    "failed logins on one account": [setting("login_attempts_per_account"), WINDOW],
    "failed logins, registrations and e-mails requested from one address": [
        setting("login_attempts_per_address"),
        WINDOW,
    ],
    "access token": [setting("access_token_minutes")],
    "refresh token": SECRET,
    "a refresh token used again": [setting("refresh_grace_seconds")],
    "e-mailed token": [
        *SECRET,
        setting("password_reset_minutes") // 60,
        setting("email_verification_hours") // 24,
    ],
    "e-mails requested to one address": [setting("login_attempts_per_account"), WINDOW],
    "API key": SECRET,
    "characters, tokens": [setting("limit_characters"), setting("limit_tokens")],
    "levels, aliases, directives, root fields": [
        setting(f"limit_{name}") for name in ("depth", "aliases", "directives", "root_fields")
    ],
    "cost": [setting("limit_cost")],
    "cost that a user or an API key spends in a row": [
        *(setting("actor_cost_maximum"), setting("actor_cost_rate"), STATUS["RATE_LIMITED"])
    ],
    "cost that all of a tenant spend in a row": [setting("tenant_cost_maximum"), setting("tenant_cost_rate")],
    "how far the processes overdraw a bucket": [],
    "objects in one statement": [MAX_OBJECTS],
    "body": [setting("body_limit_bytes") // 1024, setting("anonymous_body_limit_bytes") // 1024, MAX_DEPTH],
    "headers": [
        *(setting("header_limit_bytes"), setting("header_limit_count"), setting("header_timeout_seconds")),
        *(STATUS["HEADERS_TOO_LARGE"], STATUS["REQUEST_TIMEOUT"]),
    ],
    "connections on which nothing is sent": [setting("header_timeout_seconds"), setting("keep_alive_seconds")],
    "connections from one address": [setting("connections_per_address"), STATUS["TOO_MANY_CONNECTIONS"]],
    "time to an answer": [setting("request_timeout_seconds"), setting("bulk_password_timeout_seconds")],
    "rows of a bulk call": [bulk.MAX_ROWS],
    "characters that are searched or filtered by": [filters.MAX_FILTER_LENGTH],
    "entries that are read ahead for one subscriber": [outbox.FOLLOWER_PAGE_SIZE],
    "subscriptions of one session or API key in a process": [setting("subscriptions_per_session")],
    "persisted queries of a tenant, and of all tenants, in a process": [
        persisted_queries.TENANT_BYTES // 2**20,
        persisted_queries.ALL_BYTES // 2**20,
    ],
    "subscriptions that are being opened at a time": [fanout.MAX_OPENING],
    "results of events that are kept for other followers": [shared_execution.CACHED_RESULT_BYTES // 2**20],
    "wait for a connection": [setting("admission_wait_seconds")],
    "connections that are reserved for statements of up to 0.1 s": [1, partitions.RESERVED_SHARE],
}
"""The figures of each row of SECURITY.md, in their order."""


def numbers(cell: str) -> list[int]:
    """The numbers in a cell; a name such as Ed25519 is none."""
    return [int(found.replace(",", "")) for found in re.findall(r"\b\d{1,3}(?:,\d{3})*\b", cell)]


def test_figures_of_what_is_defended_are_those_of_the_code() -> None:
    assert {what.partition(":")[0]: numbers(figure) for what, figure, *_ in table_rows(SECURITY, "What")} == FIGURES


def test_the_budget_of_what_is_refused_is_the_one_of_the_tests() -> None:
    [aimed, asserted] = re.findall(
        r"(?:within|assert) (\d+) ms", section_text(SECURITY, "What is defended, and against whom")
    )
    assert (int(asserted), int(asserted) / int(aimed)) == (CPU_BUDGET_SECONDS * 1000, 3)


def test_numbers_are_found() -> None:
    assert numbers("Ed25519, 65,536 and 4,000; 8 to 128, `at+jwt`, SHA-256") == [65_536, 4_000, 8, 128, 256]
