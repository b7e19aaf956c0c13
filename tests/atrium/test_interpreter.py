import platform

import pytest

from atrium.interpreter import describe_interpreter, is_built_with_pgo

OWN = ("posix_prefix", "posix_user", "venv")
DEBIAN = (*OWN, "deb_system")


@pytest.mark.parametrize(
    ("variables", "schemes", "expected"),
    [
        ({"CONFIG_ARGS": "'--enable-shared' '--enable-optimizations'"}, OWN, True),
        ({"CONFIG_ARGS": "'--prefix=/usr'", "PY_CFLAGS_NODIST": "-std=c11 -fprofile-use"}, OWN, True),
        ({"CONFIG_ARGS": "'--prefix=/usr'", "PY_CORE_CFLAGS": "-O3 -fprofile-instr-use=code.profdata"}, OWN, True),
        ({"CONFIG_ARGS": "'--prefix=/usr'", "PGO_PROF_USE_FLAG": "-fprofile-use"}, OWN, False),  # what it would be
        ({"CONFIG_ARGS": "'--prefix=/usr'"}, DEBIAN, None),  # its rules make `profile-opt`, and the settings hide it
        ({"CONFIG_ARGS": "'--enable-optimizations'"}, DEBIAN, True),
        ({}, OWN, None),
        ({"CONFIG_ARGS": None, "PY_CFLAGS": None}, OWN, None),
    ],
)
def test_pgo_is_told_from_the_build_settings(
    variables: dict[str, str | None],
    schemes: tuple[str, ...],
    expected: bool | None,  # noqa: FBT001  # a case's value
) -> None:
    assert is_built_with_pgo(variables, schemes) is expected


def test_the_interpreter_is_described_in_a_line() -> None:
    line = describe_interpreter()
    assert platform.python_version() in line
    assert "PGO" in line
    assert "\n" not in line
