"""Which errors of PostgreSQL say that it lacks what a statement needs."""

import pytest

from models.database.errors import DatabaseUnavailable, OutOfResources, is_connection_lost, is_out_of_resources


@pytest.mark.parametrize("code", ["53000", "53100", "53200", "53300", "58030"])
def test_a_server_without_room_memory_or_connections_is_out_of_resources(code: str) -> None:
    assert is_out_of_resources(code)
    assert not is_connection_lost(code)


@pytest.mark.parametrize("code", ["57014", "57P01", "53400", "08006", "23505", "58P01", "", None])
def test_other_errors_are_not(code: str | None) -> None:
    assert not is_out_of_resources(code)


def test_the_log_says_why_since_the_client_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    assert isinstance(OutOfResources("could not extend file"), DatabaseUnavailable)
    assert caplog.messages == ["the database is out of resources: could not extend file"]
