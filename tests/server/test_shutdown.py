"""How a gateway process ends, as a load balancer sees it: not ready first, then closed."""

import asyncio
import json
import signal
import urllib.error
import urllib.request
from pathlib import Path
from time import monotonic

from gateways import GatewayProcess, namespace, serving
from prism.client import Client

DELAY = 2.0


def readiness(gateway: GatewayProcess) -> tuple[int, str]:
    """What a probe gets: the status, and the reason."""
    try:
        with urllib.request.urlopen(f"http://{gateway.metrics}/health/ready", timeout=10) as answer:
            return answer.status, json.load(answer)["reason"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)["reason"]


def config(**options: object) -> dict[str, object]:
    return {"gateway": {"listen": "127.0.0.1:0", **options}, "namespaces": [namespace("default", "memory")]}


async def test_not_ready_comes_before_closed(tmp_path: Path) -> None:
    """For `shutdown_delay` the probe says 503, a watcher of health NOT_SERVING, and new connections are served."""
    async with serving(config(shutdown_delay=DELAY), tmp_path) as gateway:
        assert await asyncio.to_thread(readiness, gateway) == (200, "")
        began = monotonic()
        gateway.send(signal.SIGTERM)
        await asyncio.to_thread(gateway.wait_for_log, "new calls are served")
        assert await asyncio.to_thread(readiness, gateway) == (503, "the gateway is starting or draining")
        async with Client(gateway.data) as client:
            await client.keyvalue("default").put("a", {b"k": b"v"}, timeout=5)
        assert await asyncio.to_thread(gateway.wait) == 0
        assert monotonic() - began >= DELAY


async def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    """An operator who is in a hurry sends it twice."""
    async with serving(config(shutdown_delay=600), tmp_path) as gateway:
        gateway.send(signal.SIGTERM)
        await asyncio.to_thread(gateway.wait_for_log, "new calls are served")
        gateway.send(signal.SIGTERM)
        assert await asyncio.to_thread(gateway.wait) == -signal.SIGTERM
