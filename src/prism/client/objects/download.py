"""An object into a file: what has come of it is kept beside the file, and completed by a later try."""

import asyncio
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from prism.client.objects.info import ObjectInfo
from prism.client.objects.reader import ObjectReader
from prism.client.objects.source import READ_SIZE, OnProgress
from prism.errors import ConditionNotMet, DataLoss
from prism.opening import opened_in_thread

Open = Callable[[ObjectInfo, int], ObjectReader]
"""Begins to read an object at an offset."""


def partial_path(path: Path, info: ObjectInfo) -> Path:
    """Where an object is kept until it is whole; another object is kept elsewhere."""
    name = hashlib.sha256(f"{info.key}\0{info.etag}\0{info.version}\0{info.size}".encode()).hexdigest()[:16]
    return path.with_name(f".{path.name[:100]}.{name}.partial")


async def into_file(
    path: Path, info: ObjectInfo, open_at: Open, *, resume: bool, on_progress: OnProgress | None
) -> None:
    """Puts an object into a file, which is replaced once all of it has come and was synced.

    Raises:
        ConditionNotMet: it is another object meanwhile.
        DataLoss: what came is not what the object's checksum says.
    """
    partial = partial_path(path, info)
    have = await asyncio.to_thread(_length, partial) if resume else 0
    if have > info.size:
        have = 0
    if on_progress is not None and have:
        on_progress(have)
    with await opened_in_thread(lambda: _opened(partial, have)) as file:
        if have < info.size:
            try:
                async with open_at(info, have) as reader:
                    await _written(reader, file)
            except ConditionNotMet:
                await asyncio.to_thread(partial.unlink)
                raise
        await asyncio.to_thread(_sync, file)
    if info.sha256 and await asyncio.to_thread(_digest, partial) != info.sha256:
        await asyncio.to_thread(partial.unlink)
        raise DataLoss(f"{info.key!r} came with another checksum than it was stored with; get it again")
    try:
        await asyncio.to_thread(partial.replace, path)
    except OSError:  # a folder of that name, say: nothing will complete it
        await asyncio.to_thread(partial.unlink)
        raise


async def _written(reader: ObjectReader, file: BinaryIO) -> None:
    waiting: list[bytes] = []
    size = 0
    async for chunk in reader:
        waiting.append(chunk)
        size += len(chunk)
        if size >= READ_SIZE:
            await asyncio.to_thread(file.writelines, waiting)
            waiting, size = [], 0
    if waiting:
        await asyncio.to_thread(file.writelines, waiting)


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _opened(path: Path, have: int) -> BinaryIO:
    file = path.open("r+b" if have else "wb")
    file.truncate(have)
    file.seek(have)
    return file


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
