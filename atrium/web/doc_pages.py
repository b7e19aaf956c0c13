"""The documents of a clone, to read in a browser while one develops."""

import re
from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from atrium.web.build import CLONE
from atrium.web.layout import html_page

__all__ = ["REFERENCE_PATH", "doc_routes", "has_documents"]

REFERENCE_PATH = "/docs/schema/README.md"
NOT_FOUND = 404
PICTURES = {".svg", ".png"}


def has_documents() -> bool:
    """Return whether this is a clone, where the documents are."""
    return (CLONE / "docs").is_dir()


def doc_routes() -> Sequence[BaseRoute]:
    """Return the routes of the documents: those of docs/, and those beside it, which they link to."""
    return (
        Route("/docs/{path:path}", _serve_document, methods=["GET"]),
        Route("/{name:str}.md", _serve_document, methods=["GET"]),
    )


async def _serve_document(request: Request) -> Response:
    file = (CLONE / request.url.path.lstrip("/")).resolve()
    is_listed = (
        file.parent == CLONE if file.suffix == ".md" and file.parent == CLONE else file.is_relative_to(CLONE / "docs")
    )
    if not is_listed or not file.is_file():
        raise HTTPException(NOT_FOUND)
    if file.suffix in PICTURES:
        return FileResponse(file)
    if file.suffix != ".md":
        return FileResponse(file, media_type="text/plain")
    return html_page(file.relative_to(CLONE).as_posix(), _render(file.read_text(encoding="utf-8")))


def _render(text: str) -> str:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.add_render_rule("heading_open", _open_heading)
    body: str = markdown.render(text)
    return body


def _open_heading(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: object, _environment: object
) -> str:
    """Give a heading the name by which links on GitHub lead to it."""
    anchor = re.sub(r"[^\w -]", "", tokens[index + 1].content.lower()).replace(" ", "-")
    tokens[index].attrSet("id", anchor)
    return renderer.renderToken(tokens, index, options, {})  # type: ignore[arg-type]  # its options have a type of its own
