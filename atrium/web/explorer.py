"""The explorer: the page on which a person tries the API, with everything that it loads from this origin."""

from collections.abc import Sequence
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from atrium.web.build import STATIC, has_sources, read_progress

__all__ = ["EXPLORER_PATH", "explorer_routes"]

EXPLORER_PATH = "/explorer"
EXPLORER_POLICY = (
    "default-src 'none'; script-src 'self'; "
    # The hash of no text: of the empty elements to which the editor adds its rules.
    "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; "
    "worker-src 'self'; font-src 'self'; img-src 'self' data:; connect-src 'self' ws: wss:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
FOR_GOOD = "public, max-age=31536000, immutable"  # the files' names hold their hashes
WAITING = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="2">
<title>Atrium · Explorer</title>
<link rel="icon" href="data:,">
</head>
<body>
<h1>The explorer is not here yet</h1>
<p role="status">{status}</p>
<p>This page looks again every two seconds. The API is served meanwhile.</p>
</body>
</html>
"""


class _Assets(StaticFiles):
    """Files that are there once the pages are built, and never change."""

    async def check_config(self) -> None:
        """Take a folder that is yet to come for an empty one."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return one file."""
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = FOR_GOOD
        response.headers["content-security-policy"] = EXPLORER_POLICY  # a worker keeps to the one that it comes with
        return response


def explorer_routes(config: dict[str, Any]) -> Sequence[BaseRoute]:
    """Return the routes of the explorer; `config` is what its page may know of this server."""
    folder = STATIC / "explorer"
    page_headers = {"content-security-policy": EXPLORER_POLICY, "cache-control": "no-cache"}

    async def to_page(_request: Request) -> Response:
        # Relative, so that a path which a proxy puts before it does no harm.
        return RedirectResponse(EXPLORER_PATH.strip("/") + "/", status_code=307)

    async def page(_request: Request) -> Response:
        file = folder / "index.html"
        if file.is_file():
            return FileResponse(file, headers=page_headers)
        return HTMLResponse(WAITING.format(status=escape(_waiting_for())), headers=page_headers)

    async def settings(_request: Request) -> Response:
        return JSONResponse(config, headers={"cache-control": "no-store"})

    assets = _Assets(directory=folder / "assets", check_dir=False)
    return (
        Route(EXPLORER_PATH, to_page, methods=["GET"]),
        Route(f"{EXPLORER_PATH}/", page, methods=["GET"]),
        Route(f"{EXPLORER_PATH}/config.json", settings, methods=["GET"]),
        Mount(f"{EXPLORER_PATH}/assets", assets, name="explorer-assets"),
    )


def _waiting_for() -> str:
    if (progress := read_progress()) is not None:
        return progress[:1].upper() + progress[1:]
    return "Build it by `uv run atrium web build`." if has_sources() else "This installation has no pages."
