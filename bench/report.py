"""What was found, as tables, as figures and in Markdown; a ratio is Atrium's figure by another's of the same round."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from bench.load import Sample
from bench.queries import OPERATIONS
from bench.results import Results, spread_of
from bench.servers import ATRIUM, PEERS

__all__ = ["order_of", "print_operation", "print_results", "print_tables", "render_markdown", "to_figures"]

KINDS = (ATRIUM, *PEERS)
COLUMNS = {"per_second": 0, "p50": 1, "p99": 1, "server_cpu": 3, "database_cpu": 3}
"""The figures of a sample that are shown, with their digits after the point."""
TITLES = ("requests/s", "p50, ms", "p99, ms", "server CPU, ms", "database CPU, ms", "statements", "left unsealed")


def order_of(operation: str) -> tuple[int, str]:
    """Return the key by which operations are sorted: their numbers."""
    number, _, variant = operation.removeprefix("Q").partition("-")
    return int(number), variant


def print_operation(console: Console, operation: str, results: Results) -> None:
    """Print all servers on one operation."""
    title = f"{operation}: {OPERATIONS[operation].title}"
    table = Table("server", "RLS", "Atrium's times", *TITLES, title=title, title_justify="left")
    for column in table.columns[2:]:
        column.justify = "right"
    for kind in KINDS:
        rls = "yes" if kind.has_rls else "no"
        if samples := results.samples[operation].get(kind.name):
            ratio = None if kind is ATRIUM else results.ratio(operation, kind.name)
            cells = [spread_of(samples, field).render(digits) for field, digits in COLUMNS.items()]
            cells += [f"{results.statements[operation][kind.name]:g}", f"{spread_of(samples, 'unsealed').median:,.0f}"]
            table.add_row(kind.title, rls, ratio.render(2) if ratio else "", *cells)
        elif kind.name in results.blanks[operation]:
            table.add_row(kind.title, rls, "", *[""] * len(TITLES))
    console.print(table)


def print_results(console: Console, results: Results) -> None:
    """Print all operations at one glance, and memory."""
    names = sorted(results.samples, key=order_of)
    speed = Table("Atrium divided by", *names, "MB", title="Requests per second", title_justify="left")
    cost = Table("divided by Atrium", *names, title="CPU per operation, server and database", title_justify="left")
    for column in (*speed.columns[1:], *cost.columns[1:]):
        column.justify = "right"
    speed.add_row("", *[""] * len(names), f"{results.memory.get(ATRIUM.name, 0):.0f}")
    for kind in PEERS:
        if kind.name not in results.memory:
            continue
        found = [results.ratio(name, kind.name) for name in names]
        speed.add_row(
            kind.title, *(f"{each.median:.2f}" if each else "" for each in found), _memory(results, kind.name)
        )
        costs = [_cost_ratio(results, name, kind.name) for name in names]
        cost.add_row(kind.title, *(f"{each:.2f}" if each else "" for each in costs))
    console.print(speed)
    console.print(cost)
    if line := _browser_line(results):
        console.print(line)
    console.print(
        "Each figure is the median of the rounds, and from where to where they lie. Statements are what the database "
        "logged of some operations one after the other, BEGIN and COMMIT among them. The load of the machine was "
        f"{psutil.getloadavg()[0]:.1f} on {psutil.cpu_count()} cores at the end. Up to "
        f"{max(_stolen_shares(results)):.0%} of the processors' time went to other machines during a sample.",
    )


def print_tables(console: Console, results: Results) -> None:
    """Print the rows of the other parts."""
    for title, rows in results.tables.items():
        if rows:
            table = Table(*rows[0], title=title, title_justify="left")
            for row in rows:
                table.add_row(*map(str, row.values()))
            console.print(table)


def to_figures(results: Results) -> dict[str, Any]:
    """Return what `--json` writes."""
    shown = [each.name for each in fields(Sample)]
    details = {
        name: {
            server: {field: round(spread_of(samples, field).median, 3) for field in shown}
            | {"statements": results.statements[name][server]}
            | {"spread": {field: spread_of(samples, field).rounded() for field in shown}}
            for server, samples in results.samples[name].items()
        }
        for name in sorted(results.samples, key=order_of)
    }
    found = {
        kind.name: {name: ratio for name in details if (ratio := results.ratio(name, kind.name)) is not None}
        for kind in PEERS
    }
    return {
        "conditions": results.conditions,
        "ratios": {kind: {name: round(each.median, 3) for name, each in row.items()} for kind, row in found.items()},
        "ranges": {kind: {name: each.rounded() for name, each in row.items()} for kind, row in found.items()},
        "details": details,
        "memory": {name: round(memory, 1) for name, memory in results.memory.items()},
        "blank": results.blanks,
        "tables": results.tables,
    }


def render_markdown(given: Mapping[str, Any]) -> str:
    """Return the figures in Markdown: the ratios at one glance, then each operation, then the other parts."""
    names = list(given["details"])
    lines = [*(f"- {line}" for line in given["conditions"]), ""]
    if names:
        lines += ["Atrium's requests per second divided by each server's; median and range of the rounds:", ""]
        lines += _table_head("server", *names, "memory, MB")
        lines.append(_table_row("Atrium", *["1"] * len(names), f"{given['memory'][ATRIUM.name]:.0f}"))
    for kind in PEERS:
        if kind.name in given["memory"]:
            cells = [_format_range(given, kind.name, name) for name in names]
            lines.append(_table_row(kind.title, *cells, f"{given['memory'][kind.name]:.0f}"))
    for name in names:
        lines += ["", f"### {name}: {OPERATIONS[name].title}", "", *_table_head("server", "RLS", *TITLES)]
        for kind in KINDS:
            rls = "yes" if kind.has_rls else "no"
            if sample := given["details"][name].get(kind.name):
                cells = [_format_spread(sample, field, digits) for field, digits in COLUMNS.items()]
                lines.append(
                    _table_row(kind.title, rls, *cells, f"{sample['statements']:g}", f"{sample['unsealed']:,.0f}")
                )
            elif why := given["blank"].get(name, {}).get(kind.name):
                lines.append(_table_row(kind.title, rls, why, *[""] * (len(TITLES) - 1)))
    for title, rows in given["tables"].items():
        lines += ["", f"### {title}", "", *_table_head(*rows[0])] if rows else []
        lines += [_table_row(*map(str, row.values())) for row in rows]
    return "\n".join(lines) + "\n"


def _format_range(given: Mapping[str, Any], name: str, operation: str) -> str:
    if operation not in given["ratios"].get(name, {}):
        return ""
    least, most = given["ranges"][name][operation]
    return f"{given['ratios'][name][operation]:.2f} ({least:.2f} to {most:.2f})"


def _format_spread(sample: Mapping[str, Any], field: str, digits: int) -> str:
    least, most = sample["spread"][field]
    return f"{sample[field]:,.{digits}f} ({least:,.{digits}f} to {most:,.{digits}f})"


def _table_head(*titles: str) -> list[str]:
    return [_table_row(*titles), "|---" + "|---:" * (len(titles) - 1) + "|"]


def _table_row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _memory(results: Results, name: str) -> str:
    return f"{results.memory[name]:.0f}"


def _cost(results: Results, operation: str, name: str) -> float:
    samples = results.samples[operation][name]
    return spread_of(samples, "server_cpu").median + spread_of(samples, "database_cpu").median


def _cost_ratio(results: Results, operation: str, name: str) -> float | None:
    if name not in results.samples[operation]:
        return None
    return _cost(results, operation, name) / _cost(results, operation, ATRIUM.name)


def _browser_line(results: Results) -> str:
    """Return what a browser's head costs Atrium's server beside the plain one; nothing unless both were measured."""
    if not {"Q3", "Q3-browser"} <= results.samples.keys():
        return ""
    plain, browser = (
        spread_of(results.samples[name][ATRIUM.name], "server_cpu").median for name in ("Q3", "Q3-browser")
    )
    return f"With a browser's head behind a proxy, Q3 takes {browser / plain:.2f} times Atrium's CPU."


def _stolen_shares(results: Results) -> list[float]:
    return [each.stolen for servers in results.samples.values() for samples in servers.values() for each in samples]
