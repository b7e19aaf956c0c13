"""The alerts and the dashboard in deploy/: real queries, of metrics and labels that there are."""

import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest

from tests.support.deployment import COMPOSE, DEPLOY, read_yaml
from tests.support.doc_pages import CODE_BLOCK, code_spans, page_text, table_rows

OPERATIONS = "docs/operations.md"
SCRAPED = {"up": set[str]()}  # what Prometheus itself says of a target
OF_TARGETS = {"job", "instance"}
GRAFANA_VARIABLES = {"$__rate_interval": "5m", "$instance": ".+"}
RULES = [rule for group in read_yaml(DEPLOY / "prometheus/alerts.yml")["groups"] for rule in group["rules"]]
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana/dashboard.json").read_text(encoding="utf-8"))
PANELS = DASHBOARD["panels"]


def panel_queries() -> list[str]:
    return [target["expr"] for panel in PANELS for target in panel["targets"]]


def filled(query: str) -> str:
    for name, value in GRAFANA_VARIABLES.items():
        query = query.replace(name, value)
    return query


def nodes(query: Any) -> Iterator[Any]:
    """A query and all that it is made of."""
    yield query
    for name in ("lhs", "rhs", "expr", "args", "param", "vector_selector"):
        part = getattr(query, name, None)
        for each in part if isinstance(part, list) else [part]:
            if each is not None:
                yield from nodes(each)


def documented() -> dict[str, set[str]]:
    """The labels of each series, by docs/operations.md, which other tests compare with the code."""
    found = {code_spans(name)[0]: set(code_spans(labels)) for name, labels, _ in table_rows(OPERATIONS, "Name")}
    own = [name for name in found if name.startswith("atrium_")]
    histograms = [name for name in own if name.endswith(("_seconds", "_statements"))]
    for name in histograms:
        labels = found.pop(name)
        found |= {f"{name}_bucket": labels | {"le"}, f"{name}_sum": labels, f"{name}_count": labels}
    return found | SCRAPED


def documented_values() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for labels, shown in table_rows(OPERATIONS, "Label"):
        for label in code_spans(labels):
            found.setdefault(label, set()).update(code_spans(shown))
    return found


@pytest.mark.parametrize("query", [rule["expr"] for rule in RULES] + panel_queries())
def test_queries_are_of_metrics_that_there_are(query: str) -> None:
    series, values = documented(), documented_values()
    labels: set[str] = set()
    for node in nodes(promql_parser.parse(filled(query))):
        if isinstance(node, promql_parser.VectorSelector):
            labels |= series[node.name] | OF_TARGETS
            for matcher in node.matchers.matchers:
                assert matcher.name in series[node.name] | OF_TARGETS, matcher.name
                if matcher.name in values and re.fullmatch(r"[\w|]+", matcher.value):
                    assert set(matcher.value.split("|")) <= values[matcher.name]
    assert labels, "it asks for nothing"
    grouped = {name.strip() for names in re.findall(r"\b(?:by|on) \(([^)]+)\)", query) for name in names.split(",")}
    assert grouped <= labels


def test_wrong_queries_are_seen() -> None:
    with pytest.raises(ValueError, match=r"."):
        promql_parser.parse("sum(rate(atrium_operations_total[5m])")
    with pytest.raises(KeyError):
        test_queries_are_of_metrics_that_there_are('atrium_operation_total{job="atrium"}')
    with pytest.raises(AssertionError):
        test_queries_are_of_metrics_that_there_are('atrium_operations_total{outcome="fine"}')


def anchors(page: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", CODE_BLOCK.sub("", page_text(page)), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_each_alert_leads_to_what_to_do() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        page, _, heading = rule["annotations"]["runbook"].partition("#")
        assert heading in anchors(page), rule["alert"]
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        named = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        kept = {name.strip() for names in re.findall(r"\bby \(([^)]+)\)", rule["expr"]) for name in names.split(",")}
        assert named <= (kept or OF_TARGETS), rule["alert"]


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {
        node.name
        for query in panel_queries()
        for node in nodes(promql_parser.parse(filled(query)))
        if isinstance(node, promql_parser.VectorSelector)
    }
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}
    assert families == {re.sub(r"_(bucket|sum|count)$", "", name) for name in documented()}


def test_panels_lie_side_by_side() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in PANELS):
        cells = {(x + place["x"], y + place["y"]) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_the_dashboard_asks_the_source_that_is_provisioned() -> None:
    [source] = read_yaml(DEPLOY / "grafana/provisioning/datasources/prometheus.yaml")["datasources"]
    asked = {panel["datasource"]["uid"] for panel in PANELS}
    asked |= {variable["datasource"]["uid"] for variable in DASHBOARD["templating"]["list"]}
    assert asked == {source["uid"]}
    services = read_yaml(COMPOSE)["services"]
    assert re.fullmatch(r"http://(\w+):9090", source["url"]) is not None
    assert source["url"].split("/")[2].partition(":")[0] in services
    [provider] = read_yaml(DEPLOY / "grafana/provisioning/dashboards/atrium.yaml")["providers"]
    assert f"./grafana/dashboard.json:{provider['options']['path']}/atrium.json:ro" in services["grafana"]["volumes"]


def test_every_process_is_scraped() -> None:
    prometheus = read_yaml(DEPLOY / "prometheus/prometheus.yml")
    [atrium, _] = prometheus["scrape_configs"]
    services = read_yaml(COMPOSE)["services"]
    targets = {target for each in atrium["static_configs"] for target in each["targets"]}
    assert targets == {f"{name}:8000" for name in services if name.startswith("api-")}
    assert targets == set(services["caddy"]["environment"]["UPSTREAMS"].split())
    assert atrium["job_name"] == "atrium"
    assert [(DEPLOY / "prometheus" / name).exists() for name in prometheus["rule_files"]] == [True]
