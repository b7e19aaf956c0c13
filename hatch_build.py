"""The hook of `uv build`: a wheel carries the pages, so they have to be built, from the sources as they are."""

import os
import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

REMEDY = "`uv run atrium web build` builds them; ATRIUM_BUILD_WITHOUT_PAGES=1 leaves them out."


class PagesHook(BuildHookInterface):
    """Refuses to build a package without its pages, or with old ones."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # the signature of hatchling
        """Look whether the pages are there; an editable installation, as in a clone, has no need of them."""
        if version == "editable" or os.environ.get("ATRIUM_BUILD_WITHOUT_PAGES"):
            return
        sys.path.insert(0, self.root)
        from atrium.web.build import is_current  # noqa: PLC0415  # of this folder, which is not installed

        if not is_current():
            raise RuntimeError(f"The pages are missing or older than web/: {REMEDY}")
