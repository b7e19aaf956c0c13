"""Serving: one process or several, and what is printed for people."""

from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any

from rich.console import Console

from atrium import demo as demo_data
from atrium import logs, startup_checks, workers
from atrium.server import create_server
from atrium.settings import Settings
from atrium.web.background import build_in_background

__all__ = ["run_server"]


def run_server(
    settings: Settings, urls: startup_checks.DatabaseUrls, console: Console, changes: Mapping[str, Any]
) -> None:
    """Serve until told to end; meanwhile build the pages, if they are to be.

    Args:
        settings: all of them.
        urls: where the database is.
        console: where to say, in development, what is served where.
        changes: those of the settings that the environment does not have, by name.
    """
    if settings.workers == 1:
        run = create_server(settings, urls).run
    else:
        logs.configure(settings.log_level, production=settings.is_production)
        run = partial(workers.run_workers, settings, urls, changes)
    if not settings.is_production:
        _print_addresses(settings, console, embedded=urls.is_embedded)
    say = partial(console.print, soft_wrap=True, markup=False)
    with build_in_background(say) if settings.builds_pages else nullcontext():
        run()


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
