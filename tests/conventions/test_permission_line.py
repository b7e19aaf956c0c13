"""Every rule begins with its permission."""

import ast
from collections.abc import Iterator

import pytest
from sqlalchemy import BindParameter
from sqlalchemy.sql import visitors

from services.permissions import Permission
from tests.support.domain_cases import merged
from tests.support.source_files import sources

CALLED_BY_SERVICES = (
    "for the rules, which have asked before they come here; nothing in graph may import services.writes.rows"
)
BULK = "a step of the rules in bulk, which have asked before they come here"
STORE = "for the rules of whatever has events, which have asked before they come here"
SUPERUSERS = "for operators, and a step of the superusers' rules, which have asked; the database asks once more"
REPLAY = "for operators, from the command line; no actor is behind it"
TRUSTED_DOCUMENTS = "for operators and the process itself: documents are nobody's data, and the owner alone writes them"
USES_EMAIL_TOKEN = "a step of what is done by mail, for people whom no permission is known of yet"
READS_HISTORY = "for the rules of whatever shows its past, which have asked before they come here"
SHOWN_ALREADY = "of rows that the actor was shown, for which they were allowed to read them"
OPENS_SESSION = "a step of opening a session, for people whom no permission is known of yet"

# The public functions of services that ask for no permission themselves, and why.
OPEN_TO_ALL = {
    "services/queries/loading.py:abilities_by_id": SHOWN_ALREADY,
    "services/queries/loading.py:cursors_by_id": SHOWN_ALREADY,
    "services/queries/loading.py:past_cursor": SHOWN_ALREADY,
    "services/accounts.py:register": "anybody may; nobody is known yet",
    "services/sessions.py:login": "anybody may; the password decides",
    "services/sessions.py:refresh": "anybody may; the refresh token decides",
    "services/account_recovery.py:request_password_reset": "anybody may; the letter goes to the account's own address",
    "services/account_recovery.py:reset_password": "anybody may; the mailed token decides",
    "services/account_recovery.py:verify_email": "likewise",
    "services/email/tokens.py:issue_email_token": USES_EMAIL_TOKEN,
    "services/email/tokens.py:is_valid": USES_EMAIL_TOKEN,
    "services/email/tokens.py:consume_token": USES_EMAIL_TOKEN,
    "services/email/tokens.py:revoke_tokens": USES_EMAIL_TOKEN,
    "services/authentication.py:find_account": OPENS_SESSION,
    "services/authentication.py:find_account_throttled": OPENS_SESSION,
    "services/authentication.py:record_attempt": OPENS_SESSION,
    "services/authentication.py:clear_attempts": OPENS_SESSION,
    "services/authentication.py:hash_password": "reads and writes nothing",
    "services/authentication.py:verify_password": "reads and writes nothing",
    "services/sessions.py:open_session": OPENS_SESSION,
    "services/writes/idempotency.py:once": "keeps the keys of whatever rule calls it, which has asked",
    "services/writes/idempotency.py:once_many": "likewise",
    "services/writes/decided_write.py:apply_decided": "likewise",
    "services/writes/bulk.py:update_rows": BULK,
    "services/writes/bulk.py:delete_rows": BULK,
    "services/writes/positions.py:retry_on_same_position": "turns one error into another, and touches no row",
    "services/writes/positions.py:find_place": "says where a row goes that the rule has locked",
    "services/queries/statistics.py:load_statistics": "counts what the list's own `visible` shows, which asks",
    "services/eventlog/store.py:append_events": STORE,
    "services/eventlog/store.py:append_all": STORE,
    "services/eventlog/store.py:read_stream": STORE,
    "services/eventlog/store.py:read_streams": STORE,
    "services/orders/numbers.py:with_number": STORE,
    "services/orders/numbers.py:with_numbers": STORE,
    "services/orders/stock.py:return_stock": STORE,
    "services/orders/projection.py:write_transition": STORE,
    "services/orders/projection.py:write_items": STORE,
    "services/orders/projection.py:write_sales": STORE,
    "services/orders/projection.py:write_transitions": STORE,
    "services/orders/projection.py:delete_order": STORE,
    "services/orders/rebuild.py:count_orders": REPLAY,
    "services/orders/rebuild.py:rebuild_batch": REPLAY,
    "services/superusers.py:suspend_or_resume": SUPERUSERS,
    "services/superusers.py:grant_or_revoke": SUPERUSERS,
    "services/superusers.py:account_by_email": SUPERUSERS,
    "services/superusers.py:latest_events": SUPERUSERS,
    "services/superusers.py:tenant_by_slug": SUPERUSERS,
    "services/trusted_documents.py:insert_documents": TRUSTED_DOCUMENTS,
    "services/trusted_documents.py:delete_documents": TRUSTED_DOCUMENTS,
    "services/trusted_documents.py:select_all": TRUSTED_DOCUMENTS,
    "services/trusted_documents.py:fingerprint": TRUSTED_DOCUMENTS,
    "services/eventlog/row_history.py:state_as_of": READS_HISTORY,
    "services/eventlog/row_history.py:state_after": READS_HISTORY,
    "services/eventlog/row_history.py:redact": "a step of the rules that purge, which have asked before they come here",
    "services/documents.py:purge_old": REPLAY,
    "services/eventlog/chain_verification.py:chain_length": REPLAY,
    "services/eventlog/chain_verification.py:verify_batch": REPLAY,
    "services/eventlog/chain_verification.py:unsequenced": REPLAY,
    "services/writes/row_update.py:apply_update": CALLED_BY_SERVICES,
    "services/writes/changes.py:change_row": CALLED_BY_SERVICES,
    "services/writes/changes.py:create_row": CALLED_BY_SERVICES,
    "services/writes/changes.py:lock_references": CALLED_BY_SERVICES,
    "services/writes/changes.py:row_update_of": CALLED_BY_SERVICES,
    "services/writes/contents.py:update_contents": CALLED_BY_SERVICES,
    "services/writes/rows.py:insert_row": CALLED_BY_SERVICES,
    "services/writes/rows.py:update_row": CALLED_BY_SERVICES,
    "services/writes/rows.py:update_where": CALLED_BY_SERVICES,
    "services/writes/rows.py:delete_row": CALLED_BY_SERVICES,
    "services/writes/rows.py:get_row": CALLED_BY_SERVICES,
    "services/writes/rows.py:get_row_for_update": CALLED_BY_SERVICES,
    "services/writes/rows.py:lock_rows": CALLED_BY_SERVICES,
    "services/queries/loading.py:past_expression": "of a row that was found by a rule that has asked",
    "services/writes/rows.py:set_change_time": "says when what follows happens, and changes nothing",
    "services/writes/contents.py:share_change_time": CALLED_BY_SERVICES,
    "services/writes/rows.py:lock_tenant": "locks, and lets in who is let in anyway",
    "services/writes/rows.py:lock_tenant_row": CALLED_BY_SERVICES,
    "services/writes/rows.py:unique_violation_as": "turns one error into another, and touches no row",
}


