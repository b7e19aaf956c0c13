"""Queries of another tenant while something is measured: `python -m bench.probe URL TOKEN` until a line comes.

It imports nothing of Atrium, so that it starts at once and shares no interpreter with what it measures.
"""

import asyncio
import json
import sys
import time

import httpx

QUERY = {"query": "{ tasks(first: 10) { nodes { id title } } }"}
PAUSE_SECONDS = 0.01  # between two


async def main(url: str, token: str) -> None:
    """Query again and again until standard input has a line; print the seconds that each took."""
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
                print(flush=True)  # to the process that started this one
            await asyncio.sleep(PAUSE_SECONDS)
    print(json.dumps(took[1:]))  # likewise


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
