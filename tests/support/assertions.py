"""What holds for whatever is refused: a code, nothing stored, little work, and no fault of ours."""

import gc
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.case_context import CaseContext, table_digests

CPU_BUDGET_SECONDS = 0.25 * 3  # seconds of process CPU, with slack for a slow machine


@contextmanager
def bounded_cpu(seconds: float = CPU_BUDGET_SECONDS) -> Iterator[None]:
    """Bounds the process CPU that something takes; what other tests left in memory is not gone through for it."""
    gc.freeze()
    began = time.process_time()
    try:
        yield
        assert time.process_time() - began < seconds
    finally:
        gc.unfreeze()


def error_codes(answer: Any) -> set[str]:
    """The codes in an answer, of errors and of typed refusals, wherever they are."""
    if isinstance(answer, list):
        return set().union(*map(error_codes, answer)) if answer else set()
    if not isinstance(answer, dict):
        return set()
    found = {answer["code"]} if isinstance(answer.get("code"), str) else set()
    return found.union(*map(error_codes, answer.values()))


async def post_raw(stage: CaseContext, body: str | bytes, authorization: str | None = "") -> set[str]:
    """Send something bad, by default with a good token; gives the codes of the answer."""
    before = await table_digests(stage.world.connection)
    headers = {b"content-type": b"application/json"}
    if authorization is not None:
        headers[b"authorization"] = (authorization or f"Bearer {stage.client.token}").encode("latin-1")
    with bounded_cpu():
        answer = await stage.client.http.post("/graphql", content=body, headers=headers)
    assert answer.status_code < 500, answer.text
    codes = error_codes(answer.json())
    assert "INTERNAL" not in codes, answer.text
    assert await table_digests(stage.world.connection) == before, "something was stored"
    return codes


async def post_operation(stage: CaseContext, query: str, variables: dict[str, Any] | None = None) -> set[str]:
    """The same with an operation."""
    return await post_raw(stage, json.dumps({"query": query, "variables": variables or {}}))
