"""An idle gateway on SQLite: how long from its start to its first answer, and how much memory it holds."""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import gateways
from bench.measure import resident_bytes
from bench.report import Row, Table, write
from prism.client import Client

STARTS = 7


def run() -> None:
    """Starts a gateway several times and writes the table."""
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
        f"budget: start below 0.5 s: {first:.2f} s, {'met' if first < 0.5 else 'missed'}",
        f"budget: resident memory below 60 MB: {memory:.0f} MB, {'met' if memory < 60 else 'missed'}",
    ]
    note = f"Median of {STARTS} starts of `prism serve`, from the start of the process to the answer of a first Get."
    write(Table("start", "An idle gateway", note, [row], verdicts))


async def _first_answer(address: str) -> None:
    async with Client(address) as prism:
        await prism.keyvalue().get("record", b"key")
