"""Demo data: two tenants with enough in them that every page of an app has something to show."""

from rich.console import Console

from atrium.settings import Settings

OWNER, PASSWORD, TENANT = "owner@acme.example.com", "Atrium-demo-1!", "acme"


def load_once(url: str, settings: Settings) -> None: ...
def load(url: str, settings: Settings, *, scale: float, console: Console) -> None: ...
