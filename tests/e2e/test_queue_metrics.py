"""What a queue in a process of its own tells of itself reaches the gateway's metrics."""

import asyncio
import urllib.request
from pathlib import Path

from e2e.test_plugins import sidecar
from gateways import GatewayProcess, serving
from prism.client import Client


def scraped(gateway: GatewayProcess) -> list[str]:
    """The lines about queues."""
    with urllib.request.urlopen(f"http://{gateway.metrics}/metrics", timeout=20) as answer:
        return [line for line in answer.read().decode().splitlines() if line.startswith("prism_queue_")]


async def test_a_sidecars_queues_are_in_the_metrics(tmp_path: Path) -> None:
    """By topic and group, whatever their names hold; with the probe after they are counted, at most every 5 s."""
    entry = sidecar("work", "sqlite", path=str(tmp_path / "queue.db")) | {"abstraction": "queue"}
    topic = 'odd "topic" {\\}'
    async with (
        asyncio.timeout(60),
        serving({"namespaces": [entry], "supervision": {"probe_interval": 0.2}}, tmp_path) as gateway,
        Client(gateway.data, timeout=30) as prism,
    ):
        await asyncio.to_thread(gateway.wait_until_served, "work")
        jobs = prism.queue("work")
        await jobs.publish(topic, b"1")
        await jobs.receive(topic, group="g")
        await jobs.publish(topic, b"2")
        escaped = topic.replace("\\", "\\\\").replace('"', '\\"')
        labels = f'backend="sqlite",group="g",namespace="work",topic="{escaped}"'
        wanted = {f"prism_queue_waiting{{{labels}}} 1.0", f"prism_queue_in_flight{{{labels}}} 1.0"}
        while not wanted <= {*(lines := await asyncio.to_thread(scraped, gateway))}:  # noqa: ASYNC110  # asked for only
            await asyncio.sleep(0.2)
        assert f'prism_queue_deliveries_total{{attempt="1",{labels}}} 1.0' in lines
