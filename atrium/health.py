"""Whether this process runs, and whether it can serve.

`/healthz` asks nothing but the process, so a lost database never makes an orchestrator restart it. `/readyz`
runs the checks it was given, all at once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

Check = Callable[[], Awaitable[object]]

CHECK_SECONDS = 2.0

_OK = 200
_UNAVAILABLE = 503
_logger = logging.getLogger(__name__)


def build_routes(checks: Mapping[str, Check], *, reveal: bool, timeout: float = CHECK_SECONDS) -> list[Route]:
    """`GET /healthz` and `GET /readyz`.

    A check is a coroutine function that raises when its part cannot serve; one that takes longer than `timeout`
    seconds has failed. `reveal` puts the reason into the answer; without it, for production, only the log has
    it, since a driver's text may name hosts and roles.
    """

    async def healthz(_request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def readyz(_request: Request) -> JSONResponse:
        faults = await asyncio.gather(*(_failure_reason(name, check, timeout) for name, check in checks.items()))
        answer = {
            name: "ok" if fault is None else (fault if reveal else "failed")
            for name, fault in zip(checks, faults, strict=True)
        }
        ready = all(fault is None for fault in faults)
        return JSONResponse(
            {"status": "ready" if ready else "not ready", "checks": answer},
            status_code=_OK if ready else _UNAVAILABLE,
        )

    return [Route("/healthz", healthz, methods=["GET"]), Route("/readyz", readyz, methods=["GET"])]


async def _failure_reason(name: str, check: Check, timeout: float) -> str | None:  # noqa: ASYNC109  one limit for each
    try:
        async with asyncio.timeout(timeout):
            await check()
    except TimeoutError:
        fault = f"no answer within {timeout:g} s"
    except Exception as error:  # noqa: BLE001  whatever a check raises means that its part cannot serve
        fault = str(error) or type(error).__name__
    else:
        return None
    _logger.warning("not ready: %s: %s", name, fault)
    return fault
