"""The figures as a picture: bars of how many times each server Atrium does, by operation."""

from collections.abc import Mapping
from html import escape
from typing import Any

from bench.servers import PEERS

__all__ = ["draw_chart"]

WIDTH, LEFT, BAR, GAP, TOP = 860, 250, 14, 22, 64
COLOURS = ("#2f6fde", "#e07b39", "#b8402a", "#7a5bb0", "#3b8f6b", "#8a8f98")


def draw_chart(figures: Mapping[str, Any]) -> str:
    """Return an SVG: requests per second of each server, with Atrium's as 1, one group of bars an operation."""
    names = list(figures["details"])
    lines, y = [], TOP
    for name in names:
        servers = figures["details"][name]
        most = max(server["per_second"] for server in servers.values())
        lines.append(_text_element(16, y + BAR - 2, name, weight="bold"))
        own = servers["atrium"]["per_second"]
        rows = [("Atrium", "#111827", own)]
        rows += [
            (kind.title, colour, servers[kind.name]["per_second"])
            for kind, colour in zip(PEERS, COLOURS, strict=True)
            if kind.name in servers
        ]
        for title, colour, per_second in rows:
            width = (WIDTH - LEFT - 190) * per_second / most
            share = "" if title == "Atrium" else f"  (Atrium {own / per_second:.2f} times)"
            lines.append(_text_element(LEFT - 8, y + BAR - 3, title, anchor="end"))
            lines.append(f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{colour}" rx="2"/>')
            lines.append(_text_element(LEFT + width + 6, y + BAR - 3, f"{per_second:,.0f}/s{share}"))
            y += BAR + 4
        y += GAP
    style = "font: 12px system-ui, sans-serif; fill: #1f2937"
    head = _text_element(16, 26, "Requests per second, one process each, 32 connections", weight="bold", size=15)
    note = _text_element(16, 46, "Atrium, PostGraphile and the limit inside row-level security; the others without it")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" role="img"'
        ' aria-label="Requests per second">'
        f'<rect width="{WIDTH}" height="{y}" fill="#ffffff"/><g style="{style}">' + head + note + "".join(lines)
    ) + "</g></svg>\n"


def _text_element(
    x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal", size: int = 12
) -> str:
    style = f'text-anchor="{anchor}" font-weight="{weight}" font-size="{size}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'
