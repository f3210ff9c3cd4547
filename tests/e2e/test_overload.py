"""More calls than a gateway can carry out: new ones are refused and counted, and whoever must know is answered."""

import asyncio
import contextlib
import json
import re
import urllib.request
from pathlib import Path

import gateways
from prism._proto.grpc.health.v1 import health_pb2
from prism.client import Client, GatewayUnavailable
from prism.client.retry import RetryPolicy
from prism.wire import Channel, Deadline

PUT = "/prism.data.v1.KeyValue/Put"
CALLERS = 24
ROUNDS = 3
"""Times that everything else is to answer while data calls are being refused."""


class Flood:
    """Callers that send large requests as fast as they are answered, by HTTP/JSON, which costs a gateway most.

    Attributes:
        served: calls that were carried out.
        refused: calls that were shed.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        items = [{"key": f"a{number:05}w==", "value": "dg==", "ttl": "60s"} for number in range(300)]
        body = json.dumps({"id": "r", "items": items}).encode()
        head = (
            f"POST {PUT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self._request = head.encode() + body
        self.served = self.refused = 0

    async def call(self) -> None:
        """One caller, until it is cancelled."""
        host, _, port = self._address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        with contextlib.closing(writer):
            while True:
                writer.write(self._request)
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = re.search(r"content-length: (\d+)", head)
                assert length, head
                body = await reader.readexactly(int(length[1]))
                if head.startswith("HTTP/1.1 200 "):
                    self.served += 1
                else:
                    assert head.startswith("HTTP/1.1 503 "), (head, body)
                    (info,) = (each for each in json.loads(body)["details"] if each["type"] == "google.rpc.ErrorInfo")
                    assert info["debug"]["reason"] == "OVERLOADED"
                    assert "retry-after: 1" in head
                    self.refused += 1


async def test_health_and_the_admin_port_answer_while_calls_are_shed(tmp_path: Path) -> None:
    """By gRPC on the data port, on the probes' port and on the admin port; each call that was shed is counted."""
    config = {
        "gateway": {"listen": "127.0.0.1:0", "shed_lag": 0.005},
        "namespaces": [gateways.namespace("default", "memory")],
    }
    async with gateways.serving(config, tmp_path) as gateway:
        flood = Flood(gateway.data)
        callers = [asyncio.create_task(flood.call()) for _ in range(CALLERS)]
        async with asyncio.timeout(60), Channel(gateway.data) as channel:
            rounds = 0
            while rounds < ROUNDS:
                before = flood.refused
                await everything_else_answers(gateway, channel)
                rounds += flood.refused > before
                for failed in filter(asyncio.Task.done, callers):
                    failed.result()
        for caller in callers:
            caller.cancel()
        await asyncio.wait(callers)
        shed_later = 0
        async with Client(gateway.data, retry=RetryPolicy(attempts=1)) as client:
            while await is_shed(client):
                shed_later += 1
        figures = await asyncio.to_thread(read, f"http://{gateway.metrics}/metrics")
    line = 'prism_requests_denied_total{namespace="default",reason="OVERLOADED"}'
    (counted,) = (float(each.rpartition(" ")[2]) for each in figures.splitlines() if each.startswith(line))
    assert flood.served > 0
    # Those whose callers were cancelled before they had read the refusal are counted too.
    assert flood.refused <= counted <= flood.refused + CALLERS + shed_later


async def everything_else_answers(gateway: gateways.GatewayProcess, channel: Channel) -> None:
    """What an orchestrator, Prometheus and an operator ask."""
    checked = await channel.unary("/grpc.health.v1.Health/Check", b"", deadline=Deadline.after(30))
    assert health_pb2.HealthCheckResponse.FromString(checked).status == health_pb2.HealthCheckResponse.SERVING
    assert '"status":' in await asyncio.to_thread(read, f"http://{gateway.metrics}/health/live")
    assert await asyncio.to_thread(read, f"http://{gateway.metrics}/health/ready")
    assert "prism_overloaded" in await asyncio.to_thread(read, f"http://{gateway.metrics}/metrics")
    status = await asyncio.to_thread(read, f"http://{gateway.admin}/admin/plugin/status")
    assert json.loads(status)["statuses"][0]["namespace"] == "default"


async def is_shed(client: Client) -> bool:
    """Whether a call is still refused."""
    try:
        await client.keyvalue("default").put("r", {b"k": b"v"})
    except GatewayUnavailable as error:
        if error.reason != "OVERLOADED":
            raise
        return True
    return False


def read(url: str) -> str:
    """What is there; an answer that is not 200 fails."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        return str(answer.read().decode())
