"""What docs/operations.md says of commands, metrics, extensions and purging is what the code says."""

import re
from datetime import timedelta
from typing import get_args

import pytest
import typer.main
from typer.core import TyperGroup

from atrium import cli, maintenance
from atrium.app import cache_usages, pool_usage
from atrium.logs import Executor, OperationType, RequestOutcome, RequestRecord
from atrium.metrics import UNKNOWN, Metrics
from models.database import Database
from models.database.read_routing import RoutingReason
from models.database.topology import PRIMARY, ServerGroup
from models.lru import CacheUsage
from services.eventlog.outbox import OutboxRelay
from tests.conftest import Urls
from tests.support.client import run_app
from tests.support.doc_pages import code_spans, page_text, section_text, table_rows
from tests.support.source_files import sources

OPERATIONS = "docs/operations.md"
NOWHERE = "postgresql+asyncpg://nobody@127.0.0.1:1/nothing"


def test_every_command_is_there_with_its_options() -> None:
    group = typer.main.get_command(cli.main)
    assert isinstance(group, TyperGroup)
    made = {
        f"atrium {name}": [max(each.opts, key=len) for each in command.params if each.param_type_name == "option"]
        for name, command in group.commands.items()
    }
    rows = {code_spans(name)[0]: sorted(code_spans(options)) for name, options, _ in table_rows(OPERATIONS, "Command")}
    assert rows == {name: sorted(options) for name, options in made.items()}


@pytest.fixture
def nodes() -> ServerGroup:
    """A primary and a replica that nobody connects to."""
    return ServerGroup(Database(NOWHERE), [Database(NOWHERE)])


def test_metrics_are_those_that_there_are(nodes: ServerGroup) -> None:
    metrics = Metrics(
        lambda: pool_usage(nodes, OutboxRelay(NOWHERE)), lambda: {"documents": CacheUsage(0, 0)}, lambda: 0
    )
    metrics.observe(RequestRecord("id", operation_type="query", executor="compiler", document_id="titles"))
    metrics.count_read(PRIMARY, RoutingReason.ASKED)
    made = {
        family.name + "_total" * (family.type == "counter"): set().union(*(s.labels for s in family.samples)) - {"le"}
        for family in metrics.registry.collect()
    }
    assert {code_spans(name)[0]: set(code_spans(labels)) for name, labels, _ in table_rows(OPERATIONS, "Name")} == made


async def test_labels_have_the_values_that_there_are(nodes: ServerGroup, urls: Urls) -> None:
    pools = pool_usage(nodes, OutboxRelay(NOWHERE))
    async with run_app(urls, compiler=True) as app:
        caches = cache_usages(app.components, app.fastapi.fast_path)
    values = {
        "type": {*get_args(OperationType), UNKNOWN},
        "outcome": set(get_args(RequestOutcome)),
        "executor": set(get_args(Executor)),
        "document": set(),
        "cache": set(caches),
        "pool": set(pools),
        "node": set(pools),
        "state": set().union(*pools.values()),
        "why": set(map(str, RoutingReason)),
    }
    found: dict[str, set[str]] = {}
    for labels, shown in table_rows(OPERATIONS, "Label"):
        for label in code_spans(labels):
            found.setdefault(label, set()).update(word for word in code_spans(shown) if word.islower())
    assert found == values


def test_extensions_are_those_that_migrations_create() -> None:
    created = [
        name for source in sources("migrations") for name in re.findall(r"CREATE EXTENSION .*?(\w+)\"", source.text)
    ]
    [sentence] = re.findall(r"Migrations create the extensions ([^.]+)\.", page_text(OPERATIONS))
    assert created
    assert code_spans(sentence) == created


def test_what_purge_forgets_is_said() -> None:
    [said] = re.findall(r"^Run `purge` once a day\..*?\n\n", page_text(OPERATIONS), re.MULTILINE | re.DOTALL)
    said = " ".join(said.lower().split())
    for forgotten in maintenance.PurgeCounts._fields:
        assert forgotten.replace("_", " ") in said
    kept = {
        "api keys that were revoked or over": maintenance.ENDED_KEY_RETENTION,
        "sessions that were revoked or over": maintenance.ENDED_SESSION_RETENTION,
        "throttles that began to count more than": maintenance.THROTTLE_RETENTION,
    }
    found = {what: re.findall(rf"{what} (\d+) days? ago", said) for what in kept}
    assert {what: [timedelta(days=int(days)) for days in shown] for what, shown in found.items()} == {
        what: [age] for what, age in kept.items()
    }
    assert f"{maintenance.PURGE_BATCH_SIZE} in each transaction" in said


def test_the_paths_that_are_asked_for_health_are_named() -> None:
    served = {path for source in sources("atrium") for path in re.findall(r'Route\("(/\w+)"', source.text)}
    asked = {path for cell, *_ in table_rows(OPERATIONS, "Path") for path in code_spans(cell)}
    assert served == asked | {"/metrics"}
    assert "`/metrics`" in section_text(OPERATIONS, "Metrics")
