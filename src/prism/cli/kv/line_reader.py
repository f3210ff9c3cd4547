"""Reads lines on a thread, so that a slow pipe never stops the event loop, nor a stuck one the end of the program."""

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError
from typing import BinaryIO

_CHUNK = 256 * 1024
_CHUNKS_AHEAD = 4


async def read_lines(file: BinaryIO) -> AsyncIterator[list[bytes]]:
    """The lines of a file, without their ends, some at a time; memory is bounded by the longest line."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[list[bytes] | OSError | None] = asyncio.Queue(_CHUNKS_AHEAD)

    def hand_over(chunk: list[bytes] | OSError | None) -> None:
        asyncio.run_coroutine_threadsafe(queue.put(chunk), loop).result()

    def read() -> None:
        parts: list[bytes] = []
        try:
            while data := _read_some(file):
                *lines, rest = data.split(b"\n")
                if lines:
                    lines[0] = b"".join((*parts, lines[0]))
                    parts.clear()
                    hand_over(lines)
                parts.append(rest)
            if last := b"".join(parts):
                hand_over([last])
            hand_over(None)
        except OSError as error:
            hand_over(error)

    def run() -> None:
        try:
            read()
        except (CancelledError, RuntimeError):
            return  # nobody reads on: the loop is ending or has ended

    threading.Thread(target=run, name="prism-import", daemon=True).start()
    while (chunk := await queue.get()) is not None:
        if isinstance(chunk, OSError):
            raise chunk
        yield chunk


def _read_some(file: BinaryIO) -> bytes:
    read1 = getattr(file, "read1", file.read)
    data: bytes = read1(_CHUNK)
    return data
