"""Print how long `atrium serve` takes to its first answered query: on an empty folder, and again."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

TIMEOUT_SECONDS = 120  # seconds
QUERY = b'{"query": "{ __typename }"}'


def is_answered(port: int) -> bool:
    """Whether a query is answered."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/graphql", QUERY, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=2) as answer:
            return "data" in json.load(answer)
    except (OSError, urllib.error.URLError):
        return False


def time_start(folder: str) -> float:
    """Seconds from the command to the first answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    began = time.monotonic()
    command = [sys.executable, "-m", "atrium", "serve", "--no-web", "--port", str(port)]
    server = subprocess.Popen(command, env={**os.environ, "ATRIUM_DATA_DIR": folder}, stderr=subprocess.DEVNULL)
    try:
        while not is_answered(port):
            if server.poll() is not None or time.monotonic() - began > TIMEOUT_SECONDS:
                sys.exit("atrium serve does not answer")
            time.sleep(0.02)
        return time.monotonic() - began
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="atrium-start-") as folder:
        print(f"first start, empty folder, to the first answer: {time_start(folder):.1f} s")
        print(f"later start, to the first answer: {time_start(folder):.1f} s")
