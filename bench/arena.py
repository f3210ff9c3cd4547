"""Where contestants meet: in one run, in turns, so that a machine whose speed drifts drifts for all of them."""

import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack

from bench.contestants import Call, Contestant
from bench.measure import Sample, load, median
from bench.report import Row

ROUNDS = 5
SECONDS = 1.5
WARM_UP = 0.3


async def compete(contestants: Sequence[Contestant], *, callers: int, apart: bool = False) -> dict[str, Sample]:
    """Each contestant's median of several rounds: A B C, A B C, ...

    With `apart` a contestant is open in its own rounds alone: consumers that look for work again and again would take
    the others' processors and their store's.
    """
    samples: dict[str, list[Sample]] = {contestant.name: [] for contestant in contestants}
    async with AsyncExitStack() as stack:
        calls = [] if apart else [await _warm(stack, each, callers) for each in contestants]
        for turn in range(ROUNDS):
            for number, contestant in enumerate(contestants):
                async with AsyncExitStack() as own:
                    call = await _warm(own, contestant, callers) if apart else calls[number]
                    sample = await load(call, callers=callers, seconds=SECONDS, pid=contestant.pid)
                samples[contestant.name].append(sample)
                progress = f"round {turn + 1}/{ROUNDS}  {contestant.name}: {sample.throughput:,.0f}/s"
                print(f"  {progress}", file=sys.stderr, flush=True)
    return {name: median(each) for name, each in samples.items()}


async def _warm(stack: AsyncExitStack, contestant: Contestant, callers: int) -> Call:
    call = await stack.enter_async_context(contestant.open())
    await load(call, callers=callers, seconds=WARM_UP)
    return call


def rows(results: dict[str, Sample], baseline: str) -> list[Row]:
    """The table of a competition, each contestant beside the baseline."""
    reference = results[baseline]
    return [
        Row(
            name,
            {
                "calls/s": sample.throughput,
                "ratio": sample.throughput / reference.throughput,
                "p50 us": sample.p50,
                "p99 us": sample.p99,
                "added p50 us": sample.p50 - reference.p50,
                "gateway CPU ms per 1,000": sample.cpu_per_thousand if sample.cpu else "",
                "callers' CPU ms per 1,000": sample.own_per_thousand,
            },
        )
        for name, sample in results.items()
    ]
