"""What is measured: latencies and throughput of callers, processor time and memory of processes."""

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of one contestant.

    Attributes:
        calls: completed.
        seconds: that they took.
        p50: median latency, microseconds.
        p99: 99th percentile, microseconds.
        cpu: processor seconds of the server process (0 where there is none).
        own: processor seconds of the callers' process.
    """

    calls: int
    seconds: float
    p50: float
    p99: float
    cpu: float = 0.0
    own: float = 0.0

    @property
    def throughput(self) -> float:
        """Calls a second."""
        return self.calls / self.seconds

    @property
    def cpu_per_thousand(self) -> float:
        """Processor milliseconds of the server per 1,000 calls."""
        return self.cpu * 1e6 / self.calls

    @property
    def own_per_thousand(self) -> float:
        """Processor milliseconds of the callers per 1,000 calls."""
        return self.own * 1e6 / self.calls


def median(samples: list[Sample]) -> Sample:
    """Field by field the median of several rounds."""
    return Sample(
        calls=int(statistics.median(sample.calls for sample in samples)),
        seconds=statistics.median(sample.calls / sample.throughput for sample in samples),
        p50=statistics.median(sample.p50 for sample in samples),
        p99=statistics.median(sample.p99 for sample in samples),
        cpu=statistics.median(sample.cpu for sample in samples),
        own=statistics.median(sample.own for sample in samples),
    )


async def load(
    call: Callable[[], Awaitable[object]], *, callers: int, seconds: float, pid: int | None = None
) -> Sample:
    """Runs `callers` callers, each with one call at a time, for `seconds`."""
    latencies: list[float] = []
    clock = time.perf_counter
    before, own = cpu_seconds(pid) if pid else 0.0, time.process_time()
    started = clock()
    until = started + seconds

    async def caller() -> None:
        now = clock()
        while now < until:
            await call()
            after = clock()
            latencies.append(after - now)
            now = after

    await asyncio.gather(*(caller() for _ in range(callers)))
    elapsed = clock() - started
    cpu, own = cpu_seconds(pid) - before if pid else 0.0, time.process_time() - own
    latencies.sort()
    return Sample(
        calls=len(latencies),
        seconds=elapsed,
        p50=latencies[len(latencies) // 2] * 1e6,
        p99=latencies[len(latencies) * 99 // 100] * 1e6,
        cpu=cpu,
        own=own,
    )


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def resident_bytes(pid: int) -> int:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
