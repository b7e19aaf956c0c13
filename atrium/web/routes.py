"""The routes of all pages, as far as the settings open them."""

from typing import Any

from starlette.routing import BaseRoute

from atrium import demo
from atrium.demo.builders import COMPANIES
from atrium.settings import Settings
from atrium.web.doc_pages import REFERENCE_PATH, doc_routes, has_documents
from atrium.web.explorer import EXPLORER_PATH, explorer_routes
from atrium.web.start_page import DemoPerson, Way, start_route

__all__ = ["page_routes"]

DEMO_PEOPLE = tuple(
    DemoPerson(email, company.slug, f"{company.name} {role.lower()}")
    for company in COMPANIES
    for (role, _), email in zip(company.logins, company.login_emails, strict=True)
)
DOC_WAYS = (
    Way(REFERENCE_PATH, "Reference", "Every type and field, a page for each domain"),
    Way("/docs/clients.md", "For clients", "Logging in, errors, pages, subscriptions"),
    Way("/docs/operations.md", "For operators", "Deploying, settings, backups"),
    Way("/docs/architecture.md", "Architecture", "How it works, and why"),
    Way("/CONTRIBUTING.md", "Add a domain", "One command, and what it writes"),
)


def page_routes(settings: Settings) -> list[BaseRoute]:
    """Return the routes of the explorer, and in development of the first page and the documents."""
    routes: list[BaseRoute] = []
    is_documented = not settings.is_production and has_documents()
    if settings.explorer_enabled:
        routes += explorer_routes(_explorer_config(settings, reference=REFERENCE_PATH if is_documented else None))
    if is_documented:
        routes += doc_routes()
    if not settings.is_production:
        routes.append(start_route(_ways(settings, is_documented=is_documented), DEMO_PEOPLE, demo.PASSWORD))
    return routes


def _explorer_config(settings: Settings, *, reference: str | None) -> dict[str, Any]:
    people = [person._asdict() for person in DEMO_PEOPLE]
    return {
        "demo": None if settings.is_production else {"password": demo.PASSWORD, "people": people},
        "reference": reference and f"..{reference}",
        "tellsSql": not settings.is_production,
    }


def _ways(settings: Settings, *, is_documented: bool) -> list[Way]:
    ways = []
    if settings.explorer_enabled:
        ways.append(Way(f"{EXPLORER_PATH}/", "Explorer", "Try the API, with examples for each domain"))
    if settings.introspection_enabled:
        ways.append(Way("/schema.graphql", "Schema", "The whole API in SDL"))
    if is_documented:
        ways += DOC_WAYS
    return [*ways, Way("/readyz", "Health", "Whether the database answers and is migrated")]
