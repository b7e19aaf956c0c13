"""The hook of `uv build`: a wheel carries the schema and the pages, built from the sources as they are."""

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

REMEDY = "`uv run atrium web build` builds them; ATRIUM_BUILD_WITHOUT_PAGES=1 leaves them out."


class PagesHook(BuildHookInterface):
    """Adds the schema to a wheel, and refuses to build a package without its pages, or with old ones."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Look whether the pages are there; an editable installation, as in a clone, has no need of them."""
        if version == "editable":
            return
        if self.target_name == "wheel":
            build_data["force_include"][str(Path(self.root, "schema.graphql"))] = "atrium/schema.graphql"
        if os.environ.get("ATRIUM_BUILD_WITHOUT_PAGES"):
            return
        sys.path.insert(0, self.root)
        from atrium.web.build import is_current  # noqa: PLC0415  # of this folder, which is not installed

        if not is_current():
            raise RuntimeError(f"The pages are missing or older than web/: {REMEDY}")
