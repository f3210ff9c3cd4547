"""What an acknowledged put has reached: the disk, seen in a trace of system calls, and the store, seen after kills."""

import asyncio
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import gateways
from missing import missing
from prism.client import Client
from prism.errors import PrismError

KILLS = 20
WRITERS = 8
ACKNOWLEDGED_BEFORE_KILL = 40
MARKER = b"marker-of-the-traced-put"


@pytest.mark.parametrize(
    ("durability", "synced"),
    [
        pytest.param("synced", True, id="synced"),
        pytest.param("store", False, id="without-sync-the-check-fails"),
    ],
)
async def test_put_on_sqlite_is_acknowledged_after_its_data_is_synced(
    tmp_path: Path, durability: str, synced: bool
) -> None:
    """Between the arrival of a put and its acknowledgement the log of the database is synced, unless told otherwise."""
    if shutil.which("strace") is None:
        missing("strace is not installed")
    trace = tmp_path / "trace"
    tracer = ("strace", "-f", "-yy", "-s", "400", "-o", str(trace))
    calls = "trace=fsync,fdatasync,read,recvfrom,recvmsg,write,writev,sendto,sendmsg"
    config = {"namespaces": [gateways.namespace("default", "sqlite", path="data.db", durability=durability)]}
    # Not where the trace is: the gateway watches the folder of its configuration, and each event would be traced.
    tracer = (*tracer, "-e", calls)
    async with gateways.serving(config, tmp_path / "gateway", wrapper=tracer) as gateway, Client(gateway.data) as prism:
        await prism.keyvalue().put("warm-up", {b"key": b"value"})
        await prism.keyvalue().put("record", {MARKER: b"value"})
    assert _synced_before_acknowledged(trace.read_text(errors="replace").splitlines()) is synced


def _synced_before_acknowledged(trace: list[str]) -> bool:
    """Whether a sync of the write-ahead log was completed between the marked request and the answer to it."""
    # A call that another thread's line cuts in two comes back as `<... read resumed>`, without its socket.
    arrival = re.compile(r"(read|recvfrom|recvmsg)(\(\d+<TCP:\[| resumed>)")
    request = next(n for n, line in enumerate(trace) if MARKER.decode() in line and arrival.search(line))
    answer = next(n for n, line in enumerate(trace[request:], request) if "TCP:[" in line and "grpc-status" in line)
    between = trace[request:answer]
    complete = re.compile(r"(fsync|fdatasync)\(\d+<[^>]*-wal>\)\s*= 0")
    return any(complete.search(line) for line in joined(between))


def joined(lines: list[str]) -> Iterator[str]:
    """Lines of strace with `<unfinished ...>` and `<... resumed>` put together; what is not resumed is left out."""
    pending: dict[str, str] = {}
    for line in lines:
        thread, _, rest = line.partition(" ")
        if rest.endswith("<unfinished ...>"):
            pending[thread] = rest.removesuffix("<unfinished ...>").rstrip()
        elif "resumed>" in rest:
            yield pending.pop(thread, "") + rest.partition("resumed>")[2]
        else:
            yield rest


async def test_nothing_acknowledged_is_lost_when_a_gateway_on_sqlite_is_killed(
    tmp_path: Path, often: Callable[[int], int]
) -> None:
    """`kill -9` during acknowledged puts, again and again: every acknowledged item is there."""
    await _kill_again_and_again(gateways.namespace("default", "sqlite", path="data.db"), tmp_path, often(KILLS))


async def test_nothing_acknowledged_is_lost_when_a_gateway_on_postgres_is_killed(
    tmp_path: Path, postgres_url: str, often: Callable[[int], int]
) -> None:
    """The same on PostgreSQL."""
    namespace = gateways.namespace("default", "postgres", connection_string=postgres_url)
    await _kill_again_and_again(namespace, tmp_path, often(KILLS))


async def _kill_again_and_again(namespace: dict[str, Any], folder: Path, kills: int) -> None:
    gateway = gateways.GatewayProcess({"namespaces": [namespace]}, folder)
    acknowledged: list[tuple[str, bytes]] = []
    for round_number in range(kills):
        await asyncio.to_thread(gateway.start)
        await _put_until_killed(gateway, round_number, acknowledged)
    assert len(acknowledged) >= kills * ACKNOWLEDGED_BEFORE_KILL
    await asyncio.to_thread(gateway.start)
    try:
        async with Client(gateway.data) as prism:
            keyvalue = prism.keyvalue()
            lost = [put for put in acknowledged if not await keyvalue.exists(put[0], put[1])]
    finally:
        await asyncio.to_thread(gateway.stop)
    assert lost == []


async def _put_until_killed(
    gateway: gateways.GatewayProcess, round_number: int, acknowledged: list[tuple[str, bytes]]
) -> None:
    enough = asyncio.Event()
    before = len(acknowledged)

    async def writer(client: Client, number: int) -> None:
        keyvalue = client.keyvalue()
        record = f"round-{round_number}-writer-{number}"
        for count in range(1_000_000):
            key = b"%d" % count
            try:
                await keyvalue.put(record, {key: b"x" * 100}, timeout=5)
            except PrismError:
                return
            acknowledged.append((record, key))
            if len(acknowledged) - before >= ACKNOWLEDGED_BEFORE_KILL:
                enough.set()

    async with Client(gateway.data) as prism, asyncio.TaskGroup() as tasks:
        for number in range(WRITERS):
            tasks.create_task(writer(prism, number))
        async with asyncio.timeout(30):
            await enough.wait()
        await asyncio.to_thread(gateway.kill)
