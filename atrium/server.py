"""The server of one process: an application on the database, and uvicorn's server for it."""

import gc
from pathlib import Path

import uvicorn

from atrium import app as application
from atrium import http, logs, startup_checks
from atrium.settings import Settings

__all__ = ["create_server"]


def create_server(
    settings: Settings, urls: startup_checks.DatabaseUrls, *, metrics_folder: Path | None = None
) -> http.GraphQLServer:
    """Build the application of these settings, and the server that runs it.

    Args:
        settings: all of them.
        urls: where the database is.
        metrics_folder: where the workers of one supervisor read each other's metrics; None where there is one process.
    """
    logs.configure(settings.log_level, production=settings.is_production)
    app = application.build(settings, database_url=urls.runtime, pooler_url=urls.pooler, metrics_folder=metrics_folder)
    # What lives from here on lives for good; the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    return http.GraphQLServer(uvicorn.Config(app, lifespan="on", **http.uvicorn_options(settings)), app.shutdown)
