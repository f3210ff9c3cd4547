"""Who loads the contestants of the wire: our Go program, or h2load where Go is absent."""

import hashlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bench.headers import headers
from bench.measure import CLOCK_TICKS, cpu_seconds
from bench.peers.methods import UNARY

MODULE = Path(__file__).parent / "loader"
CACHE = Path(__file__).parents[1] / ".cache" / "go"
WARM_UP = 0.15


@dataclass(frozen=True, slots=True)
class Cell:
    """One load.

    Attributes:
        size: bytes of a message.
        connections: how many.
        streams: calls under way on each, every answer begetting the next call.
        rate: calls a second at fixed times in place of that; 0 for the closed loop.
        messages: ask for a stream of so many; 0 for the unary echo.
        namespace: that is called.
        requests: a file of messages, of which each call sends one at random; None for `size` bytes.
    """

    size: int
    connections: int
    streams: int = 1
    rate: int = 0
    messages: int = 0
    namespace: str = "bench"
    requests: Path | None = None

    @property
    def shape(self) -> str:
        """As the tables show it."""
        return f"{self.rate:,}/s" if self.rate else f"{self.connections}x{self.streams}"


@dataclass(frozen=True, slots=True)
class Measured:
    """What one round gave.

    Attributes:
        calls: answered, by the bytes that arrived.
        failed: answered with an error.
        seconds: that it took.
        p50: median latency, microseconds.
        p99: 99th percentile, microseconds.
        cpu: processor seconds of the process under test.
        resident: most memory that it held, bytes.
        bytes: of the answers that arrived.
    """

    calls: float
    failed: float
    seconds: float
    p50: float
    p99: float
    cpu: float
    resident: float = 0.0
    bytes: float = 0.0

    @property
    def throughput(self) -> float:
        """Calls a second."""
        return self.calls / self.seconds

    @property
    def cpu_per_call(self) -> float:
        """Microseconds of the process under test in a call."""
        return self.cpu * 1e6 / max(self.calls, 1)

    @property
    def busy(self) -> float:
        """The share of a core that the process under test used."""
        return self.cpu / self.seconds


def median(samples: Sequence[Measured]) -> Measured:
    """Field by field the median of several rounds."""
    return Measured(*(statistics.median(getattr(each, name) for each in samples) for name in Measured.__slots__))


class Loader(Protocol):
    """Puts a load on a socket and measures it."""

    note: str

    def upstream(self, path: Path) -> Sequence[str]:
        """The command of the server behind every proxy; it prints a line once it listens on `path`."""
        ...

    def can(self, cell: Cell) -> bool:
        """Whether it can make such a load."""
        ...

    def load(self, path: Path, cell: Cell, pid: int, seconds: float) -> Measured:
        """One round against the server on the socket `path`, which process `pid` is."""
        ...


def find_loader() -> Loader:
    """The best there is.

    Raises:
        RuntimeError: there is none.
    """
    if go := shutil.which("go"):
        return GoLoader(_build(go))
    if shutil.which("h2load"):
        return H2Load()
    raise RuntimeError("neither go nor h2load is installed: install Go, or Debian's nghttp2-client, and run it again")


