"""`prism object get`: an object or all of a prefix, into files or to standard output."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from prism.cli.exit_code import ExitCode
from prism.cli.object.folders import NoFile, path_of
from prism.cli.object.group import ObjectCommand
from prism.cli.object.progress import progress
from prism.cli.object.workers import workers
from prism.cli.output import counted
from prism.cli.standard_streams import standard_output

if TYPE_CHECKING:
    from prism.client import ObjectInfo, ObjectStore
    from prism.client.objects import OnProgress


@click.command(cls=ObjectCommand)
@click.argument("key")
@click.argument("file", type=click.Path(allow_dash=True))
@click.option("-r", "--recursive", is_flag=True, help="FILE is a folder; KEY is what the keys begin with.")
@click.option("--version", default="", help="This version, not the current one.")
@click.option("--no-resume", is_flag=True, help="Do not go on with what an interrupted download has left.")
@click.option("--parallel", type=click.IntRange(1, 64), default=4, show_default=True, help="Files at a time with -r.")
async def get(
    objects: "ObjectStore", *, key: str, file: str, recursive: bool, version: str, no_resume: bool, parallel: int
) -> ExitCode:
    """Get the object KEY into FILE, or to standard output with -.

    FILE is replaced once all has come. What an interrupted download has left is kept beside it, and the same command
    goes on from there.
    """
    if recursive:
        return await _Folder(objects, key, Path(file), parallel, resume=not no_resume).run()
    found = await objects.head(key, version=version)
    if found is None:
        click.echo(f"prism: not found: {key}", err=True)
        return ExitCode.NEGATIVE
    with progress(key, found.size) as advance:
        if file == "-":
            await _print(objects, key, version, advance)
        elif (
            await objects.download(key, Path(file), version=version, resume=not no_resume, on_progress=advance) is None
        ):
            click.echo(f"prism: not found: {key}", err=True)
            return ExitCode.NEGATIVE
    return ExitCode.OK


async def _print(objects: "ObjectStore", key: str, version: str, advance: "OnProgress | None") -> None:
    out = standard_output()
    async with objects.get(key, version=version, on_progress=advance) as reader:
        async for chunk in reader:
            await asyncio.to_thread(out.write, chunk)
    await asyncio.to_thread(out.flush)


class _Folder:
    """All keys of a prefix on their way into a folder: some at a time, each reported that no file can be."""

    def __init__(self, objects: "ObjectStore", prefix: str, folder: Path, parallel: int, *, resume: bool) -> None:
        self._objects = objects
        self._prefix = prefix
        self._folder = folder
        self._parallel = parallel
        self._resume = resume
        self._came = self._bytes = self._failed = 0

    async def run(self) -> ExitCode:
        """All of it."""
        keys = aiter(self._objects.list(self._prefix))
        turn = asyncio.Lock()
        await workers(self._parallel, lambda: self._some(keys, turn))
        click.echo(f"got {counted(self._came, 'object')}, {self._bytes:,} bytes", err=True)
        return ExitCode.PARTIAL if self._failed else ExitCode.OK

    async def _some(self, keys: "AsyncIterator[ObjectInfo]", turn: asyncio.Lock) -> None:
        while True:
            async with turn:
                info = await anext(keys, None)
            if info is None:
                return
            try:
                path = path_of(self._folder, self._prefix, info.key)
                await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
                found = await self._objects.download(info.key, path, resume=self._resume)
            except (NoFile, FileExistsError, IsADirectoryError, NotADirectoryError) as problem:
                self._failed += 1
                why = str(problem) if isinstance(problem, NoFile) else "a file and a folder would have the same name"
                click.echo(f"prism: {info.key!a}: {why}; it is left out", err=True)
                continue
            if found is not None:  # else it was deleted meanwhile
                self._came += 1
                self._bytes += found.size
