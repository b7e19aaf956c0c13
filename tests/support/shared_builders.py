"""What makes something of the types that other domains point at."""

from tests.support import case_objects
from tests.support.case_context import CaseBuilder

__all__ = ["SHARED_BUILDERS"]

SHARED_BUILDERS: dict[str, CaseBuilder] = {"User": case_objects.member, "Project": case_objects.project}
"""By type: members and projects, which any domain may point at."""
