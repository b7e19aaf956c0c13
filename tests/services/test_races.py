"""Whatever reads before it writes: two transactions meet in between, and the outcome is that of one after the other.

What protects each of them is said in docs/architecture.md, under the same names.
"""

import ast
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import Urls
from tests.support import races, races_of_members, races_of_orders, races_of_tenant_data, races_of_tenant_labels
from tests.support.doc_pages import table_rows
from tests.support.factories import World
from tests.support.liveness import differences
from tests.support.races import RACES, RaceContext, open_rendezvous
from tests.support.service_client import ServiceClient
from tests.support.source_files import Source, sources

LISTS = (races_of_members, races_of_orders, races_of_tenant_data, races_of_tenant_labels)
"""The modules that put races on the list."""

NOT_RACED = {
    "account_recovery.request_email_verification": "the token holds the address, which is compared when it is used",
    "accounts.load_own_account": "reads",
    "accounts.update": "one statement; the version is a condition in it",
    "articles.import_all": "decides by nothing that it has read, but for the key",
    "documents.purge_old": "locks what it looks at, in the same statement",
    "projects.archive": "one statement; what must hold is a condition in it",
    "projects.update": "likewise",
    "sessions.logout": "one statement",
    "sessions.logout_everywhere": "likewise",
    "sessions.open_session": "a part of what is raced",
    "sessions.revoke": "one statement",
    "sessions.revoke_session": "likewise",
    "tenants.update": "one statement; the version is a condition in it",
    **dict.fromkeys(
        (
            "invitations.invite_all",
            "invitations.member_emails_in",
            "invitations.revoke_open",
            "invitations.revoke_unauthorized",
            "invitations.tenant_name",
            "labels.lock_existing",
            "orders.delete_order",
            "orders.return_stock",
            "orders.write_items",
            "orders.write_sales",
            "orders.write_transition",
            "orders.write_transitions",
            "projects.lock_existing",
            "projects.lock_live",
            "tasks.lock_existing",
            "tenants.lock_members",
        ),
        "a part of what is raced",
    ),
}
"""The rules that write and are in no race, each with its reason."""


@pytest.fixture
async def context(rules: ServiceClient, world: World, urls: Urls) -> AsyncIterator[RaceContext]:
    async with open_rendezvous(urls.plain("owner")) as rendezvous:
        yield RaceContext(rules, world, urls, rendezvous)


def writing_rules(source: Source) -> set[str]:
    """Return the rules of a domain that write, as tests call them: `tasks.create`."""
    *_, domain, name = source.name.removesuffix(".py").split("/")
    domain = name if domain == "services" else domain
    return {
        f"{domain}.{function.name}"
        for function in source.tree.body
        if isinstance(function, ast.AsyncFunctionDef)
        and not function.name.startswith("_")
        and {"WriteSession", "Transactions"} & {ast.unparse(a.annotation) for a in function.args.args if a.annotation}
    }


def named_rules(module: ModuleType) -> set[str]:
    """Return what a module names of others: `tasks.create`."""
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    found = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name))
    return {ast.unparse(node) for node in found}


def test_every_rule_that_writes_is_raced_or_says_why_not() -> None:
    domains = [each for each in sources("services") if each.name.split("/")[1] not in PARTS]
    rules = set().union(*map(writing_rules, domains))
    raced = set().union(*map(named_rules, (races, *LISTS)))
    assert {"tasks.create", "orders.place", "articles.update", "members.set_active"} <= rules
    domains_raced = {name.partition(".")[0] for name in raced}  # one that `atrium new-domain` wrote is not, at first
    left = {rule for rule in rules - raced if rule.partition(".")[0] in domains_raced}
    assert left == set(NOT_RACED), "write a race in tests/support/races_of_*.py, or why there is none"


PARTS = {"authentication.py", "email", "eventlog", "queries", "security", "writes"}
"""Of services, what is no domain: the rules call it, and are raced."""


def test_the_documents_say_what_protects_each_of_them() -> None:
    assert [row[0] for row in table_rows("docs/architecture.md", "While")] == list(RACES)


@pytest.mark.parametrize("name", RACES)
async def test_two_transactions_that_meet_between_read_and_write_have_the_outcome_of_one_after_the_other(
    name: str, context: RaceContext
) -> None:
    await RACES[name](context)
    assert await differences(context.world.connection) == []
