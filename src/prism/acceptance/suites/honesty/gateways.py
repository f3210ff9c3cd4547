"""What gateways say of themselves: their counters, and whether a namespace is served."""

import asyncio
import re
import urllib.error
import urllib.request
from collections.abc import Sequence

from prism.acceptance.run.gateway_process import GatewayProcess
from prism.acceptance.suites.outage.write_ledger import PATIENCE


def ask(gateway: GatewayProcess, path: str) -> tuple[int, str]:
    """The status and text that a gateway's port for probes answers with."""
    try:
        with urllib.request.urlopen(f"http://{gateway.metrics}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


async def calls(gateways: Sequence[GatewayProcess], namespace: str, operation: str) -> dict[str, int]:
    """How many calls of an operation they have counted in a namespace, by status."""
    counted: dict[str, int] = {}
    for gateway in gateways:
        _, text = await asyncio.to_thread(ask, gateway, "/metrics")
        for labels, value in re.findall(r"^prism_requests_total\{(.*)\} (\S+)$", text, re.MULTILINE):
            found: dict[str, str] = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            if found.get("namespace") == namespace and operation in " ".join(found.values()):
                status = found.get("status", found.get("code", ""))
                counted[status] = counted.get(status, 0) + int(float(value))
    return counted


async def ready(gateways: Sequence[GatewayProcess], namespace: str, wanted: int) -> str:
    """Waits until every gateway answers with that status about the namespace; what the last one said."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answers = [
                await asyncio.to_thread(ask, gateway, f"/health/ready?namespace={namespace}") for gateway in gateways
            ]
            if all(status == wanted for status, _ in answers):
                return answers[-1][1]
            await asyncio.sleep(0.05)
