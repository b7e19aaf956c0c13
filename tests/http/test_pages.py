"""The pages beside the API: built ones, the first page and the documents, and what production shows of them."""

from pathlib import Path
from typing import Any

import pytest

from atrium import demo
from atrium.web import build, built_pages, doc_pages
from atrium.web.built_pages import BACKOFFICE, EXPLORER, BuiltPage

BUILT = (EXPLORER, BACKOFFICE)
PAGES = [
    "/",
    "/explorer/",
    "/explorer/config.json",
    "/app/",
    "/app/orders/5",
    "/app/config.json",
    "/docs/clients.md",
    "/README.md",
]


@pytest.fixture(autouse=True)
def static(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of the built pages."""
    folder = tmp_path / "static"
    monkeypatch.setattr(built_pages, "STATIC", folder)
    return folder


def write_pages(static: Path) -> None:
    for page in BUILT:
        (static / page.name / "assets").mkdir(parents=True)
        (static / page.name / "index.html").write_text(f"<head><title>{page.title}</title></head>")
        (static / page.name / "assets" / "index-1.js").write_text("export {};")


@pytest.mark.parametrize("built", BUILT, ids=lambda page: page.name)
async def test_a_page_is_served_once_it_is_built(toy: Any, static: Path, built: BuiltPage) -> None:
    waiting = await toy.get(f"{built.path}/")
    assert (await toy.get(f"{built.path}/assets/index-1.js")).status_code == 404
    assert "not here yet" in waiting.text
    write_pages(static)
    page = await toy.get(f"{built.path}/")
    assert f"<title>{built.title}</title>" in page.text
    assert (await toy.get(f"{built.path}/assets/index-1.js")).text == "export {};"


@pytest.mark.parametrize("built", BUILT, ids=lambda page: page.name)
async def test_a_page_has_one_policy_without_exceptions(toy: Any, static: Path, built: BuiltPage) -> None:
    write_pages(static)
    for path in ("", "assets/index-1.js"):
        policy = (await toy.get(f"{built.path}/{path}")).headers["content-security-policy"]
        assert policy == built.policy
    assert not {"'unsafe-inline'", "'unsafe-eval'", "blob:", "*"} & set(built.policy.replace(";", "").split())


async def test_each_address_of_the_back_office_is_its_page(toy: Any, static: Path) -> None:
    write_pages(static)
    bases = {
        "": "./",
        "orders": "./",
        "orders/": "../",
        "orders/5": "../",
        "a/b/c": "../../",
        "orders/5?at=1.5": "../",
        "a%2Fb": "./",
    }
    for address, base in bases.items():
        page = await toy.get(f"/app/{address}")
        assert (page.status_code, page.headers["cache-control"]) == (200, "no-cache"), address
        assert page.text.startswith(f'<head><base href="{base}"><title>'), address
        assert page.headers["content-security-policy"] == BACKOFFICE.policy, address


@pytest.mark.parametrize("path", ["robots.txt", "orders/app.js.map", "persisted-documents.json", "assets/none.js"])
async def test_files_of_the_back_office_are_none_of_its_addresses(toy: Any, static: Path, path: str) -> None:
    write_pages(static)
    (static / "backoffice" / "persisted-documents.json").write_text("{}")
    assert (await toy.get(f"/app/{path}")).status_code == 404


async def test_the_explorer_is_at_one_address(toy: Any, static: Path) -> None:
    write_pages(static)
    assert "<base" not in (await toy.get("/explorer/")).text
    assert (await toy.get("/explorer/orders")).status_code == 404


@pytest.mark.parametrize("built", BUILT, ids=lambda page: page.name)
async def test_what_changes_is_asked_for_again(toy: Any, static: Path, built: BuiltPage) -> None:
    write_pages(static)
    paths = ("", "assets/index-1.js")
    kept = {path: (await toy.get(f"{built.path}/{path}")).headers["cache-control"] for path in paths}
    assert kept == {"": "no-cache", "assets/index-1.js": "public, max-age=31536000, immutable"}


@pytest.mark.parametrize("path", ["assets/../index.html", "assets/%2e%2e/index.html", "assets/../../sources.sha256"])
async def test_nothing_beside_the_assets_is_served(toy: Any, static: Path, path: str) -> None:
    write_pages(static)
    (static / "sources.sha256").write_text("digest")
    response = await toy.get(f"/explorer/{path}")
    assert "digest" not in response.text


@pytest.mark.parametrize(("path", "to"), [("/explorer", "explorer/"), ("/graphql", "explorer/"), ("/app", "app/")])
async def test_a_browser_is_shown_to_a_page_below_any_path(toy: Any, path: str, to: str) -> None:
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
    ways = ("explorer/", "app/", "schema.graphql", "docs/schema/README.md", "readyz")
    for text in (*ways, demo.OWNER_EMAIL, demo.PASSWORD):
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
    shown = [path for path in PAGES if (await opened.get(path)).status_code == 200]
    assert shown == ["/explorer/", "/explorer/config.json"]
    config = {"demo": None, "reference": None, "tellsSql": False, "sendsHashes": True}
    assert (await opened.get("/explorer/config.json")).json() == config


async def test_production_shows_the_back_office_alone_where_it_is_switched_on(make_toy: Any, static: Path) -> None:
    write_pages(static)
    opened = make_toy(environment="production", backoffice=True, documents="only")
    shown = [path for path in PAGES if (await opened.get(path)).status_code == 200]
    assert shown == ["/app/", "/app/orders/5", "/app/config.json"]
    config = {"demo": None, "reference": None, "tellsSql": False, "sendsHashes": True}
    assert (await opened.get("/app/config.json")).json() == config


@pytest.mark.parametrize(("documents", "sends_hashes"), [("off", False), ("allowed", False), ("only", True)])
async def test_development_sends_hashes_where_nothing_else_is_served(
    make_toy: Any, documents: str, *, sends_hashes: bool
) -> None:
    config = (await make_toy(documents=documents).get("/app/config.json")).json()
    assert config["sendsHashes"] is sends_hashes
    assert config["demo"]["password"] == demo.PASSWORD


async def test_an_installation_has_no_documents(make_toy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doc_pages, "CLONE", tmp_path)
    toy = make_toy()
    assert (await toy.get("/docs/clients.md")).status_code == 404
    assert "docs/" not in (await toy.get("/")).text
    assert (await toy.get("/explorer/config.json")).json()["reference"] is None
