"""Runs the command `prism` as a process of its own."""

import asyncio
import atexit
import functools
import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


async def prism(
    *arguments: str,
    endpoint: str = "127.0.0.1:1",
    stdin: bytes = b"",
    folder: Path | None = None,
    **environment: str,
) -> Done:
    """Runs `prism` with some arguments, in a folder; without an endpoint nobody answers.

    It is a fork of a process that has imported the command already: see `fork_server`.
    """
    request = {
        "arguments": arguments,
        "environment": os.environ | {"PRISM_ENDPOINT": endpoint} | environment,
        "folder": str(folder or Path.cwd()),
    }
    theirs, ours = _pipes()
    try:
        socket.send_fds(_fork_server(), [json.dumps(request).encode()], theirs)
    finally:
        for each in theirs:
            os.close(each)
    given, *outputs = ours
    writing = asyncio.to_thread(_write, given, stdin)
    _, out, err, code = await asyncio.gather(writing, *map(_read, outputs))
    assert code, f"prism {' '.join(arguments)} was killed: {err.decode()}"
    return Done(code[0], out.decode(), err.decode())


async def fresh_prism(
    *arguments: str,
    endpoint: str = "127.0.0.1:1",
    stdin: bytes = b"",
    folder: Path | None = None,
    **environment: str,
) -> Done:
    """The same by `python -m prism`, for what Python's own start has to do with."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "prism",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env=os.environ | {"PRISM_ENDPOINT": endpoint} | environment,
    )
    out, err = await process.communicate(stdin)
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())


@functools.cache
def _fork_server() -> socket.socket:
    """The way to it; it ends when that is closed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        search = {"PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])}
        process = subprocess.Popen(
            [sys.executable, "-m", "cli.fork_server"], stdin=theirs, env=os.environ | search, cwd=TESTS.parent
        )
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours


def _pipes() -> tuple[Sequence[int], Sequence[int]]:
    """The command's ends of its standard streams and of the pipe for its exit code, and ours."""
    reading, given = os.pipe()
    outputs = [os.pipe() for _ in range(3)]
    return [reading, *(write for _, write in outputs)], [given, *(read for read, _ in outputs)]


def _write(descriptor: int, data: bytes) -> None:
    with open(descriptor, "wb", buffering=0) as pipe:  # a descriptor
        try:
            while data:
                data = data[pipe.write(data) :]
        except BrokenPipeError:
            return  # it does not read what it is given


async def _read(descriptor: int) -> bytes:
    reader = asyncio.StreamReader()
    pipe: Any = open(descriptor, "rb", buffering=0)  # noqa: ASYNC230, SIM115  # closed by its transport
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    return await reader.read()
