"""Which Python ordinary users of this machine may run."""

import contextlib
import os
import subprocess
import sys

import pytest

__all__ = ["interpreter_of_everybody"]


def interpreter_of_everybody() -> str:
    """Return a Python that anybody may run; to an ordinary user, the one that runs the tests is one."""
    account = {} if os.geteuid() else {"user": "nobody"}
    for python in (sys.executable, *(f"{place}/python3" for place in ("/usr/local/bin", "/usr/bin"))):
        probe = [python, "-I", "-c", "import sys, ctypes; sys.exit(sys.version_info < (3, 11))"]
        with contextlib.suppress(OSError):
            if subprocess.run(probe, cwd="/", capture_output=True, check=False, **account).returncode == 0:
                return python
    pytest.skip("no Python here that an ordinary user may run")
