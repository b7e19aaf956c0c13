"""Automatic persisted queries in memory: bounded in bytes for each tenant and for all together."""

from uuid import UUID

from atrium.http.persisted_queries import PersistedQueries

ACME, GLOBEX, INITECH = UUID(int=1), UUID(int=2), UUID(int=3)
TEXT = "x" * 1_000


def test_a_text_is_found_in_its_tenant_alone() -> None:
    queries = PersistedQueries()
    queries.put(ACME, "a", TEXT)
    assert (queries.get(ACME, "a"), queries.get(GLOBEX, "a"), queries.get(ACME, "b")) == (TEXT, None, None)
    assert queries.usage.entries == 1


def test_a_tenant_pushes_out_its_own_texts_alone() -> None:
    queries = PersistedQueries(tenant_bytes=20_000, all_bytes=10**9)
    queries.put(GLOBEX, "kept", TEXT)
    for number in range(1_000):
        queries.put(ACME, str(number), TEXT)
    assert queries.usage.bytes < 20_000 + 10_000
    assert queries.get(GLOBEX, "kept") == TEXT
    assert queries.get(ACME, "999") == TEXT
    assert queries.get(ACME, "0") is None


def test_all_tenants_together_are_bounded() -> None:
    queries = PersistedQueries(tenant_bytes=20_000, all_bytes=40_000)
    for tenant_id in (ACME, GLOBEX, INITECH):
        for number in range(100):
            queries.put(tenant_id, str(number), TEXT)
            queries.get(tenant_id, str(number))
        assert queries.usage.bytes <= 40_000
    assert queries.get(ACME, "99") is None, "whose texts were asked for the longest time ago"
    assert queries.get(INITECH, "99") == TEXT


def test_one_text_is_kept_once() -> None:
    queries = PersistedQueries()
    queries.put(ACME, "a", TEXT)
    before = queries.usage
    queries.put(ACME, "a", TEXT)
    assert queries.usage == before


def test_a_text_that_is_too_large_is_not_kept() -> None:
    queries = PersistedQueries(tenant_bytes=2_000)
    queries.put(ACME, "a", TEXT)
    assert queries.get(ACME, "a") is None
