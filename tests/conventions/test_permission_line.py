"""Every rule begins with its permission."""

import ast
from collections.abc import Iterator

import pytest

from tests.support.source_files import sources

ROW = "for the rules, which have asked before they come here; nothing in graph may import services.writes.rows"
BULK = "a step of the rules in bulk, which have asked before they come here"
STORE = "for the rules of whatever has events, which have asked before they come here"
REPLAY = "for operators, from the command line; no actor is behind it"
MAILED = "a step of what is done by mail, for people whom no permission is known of yet"
PAST = "for the rules of whatever shows its past, which have asked before they come here"
DOOR = "a step of opening a session, for people whom no permission is known of yet"

# The public functions of services that ask for no permission themselves, and why.
OPEN_TO_ALL = {
    "services/accounts.py:register": "anybody may; nobody is known yet",
    "services/sessions.py:login": "anybody may; the password decides",
    "services/sessions.py:refresh": "anybody may; the refresh token decides",
    "services/account_recovery.py:request_reset": "anybody may; the letter goes to the account's own address",
    "services/account_recovery.py:reset": "anybody may; the mailed token decides",
    "services/account_recovery.py:verify": "likewise",
    "services/email/messages.py:issue": MAILED,
    "services/email/messages.py:is_good": MAILED,
    "services/email/messages.py:spend": MAILED,
    "services/email/messages.py:spend_all": MAILED,
    "services/authentication.py:find_account": DOOR,
    "services/authentication.py:seek": DOOR,
    "services/authentication.py:count_try": DOOR,
    "services/authentication.py:forgive": DOOR,
    "services/authentication.py:hash_password": "reads and writes nothing",
    "services/authentication.py:verify_password": "reads and writes nothing",
    "services/sessions.py:open_session": DOOR,
    "services/writes/idempotency.py:once": "keeps the keys of whatever rule calls it, which has asked",
    "services/writes/idempotency.py:once_each": "likewise",
    "services/writes/bulk.py:written": BULK,
    "services/eventlog/store.py:append": STORE,
    "services/eventlog/store.py:stream": STORE,
    "services/orders/projection.py:write": STORE,
    "services/orders/projection.py:write_items": STORE,
    "services/orders/rebuild.py:count": REPLAY,
    "services/orders/rebuild.py:batch": REPLAY,
    "services/eventlog/row_history.py:as_of": PAST,
    "services/eventlog/row_history.py:after": PAST,
    "services/eventlog/row_history.py:forget": "a step of the rules that purge, which have asked before they come here",
    "services/documents.py:purge_old": REPLAY,
    "services/tenants.py:take_turns": ROW,
    "services/eventlog/chain_verification.py:length": REPLAY,
    "services/eventlog/chain_verification.py:walk": REPLAY,
    "services/eventlog/chain_verification.py:missing": REPLAY,
    "services/eventlog/outbox.py:head": "a number, and nothing of what is there; who follows the feed has asked to",
    "services/writes/row_update.py:edited": ROW,
    "services/writes/rows.py:inserted": ROW,
    "services/writes/rows.py:updated": ROW,
    "services/writes/rows.py:changed": ROW,
    "services/writes/rows.py:removed": ROW,
    "services/writes/rows.py:found": ROW,
    "services/writes/rows.py:held": ROW,
    "services/writes/rows.py:locked": ROW,
    "services/writes/rows.py:taken": "turns one error into another, and touches no row",
}


def public(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node


def first_statement(function: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.stmt:
    """The first one behind the docstring."""
    return function.body[0 if ast.get_docstring(function) is None else 1]


def called(statement: ast.stmt) -> str:
    """What a statement calls, if it is but a call, or the assignment of one."""
    value = statement.value if isinstance(statement, ast.Expr | ast.Assign | ast.Return) else None
    return ast.unparse(value.func) if isinstance(value, ast.Call) else ""


def asks(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a rule begins with its permission: `actor.require(…)` or what the actor's permissions let one see."""
    parameters = {argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)}
    if "actor" not in parameters:
        return False
    call = called(first_statement(function))
    return call == "actor.require" or call.rpartition(".")[2].lstrip("_").startswith("visible")


def makes_an_edit(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether it gives what may be carried out without its rule."""
    return function.returns is not None and ast.unparse(function.returns).startswith("Edit[")


def test_every_rule_begins_with_its_permission() -> None:
    rules = {
        f"{source.name}:{function.name}": asks(function)
        for source in sources("services")
        for function in public(source.tree)
        if isinstance(function, ast.AsyncFunctionDef) or makes_an_edit(function)
    }
    assert any(name.endswith(":renaming") for name in rules)
    assert {name for name, has_asked in rules.items() if not has_asked} == set(OPEN_TO_ALL)


def test_what_may_be_seen_begins_with_its_permission() -> None:
    seen = [
        (f"{source.name}:{function.name}", called(first_statement(function)))
        for source in sources("services")
        for function in public(source.tree)
        if [argument.arg for argument in function.args.args] == ["permissions"]
    ]
    assert seen
    assert [name for name, call in seen if call != "permitted"] == []


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
    assert asks(function) is expected
