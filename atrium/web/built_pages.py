"""Pages that npm's tools have built, each with everything that it loads from this origin."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from atrium.web.build import STATIC, has_sources, read_progress

__all__ = ["BACKOFFICE", "EXPLORER", "BuiltPage", "built_page_routes"]


@dataclass(frozen=True)
class BuiltPage:
    """One of them."""

    name: str
    """The name of its folder."""
    title: str
    path: str
    policy: str
    """Its Content-Security-Policy."""
    has_addresses: bool = False
    """Whether it is at every address below its path, and shows something else at each."""


_COMMON_POLICY = (
    "default-src 'none'; script-src 'self'; font-src 'self'; img-src 'self' data:; connect-src 'self' ws: wss:; "
    "form-action 'none'; frame-ancestors 'none'; "
)
EXPLORER = BuiltPage(
    name="explorer",
    title="Explorer",
    path="/explorer",
    # The hash of no text: of the empty elements to which the editor adds its rules.
    policy=_COMMON_POLICY
    + "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; worker-src 'self'; base-uri 'none'",
)
BACKOFFICE = BuiltPage(
    name="backoffice",
    title="Back office",
    path="/app",
    policy=_COMMON_POLICY + "style-src 'self'; base-uri 'self'",
    has_addresses=True,
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
<title>Atrium · {title}</title>
<link rel="icon" href="data:,">
</head>
<body>
<h1>This page is not here yet</h1>
<p role="status">{status}</p>
<p>This page looks again every two seconds. The API is served meanwhile.</p>
</body>
</html>
"""


class _Assets(StaticFiles):
    """Files that are there once the pages are built, and never change."""

    def __init__(self, directory: Path, policy: str) -> None:
        super().__init__(directory=directory, check_dir=False)
        self._policy = policy

    async def check_config(self) -> None:
        """Take a folder that is yet to come for an empty one."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return one file."""
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = FOR_GOOD
        response.headers["content-security-policy"] = self._policy  # a worker keeps to the one that it comes with
        return response


def built_page_routes(page: BuiltPage, config: dict[str, Any]) -> Sequence[BaseRoute]:
    """Return the routes of a page; `config` is what it may know of this server."""
    folder = STATIC / page.name
    headers = {"content-security-policy": page.policy, "cache-control": "no-cache"}

    async def to_page(_request: Request) -> Response:
        # Relative, so that a path which a proxy puts before it does no harm.
        return RedirectResponse(page.path.strip("/") + "/", status_code=307)

    async def show(request: Request) -> Response:
        file, address = folder / "index.html", request.path_params.get("address", "")
        if "." in address.rpartition("/")[2]:
            raise HTTPException(404)  # a file, not an address
        if not file.is_file():
            text = WAITING.format(title=escape(page.title), status=escape(_waiting_for()))
            return HTMLResponse(text, headers=headers)
        if not page.has_addresses:
            return FileResponse(file, headers=headers)
        depth = request.scope["raw_path"].partition(f"{page.path}/".encode())[2].count(b"/")  # as a browser counts it
        return HTMLResponse(_with_base(file.read_text(encoding="utf-8"), depth), headers=headers)

    async def settings(_request: Request) -> Response:
        return JSONResponse(config, headers={"cache-control": "no-store"})

    return (
        Route(page.path, to_page, methods=["GET"]),
        Route(f"{page.path}/config.json", settings, methods=["GET"]),
        Mount(f"{page.path}/assets", _Assets(folder / "assets", page.policy), name=f"{page.name}-assets"),
        Route(f"{page.path}/{{address:path}}" if page.has_addresses else f"{page.path}/", show, methods=["GET"]),
    )


def _with_base(html: str, depth: int) -> str:
    """Return a page at an address so many folders below its path, from where all that it names is told."""
    return html.replace("<head>", f'<head><base href="{"../" * depth or "./"}">', 1)


def _waiting_for() -> str:
    if (progress := read_progress()) is not None:
        return progress[:1].upper() + progress[1:]
    return "Build it by `uv run atrium web build`." if has_sources() else "This installation has no pages."
