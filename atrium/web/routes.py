"""The routes of all pages, as far as the settings open them."""

from typing import Any

from starlette.routing import BaseRoute

from atrium import demo
from atrium.demo.builders import COMPANIES
from atrium.settings import Settings
from atrium.web.built_pages import BACKOFFICE, EXPLORER, BuiltPage, built_page_routes
from atrium.web.doc_pages import REFERENCE_PATH, doc_routes, has_documents
from atrium.web.start_page import DemoPerson, Way, start_route

__all__ = ["page_routes"]

DEMO_PEOPLE = tuple(
    DemoPerson(email, company.slug, f"{company.name} {role.lower()}")
    for company in COMPANIES
    for (role, _), email in zip(company.logins, company.login_emails, strict=True)
)
DESCRIPTIONS = {
    EXPLORER: "Try the API, with examples for each domain",
    BACKOFFICE: "A front end on the API: a board, orders, documents, articles, members",
}
DOC_WAYS = (
    Way(REFERENCE_PATH, "Reference", "Every type and field, a page for each domain"),
    Way("/docs/clients.md", "For clients", "Logging in, errors, pages, subscriptions"),
    Way("/docs/operations.md", "For operators", "Deploying, settings, backups"),
    Way("/docs/architecture.md", "Architecture", "How it works, and why"),
    Way("/CONTRIBUTING.md", "Add a domain", "One command, and what it writes"),
)


def page_routes(settings: Settings) -> list[BaseRoute]:
    """Return the routes of the built pages, and in development of the first page and the documents."""
    routes: list[BaseRoute] = []
    is_documented = not settings.is_production and has_documents()
    config = _page_config(settings, reference=REFERENCE_PATH if is_documented else None)
    for page in _built_pages(settings):
        routes += built_page_routes(page, config)
    if is_documented:
        routes += doc_routes()
    if not settings.is_production:
        routes.append(start_route(_ways(settings, is_documented=is_documented), DEMO_PEOPLE, demo.PASSWORD))
    return routes


def _built_pages(settings: Settings) -> list[BuiltPage]:
    enabled = {EXPLORER: settings.explorer_enabled, BACKOFFICE: settings.backoffice_enabled}
    return [page for page, is_enabled in enabled.items() if is_enabled]


def _page_config(settings: Settings, *, reference: str | None) -> dict[str, Any]:
    people = [person._asdict() for person in DEMO_PEOPLE]
    return {
        "demo": None if settings.is_production else {"password": demo.PASSWORD, "people": people},
        "reference": reference and f"..{reference}",
        "tellsSql": not settings.is_production,
        "sendsHashes": settings.is_production or settings.documents == "only",
    }


def _ways(settings: Settings, *, is_documented: bool) -> list[Way]:
    ways = [Way(f"{page.path}/", page.title, DESCRIPTIONS[page]) for page in _built_pages(settings)]
    if settings.introspection_enabled:
        ways.append(Way("/schema.graphql", "Schema", "The whole API in SDL"))
    if is_documented:
        ways += DOC_WAYS
    return [*ways, Way("/readyz", "Health", "Whether the database answers and is migrated")]
