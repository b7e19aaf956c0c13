"""What tests look for on connections is all that the code puts there."""

import re

from tests.support.leak_checks import SESSION_SETTINGS
from tests.support.source_files import sources


def test_every_setting_is_looked_for() -> None:
    found = {name for source in sources("models", "migrations") for name in re.findall(r"'app\.(\w+)'", source.text)}
    assert found == set(SESSION_SETTINGS)
