"""What a call costs the gateway: its processor time in a KeyValue.Get on each store, and one caller's latency in each
placement beside bare round trips; by the Go loader, with the gateway on a core of its own.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import gateways
from bench import echo, wire
from bench.data import KEY, any_record, fill
from bench.loaders import Cell, GoLoader, Measured, find_loader, median
from bench.report import Row, Table, write
from prism.acceptance.run.remote_plugins import RemotePlugins
from prism.backends.postgres.testing import find_server
from prism.backends.redis.testing.server import USER, RedisServer
from prism.interfaces import keyvalue as kv
from prism.plugins.discovery import discover

ROUNDS, SECONDS = 7, 1.0
REQUESTS = 5_000
STORES = {"memory": None, "sqlite": None, "postgres": 17.0, "redis": 17.0}
"""Each with the microseconds of the gateway that a call may take at 64 callers."""
PLACEMENTS = {"memory": (1, 35.0), "sidecar": (2, 90.0), "remote": (2, 130.0)}
"""Each with its hops, and the microseconds that one caller's p50 may be over as many bare round trips."""
ALONE = "a bare round trip"


def run() -> None:
    """Measures and writes the table."""
    loader = find_loader()
    if not isinstance(loader, GoLoader):
        print("skipping cost: Go is not installed, whose program makes the load", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        core, pinned = wire._pin(stack)
        requests = folder / "requests"
        requests.write_text("".join(f"{_request().hex()}\n" for _ in range(REQUESTS)))
        socket, pid = stack.enter_context(_gateway(folder, core))
        bare, bare_pid = stack.enter_context(echo.running("bytes", str(folder / "echo.sock")))
        os.sched_setaffinity(bare_pid, core)
        many = Cell(100, 4, 16, requests=requests)
        samples: dict[tuple[str, str], list[Measured]] = {}
        for turn in range(ROUNDS):
            samples.setdefault((ALONE, "1x1"), []).append(loader.echo(Path(bare), bare_pid, SECONDS))
            for namespace in dict.fromkeys((*STORES, *PLACEMENTS)):
                for cell in (many, replace(many, connections=1, streams=1)):
                    seen = loader.load(socket, replace(cell, namespace=namespace), pid, SECONDS)
                    samples.setdefault((namespace, cell.shape), []).append(seen)
            print(f"  round {turn + 1}/{ROUNDS}", file=sys.stderr, flush=True)
    _write({key: median(each) for key, each in samples.items()}, f"{loader.note} {pinned}")


def _request() -> bytes:
    return kv.GetRequest(id=any_record(), keys=(KEY,)).SerializeToString()


@contextmanager
def _gateway(folder: Path, core: set[int]) -> Iterator[tuple[Path, int]]:
    """A gateway on that core, with a namespace for each store and placement, all of them filled."""
    remote = RemotePlugins(discover().found["memory"], folder)
    with find_server() as postgres, RedisServer({"appendfsync": "everysec"}) as redis:
        url = postgres.create_database()
        credentials = {"username": USER, "password": redis.password}
        namespaces = [
            gateways.namespace("memory", "memory"),
            gateways.namespace("sqlite", "sqlite", path=str(folder / "bench.db")),
            gateways.namespace("postgres", "postgres", connection_string=url),
            gateways.namespace("redis", "redis", addresses=[redis.address]) | {"credentials": credentials},
            gateways.namespace("sidecar", "memory") | {"plugin": {"type": "sidecar"}},
            gateways.namespace("remote", "memory") | {"plugin": asyncio.run(remote.start(1))},
        ]
        socket = folder / "data.sock"
        config = {"gateway": {"listen": f"unix:{socket}"}, "namespaces": namespaces}
        try:
            with gateways.running(config, folder / "gateway") as gateway:
                for each in namespaces:
                    asyncio.run(fill(f"unix:{socket}", each["name"]))
                postgres.execute("VACUUM ANALYZE prism.items", url=url)
                for thread in Path(f"/proc/{gateway.pid}/task").iterdir():
                    os.sched_setaffinity(int(thread.name), core)
                yield socket, gateway.pid
        finally:
            asyncio.run(remote.stop())


def _write(results: dict[tuple[str, str], Measured], note: str) -> None:
    floor = results[ALONE, "1x1"].p50
    rows = [Row(ALONE, {"p50 us, one caller": floor})]
    for name in dict.fromkeys((*STORES, *PLACEMENTS)):
        many, alone = results[name, "4x16"], results[name, "1x1"]
        hops = PLACEMENTS.get(name, (1, 0.0))[0]
        rows.append(
            Row(
                name if name in STORES else f"memory, {name}",
                {
                    "calls/s, 4x16": many.throughput,
                    "gateway CPU us/call": many.cpu_per_call,
                    "core busy": f"{many.busy:.0%}",
                    "p50 us, one caller": alone.p50,
                    "gateway CPU us/call, one caller": alone.cpu_per_call,
                    "p50 over as many round trips as hops": alone.p50 - hops * floor,
                },
            )
        )
    note = (
        "Gets of one 100-byte item at random, 4 connections with 16 calls each, and one caller; the first row is 100 "
        f"bytes there and back through an echo in Python on the same core. Median of {ROUNDS} interleaved rounds of "
        f"{SECONDS:g} s; load {_load()}. Processor time by the kernel's accounting, of the gateway's threads. {note}"
    )
    write(Table("cost", "What a call costs the gateway", note, rows, _verdicts(results, floor)))


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def _verdicts(results: dict[tuple[str, str], Measured], floor: float) -> Sequence[str]:
    verdicts = []
    for name, most in STORES.items():
        if most is not None:
            cost = results[name, "4x16"].cpu_per_call
            word = "met" if cost <= most else "missed"
            verdicts.append(f"budget: a get on {name} at most {most:g} us of the gateway: {cost:.1f} us, {word}")
    for name, (hops, most) in PLACEMENTS.items():
        added = results[name, "1x1"].p50 - hops * floor
        word = "met" if added <= most else "missed"
        placed = "in process" if name == "memory" else name
        verdicts.append(
            f"budget: one caller, {placed}, at most {most:g} us over its round trips: {added:.0f} us, {word}"
        )
    return verdicts
