"""Time limits: one timer for many tasks, and the same outcome as `asyncio.timeout` for each of them."""

import asyncio

import pytest

from models.database.timeouts import SharedTimeout

SOON = 0.02  # seconds
NEVER = 3_600.0


async def outcome(limit: SharedTimeout, lasts: float) -> str:
    try:
        with limit.scope():
            await asyncio.sleep(lasts)
    except TimeoutError:
        return "late"
    return "in time"


async def test_who_takes_longer_is_broken_off() -> None:
    assert await outcome(SharedTimeout(SOON), NEVER) == "late"
    assert await outcome(SharedTimeout(NEVER), 0) == "in time"


async def test_each_of_many_has_the_whole_time() -> None:
    limit, loop = SharedTimeout(SOON), asyncio.get_running_loop()

    async def stay() -> float:
        begun = loop.time()
        assert await outcome(limit, NEVER) == "late"
        return loop.time() - begun

    first = [asyncio.ensure_future(stay()) for _ in range(5)]
    await asyncio.sleep(SOON / 2)
    second = [asyncio.ensure_future(stay()) for _ in range(5)]
    assert all(took >= SOON for took in await asyncio.gather(*first, *second))


async def test_the_limit_goes_on_after_somebody_left_before_the_others() -> None:
    limit = SharedTimeout(SOON)
    found = await asyncio.gather(outcome(limit, 0), outcome(limit, NEVER), outcome(limit, 0), outcome(limit, NEVER))
    assert found == ["in time", "late", "in time", "late"]


async def test_what_was_lifted_may_take_longer() -> None:
    with SharedTimeout(SOON).scope() as stay:
        stay.disarm()
        await asyncio.sleep(3 * SOON)
    assert not stay.has_expired


async def test_who_is_cancelled_is_not_late() -> None:
    task = asyncio.ensure_future(outcome(SharedTimeout(NEVER), NEVER))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_who_is_cancelled_and_late_at_once_is_cancelled() -> None:
    """As with `asyncio.timeout`: the cancellation is somebody's wish, and must not be lost."""
    task = asyncio.current_task()
    assert task is not None
    task.get_loop().call_soon(task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await outcome(SharedTimeout(0), NEVER)
    assert task.uncancel() == 0


async def test_the_inner_limit_is_told_from_the_outer() -> None:
    outer, inner = SharedTimeout(NEVER), SharedTimeout(SOON)
    with outer.scope() as stay:
        assert await outcome(inner, NEVER) == "late"
    assert not stay.has_expired
    with pytest.raises(TimeoutError), inner.scope():
        await outcome(outer, NEVER)


async def test_the_task_goes_on_as_if_nothing_had_been() -> None:
    task = asyncio.current_task()
    assert task is not None
    assert await outcome(SharedTimeout(SOON), NEVER) == "late"
    assert task.cancelling() == 0
    await asyncio.sleep(0)


async def test_an_error_of_its_own_passes() -> None:
    with pytest.raises(ValueError, match="own"), SharedTimeout(SOON).scope():
        raise ValueError("own")


async def test_a_scope_goes_on_within_another_limit() -> None:
    short, long = SharedTimeout(SOON), SharedTimeout(NEVER)
    with short.scope() as stay:
        assert stay.move_to(long) is short
        assert stay.seconds == NEVER
        await asyncio.sleep(SOON * 3)
        assert stay.move_to(short) is long
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(NEVER)
        stay.move_to(long)
        assert stay.seconds == SOON, "one that is over stays where it was"
        asyncio.current_task().uncancel()  # type: ignore[union-attr]  # a test is a task


async def test_a_scope_fails_for_a_reason() -> None:
    async def fail() -> None:
        with SharedTimeout(NEVER).scope() as stay:
            stay.fail(ValueError("own"))
            stay.expire()
            stay.fail(ValueError("another"))
            await asyncio.sleep(NEVER)

    with pytest.raises(ValueError, match="own"):
        await fail()
