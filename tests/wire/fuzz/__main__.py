"""`make fuzz`: coverage-guided fuzzing of prism.wire, target after target, round after round.

It runs the targets of `wire.fuzz.targets` under atheris, keeps what reaches new code under .cache/fuzz/corpus, findings
under .cache/fuzz/findings, and ends with a report. It ends with 1 where anything was found.
"""

import argparse
import asyncio
import contextlib
import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prism.wire.native import native
from wire.fuzz.seeds import seeds
from wire.fuzz.targets import TARGETS

_ROUND: Final = 240  # seconds in which each target has its turn
_PROGRESS: Final = 30
_MAX_INPUT: Final = 16_384
_ONE_INPUT: Final = 20  # seconds after which an input counts as hanging


@dataclass
class Tally:
    """What has been done with one target."""

    seconds: float = 0.0
    executions: int = 0
    coverage: int = 0
    features: int = 0
    inputs: int = 0


class Fuzzing:
    """One run."""

    def __init__(self, seconds: int, seed: int, names: list[str], folder: Path) -> None:
        self._seconds = seconds
        self._seed = seed
        self._names = names
        self._folder = folder
        self._began = time.monotonic()
        self._current = ""
        self._running = 0  # executions of the worker under way
        self._tally = {name: Tally() for name in names}
        self._findings: dict[str, str] = {}

    async def run(self) -> None:
        """Fuzz until the time is up, or a signal ends it."""
        fuzzing = asyncio.create_task(self._run())
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, fuzzing.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await fuzzing

    async def _run(self) -> None:
        for name in self._names:
            self._plant(name)
        progress = asyncio.create_task(self._report_progress())
        shares = sum(TARGETS[name][1] for name in self._names)
        number = 0
        while self._left() >= 1:
            number += 1
            for name in self._names:
                turn = min(_ROUND, self._seconds) * TARGETS[name][1] / shares
                turn = min(turn, self._left())
                if turn >= 1 or number == 1:
                    await self._turn(name, max(1, round(turn)), self._seed * 1000 + number)
        progress.cancel()

    def _left(self) -> float:
        return self._seconds - (time.monotonic() - self._began)

    def _plant(self, name: str) -> None:
        folder = self._folder / "corpus" / name
        folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "findings").mkdir(exist_ok=True)
        for seed in seeds(name):
            (folder / hashlib.sha1(seed).hexdigest()).write_bytes(seed)

    async def _turn(self, name: str, seconds: int, seed: int) -> None:
        findings = self._folder / "findings"
        command = [
            *(sys.executable, "-m", "wire.fuzz.worker", name, str(findings), str(self._folder / "corpus" / name)),
            *(f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={_MAX_INPUT}", "-len_control=0"),
            *(f"-timeout={_ONE_INPUT}", "-rss_limit_mb=2048", "-print_final_stats=1", "-reload=0"),
            f"-artifact_prefix={findings}/{name}-",
        ]
        began = time.monotonic()
        self._current, self._running = name, 0
        process = await asyncio.create_subprocess_exec(
            *command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, limit=1 << 20
        )
        assert process.stderr is not None
        tail: list[str] = []
        tally = self._tally[name]
        try:
            async for line in process.stderr:
                text = line.decode("utf-8", "replace").rstrip()
                tail = [*tail[-30:], text]
                self._read(name, text)
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()
            tally.seconds += time.monotonic() - began
            tally.executions += self._running
            self._running = 0
        tally.inputs = sum(1 for _ in (self._folder / "corpus" / name).iterdir())
        if code:
            self._findings[f"{name}: the process ended with {code}"] = "\n".join(tail)
            print(f"the fuzzer of {name} ended with {code}:", *tail, sep="\n  ", flush=True)

    def _read(self, name: str, line: str) -> None:
        tally = self._tally[name]
        if found := re.match(r"#(\d+)\s.*cov: (\d+) ft: (\d+)", line):
            self._running = int(found[1])
            tally.coverage = max(tally.coverage, int(found[2]))
            tally.features = max(tally.features, int(found[3]))
        elif found := re.match(r"stat::number_of_executed_units:\s*(\d+)", line):
            self._running = int(found[1])
        elif line.startswith("FINDING "):
            print(line, flush=True)
            self._findings[line.split(":")[0]] = line

    async def _report_progress(self) -> None:
        while True:
            await asyncio.sleep(_PROGRESS)
            done = sum(each.executions for each in self._tally.values()) + self._running
            print(
                f"{time.monotonic() - self._began:6.0f} s  {self._current:7} {done:10} executions "
                f"{sum(each.coverage for each in self._tally.values()):6} edges "
                f"{len(self._findings):3} findings",
                flush=True,
            )

    def report(self) -> str:
        """What was done and found, as a table."""
        lines = [
            f"commit {_commit()}, seed {self._seed}, {time.monotonic() - self._began:.0f} s, atheris",
            "",
            "| target | seconds | executions | per second | edges covered | features | corpus |",
            "|---|---|---|---|---|---|---|",
        ]
        for name, each in self._tally.items():
            rate = each.executions / each.seconds if each.seconds else 0
            lines.append(
                f"| {name} | {each.seconds:.0f} | {each.executions} | {rate:.0f} | {each.coverage} "
                f"| {each.features} | {each.inputs} |"
            )
        lines += ["", f"executions: {sum(each.executions for each in self._tally.values())}"]
        lines += [f"findings: {len(self._findings)}", *(f"- {each}" for each in self._findings)]
        return "\n".join(lines)

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self._findings


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def main() -> None:
    """Read the options, run, report."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=3600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", action="append", choices=TARGETS, help="only these; may be repeated")
    parser.add_argument("--folder", type=Path, default=Path(".cache/fuzz"), help="for the corpus and findings")
    options = parser.parse_args()
    os.environ.setdefault("PYTHONPATH", os.pathsep.join(sys.path))
    here = [name for name in TARGETS if native is not None or not name.startswith("both-")]
    fuzzing = Fuzzing(options.seconds, options.seed, options.target or here, options.folder)
    asyncio.run(fuzzing.run())
    report = fuzzing.report()
    (options.folder / "report.md").write_text(report + "\n")
    print(report)
    sys.exit(0 if fuzzing.clean else 1)


if __name__ == "__main__":
    main()
