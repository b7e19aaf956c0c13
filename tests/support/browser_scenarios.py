"""Scenarios in Chromium: each `.mjs` file of tests/browser is one, and runs against a server."""

from dataclasses import dataclass
from pathlib import Path

from tests.support.client_scenarios import Answers, run_command
from tests.support.factories import PASSWORD, World
from tests.support.server_process import Process

__all__ = ["BrowserScenarios"]


@dataclass(frozen=True)
class BrowserScenarios:
    """Runs the scenarios of this folder against a server."""

    node: Path
    folder: Path
    browser: str
    world: World
    process: Process

    async def run(self, name: str, answers: Answers | None = None, **variables: str) -> str:
        """Run one until it ends well; return what it printed.

        Raises:
            AssertionError: it failed; has what it printed.
        """
        acme = self.world.acme
        environment = {
            "ADDRESS": self.process.url,
            "CHROMIUM": self.browser,
            "EMAIL": acme.owner.email,
            "PASSWORD": PASSWORD,
            "OWNER_TOKEN": acme.owner.client.token or "",
            **variables,
        }
        return await run_command([self.node, name], self.folder, environment, answers or {})