class GoLoader:
    """bench/loader: headers that vary as those of real clients do, and a fixed rate; the upstream is grpc-go's."""

    def __init__(self, program: Path) -> None:
        self.note = (
            "The load is made by bench/loader (Go; the HPACK encoder of grpc-go, whose indexing it shares), with "
            "deadline, trace id and request id varying by call and a 200-byte token; the upstream is grpc-go's own "
            "server."
        )
        self._program = str(program)

    def upstream(self, path: Path) -> Sequence[str]:
        """grpc-go's server."""
        return (self._program, "upstream", str(path))

    def can(self, cell: Cell) -> bool:  # noqa: ARG002  # the face
        """Everything."""
        return True

    def load(self, path: Path, cell: Cell, pid: int, seconds: float) -> Measured:
        """One round; raises `RuntimeError` where every call failed. A lost connection is a failure."""
        options: dict[str, Any] = {
            "socket": path, "size": cell.size, "connections": cell.connections, "streams": cell.streams,
            "rate": cell.rate, "seconds": seconds, "warm": WARM_UP, "pid": pid,
        }  # fmt: skip
        if cell.messages:
            options |= {"messages": cell.messages, "path": "/prism.data.v1.KeyValue/ScanStream"}
        if cell.requests is not None:
            options |= {"requests": cell.requests, "namespace": cell.namespace}
        return self._measure("load", options, path, cell, seconds)

    def echo(self, path: Path, pid: int, seconds: float) -> Measured:
        """Bare round trips of one caller with a server that sends back what it reads."""
        return self._measure("echo", {"socket": path, "seconds": seconds, "pid": pid}, path, None, seconds)

    def _measure(self, what: str, options: dict[str, Any], path: Path, cell: Cell | None, seconds: float) -> Measured:
        command = [self._program, what, *(word for key, value in options.items() for word in (f"-{key}", str(value)))]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 30)
        if done.returncode:
            print(f"  {path.stem} broke down: {done.stderr.strip()}", file=sys.stderr)
            return Measured(calls=0, failed=1, seconds=seconds, p50=0, p99=0, cpu=0)
        seen = json.loads(done.stdout)
        if seen["failed"] and not seen["bytes"]:
            raise RuntimeError(f"every call failed: {seen['failure']}")
        if cell is not None and cell.requests is None:
            # By what has arrived: of the large answers many are under way when a round begins and ends.
            seen["calls"] = seen["bytes"] / ((5 + cell.size) * max(cell.messages, 1))
        return Measured(**{name: seen[name] for name in Measured.__slots__})


class H2Load:
    """h2load: the same headers in every call, and no fixed rate."""

    note = (
        "Go is not installed: the load is made by h2load, whose headers never vary (which flatters whoever memoises "
        "them), and the upstream is prism.wire's; no fixed rate, no stream and no envelope is measured."
    )

    def upstream(self, path: Path) -> Sequence[str]:
        """Our own echo."""
        return (sys.executable, "-m", "bench.peers.prism_proxy", str(path))

    def can(self, cell: Cell) -> bool:
        """Unary echoes in a closed loop."""
        return not cell.rate and not cell.messages

    def load(self, path: Path, cell: Cell, pid: int, seconds: float) -> Measured:
        """One round."""
        with tempfile.TemporaryDirectory() as folder:
            body, log = Path(folder) / "body", Path(folder) / "log"
            body.write_bytes(b"\0" + cell.size.to_bytes(4, "big") + b"x" * cell.size)
            fields = {"content-type": "application/grpc", "te": "trailers", "prism-namespace": "bench", **headers()}
            command = [
                "h2load", "-t1", f"-c{cell.connections}", f"-m{cell.streams}", f"-D{max(1, round(seconds))}",
                "-d", str(body),
                *(word for key, value in fields.items() for word in ("-H", f"{key}: {value}")),
                f"--log-file={log}", "-B", f"unix:{path}", f"http://localhost{UNARY}",
            ]  # fmt: skip
            before = cpu_seconds(pid)
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            cpu = cpu_seconds(pid) - before
            lines = [line.split("\t") for line in log.read_text().splitlines()]
        latencies = sorted(float(line[2]) for line in lines if line[1] == "200")
        finished = re.search(r"finished in ([\d.]+)(m?s)", done.stdout)
        if not latencies or finished is None:
            raise RuntimeError(f"the load failed: {done.stdout}{done.stderr}")
        elapsed = float(finished[1]) / (1000 if finished[2] == "ms" else 1)
        count = len(latencies)
        p50, p99 = latencies[count // 2], latencies[count * 99 // 100]
        return Measured(count, len(lines) - count, elapsed, p50, p99, max(cpu, 1 / CLOCK_TICKS))


def _build(go: str) -> Path:
    digest = hashlib.sha256()
    for path in sorted(MODULE.iterdir()):
        digest.update(path.read_bytes())
    program = CACHE / "bin" / f"loader-{digest.hexdigest()[:16]}"
    if not program.exists():
        program.parent.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {
            "GOPATH": str(CACHE), "GOCACHE": str(CACHE / "build"), "GOFLAGS": "", "GOWORK": "off", "CGO_ENABLED": "0",
        }  # fmt: skip
        command = [go, "build", "-mod=readonly", "-modcacherw", "-buildvcs=false", "-o", str(program), "."]
        done = subprocess.run(command, cwd=MODULE, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"bench/loader does not build:\n{done.stderr}")
    return program
