"""Parsed arguments are kept by all that decides them, within their bytes."""

import tracemalloc
from typing import Any, cast

import pytest

from graph.compiler.argument_cache import ARGUMENTS_BYTES, MAX_VARIABLES_BYTES, ArgumentCache
from graph.compiler.operations import OperationVariant
from graph.compiler.plan_arguments import KeyArgument
from graph.compiler.selection import Unsupported
from services.queries.page_request import PageRequest
from services.tasks import TASKS


def variant_of(parse: Any) -> OperationVariant:
    return OperationVariant(cast("Any", None), [parse])


def parse_with(cache: ArgumentCache, variant: OperationVariant, **given: Any) -> Any:
    return cache.parse(variant, cast("Any", given), given).arguments[0]


def test_arguments_are_parsed_once_for_the_same_variables() -> None:
    cache, parsed = ArgumentCache(), []
    first, second = (variant_of(lambda values: parsed.append(values) or KeyArgument(dict(values))) for _ in range(2))
    for value in (1, True, "1", 1.5, None, [1], ["1"], {"a": 1}, {"a": True}, {"b": 1}):
        for variant in (first, second):
            assert [parse_with(cache, variant, v=value).key for _ in range(3)] == [{"v": value}] * 3
    assert len(parsed) == 20
    assert parse_with(cache, first, w=1).key == {"w": 1}


@pytest.mark.parametrize("value", [2**64, "x" * MAX_VARIABLES_BYTES, "\ud800"])
def test_what_is_large_or_odd_is_parsed_each_time(value: Any) -> None:
    cache, parsed = ArgumentCache(), []
    variant = variant_of(lambda values: parsed.append(values) or KeyArgument(values["v"]))
    assert [parse_with(cache, variant, v=value).key for _ in range(2)] == [value] * 2
    assert len(parsed) == 2
    assert cache.usage.entries == 0


def test_what_is_refused_is_refused_again() -> None:
    def refuse(values: Any) -> Any:
        raise Unsupported(str(values))

    cache = ArgumentCache()
    for _ in range(2):
        with pytest.raises(Unsupported):
            parse_with(cache, variant_of(refuse), v=1)
    assert cache.usage.entries == 0


def test_the_cache_takes_no_more_memory_than_it_says() -> None:
    cache = ArgumentCache()
    filters = {"or": [{"title": {"contains": "x"}} for _ in range(8)]}
    variant = variant_of(
        lambda values: KeyArgument(
            PageRequest.of(TASKS, "tasks", filter={**filters, "status": {"in": ["TODO"]}, "title": {"eq": values["v"]}})
        )
    )
    tracemalloc.start()
    try:
        before = tracemalloc.take_snapshot()
        number = 0
        while cache.usage.bytes < ARGUMENTS_BYTES // 10:
            number += 1
            parse_with(cache, variant, v=f"{number}", filter=filters)
        after = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    taken = sum(each.size_diff for each in after.compare_to(before, "filename"))
    assert taken < cache.usage.bytes
