"""How long callers are without a sidecar that is killed: from `kill -9` to the next answer."""

import asyncio
import os
import signal
import statistics
import tempfile
import time
from pathlib import Path

from admin.port import JSON, ask
from bench.report import Row, Table, write
from e2e.test_plugins import children_of, sidecar
from gateways import GatewayProcess, serving
from prism.client import Client, PrismError, RetryPolicy

KILLS = 20
KILLS_PER_BUDGET = 10  # a reload gives a fresh budget of restarts, so that none of them waits for the back-off
GOAL = 1.0
NOTE = (
    f"{KILLS} times `kill -9` of the process that serves a namespace on SQLite as a sidecar, and a get every 5 ms by a "
    "client that repeats nothing: seconds from the kill to the first answer after a failure."
)


def run() -> None:
    """Kills, measures and writes the table."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = asyncio.run(_recoveries(Path(folder)))
    longest = max(seconds)
    row = Row(
        "sqlite, sidecar",
        {
            "kills": len(seconds),
            "p50 s": statistics.median(seconds),
            "p90 s": sorted(seconds)[int(0.9 * len(seconds))],
            "longest s": longest,
        },
    )
    verdict = f"goal: served again within {GOAL:g} s: longest {longest:.2f} s, {'met' if longest <= GOAL else 'missed'}"
    write(Table("recovery", "A sidecar that is killed", NOTE, [row], [verdict]))


async def _recoveries(folder: Path) -> list[float]:
    config = {"namespaces": [sidecar("s", "sqlite", path=str(folder / "s.db"))]}
    async with serving(config, folder / "gateway") as gateway:
        await asyncio.to_thread(gateway.wait_until_served, "s")
        async with Client(gateway.data, retry=RetryPolicy(attempts=1)) as client:
            return [await _recovery(gateway, client, number) for number in range(KILLS)]


async def _recovery(gateway: GatewayProcess, client: Client, number: int) -> float:
    if number % KILLS_PER_BUDGET == 0:
        body = {"namespace": "s", "version": ""}
        reply = await asyncio.to_thread(ask, gateway.admin, "POST", "/admin/plugin/reload", body, JSON)
        assert reply.status == 200, reply.body
        while len(children_of(gateway.pid)) > 1:  # noqa: ASYNC110  # another's child tells nobody of its end
            await asyncio.sleep(0.01)
    (pid,) = children_of(gateway.pid)
    keyvalue = client.keyvalue("s")
    await keyvalue.put("r", {b"k": b"%d" % number})
    killed = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    failed = False
    while True:
        try:
            item = await keyvalue.get("r", b"k", timeout=5)
        except PrismError:
            failed = True
        else:
            if failed:  # an answer before the death is noticed is none
                assert item is not None, "an acknowledged put was lost"
                return time.monotonic() - killed
        await asyncio.sleep(0.005)
