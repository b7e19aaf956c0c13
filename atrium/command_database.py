"""How commands come to their settings and their database, and how they end when something is wrong with either."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import typer
from rich.console import Console

from atrium import logs, startup_checks
from atrium.setting_checks import require_whole_database
from atrium.settings import Settings, SettingsError, load_settings, names_production

__all__ = ["console", "exit_with_sentence", "open_current_database", "open_unchecked_database"]

console = Console(stderr=True, highlight=False)
log = logging.getLogger("atrium")


@contextmanager
def open_current_database() -> Iterator[tuple[Settings, startup_checks.DatabaseUrls]]:
    """Open a database that needs no migration; gives it with the settings."""
    with open_unchecked_database() as (settings, urls):
        asyncio.run(startup_checks.require_current_database(urls))
        yield settings, urls


@contextmanager
def open_unchecked_database(
    *, for_server: bool = False, logs_in_production: bool = False, **changes: Any
) -> Iterator[tuple[Settings, startup_checks.DatabaseUrls]]:
    """Open a database, whatever its revision; gives it with the settings. A fault of either ends the command.

    A server in production writes nothing but lines of its log, from the first one on.
    """
    logs_only = logs_in_production and names_production()
    if logs_only:
        logs.configure("info", production=True)
    with exit_with_sentence(logs_only=logs_only):
        settings = load_settings().model_copy(update=changes)
        if for_server:
            settings = startup_checks.require_servable_settings(settings)
        else:
            settings = startup_checks.with_signing_key(require_whole_database(settings))
        with nullcontext() if logs_only else console.status("Starting the database"):
            database = startup_checks.open_database(settings)
            urls = database.__enter__()
        try:
            yield settings, urls
        finally:
            database.__exit__(None, None, None)


@contextmanager
def exit_with_sentence(*, logs_only: bool) -> Iterator[None]:
    """End the command with 1 and one sentence, where that says it all, and else as any program ends."""
    try:
        yield
    except typer.Exit:
        raise
    except Exception as error:
        sentence = str(error) if isinstance(error, SettingsError) else startup_checks.describe_failure(error)
        if sentence is not None:
            if logs_only:
                log.error(sentence)  # noqa: TRY400  # the sentence says it all, and a trace nothing
            else:
                console.print(sentence, style="red", soft_wrap=True, markup=False)
        elif logs_only:
            log.exception("The server does not start.")
        else:
            raise
        raise typer.Exit(1) from None