def public_functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node


def first_statement(function: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.stmt:
    """The first one behind the docstring."""
    return function.body[0 if ast.get_docstring(function) is None else 1]


def called_name(statement: ast.stmt) -> str:
    """What a statement calls, if it is but a call, or the assignment of one."""
    value = statement.value if isinstance(statement, ast.Expr | ast.Assign | ast.Return) else None
    return ast.unparse(value.func) if isinstance(value, ast.Call) else ""


def checks_permission(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a rule begins with its permission: `actor.require(…)` or what the actor's permissions let one see."""
    parameters = {argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)}
    if "actor" not in parameters:
        return False
    call = called_name(first_statement(function))
    return call == "actor.require" or call.rpartition(".")[2].lstrip("_").startswith("visible")


def makes_a_row_update(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether it gives what may be carried out without its rule."""
    return function.returns is not None and ast.unparse(function.returns).startswith("RowUpdate[")


def test_every_rule_begins_with_its_permission() -> None:
    rules = {
        f"{source.name}:{function.name}": checks_permission(function)
        for source in sources("services")
        for function in public_functions(source.tree)
        if isinstance(function, ast.AsyncFunctionDef) or makes_a_row_update(function)
    }
    assert any(name.endswith(":update_command") for name in rules)
    silent = {name for name, has_asked in rules.items() if not has_asked}
    assert silent <= set(OPEN_TO_ALL), (
        f"Begin {sorted(silent - set(OPEN_TO_ALL))} with actor.require(…), or write into OPEN_TO_ALL of"
        " tests/conventions/test_permission_line.py why they ask for no permission."
    )
    assert silent == set(OPEN_TO_ALL), (
        f"Take {sorted(set(OPEN_TO_ALL) - silent)} out of OPEN_TO_ALL in this file: they are gone, or ask now."
    )


def test_what_may_be_seen_begins_with_its_permission() -> None:
    seen = [
        (f"{source.name}:{function.name}", called_name(first_statement(function)))
        for source in sources("services")
        for function in public_functions(source.tree)
        if [argument.arg for argument in function.args.args] == ["permissions"]
    ]
    assert seen
    silent = [name for name, call in seen if call != "require_permission"]
    assert silent == [], f"Begin {silent} with require_permission(permissions, Permission.…)."


ONE_WALL = {f"superusers.{name}" for name in ("MANAGED_ACCOUNTS", "MANAGED_TENANTS", "ACCOUNT_EVENTS", "ACTS")}
"""Views that ask by themselves who reads them, and fail for all but superusers; a second condition would hide that."""


@pytest.mark.parametrize("name", [name for name in merged("collections") if name not in ONE_WALL])
def test_what_may_be_seen_names_the_tenant_or_the_account(name: str) -> None:
    """The policies hold without it; two walls stand where one may fall."""
    rows = merged("collections")[name].collection.visible(frozenset(Permission))
    binds = {part.key for part in visitors.iterate(rows) if isinstance(part, BindParameter)}
    assert binds & {"tenant_id", "user_id"}, (
        f"Write a condition on TENANT_ID or USER_ID into `visible` of {name} in services/{name.partition('.')[0]}."
    )


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("async def f(session, actor):\n    'Says.'\n    actor.require(P.X)\n    await go()", True),
        ("async def f(session, actor):\n    rows = collection.visible(actor.permissions)", True),
        ("async def f(session, actor):\n    return visible(actor.permissions)", True),
        ("async def f(session, actor):\n    await go()\n    actor.require(P.X)", False),
        ("async def f(session, actor):\n    if ready:\n        actor.require(P.X)", False),
        ("async def f(session, somebody):\n    actor.require(P.X)", False),
    ],
)
def test_only_the_first_line_counts(code: str, expected: bool) -> None:  # noqa: FBT001  # a table of cases
    function = ast.parse(code).body[0]
    assert isinstance(function, ast.AsyncFunctionDef)
    assert checks_permission(function) is expected
