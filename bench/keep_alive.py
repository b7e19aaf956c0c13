"""A client that costs little: it keeps some connections, and looks at no more of an answer than it must."""

import asyncio
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["send_all"]

CONNECTIONS = 8
LENGTH = re.compile(rb"(?i)\r\ncontent-length: *([0-9]+)\r\n")


async def send_all(
    port: int, headers: Mapping[str, str], bodies: Iterable[dict[str, Any]], *, connections: int = CONNECTIONS
) -> None:
    """Send requests to a port of this machine, each once, over some connections.

    Raises:
        RuntimeError: one was answered with an error.
    """
    waiting = iter(bodies)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST /graphql HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n{lines}content-length: ".encode()

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for body in waiting:
            data = json.dumps(body).encode()
            writer.write(b"%s%d\r\n\r\n%s" % (head, len(data), data))
            said = await reader.readuntil(b"\r\n\r\n")
            length = LENGTH.search(said)
            answer = await reader.readexactly(int(length[1])) if length else b""
            if not said.startswith(b"HTTP/1.1 200 ") or b'"errors":' in answer:
                raise RuntimeError(f"{said!r} {answer[:500]!r}")
        writer.close()

    await asyncio.gather(*(client() for _ in range(connections)))
