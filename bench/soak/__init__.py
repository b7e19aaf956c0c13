"""Endurance: traffic of all kinds at a fixed rate for as long as it is told, with a fault every few minutes.

`uv run python -m bench.soak --minutes 30` runs two nodes of Atrium, one of them with two workers, on a primary with a
replica, and a mail server. It prints a line each minute, and ends with 1 if a request failed, a read was stale, or what
was acknowledged is lost or doubled.
"""
