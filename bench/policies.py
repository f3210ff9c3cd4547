"""What policies cost: a gateway with all of them on beside one with none; and what they are for: a namespace within its
limit beside one that is called at ten times its own.

`python -m bench.policies ADDRESS` makes those calls, in a process of its own, until it is ended.
"""

import asyncio
import hashlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import gateways
from bench import contestants as who
from bench import policy_hops
from bench.arena import ROUNDS
from bench.data import fill
from bench.measure import Sample, load
from bench.report import Row, Table, write
from prism.client import Client, LimitExceeded
from prism.client.retry import RetryPolicy

TOKEN = "prism_" + "t" * 194
CALLERS = 64
MOST = 2.5
"""Microseconds of a call."""
TURNS, SECONDS = 8, 1.0
LIMIT, TIMES = 100, 10
QUIET_RATE = 200
QUIET_SECONDS = 3.0
NOISE_WARM_UP = 0.5


def run() -> None:
    """Measures both and writes their tables."""
    _costs()
    _neighbours()


def _authentication() -> dict[str, Any]:
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    keys = [{"name": f"caller-{number}", "hash": f"sha256:{number:064x}"} for number in range(100)]
    return {
        "authentication": {
            "methods": [{"type": "api_keys", "keys": [*keys, {"name": "bench", "hash": f"sha256:{digest}"}]}]
        },
        "authorization": {
            "rules": [
                {"principals": [f"team-{number}-*"], "namespaces": [f"team-{number}-*"], "operations": ["read"]}
                for number in range(100)
            ]
            + [{"principals": ["bench"], "namespaces": ["bench"], "operations": ["read", "write"]}]
        },
    }


def _policies() -> dict[str, Any]:
    share = {"requests": {"rate": 1e6}, "bytes": {"rate": "10GiB"}, "concurrent": 10_000}
    limits = {**share, "message_size": "4MiB", "scan_size": "1GiB", "each_principal": share}
    policy = {"limits": limits, "timeouts": {"default": 30, "longest": 60}, "retries": {}, "breaker": {}}
    return {"policies": {"default": policy}}


def _costs() -> None:
    off = {"gateway": {"listen": "127.0.0.1:0", "shed_lag": 0}}
    configs: dict[str, dict[str, Any]] = {
        "all off": off,
        "who may: API key of 101, rules of 101": {**off, **_authentication()},
        "how much: limits, time-outs, retries, breaker": {**off, **_policies()},
        "all on": {**_authentication(), **_policies()},
    }
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        competitors = []
        for name, config in configs.items():
            document = {**config, "namespaces": [gateways.namespace("bench", "memory")]}
            gateway = stack.enter_context(gateways.running(document, Path(folder) / str(len(competitors))))
            asyncio.run(fill(gateway.data, "bench", TOKEN))
            competitors.append(who.channel(gateway.data, "bench", gateway.pid, name, TOKEN))
        best = asyncio.run(_least_disturbed(competitors))
    hops = policy_hops.measure(configs, TOKEN)
    table = [
        Row(
            name,
            {
                "calls/s": sample.throughput,
                "p50 us": sample.p50,
                "gateway CPU us a call": sample.cpu_per_thousand,
                "of it chain and dispatch": hops[name],
            },
        )
        for name, sample in best.items()
    ]
    off_, on = best["all off"], best["all on"]
    lost = 1 - off_.cpu_per_thousand / on.cpu_per_thousand
    cost = hops["all on"] - hops["all off"]
    verdicts = [
        f"budget: all policies on at most {MOST:g} us a call: {cost:.1f} us over {hops['all off']:.1f} us without, "
        f"{'met' if cost <= MOST else 'missed'}",
        f"by processor time they take {lost:.1%} of the throughput of a gateway on a core of its own",
    ]
    note = (
        f"KeyValue.Get on memory, {CALLERS} callers on one connection, with deadline, trace id, 200-byte key and "
        f"request id. Of {TURNS} interleaved rounds the one in which the gateway needed least processor time: callers, "
        "gateways and whatever else runs share the machine. The last column is measured in one process, on an instance "
        "that does nothing."
    )
    write(Table("policies", "Policies on and off", note, table, verdicts))


