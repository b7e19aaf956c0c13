"""What the fast path keeps of each request: its id, its address, its place in the log, what it pays, where it ends."""

import pytest

from services.cost_buckets import CostAccount
from tests.support.raw_http import TASKS, UPDATE, Server, body_of, rename, request, token_of

NOTHING_FOUND = '{ searchArticles(query: "nothing of this kind", first: 2) { totalCount } }'


@pytest.fixture
def paid(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The points that were taken out of buckets, and those that were put back, which are negative."""
    points: list[int] = []
    take, spend = CostAccount.take, CostAccount.spend

    def noted_take(self: CostAccount, wanted: int) -> object:
        refused = take(self, wanted)
        if refused is None:
            points.append(wanted)
        return refused

    def noted_spend(self: CostAccount, given: int) -> None:
        points.append(given)
        spend(self, given)

    monkeypatch.setattr(CostAccount, "take", noted_take)
    monkeypatch.setattr(CostAccount, "spend", noted_spend)
    return points


@pytest.mark.parametrize("text", [TASKS, NOTHING_FOUND], ids=["answered", "handed to the long way"])
async def test_the_same_is_paid_both_ways(server: Server, paid: list[int], text: str) -> None:
    asked = request({"query": text, "variables": {"first": 100} if text is TASKS else {}}, token=token_of(server))
    await server.warm(asked)
    found = []
    for fast in (False, True):
        paid.clear()
        assert b"200 OK" in await server.ask(asked, fast=fast)
        found.append((sum(paid), max(paid)))
    assert found[0] == found[1]
    assert found[0][0] > 0
    assert text is not TASKS or found[0][0] < found[0][1], "what is not needed is put back"


async def test_the_id_that_a_client_offers_is_given_back(server: Server) -> None:
    await server.warm(request(body_of(TASKS), "x-request-id: first", token=token_of(server)))
    for offered in ("my.id-2", "a"):
        before = await server.count_fast()
        asked = request(body_of(TASKS), f"x-request-id: {offered}", token=token_of(server))
        assert f"\r\nx-request-id: {offered}\r\n".encode() in await server.ask(asked, fast=True)
        assert await server.count_fast() == before + 1
        assert server.lines[-1]["request_id"] == offered
    answers = [await server.ask(request(body_of(TASKS), token=token_of(server)), fast=True) for _ in range(2)]
    ids = {answer.partition(b"x-request-id: ")[2].partition(b"\r\n")[0] for answer in answers}
    assert len(ids - {b"", offered.encode()}) == 2


async def test_the_trace_that_a_request_is_part_of_is_logged(server: Server) -> None:
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    await server.warm(request(body_of(TASKS), f"traceparent: 00-{'1' * 32}-{parent}-00", token=token_of(server)))
    for flags in ("00", "01"):
        asked = request(body_of(TASKS), f"traceparent: 00-{trace}-{parent}-{flags}", token=token_of(server))
        assert await server.assert_equal(asked) == 1
        assert (server.lines[-1]["trace_id"], server.lines[-1]["parent_id"]) == (trace, parent)
    assert await server.assert_equal(request(body_of(TASKS), "traceparent: nonsense", token=token_of(server))) == 1
    assert "trace_id" not in server.lines[-1]


@pytest.mark.parametrize("settings", [{"trusted_proxies": ["127.0.0.0/8"]}])
async def test_the_address_is_what_trusted_proxies_say(server: Server) -> None:
    await server.warm(request(body_of(TASKS), "x-forwarded-for: 203.0.113.1", token=token_of(server)))
    for forwarded, address in (("203.0.113.7", "203.0.113.7"), ("1.2.3.4, 203.0.113.8, 127.0.0.9", "203.0.113.8")):
        asked = request(body_of(TASKS), f"x-forwarded-for: {forwarded}", token=token_of(server))
        assert await server.assert_equal(asked) == 1
        assert server.lines[-1]["client_address"] == address


async def test_the_audit_log_tells_where_an_update_came_from(server: Server, task: str) -> None:
    await server.warm(rename(server, task, "A"), rename(server, task, "B"))
    body = {"query": UPDATE, "variables": {"input": {"id": task, "title": "C"}}}
    lines = ("user-agent: tests/1", "x-request-id: mine")
    before = await server.count_fast()
    await server.ask(request(body, *lines, token=token_of(server)), fast=True)
    assert await server.count_fast() == before + 1
    entry = await server.world.connection.fetchrow("SELECT * FROM audit_log ORDER BY id DESC LIMIT 1")
    told = (entry["operation"], entry["ip"], entry["user_agent"], entry["request_id"])
    assert told == ("updateTask", "127.0.0.1", "tests/1", "mine")


async def test_a_body_that_looks_like_a_request_is_none(server: Server) -> None:
    inner = request(body_of(TASKS), token=token_of(server))
    await server.warm(inner)
    outer = request(b"x" * len(inner), "expect: 100-continue", token=token_of(server))[: -len(inner)]
    before = await server.count_fast()
    async with server.connect(fast=True) as connection:
        assert b"100 Continue" in await connection.ask(outer)
        answer = await connection.ask(inner)
    assert b'"code":"BAD_REQUEST"' in answer
    assert await server.count_fast() == before
