"""The cache of the whole program: bounded in bytes, and kept by what is asked for again."""

import random
import secrets

from models.lru import CacheUsage, SegmentedLRU


def weight(_key: object, value: int) -> int:
    return value


def test_what_is_asked_for_again_outlives_a_flood() -> None:
    cache: SegmentedLRU[int, int] = SegmentedLRU(100, weight)
    for key in range(50):
        cache.put(key, 1)
        assert cache.get(key) == 1
    for key in range(1_000, 20_000):
        assert cache.get(key) is None
        cache.put(key, 1)
    assert cache.usage.bytes <= 100
    assert all(cache.get(key) == 1 for key in range(50))


def test_a_cache_is_bounded_in_bytes_whatever_is_asked() -> None:
    chance, cache = random.Random(secrets.randbits(40)), SegmentedLRU[int, int](200, weight)
    kept: dict[int, int] = {}
    for _ in range(20_000):
        key, value = chance.randrange(60), chance.randrange(1, 50)
        found = cache.get(key)
        assert found in {None, kept.get(key)}
        match chance.randrange(4):
            case 0:
                cache.put(key, value)
                kept[key] = value
            case 1:
                cache.charge(key, chance.randrange(5))
            case 2 if chance.random() < 0.2:
                cache.discard(key)
        assert cache.usage.bytes <= 200
        assert cache.usage.entries == len(cache) == sum(each in cache for each in range(60))
    for key in range(60):
        cache.discard(key)
    assert cache.usage == CacheUsage(0, 0)


def test_what_is_too_heavy_is_not_kept_and_pushes_nothing_out() -> None:
    cache: SegmentedLRU[str, int] = SegmentedLRU(100, weight)
    cache.put("light", 5)
    cache.put("heavy", 21)
    assert cache.get("heavy") is None
    assert cache.get("light") == 5
    assert not cache.fits(21)
    assert cache.fits(20)


def test_what_has_grown_too_heavy_is_forgotten() -> None:
    cache: SegmentedLRU[str, int] = SegmentedLRU(100, weight)
    cache.put("growing", 5)
    cache.charge("growing", 10)
    assert cache.usage == CacheUsage(15, 1)
    cache.charge("growing", 10)
    assert cache.get("growing") is None
    assert cache.usage == CacheUsage(0, 0)


def test_a_new_value_takes_the_place_of_the_old_one() -> None:
    cache: SegmentedLRU[str, int] = SegmentedLRU(100, weight)
    cache.put("key", 5)
    assert cache.get("key") == 5
    cache.put("key", 7)
    assert cache.get("key") == 7
    assert cache.usage == CacheUsage(7, 1)


def test_an_entry_may_weigh_at_most_what_it_is_said_to() -> None:
    cache: SegmentedLRU[str, int] = SegmentedLRU(100, weight, max_entry_bytes=3)
    cache.put("short", 3)
    cache.put("long", 4)
    assert (cache.get("short"), cache.get("long")) == (3, None)
