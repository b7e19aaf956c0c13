"""Who may do what, as one table: every operation for everybody who may try it.

`removed` was a member and has a token from before; `outsider` has logged in and entered no tenant; `nobody` brings no
token; `superuser` is an outsider who is one. A refusal changes nothing in the database.
"""

import pytest

from tests.support.case_context import enter_as, table_digests, use_api_key
from tests.support.case_objects import product
from tests.support.domain_cases import CASES_FILE, ROLES, SUPERUSER, all_cases, read_matrix
from tests.support.factories import World
from tests.support.operation_cases import OPERATION_CASES, OperationCase, outcome_code

OUTCOMES = {domain: read_matrix(cases.outcomes) for domain, cases in all_cases().items()}
EXPECTED = {case: outcomes for cases in OUTCOMES.values() for case, outcomes in cases.items()}


def test_every_operation_is_in_the_table() -> None:
    missing, unknown = set(OPERATION_CASES) - set(EXPECTED), set(EXPECTED) - set(OPERATION_CASES)
    assert not missing, f"Write what becomes of {sorted(missing)} for each role into `outcomes` of {CASES_FILE}."
    assert not unknown, f"Take {sorted(unknown)} out of `outcomes` of {CASES_FILE}: there is no such case."


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("case", EXPECTED)
async def test_who_may(founded_world: World, case: str) -> None:
    operation, found = OperationCase(case), {}
    for who in (*ROLES, SUPERUSER):
        stage = await enter_as(founded_world, founded_world.acme, who)
        body = operation.body(await operation.arguments(stage))
        before = await table_digests(founded_world.connection)
        answer = await stage.client.send(body["query"], **body["variables"])
        found[who] = outcome_code(answer, operation.field)
        if found[who] != "ok":
            assert await table_digests(founded_world.connection) == before, f"refused, but something changed: {who}"
    assert found == EXPECTED[case], (
        f"Write into `outcomes` of {CASES_FILE} what {case!r} answers to each role, or mend who may in"
        " services/permissions.py and in the rule."
    )


PERSONAL = frozenset().union(*(cases.forbidden_to_keys for cases in all_cases().values()))
"""What no key opens, whatever its role: it is about the account of whoever made it, or about keys."""


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("case", EXPECTED)
async def test_a_key_may_what_its_role_may_but_for_what_is_personal(founded_world: World, case: str) -> None:
    operation, found, expected = OperationCase(case), {}, {}
    for who in ("owner", "admin", "member"):
        stage = await enter_as(founded_world, founded_world.acme, "owner")
        await use_api_key(stage, who.upper())
        body = operation.body(await operation.arguments(stage))
        before = await table_digests(founded_world.connection)
        answer = await stage.client.send(body["query"], **body["variables"])
        found[who] = outcome_code(answer, operation.field)
        expected[who] = "FORBIDDEN" if case in PERSONAL else EXPECTED[case][who]
        if found[who] != "ok":
            assert await table_digests(founded_world.connection) == before, f"refused, but something changed: {who}"
    assert found == expected, (
        f"Write {case!r} into `forbidden_to_keys` of {CASES_FILE} if it is no machine's to do, and its permission into"
        " FORBIDDEN_TO_API_KEYS of services/permissions.py."
    )


ADDRESSES = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on User { email } } }"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("who", "sees_others"), [("owner", True), ("admin", True), ("member", False)])
async def test_addresses_are_for_who_manages_members(founded_world: World, who: str, *, sees_others: bool) -> None:
    stage, other = (
        await enter_as(founded_world, founded_world.acme, who),
        await enter_as(founded_world, founded_world.acme, "member"),
    )
    assert stage.actor is not None
    assert other.actor is not None
    own, others = (await stage.client.run(ADDRESSES, ids=[stage.actor.id, other.actor.id]))["nodes"]
    assert own["email"] == stage.actor.email
    assert others["email"] == (other.actor.email if sees_others else None)


SALES = "query($id: ID!) { product(id: $id) { name unitsSold revenue { amount } } }"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("who", "sees"), [("owner", True), ("admin", True), ("member", False)])
async def test_sales_are_for_who_manages_orders(founded_world: World, who: str, *, sees: bool) -> None:
    stage = await enter_as(founded_world, founded_world.acme, who)
    found = (await stage.client.run(SALES, id=await product(stage)))["product"]
    seen = {"unitsSold": 0, "revenue": {"amount": "0.00"}} if sees else {"unitsSold": None, "revenue": None}
    assert found == {"name": "acme secret", **seen}
