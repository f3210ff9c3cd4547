"""KeyValue.Get through the gateway against the driver used directly: one caller, and 64."""

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import gateways
from bench import contestants as who
from bench import echo
from bench.arena import compete, rows
from bench.data import RECORDS, fill
from bench.grpc_aio import running as grpc_aio_running
from bench.measure import Sample, resident_bytes
from bench.report import Table, write
from prism.backends.postgres.testing import find_server

MANY = 64
NOTE = (
    f"Gets of one 100-byte item at random out of {RECORDS:,} records, with deadline, trace id, 200-byte token and "
    "request id. The callers share one process and one connection; the gateway is another process. Median of 5 "
    "interleaved rounds."
)


@dataclass(frozen=True, slots=True)
class Arena:
    """Everything that runs meanwhile.

    Attributes:
        address: of the gateway.
        pid: of the gateway.
        postgres: connection string of its PostgreSQL namespace's database.
        sqlite: file of its SQLite namespace.
        aio_address: of the same gateway with grpc.aio in place of its own transport.
        aio_pid: of that one.
    """

    address: str
    pid: int
    postgres: str
    sqlite: Path
    aio_address: str
    aio_pid: int


def run() -> None:
    """Runs every competition and writes its tables."""
    with _arena() as arena:
        _layers(arena)
        for callers in (1, MANY):
            _memory(arena, callers)
            _sqlite(arena, callers)
            _postgres(arena, callers)


@contextmanager
def _arena() -> Iterator[Arena]:
    with tempfile.TemporaryDirectory() as folder, find_server() as server:
        url = server.create_database()
        file = Path(folder) / "bench.db"
        config = {
            "namespaces": [
                gateways.namespace("memory", "memory"),
                gateways.namespace("sqlite", "sqlite", path=str(file)),
                gateways.namespace("postgres", "postgres", connection_string=url),
            ]
        }
        with gateways.running(config, Path(folder)) as gateway:
            for namespace in ("memory", "sqlite", "postgres"):
                asyncio.run(fill(gateway.data, namespace))
            server.execute("VACUUM ANALYZE prism.items", url=url)
            with grpc_aio_running(gateway.config) as (aio_address, aio_pid):
                yield Arena(gateway.data, gateway.pid, url, file, aio_address, aio_pid)


def _ways(arena: Arena, namespace: str) -> list[who.Contestant]:
    return [
        who.prism_client(arena.address, namespace, arena.pid),
        who.channel(arena.address, namespace, arena.pid),
        who.stock_client(arena.address, namespace, arena.pid),
    ]


def _aio(arena: Arena, namespace: str) -> list[who.Contestant]:
    return [
        who.stock_client(arena.aio_address, namespace, arena.aio_pid, "the same gateway on grpc.aio, stock client"),
        who.channel(arena.aio_address, namespace, arena.aio_pid, "the same gateway on grpc.aio, bare channel"),
    ]


def _layers(arena: Arena) -> None:
    """Where one caller's latency goes: each row has one thing more than the row above it."""
    with echo.running("bytes") as (bytes_address, bytes_pid), echo.running("wire") as (wire_address, wire_pid):
        competitors = [
            echo.bytes_echo(bytes_address, bytes_pid),
            echo.wire_echo(wire_address, wire_pid),
            who.channel(arena.address, "memory", arena.pid, "gateway on memory"),
            who.channel(arena.address, "sqlite", arena.pid, "gateway on SQLite"),
            who.asyncpg_connection(arena.postgres, "postgres"),
            who.channel(arena.address, "postgres", arena.pid, "gateway on PostgreSQL"),
        ]
        results = asyncio.run(compete(competitors, callers=1))
    floor, wire, memory = (results[each.name].p50 for each in competitors[:3])
    direct, through = (results[each.name].p50 for each in competitors[4:])
    verdicts = [
        f"one more process in the way costs {floor:.0f} us before a line of Prism runs (system calls, two wake-ups)",
        f"the transport at both ends adds {wire - floor:.0f} us, messages, hops and the memory backend "
        f"{memory - wire:.0f} us",
        f"PostgreSQL through the gateway takes {through - direct:.0f} us more than asyncpg called directly",
    ]
    note = f"{NOTE} Added p50 is against the first row."
    table = rows(results, competitors[0].name)
    write(Table("layers", "Where one caller's latency goes", note, table, verdicts, "p50 us"))


def _memory(arena: Arena, callers: int) -> None:
    results = asyncio.run(compete(_ways(arena, "memory"), callers=callers))
    _write(arena, "memory", results, "Prism, bare channel", callers)


def _sqlite(arena: Arena, callers: int) -> None:
    drivers = [who.sqlite_blocking(arena.sqlite, "sqlite"), who.sqlite_thread(arena.sqlite, "sqlite", 2)]
    competitors = [*drivers, *_ways(arena, "sqlite"), *_aio(arena, "sqlite")]
    results = asyncio.run(compete(competitors, callers=callers))
    _write(arena, "sqlite", results, drivers[1].name, callers)


def _postgres(arena: Arena, callers: int) -> None:
    if callers == 1:
        drivers = [who.asyncpg_connection(arena.postgres, "postgres"), who.asyncpg_pool(arena.postgres, "postgres", 4)]
    else:
        drivers = [
            *(who.asyncpg_pool(arena.postgres, "postgres", size) for size in (4, 16)),
            who.asyncpg_batching(arena.postgres, "postgres", 2),
        ]
    competitors = [*drivers, *_ways(arena, "postgres"), *_aio(arena, "postgres")]
    results = asyncio.run(compete(competitors, callers=callers))
    pools = [driver.name for driver in drivers if "pool" in driver.name]
    baseline = drivers[0].name if callers == 1 else max(pools, key=lambda name: results[name].throughput)
    _write(arena, "postgres", results, baseline, callers, [_verdict(results, baseline, callers)])


def _verdict(results: dict[str, Sample], baseline: str, callers: int) -> str:
    direct, channel = results[baseline], results["Prism, bare channel"]
    client = results["Prism, its Python client"]
    if callers == 1:
        added = channel.p50 - direct.p50
        word = "met" if added <= 35 else "missed"
        return f"budget: added p50 in_process, one caller, at most 35 us: {added:.0f} us, {word}"
    ratio = client.throughput / direct.throughput
    word = "met" if ratio >= 2.5 else "missed"
    return f"budget: 64 callers, at least 2.5 times asyncpg called directly: {ratio:.2f} times, {word}"


def _write(
    arena: Arena, store: str, results: dict[str, Sample], baseline: str, callers: int, verdicts: Sequence[str] = ()
) -> None:
    megabytes = resident_bytes(arena.pid) / 1e6
    who_calls = "one caller" if callers == 1 else f"{callers} callers"
    title = f"KeyValue.Get on {store}, {who_calls}"
    note = f"{NOTE} Ratio and added latency are against: {baseline}."
    name = f"keyvalue-{store}-{callers}"
    memory = f"resident memory of the gateway, which also holds the memory backend's records: {megabytes:.0f} MB"
    bars = "calls/s" if callers > 1 else "p50 us"
    write(Table(name, title, note, rows(results, baseline), [*verdicts, memory], bars))
