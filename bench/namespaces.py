"""Ten thousand namespaces on one store against ten: what routing costs, and how long the start takes."""

import asyncio
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import gateways
from bench import contestants as who
from bench.arena import compete, rows
from bench.data import KEY, VALUE, any_record, record
from bench.measure import resident_bytes
from bench.report import Table, write
from prism.client import Client

FEW, MANY = 10, 10_000


def run() -> None:
    """Runs both gateways beside one another and writes the table."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        competitors, starts, memory = [], {}, {}
        for count in (FEW, MANY):
            config = {"namespaces": [gateways.namespace(f"n{number}", "memory") for number in range(count)]}
            started = time.perf_counter()
            gateway = stack.enter_context(gateways.running(config, Path(folder) / str(count)))
            starts[count] = time.perf_counter() - started
            name = f"{count:,} namespaces"
            last = f"n{count - 1}"
            asyncio.run(_fill(gateway.data, last))
            competitors.append(who.channel(gateway.data, last, gateway.pid, name))
            memory[count] = resident_bytes(gateway.pid) / 1e6
        results = asyncio.run(compete(competitors, callers=64))
    few, many = (results[f"{count:,} namespaces"] for count in (FEW, MANY))
    cost = few.throughput / many.throughput - 1
    cpu = many.cpu_per_thousand / few.cpu_per_thousand - 1
    verdicts = [
        f"budget: routing cost within 5 %: {cost:+.1%} of throughput, {cpu:+.1%} of processor time, "
        f"{'met' if cpu <= 0.05 else 'missed'}",
        f"budget: start below 2 s: {starts[MANY]:.2f} s ({starts[FEW]:.2f} s with {FEW}), "
        f"{'met' if starts[MANY] < 2 else 'missed'}",
        f"resident memory: {memory[MANY]:.0f} MB ({memory[FEW]:.0f} MB with {FEW})",
    ]
    note = "KeyValue.Get on memory, 64 callers, on the last of the namespaces. Median of 5 interleaved rounds."
    table = rows(results, f"{FEW:,} namespaces")
    write(Table("namespaces", "10,000 namespaces", note, table, verdicts))


async def _fill(address: str, namespace: str) -> None:
    """The records that the contestants may ask for."""
    from bench.data import fill

    await fill(address, namespace)
    async with Client(address) as prism:
        item = await prism.keyvalue(namespace).get(any_record(), KEY)
        assert item is not None, record(0)
        assert item.value == VALUE
