"""Serving: the server's process, and what it prints for people."""

import gc
from contextlib import nullcontext
from functools import partial

import uvicorn
from rich.console import Console

from atrium import app as application
from atrium import demo as demo_data
from atrium import http, logs, startup_checks
from atrium.settings import Settings
from atrium.web.background import build_in_background

__all__ = ["run_server"]


def run_server(settings: Settings, urls: startup_checks.DatabaseUrls, console: Console) -> None:
    """Serve until told to end; meanwhile build the pages, if they are to be."""
    logs.configure(settings.log_level, production=settings.is_production)
    app = application.build(settings, database_url=urls.runtime, pooler_url=urls.pooler)
    # What lives from here on lives for good; the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    server = http.GraphQLServer(uvicorn.Config(app, lifespan="on", **http.uvicorn_options(settings)), app.shutdown)
    if not settings.is_production:
        _print_addresses(settings, console, embedded=urls.is_embedded)
    say = partial(console.print, soft_wrap=True, markup=False)
    with build_in_background(say) if settings.builds_pages else nullcontext():
        server.run()


def _print_addresses(settings: Settings, console: Console, *, embedded: bool) -> None:
    address = f"http://{settings.host}:{settings.port}"
    lines = [f"Atrium serves {address}/graphql"]
    if settings.backoffice_enabled:
        lines.append(f"Back office    {address}/app")
    if settings.explorer_enabled:
        lines.append(f"Explorer       {address}/explorer")
    if embedded:
        lines.append(
            f"Log in as      {demo_data.OWNER_EMAIL}, password {demo_data.PASSWORD}, tenant {demo_data.TENANT_SLUG}"
        )
    console.print("\n".join(lines))
