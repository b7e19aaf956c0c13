"""`GET /` in development: where everything is, and whom to log in as."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from atrium.web.layout import html_page

__all__ = ["DemoPerson", "Way", "start_route"]


class DemoPerson(NamedTuple):
    """Somebody of the demo data to log in as."""

    email: str
    tenant: str
    label: str


class Way(NamedTuple):
    """Something to open."""

    path: str
    title: str
    description: str


def start_route(ways: Sequence[Way], people: Sequence[DemoPerson], password: str) -> BaseRoute:
    """Return the route of the first page."""
    # Relative, so that a path which a proxy puts before them does no harm.
    items = "".join(map(_item, ways))
    rows = (
        f"<tr><td>{escape(person.label)}</td><td><code>{escape(person.email)}</code></td>"
        f"<td><code>{escape(person.tenant)}</code></td></tr>"
        for person in people
    )
    body = (
        "<h1>Atrium</h1>\n<p>A multi-tenant GraphQL back end on PostgreSQL. This is development: in production "
        f'there is nothing here.</p>\n<ul class="ways">\n{items}\n</ul>\n<h2>Demo logins</h2>\n'
        f"<p>The password of all of them is <code>{escape(password)}</code>; the pages log in by one click.</p>\n"
        f"<table><thead><tr><th>Who</th><th>E-mail</th><th>Tenant</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )

    async def start(_request: Request) -> Response:
        return html_page("Start", body)

    return Route("/", start, methods=["GET"])


def _item(way: Way) -> str:
    path = escape(way.path.lstrip("/"))
    return f'<li><a href="{path}">{escape(way.title)}<small>{escape(way.description)}</small></a></li>'
