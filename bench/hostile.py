"""A bystander's latency while others attack the same server, against its latency when they do not."""

import asyncio
import sys

from bench import echo
from bench.attacker import ATTACKS, attacking
from bench.measure import Sample, load, median
from bench.report import Row, Table, write

CALLERS = 4
ROUNDS = 5
SECONDS = 1.0
WARM_UP = 0.3
UNDISTURBED = "undisturbed"


def run() -> None:
    """Runs every round and writes the table."""
    with echo.running("wire") as (address, pid):
        results = asyncio.run(_rounds(address, pid))
    still = results[UNDISTURBED]
    rows = [
        Row(
            name,
            {
                "calls/s": sample.throughput,
                "p50 us": sample.p50,
                "p99 us": sample.p99,
                "p99 ratio": sample.p99 / still.p99,
            },
        )
        for name, sample in results.items()
    ]
    note = (
        f"A well-behaved client's unary echoes of 100 bytes, {CALLERS} callers on one connection, while one attacker "
        "connects, sends as fast as the server takes it, and comes again whenever it is dropped. Server, client and "
        "attacker are a process each and share the machine's cores: what that alone does shows the row of a process "
        f"that computes and leaves the server alone. Median of {ROUNDS} interleaved rounds of "
        f"{SECONDS:g} s; every call of the client was answered."
    )
    write(Table("hostile", "A bystander under attack", note, rows, bars="p99 us"))


async def _rounds(address: str, pid: int) -> dict[str, Sample]:
    samples: dict[str, list[Sample]] = {name: [] for name in (UNDISTURBED, *ATTACKS)}
    async with echo.wire_echo(address, pid).open() as call:
        await load(call, callers=CALLERS, seconds=WARM_UP)
        for turn in range(ROUNDS):
            for name, taken in samples.items():
                if name == UNDISTURBED:
                    taken.append(await load(call, callers=CALLERS, seconds=SECONDS))
                else:
                    with attacking(name, address):
                        taken.append(await load(call, callers=CALLERS, seconds=SECONDS))
                print(f"  round {turn + 1}/{ROUNDS}  {name}: p99 {taken[-1].p99:,.0f} us", file=sys.stderr, flush=True)
    return {name: median(taken) for name, taken in samples.items()}
