"""The fixtures of the tests of services serve here too."""

from tests.services.conftest import _one_schema, rules

__all__ = ["_one_schema", "rules"]
