"""An idle gateway on SQLite: how long from its start to its first answered Put and Get, and how much memory it holds.

Its bytecode is there, as pip makes it when it installs; without it the first start takes half as long again.
"""

import asyncio
import compileall
import statistics
import tempfile
import time
from pathlib import Path

import gateways
import prism
from bench.measure import resident_bytes
from bench.report import Row, Table, write
from prism.client import Client

STARTS = 7


def run() -> None:
    """Starts a gateway several times and writes the table."""
    compileall.compile_dir(Path(prism.__file__).parent, quiet=1)
    seconds, megabytes = [], []
    for _ in range(STARTS):
        with tempfile.TemporaryDirectory() as folder:
            config = {"namespaces": [gateways.namespace("default", "sqlite", path="data.db")]}
            started = time.perf_counter()
            with gateways.running(config, Path(folder)) as gateway:
                asyncio.run(_first_answer(gateway.data))
                seconds.append(time.perf_counter() - started)
                megabytes.append(resident_bytes(gateway.pid) / 1e6)
    first, memory = statistics.median(seconds), statistics.median(megabytes)
    row = Row("gateway on SQLite", {"start to first answer s": first, "resident MB": memory})
    verdicts = [
        f"budget: start below 0.2 s: {first:.2f} s, {'met' if first < 0.2 else 'missed'}",
        f"budget: resident memory below 60 MB: {memory:.0f} MB, {'met' if memory < 60 else 'missed'}",
    ]
    what = "from the start of the process to the answers of a first Put and Get"
    note = f"Median of {STARTS} starts of `prism serve`, {what}."
    write(Table("start", "An idle gateway", note, [row], verdicts))


async def _first_answer(address: str) -> None:
    async with Client(address) as client:
        await client.keyvalue().put("record", {b"key": b"value"})
        await client.keyvalue().get("record", b"key")
