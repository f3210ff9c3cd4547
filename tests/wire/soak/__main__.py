"""`make soak`: a server and its clients for half an hour, every kind of call, every answer checked, memory watched.

It ends with 1 where an answer was wrong, memory grew, or a task, call, connection or descriptor was left behind.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import trustme

_EVERY: Final = 5.0  # seconds between samples
_MEMORY_FROM: Final = 300  # seconds: in a shorter run memory has not settled, and says nothing
_MAY_GROW: Final = 8 * 1024 * 1024  # bytes, between the second quarter of the run and the last
_GOES_WITHIN: Final = 30.0  # seconds that the server has for the last connections' ends


class Child:
    """A process that answers."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, module: str, *arguments: str) -> "Child":
        """Start `python -m wire.soak.MODULE`."""
        return cls(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", f"wire.soak.{module}", *arguments),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                limit=1 << 24,
            )
        )

    async def hear(self) -> dict[str, Any]:
        """Its next line. Raises `ConnectionError` where it is gone."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise ConnectionError(f"a process of the soak ended with {await self._process.wait()}")
        heard: dict[str, Any] = json.loads(line)
        return heard

    async def ask(self, command: str) -> dict[str, Any]:
        """Say a command and hear the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n".encode())
        return await self.hear()

    async def quit(self) -> int:
        """Let it end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return await asyncio.wait_for(self._process.wait(), 30)


class Soak:
    """One run."""

    def __init__(self, seconds: float, seed: int) -> None:
        self._seconds = seconds
        self._seed = seed
        self._server: list[dict[str, Any]] = []
        self._client: list[dict[str, Any]] = []
        self._summary: dict[str, Any] = {}
        self._lasted = 0.0
        self.faults: list[str] = []

    async def run(self) -> None:
        """Load the server for the time given, then look at what is left."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            _certify(folder)
            server = await Child.start("server", name)
            addresses = await server.hear()
            client = await Child.start("client", name, str(self._seed), json.dumps(addresses))
            before = [await each.ask("stats") for each in (server, client)]
            await client.ask("start")
            await self._watch(server, client)
            self._summary = await client.ask("stop")
            after = [await self._rest(server, before[0]), await client.ask("stats")]
            self._judge(before, after)
            for process in (client, server):
                if code := await process.quit():
                    self.faults.append(f"a process ended with {code}")

    async def _watch(self, server: Child, client: Child) -> None:
        began = time.monotonic()
        while (passed := time.monotonic() - began) < self._seconds:
            await asyncio.sleep(min(_EVERY, self._seconds - passed))
            one, other = await server.ask("stats"), await client.ask("stats")
            self._server.append(one)
            self._client.append(other)
            if len(self._server) % 6 == 0:
                print(f"{time.monotonic() - began:6.0f} s {other['done']:9} done {other['wrong']:4} wrong", flush=True)
                print(f"    server {_shown(one)}    client {_shown(other)}", flush=True)
        self._lasted = time.monotonic() - began

    async def _rest(self, server: Child, before: dict[str, Any]) -> dict[str, Any]:
        """The server's state once the clients are gone; it hears of the last ends a moment later."""
        until = time.monotonic() + _GOES_WITHIN
        while True:
            after = await server.ask("stats")
            done = all(after[key] <= before[key] for key in ("tasks", "calls", "connections", "fds"))
            if done or time.monotonic() > until:
                return after
            await asyncio.sleep(0.2)

    def _judge(self, before: list[dict[str, Any]], after: list[dict[str, Any]]) -> None:
        self._left = after
        for name, old, new in zip(("server", "client"), before, after, strict=True):
            for key in ("tasks", "fds", "calls", "connections"):
                if new.get(key, 0) > old.get(key, 0):
                    self.faults.append(f"{name}: {new[key]} {key} left, {old[key]} at the start")
            if new["errors"]:
                self.faults.append(f"{name}: {new['errors']} errors logged")
        if self._summary["wrong"]:
            self.faults.append(f"{self._summary['wrong']} wrong answers, such as {self._summary['samples']}")
        if self._lasted >= _MEMORY_FROM:
            for name, samples in (("server", self._server), ("client", self._client)):
                growth = self._growth(samples)
                if growth > _MAY_GROW:
                    self.faults.append(f"{name}: memory grew by {_mib(growth)} MiB")

    def _growth(self, samples: list[dict[str, Any]]) -> float:
        """By how much the median of the last quarter is above that of the second."""
        sizes = [each["rss"] for each in samples]
        quarter = len(sizes) // 4
        if not quarter:
            return 0.0
        return statistics.median(sizes[-quarter:]) - statistics.median(sizes[quarter : 2 * quarter])

    def _slope(self, samples: list[dict[str, Any]]) -> float:
        """KiB a minute, over all but the first quarter."""
        sizes = [each["rss"] / 1024 for each in samples[len(samples) // 4 :]]
        if len(sizes) < 2:
            return 0.0
        return statistics.linear_regression([at * _EVERY / 60 for at in range(len(sizes))], sizes).slope

    def report(self) -> str:
        """What was done and seen, as tables."""
        lines = [
            f"commit {_commit()}, seed {self._seed}, {self._lasted:.0f} s, {len(self._server)} samples",
            "",
            "| process | RSS at 25 % | at the end | growth of the median | slope, KiB a minute | most tasks "
            "| most calls | most connections | most fds | left: tasks, calls, connections, fds |",
            "|---|---|---|---|---|---|---|---|---|---|",
        ]
        for name, samples, left in zip(("server", "client"), (self._server, self._client), self._left, strict=True):
            quarter = samples[len(samples) // 4]
            most = {key: max(each.get(key, 0) for each in samples) for key in ("tasks", "calls", "connections", "fds")}
            rest = ", ".join(str(left.get(key, "-")) for key in ("tasks", "calls", "connections", "fds"))
            lines.append(
                f"| {name} | {_mib(quarter['rss'])} MiB | {_mib(samples[-1]['rss'])} MiB "
                f"| {_mib(self._growth(samples))} MiB | {self._slope(samples):.0f} | {most['tasks']} | {most['calls']} "
                f"| {most['connections']} | {most['fds']} | {rest} |"
            )
        counts = self._summary["counts"]
        lines += ["", "| operation | count |", "|---|---|"]
        lines += [f"| {name} | {count} |" for name, count in sorted(counts.items(), key=lambda item: -item[1])]
        lines += [f"| all | {sum(counts.values())} |", "", f"wrong answers: {self._summary['wrong']}"]
        lines += [f"faults: {len(self.faults)}", *(f"- {fault}" for fault in self.faults)]
        return "\n".join(lines)


def _certify(folder: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(str(folder / "server.key"))
    for pem in issued.cert_chain_pems:
        pem.write_to_path(str(folder / "server.pem"), append=True)


def _shown(sample: dict[str, Any]) -> str:
    counts = [f"{sample[key]} {key}" for key in ("tasks", "calls", "connections", "fds") if key in sample]
    return f"{_mib(sample['rss'])} MiB, {', '.join(counts)}"


def _mib(size: float) -> str:
    return f"{size / 1024 / 1024:.1f}"


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def main() -> None:
    """Read the options, run, report."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    soak = Soak(options.seconds, options.seed)
    asyncio.run(soak.run())
    print(soak.report())
    sys.exit(1 if soak.faults else 0)


if __name__ == "__main__":
    main()
