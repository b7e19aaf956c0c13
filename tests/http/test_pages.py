"""The pages beside the API: the explorer, the first page and the documents, and what production shows of them."""

from pathlib import Path
from typing import Any

import pytest

from atrium import demo
from atrium.web import build, doc_pages, explorer
from atrium.web.explorer import EXPLORER_POLICY

PAGES = ["/", "/explorer/", "/explorer/config.json", "/docs/clients.md", "/README.md"]


@pytest.fixture(autouse=True)
def static(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of the built pages."""
    folder = tmp_path / "static"
    monkeypatch.setattr(explorer, "STATIC", folder)
    return folder


def write_pages(static: Path) -> None:
    (static / "explorer" / "assets").mkdir(parents=True)
    (static / "explorer" / "index.html").write_text("<title>Explorer</title>")
    (static / "explorer" / "assets" / "index-1.js").write_text("export {};")


async def test_the_explorer_is_served_once_it_is_built(toy: Any, static: Path) -> None:
    waiting = await toy.get("/explorer/")
    assert (await toy.get("/explorer/assets/index-1.js")).status_code == 404
    assert "not here yet" in waiting.text
    write_pages(static)
    page = await toy.get("/explorer/")
    assert page.text == "<title>Explorer</title>"
    assert (await toy.get("/explorer/assets/index-1.js")).text == "export {};"


async def test_the_explorer_has_one_policy_without_exceptions(toy: Any, static: Path) -> None:
    write_pages(static)
    for path in ("/explorer/", "/explorer/assets/index-1.js"):
        policy = (await toy.get(path)).headers["content-security-policy"]
        assert policy == EXPLORER_POLICY
    assert not {"'unsafe-inline'", "'unsafe-eval'", "blob:", "*"} & set(EXPLORER_POLICY.replace(";", "").split())


async def test_what_changes_is_asked_for_again(toy: Any, static: Path) -> None:
    write_pages(static)
    kept = {path: (await toy.get(f"/explorer/{path}")).headers["cache-control"] for path in ("", "assets/index-1.js")}
    assert kept == {"": "no-cache", "assets/index-1.js": "public, max-age=31536000, immutable"}


@pytest.mark.parametrize("path", ["assets/../index.html", "assets/%2e%2e/index.html", "assets/../../sources.sha256"])
async def test_nothing_beside_the_assets_is_served(toy: Any, static: Path, path: str) -> None:
    write_pages(static)
    (static / "sources.sha256").write_text("digest")
    response = await toy.get(f"/explorer/{path}")
    assert "digest" not in response.text


@pytest.mark.parametrize(("path", "to"), [("/explorer", "explorer/"), ("/graphql", "explorer/")])
async def test_a_browser_is_shown_to_the_explorer_below_any_path(toy: Any, path: str, to: str) -> None:
    response = await toy.get(path, accept="text/html,application/xhtml+xml")
    assert response.status_code in {303, 307}
    assert response.headers["location"] == to


async def test_a_page_that_waits_says_for_what(toy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "BUILD", tmp_path)
    assert "uv run atrium web build" in (await toy.get("/explorer/")).text
    (tmp_path / "progress").write_text("installing <packages>")
    assert "installing" not in (await toy.get("/explorer/")).text, "nobody builds any more"
    with build.take_lock(tmp_path / "lock") as lock:  # type: ignore[union-attr]  # nobody else has it
        assert lock is not None
        assert "Installing &lt;packages&gt;" in (await toy.get("/explorer/")).text
    (tmp_path / "progress").write_text("failed: npm does not reach its registry.")
    assert "Npm does not reach its registry." in (await toy.get("/explorer/")).text


async def test_the_first_page_leads_everywhere(toy: Any) -> None:
    page = await toy.get("/")
    for text in ("explorer/", "schema.graphql", "docs/schema/README.md", "readyz", demo.OWNER_EMAIL, demo.PASSWORD):
        assert text in page.text
    assert page.headers["content-type"].startswith("text/html")


async def test_documents_are_read_in_a_browser(toy: Any) -> None:
    page = await toy.get("/docs/schema/tasks.md")
    assert '<h3 id="tasktask">' in page.text or '<h2 id="queries">Queries</h2>' in page.text
    assert (await toy.get("/docs/schema/examples/tasks.graphql")).headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "path",
    [
        "/docs/../pyproject.toml",
        "/docs/%2e%2e/pyproject.toml",
        "/docs/%2e%2e/.atrium/secret",
        "/docs/none.md",
        "/docs/",
        "/none.md",
        "/tests%2Fnone.md",
    ],
)
async def test_no_other_file_is_a_document(toy: Any, path: str) -> None:
    assert (await toy.get(path)).status_code == 404


@pytest.mark.parametrize("path", PAGES)
async def test_production_shows_no_page(make_toy: Any, path: str, static: Path) -> None:
    write_pages(static)
    assert (await make_toy(environment="production").get(path)).status_code == 404


async def test_production_shows_the_explorer_alone_where_it_is_switched_on(make_toy: Any, static: Path) -> None:
    write_pages(static)
    opened = make_toy(environment="production", explorer=True)
    assert {path: (await opened.get(path)).status_code for path in PAGES} == {
        "/": 404,
        "/explorer/": 200,
        "/explorer/config.json": 200,
        "/docs/clients.md": 404,
        "/README.md": 404,
    }
    assert (await opened.get("/explorer/config.json")).json() == {"demo": None, "reference": None, "tellsSql": False}


async def test_an_installation_has_no_documents(make_toy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doc_pages, "CLONE", tmp_path)
    toy = make_toy()
    assert (await toy.get("/docs/clients.md")).status_code == 404
    assert "docs/" not in (await toy.get("/")).text
    assert (await toy.get("/explorer/config.json")).json()["reference"] is None
