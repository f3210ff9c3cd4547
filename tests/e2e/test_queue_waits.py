"""Receive, which waits, when its gateway or what serves it ends: all who wait are answered at once and lose nothing."""

import asyncio
import re
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from gateways import GatewayProcess, serving
from prism.acceptance.dsl import duration
from prism.client import Client
from prism.interfaces import queue as q

WAITERS = 12
WAIT = 20.0
"""Seconds that they are ready to wait: far more than the test takes."""


def configured(folder: Path, placement: str, **options: Any) -> dict[str, Any]:
    """A queue on a file."""
    config = {"path": str(folder / "data.db"), **options}
    entry = {"name": "jobs", "abstraction": "queue", "backend": "sqlite", "config": config}
    return {"namespaces": [entry | {"plugin": {"type": placement}}]}


def waiting(gateway: GatewayProcess) -> int:
    """How many calls of Receive are under way."""
    with urllib.request.urlopen(f"http://{gateway.metrics}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return sum(map(int, re.findall(r"^prism_requests_in_flight\{[^}]*Receive[^}]*\} (\d+)", text, re.MULTILINE)))


async def receive(client: Client) -> q.ReceiveResponse:
    request = q.ReceiveRequest(topic="t", group="g", wait=duration(WAIT), max=10)
    answer = await client.call("jobs", "prism.data.v1.Queue/Receive", request, timeout=2 * WAIT)
    assert isinstance(answer, q.ReceiveResponse)
    return answer


async def answered(gateway: GatewayProcess, end: Callable[[], None]) -> list[q.ReceiveResponse]:
    """What those who wait get when this has been done, which must be soon."""
    async with Client(gateway.data) as client:
        tasks = [asyncio.create_task(receive(client)) for _ in range(WAITERS)]
        async with asyncio.timeout(WAIT):
            while await asyncio.to_thread(waiting, gateway) < WAITERS:  # noqa: ASYNC110  # nothing else tells
                await asyncio.sleep(0.02)
        began = monotonic()
        await asyncio.to_thread(end)
        found = await asyncio.gather(*tasks)
        assert monotonic() - began < WAIT / 2
        return found


@pytest.mark.parametrize("placement", ["in_process", "sidecar"])
async def test_a_draining_gateway_answers_all_who_wait(tmp_path: Path, placement: str) -> None:
    """CONTRACT, Queue 11: a draining gateway answers all waiters empty at once, and what comes then is not lost."""
    config = configured(tmp_path, placement)
    async with serving(config, tmp_path) as gateway:
        found = await answered(gateway, lambda: gateway.send(signal.SIGTERM))
        assert found == [q.ReceiveResponse()] * WAITERS
        assert await asyncio.to_thread(gateway.wait) == 0
    async with serving(config, tmp_path) as gateway, Client(gateway.data) as client:
        await client.queue("jobs").publish("t", b"work")
        (message,) = (await receive(client)).messages
        assert (message.payload, message.attempt) == (b"work", 1)


async def test_another_instance_answers_all_who_wait(tmp_path: Path) -> None:
    """A reload that replaces what serves them ends their wait, as the gateway's end does."""
    async with serving(configured(tmp_path, "in_process"), tmp_path) as gateway:

        def replace() -> None:
            gateway.write_config(configured(tmp_path, "in_process", readers=3))
            gateway.reload()

        assert await answered(gateway, replace) == [q.ReceiveResponse()] * WAITERS
