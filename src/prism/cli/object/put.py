"""`prism object put`: a file, a folder, or standard input."""

import asyncio
import hashlib
import mimetypes
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prism.cli.duration import duration
from prism.cli.exit_code import ExitCode
from prism.cli.object.folders import NoFile, files_in, key_of
from prism.cli.object.group import ObjectCommand, notes, properties
from prism.cli.object.progress import progress
from prism.cli.object.workers import workers
from prism.cli.output import counted, output_option, show
from prism.cli.standard_streams import standard_input

if TYPE_CHECKING:
    from prism.client import ObjectStore, StoredObject
    from prism.client.objects import OnProgress

BY_PARTS = 64 << 20
"""Bytes from which a file goes by parts: what breaks is sent again in part only."""


@click.command(cls=ObjectCommand)
@click.argument("key")
@click.argument("file", type=click.Path(exists=True, allow_dash=True))
@click.option("-r", "--recursive", is_flag=True, help="FILE is a folder; KEY is what the keys of its files begin with.")
@properties
@click.option("--if-absent", is_flag=True, help="Store it only if KEY does not exist yet.")
@click.option("--if-match", default="", metavar="ETAG", help="Store it only in place of the object that has ETAG.")
@click.option("--parallel", type=click.IntRange(1, 64), default=4, show_default=True, help="Files or parts at a time.")
@output_option
async def put(
    objects: "ObjectStore",
    *,
    key: str,
    file: str,
    recursive: bool,
    if_absent: bool,
    if_match: str,
    parallel: int,
    output: str,
    **said: Any,
) -> ExitCode:
    """Store FILE, or standard input with -, under KEY.

    A large file goes by parts. If it is interrupted, the same command goes on where it was.
    """
    about = _about(said)
    path = await asyncio.to_thread(_checked, file, folder=recursive)
    if recursive:
        if if_absent or if_match:
            raise click.UsageError("--if-absent and --if-match are about one object; leave -r out")
        return await _Folder(objects, key, path, about, parallel).run()
    about |= {"if_match": if_match, "if_none_match": "*" if if_absent else ""}
    if file == "-":
        stored = await objects.put(key, standard_input(), **about)
    else:
        with progress(path.name, await _size(path)) as advance:
            stored = await store(objects, key, path, about, parallel, advance)
    show(output, {"etag": stored.etag, "version": stored.version or None, "size": stored.size})
    return ExitCode.OK


async def store(
    objects: "ObjectStore",
    key: str,
    path: Path,
    about: dict[str, Any],
    parallel: int,
    advance: "OnProgress | None",
) -> "StoredObject":
    """One file, by parts where it is large and the store takes them."""
    from prism.client import Unimplemented

    about = about | {"content_type": about.get("content_type") or _type_of(path)}
    if await _size(path) >= BY_PARTS:
        state = await asyncio.to_thread(_state_of, key, path, click.get_current_context().params)
        try:
            return await objects.upload(key, path, **about, parallel=parallel, state=state, on_progress=advance)
        except Unimplemented as error:
            if error.metadata.get("capability", "uploads") != "uploads":
                raise
    return await objects.put(key, path, **about, on_progress=advance)


class _Folder:
    """A folder on its way: some files at a time, each reported that cannot be stored."""

    def __init__(self, objects: "ObjectStore", prefix: str, folder: Path, about: dict[str, Any], parallel: int) -> None:
        self._objects = objects
        self._prefix = prefix
        self._folder = folder
        self._about = about
        self._parallel = parallel
        self._stored = self._bytes = self._failed = 0

    async def run(self) -> ExitCode:
        """All of it."""
        found = await asyncio.to_thread(lambda: list(files_in(self._folder)))
        total = await asyncio.to_thread(lambda: sum(path.stat().st_size for path, _ in found))
        with progress(f"{self._folder}: {counted(len(found), 'file')}", total) as advance:
            rest = iter(found)
            await workers(self._parallel, lambda: self._some(rest, advance))
        click.echo(f"stored {counted(self._stored, 'object')}, {self._bytes:,} bytes", err=True)
        return ExitCode.PARTIAL if self._failed else ExitCode.OK

    async def _some(self, rest: Iterator[tuple[Path, str]], advance: "OnProgress | None") -> None:
        for path, name in rest:
            try:
                key = key_of(self._prefix, name)
            except NoFile as problem:
                self._failed += 1
                click.echo(f"prism: {str(path)!a}: {problem}; it is not stored", err=True)
                continue
            stored = await store(self._objects, key, path, self._about, 1, advance)
            self._stored += 1
            self._bytes += stored.size


def _about(said: dict[str, Any]) -> dict[str, Any]:
    ttl = said.pop("ttl")
    about = said | {"metadata": notes(said["metadata"]), "ttl": None if ttl is None else duration(ttl)}
    return {name: value for name, value in about.items() if value is not None}


def _checked(file: str, *, folder: bool) -> Path:
    path = Path(file)
    if folder and not path.is_dir():
        raise click.UsageError(f"{file} is not a folder; leave -r out")
    if not folder and path.is_dir():
        raise click.UsageError(f"{file} is a folder; give -r, and a KEY that the keys begin with")
    return path


async def _size(path: Path) -> int:
    return (await asyncio.to_thread(path.stat)).st_size


def _type_of(path: Path) -> str:
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def _state_of(key: str, path: Path, context: Mapping[str, Any]) -> Path:
    """Where the name of the upload of this file is kept until it is complete."""
    about = (context.get("endpoint"), context.get("namespace"), key, str(path.resolve()))
    name = hashlib.sha256(repr(about).encode()).hexdigest()[:32]
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home, "prism", "uploads", f"{name}.json")
