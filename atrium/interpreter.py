"""Which Python this is, and whether it was built with profile-guided optimization (PGO), which saves CPU."""

import platform
import sys
import sysconfig
from collections.abc import Mapping
from typing import Any

__all__ = ["describe_interpreter", "is_built_with_pgo"]

FLAG_VARIABLES = ("PY_CFLAGS", "PY_CFLAGS_NODIST", "PY_CORE_CFLAGS", "CONFIGURE_CFLAGS_NODIST")
PROFILE_FLAGS = ("-fprofile-use", "-fprofile-instr-use")  # gcc's and clang's
DEBIAN_SCHEME = "deb_system"  # where Debian's and Ubuntu's own Python installs packages

ADVICE = "built without PGO: a Python that is built with it answers the same requests with less CPU"
DEBIAN = "built by Debian or Ubuntu: with PGO where they support it, though its build settings do not tell"


def is_built_with_pgo(variables: Mapping[str, Any], schemes: tuple[str, ...]) -> bool | None:
    """Return whether a Python with these build variables and install schemes was built with PGO; None if not told."""
    flags = " ".join(str(variables.get(name) or "") for name in FLAG_VARIABLES)
    if "--enable-optimizations" in str(variables.get("CONFIG_ARGS") or "") or any(f in flags for f in PROFILE_FLAGS):
        return True
    return False if variables.get("CONFIG_ARGS") and DEBIAN_SCHEME not in schemes else None


def describe_interpreter() -> str:
    """Return a line: the version of this Python, its path, and whether it was built with PGO."""
    schemes = sysconfig.get_scheme_names()
    pgo = is_built_with_pgo(sysconfig.get_config_vars(), schemes)
    unknown = DEBIAN if DEBIAN_SCHEME in schemes else "its build settings do not tell whether with PGO"
    built = {True: "built with PGO", False: ADVICE, None: unknown}[pgo]
    return f"{platform.python_implementation()} {platform.python_version()} at {sys.executable}, {built}."
