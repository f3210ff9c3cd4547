"""A plugin that a person has started: `python -m prism.sdk NAME`, ready when it says so."""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

PLACES = re.compile(r"^\s+(listens|probes|metrics)\s+(?:http://)?([^\s/]+(?:/\S+\.sock)?)")


@dataclass(frozen=True, slots=True)
class Standalone:
    """One such process.

    Attributes:
        process: the process.
        listens: where gateways connect.
        probes: where its probes are; empty for nowhere.
        metrics: where its figures are; empty for nowhere.
        said: what it printed.
    """

    process: subprocess.Popen[str]
    listens: str
    probes: str
    metrics: str
    said: str


def command(name: str, *options: str) -> list[str]:
    """What starts one."""
    return [sys.executable, "-m", "prism.sdk", name, *options]


@contextmanager
def standalone(*options: str, name: str = "memory", search: Sequence[str] = ()) -> Iterator[Standalone]:
    """A plugin for the length of a block; ended by SIGTERM, in order."""
    process = subprocess.Popen(command(name, *options), text=True, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        places: dict[str, str] = {}
        said = ""
        for line in process.stdout:
            said += line
            if found := PLACES.match(line):
                places[found[1]] = found[2]
            if line.startswith("  try"):
                break
        yield Standalone(process, places["listens"], places.get("probes", ""), places.get("metrics", ""), said)
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
