"""What was found, as tables, as figures and in Markdown; a ratio is Atrium's figure by another's of the same round."""

import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import psutil
from rich.console import Console
from rich.table import Table

from bench.load import Sample
from bench.queries import OPERATIONS
from bench.servers import ATRIUM, PEERS

if TYPE_CHECKING:
    from bench.__main__ import Results

__all__ = ["print_operation", "print_results", "ratios", "render_markdown", "to_figures"]

KINDS = (ATRIUM, *PEERS)
COLUMNS = ("requests/s", "p50 ms", "p99 ms", "statements", "server CPU ms", "database CPU ms")


def print_operation(console: Console, operation: str, results: "Results") -> None:
    """Return all servers on one operation."""
    table = Table(
        "server",
        "row-level security",
        *(
            "requests/s",
            "Atrium's times",
            "range",
            "p50 ms",
            "p99 ms",
            "statements",
            "server CPU ms",
            "database CPU ms",
        ),
        title=f"{operation}: {OPERATIONS[operation].title}",
        title_justify="left",
    )
    for column in table.columns[2:]:
        column.justify = "right"
    for kind in KINDS:
        samples = results.samples[operation].get(kind.name)
        rls = "yes" if kind.has_rls else "no"
        if not samples:
            if kind.name in results.blanks[operation]:
                table.add_row(kind.title, rls, *[""] * 8)
            continue
        times = ratios(results, operation, kind.name)
        table.add_row(
            kind.title,
            rls,
            f"{_median(samples, 'per_second'):,.0f}",
            *("", "")
            if kind is ATRIUM
            else (f"{statistics.median(times):.2f}", f"{min(times):.2f} to {max(times):.2f}"),
            f"{_median(samples, 'p50'):.1f}",
            f"{_median(samples, 'p99'):.1f}",
            f"{results.statements[operation][kind.name]:g}",
            f"{_median(samples, 'server_cpu'):.2f}",
            f"{_median(samples, 'database_cpu'):.2f}",
        )
    console.print(table)


def print_results(console: Console, results: "Results") -> None:
    """Return all operations at one glance, and memory."""
    names = list(results.samples)
    table = Table("Atrium divided by", *names, "MB", title="Requests per second", title_justify="left")
    cost = Table("divided by Atrium", *names, title="Server CPU per operation", title_justify="left")
    for column in (*table.columns[1:], *cost.columns[1:]):
        column.justify = "right"
    table.add_row("", *[""] * len(names), f"{results.memory.get(ATRIUM.name, 0):.0f}")
    for kind in PEERS:
        if kind.name not in results.memory:
            continue
        medians = [_median_ratio(results, name, kind.name) for name in names]
        costs = [_cost_ratio(results, name, kind.name) for name in names]
        table.add_row(kind.title, *map(_format_ratio, medians), f"{results.memory[kind.name]:.0f}")
        cost.add_row(kind.title, *map(_format_ratio, costs))
    console.print(table)
    console.print(cost)
    console.print(
        "Statements are what the database logged of some operations one after the other, BEGIN and COMMIT among them. "
        f"The load of the machine was {psutil.getloadavg()[0]:.1f} on {psutil.cpu_count()} cores at the end. Up to "
        f"{max(_stolen_shares(results)):.0%} of the processors' time went to other machines during a sample.",
    )


def _stolen_shares(results: "Results") -> list[float]:
    return [each.stolen for servers in results.samples.values() for samples in servers.values() for each in samples]


def ratios(results: "Results", operation: str, name: str) -> list[float]:
    """Atrium's requests per second by another's, round by round."""
    both = zip(results.samples[operation][ATRIUM.name], results.samples[operation][name], strict=True)
    return [own.per_second / other.per_second for own, other in both]


def to_figures(results: "Results") -> dict[str, Any]:
    """Return what `--json` writes."""
    every = {
        kind.name: {
            name: round(ratio, 3)
            for name in results.samples
            if (ratio := _median_ratio(results, name, kind.name)) is not None
        }
        for kind in PEERS
    }
    details = {
        name: {
            server: {field: round(_median(samples, field), 3) for field in Sample.__dataclass_fields__}
            | {"statements": results.statements[name][server]}
            for server, samples in servers.items()
        }
        for name, servers in results.samples.items()
    }
    ranges = {
        kind.name: {
            name: [round(bound(ratios(results, name, kind.name)), 3) for bound in (min, max)]
            for name, servers in results.samples.items()
            if kind.name in servers
        }
        for kind in PEERS
    }
    return {
        "ratios": {name: given for name, given in every.items() if given},
        "ranges": {name: given for name, given in ranges.items() if given},
        "statements": {name: counted[ATRIUM.name] for name, counted in results.statements.items()},
        "rss_mb": round(results.memory[ATRIUM.name], 1),
        "details": details,
        "memory": {name: round(memory, 1) for name, memory in results.memory.items()},
        "blank": results.blanks,
    }


def render_markdown(given: Mapping[str, Any]) -> str:
    """Return the figures in Markdown: the ratios at one glance, then each operation."""
    names = list(given["details"])
    lines = ["Atrium's requests per second divided by each server's; median and range of the rounds:", ""]
    lines += _table_head("server", *names, "memory, MB")
    lines.append(_table_row("Atrium", *["1"] * len(names), f"{given['memory'][ATRIUM.name]:.0f}"))
    for kind in PEERS:
        if kind.name in given["memory"]:
            cells = [_format_range(given, kind.name, name) for name in names]
            lines.append(_table_row(kind.title, *cells, f"{given['memory'][kind.name]:.0f}"))
    for name in names:
        lines += ["", f"### {name}: {OPERATIONS[name].title}", ""]
        lines += _table_head(
            "server",
            "row-level security",
            "requests/s",
            "p50, ms",
            "p99, ms",
            "statements",
            "server CPU, ms",
            "DB CPU, ms",
        )
        for kind in KINDS:
            rls = "yes" if kind.has_rls else "no"
            if figures_ := given["details"][name].get(kind.name):
                numbers = [f"{figures_['per_second']:,.0f}", f"{figures_['p50']:.1f}", f"{figures_['p99']:.1f}"]
                numbers += [f"{figures_['statements']:g}", f"{figures_['server_cpu']:.2f}"]
                lines.append(_table_row(kind.title, rls, *numbers, f"{figures_['database_cpu']:.2f}"))
            elif why := given["blank"].get(name, {}).get(kind.name):
                lines.append(_table_row(kind.title, rls, "", "", "", "", "", why))
    return "\n".join(lines) + "\n"


def _format_range(given: Mapping[str, Any], name: str, operation: str) -> str:
    if operation not in given["ratios"].get(name, {}):
        return ""
    least, most = given["ranges"][name][operation]
    return f"{given['ratios'][name][operation]:.2f} ({least:.2f} to {most:.2f})"


def _table_head(*titles: str) -> list[str]:
    return [_table_row(*titles), "|---" + "|---:" * (len(titles) - 1) + "|"]


def _table_row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _median(samples: Sequence[Sample], field: str) -> float:
    return float(statistics.median(getattr(each, field) for each in samples))


def _median_ratio(results: "Results", operation: str, name: str) -> float | None:
    if name not in results.samples[operation]:
        return None
    return statistics.median(ratios(results, operation, name))


def _cost_ratio(results: "Results", operation: str, name: str) -> float | None:
    samples = results.samples[operation]
    if name not in samples:
        return None
    return _median(samples[name], "server_cpu") / _median(samples[ATRIUM.name], "server_cpu")


def _format_ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"
