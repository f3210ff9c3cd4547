"""The gateway's counters match the calls that were made; its health follows the store's death and return."""

import asyncio
import re
import urllib.error
import urllib.request

from prism.acceptance.gateway_process import GatewayProcess
from prism.acceptance.suites.outage.frail import PATIENCE, Frail
from prism.errors import InvalidArgument
from prism.interfaces.keyvalue import GetRequest


def ask(gateway: GatewayProcess, path: str) -> tuple[int, str]:
    """The status and text that a gateway's port for probes answers with."""
    try:
        with urllib.request.urlopen(f"http://{gateway.metrics}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


async def calls(frail: Frail, operation: str) -> dict[str, int]:
    """How many calls of an operation the gateways have counted in the test's namespace, by status."""
    counted: dict[str, int] = {}
    for gateway in frail.rig.gateways:
        _, text = await asyncio.to_thread(ask, gateway, "/metrics")
        for labels, value in re.findall(r"^prism_requests_total\{(.*)\} (\S+)$", text, re.MULTILINE):
            found: dict[str, str] = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            if found.get("namespace") == frail.kv.namespace and operation in " ".join(found.values()):
                status = found.get("status", found.get("code", ""))
                counted[status] = counted.get(status, 0) + int(float(value))
    return counted


async def ready(frail: Frail, wanted: int) -> str:
    """Waits until every gateway answers with that status about the namespace; what the last one said."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answers = [
                await asyncio.to_thread(ask, gateway, f"/health/ready?namespace={frail.kv.namespace}")
                for gateway in frail.rig.gateways
            ]
            if all(status == wanted for status, _ in answers):
                return answers[-1][1]
            await asyncio.sleep(0.05)


async def test_counters_match_what_was_done(frail: Frail) -> None:
    """RFC-008, metrics: every call is counted once, under the status that its caller was given."""
    for number in range(7):
        await frail.put(number)
    for number in range(5):
        await frail.kv.get(f"r{number}", b"k")
    for _ in range(3):
        await frail.kv.refused(InvalidArgument, "Get", GetRequest(id="", keys=[b"k"]))
    assert await calls(frail, "Put") == {"OK": 7}
    assert await calls(frail, "Get") == {"OK": 5, "INVALID_ARGUMENT": 3}


async def test_health_follows_the_store(frail: Frail) -> None:
    """RFC-008, HealthCheck: unhealthy soon after the store has died, healthy again by itself after its return."""
    frail.needs("kill")
    await ready(frail, 200)
    await frail.rig.store.kill()
    try:
        reason = await ready(frail, 503)
        assert frail.rig.harness.name in reason
    finally:
        await frail.rig.store.start()
    await ready(frail, 200)
    await frail.recovered()