async def _least_disturbed(competitors: Sequence[who.Contestant]) -> dict[str, Sample]:
    best: dict[str, Sample] = {}
    async with AsyncExitStack() as stack:
        calls = [await stack.enter_async_context(each.open()) for each in competitors]
        for turn in range(TURNS):
            for contestant, call in zip(competitors, calls, strict=True):
                sample = await load(call, callers=CALLERS, seconds=SECONDS, pid=contestant.pid)
                known = best.get(contestant.name)
                if known is None or sample.cpu_per_thousand < known.cpu_per_thousand:
                    best[contestant.name] = sample
            print(f"  round {turn + 1}/{TURNS}", file=sys.stderr, flush=True)
    return best


def _neighbours() -> None:
    """The one namespace's calls at a fixed rate, in turns alone and beside the other's."""
    limited = {"limits": {"requests": {"rate": LIMIT}}}
    config = {
        "namespaces": [
            gateways.namespace("quiet", "memory") | {"policy": {"limits": {"requests": {"rate": QUIET_RATE * 2}}}},
            gateways.namespace("noisy", "memory") | {"policy": limited},
        ]
    }
    alone: list[Sample] = []
    beside: list[Sample] = []
    with tempfile.TemporaryDirectory() as folder, gateways.running(config, Path(folder)) as gateway:
        asyncio.run(_quiet(gateway.data, 0.5))
        for turn in range(ROUNDS):
            alone.append(asyncio.run(_quiet(gateway.data, QUIET_SECONDS)))
            with _noise(gateway.data):
                time.sleep(NOISE_WARM_UP)
                beside.append(asyncio.run(_quiet(gateway.data, QUIET_SECONDS)))
            print(f"  round {turn + 1}/{ROUNDS}", file=sys.stderr, flush=True)
    table = [_row("undisturbed", alone), _row(f"beside {TIMES} times the limit", beside)]
    kept = float(table[1].values["calls/s"]) / float(table[0].values["calls/s"])
    slower = float(table[1].values["p99 us"]) / float(table[0].values["p99 us"])
    verdicts = [
        f"goal: at least 95 % of its throughput: {kept:.1%}, {'met' if kept >= 0.95 else 'missed'}",
        f"goal: at most 1.5 times its p99: {slower:.2f} times, {'met' if slower <= 1.5 else 'missed'}",
        "every call of the namespace within its limit was answered",
    ]
    note = (
        f"One namespace is called {QUIET_RATE} times a second, at fixed times. Beside it another, limited to {LIMIT} "
        f"calls a second, gets {LIMIT * TIMES} from another process. Median of {ROUNDS} interleaved rounds of "
        f"{QUIET_SECONDS:g} s."
    )
    write(Table("noisy-neighbour", "A namespace beside one that is called too often", note, table, verdicts))


def _row(name: str, samples: list[Sample]) -> Row:
    return Row(
        name,
        {
            "calls/s": statistics.median(each.throughput for each in samples),
            "p50 us": statistics.median(each.p50 for each in samples),
            "p99 us": statistics.median(each.p99 for each in samples),
        },
    )


async def _quiet(address: str, seconds: float) -> Sample:
    """Calls at a fixed rate; one that fails ends the benchmark."""
    latencies: list[float] = []

    async with Client(address, retry=RetryPolicy(attempts=1)) as prism:
        keyvalue = prism.keyvalue("quiet")
        await keyvalue.put("r", {b"k": b"v" * 100})

        async def call(due: float) -> None:
            await keyvalue.get("r", b"k")
            latencies.append(time.perf_counter() - due)

        started = time.perf_counter()
        await _at_a_rate(QUIET_RATE, seconds, call)
        elapsed = time.perf_counter() - started
    latencies.sort()
    count = len(latencies)
    return Sample(count, elapsed, latencies[count // 2] * 1e6, latencies[count * 99 // 100] * 1e6)


async def _at_a_rate(rate: float, seconds: float, call: Any) -> None:
    """Begins calls at fixed times, whatever became of those before; ends when all have."""
    began = time.perf_counter()
    async with asyncio.TaskGroup() as calls:
        for number in range(int(rate * seconds)):
            due = began + number / rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            calls.create_task(call(due))


@contextmanager
def _noise(address: str) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-m", "bench.policies", address], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield
    finally:
        process.kill()
        process.communicate()


async def _make_noise(address: str) -> None:
    async with Client(address, retry=RetryPolicy(attempts=1)) as prism:
        keyvalue = prism.keyvalue("noisy")

        async def call(_due: float) -> None:
            try:
                await keyvalue.get("r", b"k")
            except LimitExceeded:
                return

        await call(0.0)
        print("ready", flush=True)
        await _at_a_rate(LIMIT * TIMES, 600, call)


if __name__ == "__main__":
    asyncio.run(_make_noise(sys.argv[1]))
