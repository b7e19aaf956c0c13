"""The query of somebody else while something is measured: `python -m bench.probe URL TOKEN` until a line is said.

It imports nothing of Atrium, so that it starts at once and shares no interpreter with what it looks at.
"""

import asyncio
import json
import sys
import time

import httpx

QUERY = {"query": "{ tasks(first: 10) { nodes { id title } } }"}
PAUSE = 0.01  # seconds between two


async def main(url: str, token: str) -> None:
    """Ask again and again, until something is said; print how long each took, in seconds."""
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    took: list[float] = []
    async with httpx.AsyncClient(base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=60) as http:
        while not ended.done():
            began = time.perf_counter()
            body = (await http.post("/graphql", json=QUERY)).json()
            took.append(time.perf_counter() - began)
            if body.get("errors"):
                raise RuntimeError(body)
            if len(took) == 1:
                print(flush=True)  # to the process that asked for it
            await asyncio.sleep(PAUSE)
    print(json.dumps(took[1:]))  # likewise


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
