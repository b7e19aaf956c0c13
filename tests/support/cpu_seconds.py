"""What a run of the tests costs: seconds of CPU, of this process, of the workers, and of the PostgreSQL it started."""

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
    running = [child for child in psutil.Process().children(recursive=True) if "postgres" in child.name()]
    times = [child.cpu_times() for child in running]
    return sum(t.user + t.system + t.children_user + t.children_system for t in times)
