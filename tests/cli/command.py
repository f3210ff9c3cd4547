"""Runs the command `prism` as a process of its own."""

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path


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
    """Runs `prism` with some arguments, in a folder; without an endpoint nobody answers."""
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
