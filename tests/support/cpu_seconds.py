"""What a run of the tests costs: seconds of CPU, of this process, of the workers, and of the PostgreSQL it started."""

import contextlib
import resource

import psutil

__all__ = ["process_seconds", "server_seconds"]


def process_seconds(*, with_children: bool = True) -> float:
    """Return what this process took so far, by default with the processes that it started and waited for."""
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN) if with_children else (resource.RUSAGE_SELF,)
    used = [resource.getrusage(who) for who in whose]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def server_seconds() -> float:
    """Return what PostgreSQL took so far, if this process started it; connections that are closed count."""
    total = 0.0
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # a connection that was just closed
            if "postgres" in child.name():
                used = child.cpu_times()
                total += used.user + used.system + used.children_user + used.children_system
    return total
