"""What the processes of a soak share: each answers its parent's lines with one line of JSON."""

import asyncio
import gc
import json
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvloop

Answer = Callable[[], Awaitable[dict[str, Any]]]


class ErrorCount(logging.Handler):
    """Counts what is logged as an error, and lets it be printed."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


def vitals() -> dict[str, Any]:
    """This process's memory in bytes, file descriptors and tasks; after a collection, so that garbage is no leak."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "rss": pages * os.sysconf("SC_PAGE_SIZE"),
        "fds": sum(1 for _ in Path("/proc/self/fd").iterdir()),
        "tasks": len(asyncio.all_tasks()),
    }


def say(words: dict[str, Any]) -> None:
    """One line to the parent."""
    print(json.dumps(words), flush=True)


async def obey(answers: dict[str, Answer]) -> None:
    """Answer commands until there are no more or one is `quit`."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while command := (await reader.readline()).decode().strip():
        if command == "quit":
            return
        say(await answers[command]())


def run(main: Awaitable[None]) -> None:
    """Run a child's main coroutine on the loop of production."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)  # type: ignore[arg-type]
