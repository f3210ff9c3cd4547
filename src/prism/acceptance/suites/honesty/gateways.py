"""What gateways say of themselves: their counters, and whether a namespace is served."""

import asyncio
import re
import urllib.error
import urllib.request
from collections.abc import Sequence

from prism.acceptance.run.gateway_process import GatewayProcess
from prism.acceptance.store.polling import eventually
from prism.interfaces.operation import Operation


def ask(gateway: GatewayProcess, path: str) -> tuple[int, str]:
    """The status and text that a gateway's port for probes answers with."""
    try:
        with urllib.request.urlopen(f"http://{gateway.metrics}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


async def calls(gateways: Sequence[GatewayProcess], namespace: str, operation: Operation) -> dict[str, int]:
    """How many calls of an operation they have counted in a namespace, by status."""
    counted: dict[str, int] = {}
    method = operation.name.rpartition("/")[2]
    for gateway in gateways:
        _, text = await asyncio.to_thread(ask, gateway, "/metrics")
        for labels, value in re.findall(r"^prism_requests_total\{(.*)\} (\S+)$", text, re.MULTILINE):
            found: dict[str, str] = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            if found.get("namespace") == namespace and re.split(r"[/.]", found["operation"])[-1] == method:
                status = found.get("status", found.get("code", ""))
                counted[status] = counted.get(status, 0) + int(float(value))
    return counted


async def ready(gateways: Sequence[GatewayProcess], namespace: str, wanted: int) -> str:
    """Waits until every gateway answers with that status about the namespace; what the last one said."""
    answers: list[tuple[int, str]] = []

    async def answered() -> bool:
        path = f"/health/ready?namespace={namespace}"
        answers[:] = [await asyncio.to_thread(ask, gateway, path) for gateway in gateways]
        return all(status == wanted for status, _ in answers)

    await eventually(
        answered, f"a probe answers {wanted} about {namespace}; it is a question and tells nothing by itself"
    )
    return answers[-1][1]
