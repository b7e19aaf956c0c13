"""What the tests of GraphQL over HTTP share: each is about one rule, and how many rules hold is printed at the end."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import httpx
import pytest

__all__ = ["ECHO", "GRAPHQL", "JSON", "QUERY", "WITH_CHARSET", "count_rules", "post", "require_request_error", "states"]

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"
WITH_CHARSET = f"{GRAPHQL}; charset=utf-8"
QUERY = json.dumps({"query": "{ who }"})
ECHO = "query($t: String!) { echo(text: $t) }"

Test = Callable[..., Any]


def states(level: str, section: str) -> Callable[[Test], Test]:
    """Return the decorator of a test of one rule: MUST or SHOULD, and the section of the specification."""

    def decorate(test: Test) -> Test:
        about = pytest.mark.parametrize("rule", [f"{level}: {section}"], indirect=True)
        decorated: Test = about(pytest.mark.usefixtures("rule")(test))
        return decorated

    return decorate


async def post(toy: Any, accept: str = GRAPHQL, **parameters: Any) -> httpx.Response:
    """Send an operation by POST."""
    response: httpx.Response = await toy.post(json.dumps(parameters), accept=accept)
    return response


def require_request_error(response: httpx.Response, status: int) -> None:
    """Assert a well-formed response without data, labelled as one, with this status."""
    assert (response.status_code, response.headers["content-type"]) == (status, WITH_CHARSET)
    assert set(response.json()) <= {"errors", "extensions"}
    assert all(isinstance(error["message"], str) for error in response.json()["errors"])
    assert response.json()["errors"]


def count_rules(stats: Mapping[str, Iterable[Any]]) -> str | None:
    """Return how many rules hold, of all and of each level; None if no test was about one."""
    found: dict[str, list[bool]] = {}
    for report in (report for reports in stats.values() for report in reports):
        rule = dict(getattr(report, "user_properties", ())).get("rule")
        if rule is not None and (report.when == "call" or report.failed):
            found.setdefault(rule.partition(":")[0], []).append(report.passed)
    if not found:
        return None
    levels = ", ".join(f"{level} {sum(passed)} of {len(passed)}" for level, passed in found.items())
    whole = [passed for each in found.values() for passed in each]
    return f"GraphQL over HTTP, first edition: {sum(whole)} of {len(whole)} ({levels})"
