"""`prism kv import` and `prism kv export`: a namespace from and to JSON Lines."""

import base64
import os
import stat
from collections.abc import AsyncIterator, Callable
from io import FileIO
from time import monotonic
from typing import TYPE_CHECKING

import click

from prism.cli.exit_code import ExitCode
from prism.cli.kv.group import KeyValueCommand
from prism.cli.kv.progress import Progress
from prism.cli.output import counted
from prism.cli.standard_streams import standard_input, standard_output

if TYPE_CHECKING:
    from prism.cli.kv.importer import Counts
    from prism.client import Chunk, Item, KeyValue

_FORMAT = """\b
One record a line, in UTF-8:
  {"id": "account:1", "items": {"plan": "team"}}
  {"id": "account:2", "items": [{"key": {"base64": "/w=="}, "value": "x",
                                 "metadata": {"type": "text"},
                                 "expires_at": "2030-01-01T00:00:00Z"}]}
"""


@click.command("import", cls=KeyValueCommand, epilog=_FORMAT)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
async def import_(kv: "KeyValue", *, file: str) -> ExitCode:
    """Store the records of FILE, or of standard input with -.

    Existing items are overwritten and other items stay, so importing a file twice is safe. A line that is not valid
    is skipped and reported by its number. Items keep the time that they expire at. Those that have expired by the
    store's clock are counted: they replace what was there, and are gone.
    """
    from prism.cli.kv.importer import Importer
    from prism.cli.kv.line_reader import read_lines

    started = monotonic()
    with _opened(file) as source:
        progress = Progress("importing", _size(source))

        def report(number: int, problem: str) -> None:
            progress.clear()
            click.echo(f"prism: line {number}: {problem}", err=True)

        importer = Importer(kv, report, lambda size: progress.advance(size, counted(importer.counts.records, "record")))
        try:
            with progress:
                await importer.run(read_lines(source))
        finally:
            click.echo(_summary(importer.counts, monotonic() - started), err=True)
    return ExitCode.PARTIAL if importer.counts.bad_lines else ExitCode.OK


def _opened(file: str) -> FileIO:
    # Unbuffered: the reading thread would hold a buffer's lock, and closing the file would wait for input.
    return FileIO(os.dup(standard_input().fileno()) if file == "-" else file)


def _size(source: FileIO) -> int | None:
    status = os.fstat(source.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _summary(counts: "Counts", seconds: float) -> str:
    text = f"imported {counted(counts.records, 'record')} with {counted(counts.items, 'item')} in {seconds:.1f} s"
    if counts.expired:
        text += f"; {counted(counts.expired, 'expired item')} skipped"
    if counts.bad_lines:
        text += f"; {counted(counts.bad_lines, 'invalid line')} skipped"
    return text


@click.command(cls=KeyValueCommand, epilog=_FORMAT)
async def export(kv: "KeyValue") -> ExitCode:
    """Write every record of the namespace to standard output, in byte order of ids and of keys.

    `prism kv import` reads the output. Versions are not written: they belong to the store. A record that changes
    during the export is written as it was at some moment of the export. An item that is damaged in the store is left
    out and reported by its record and key.
    """
    from prism.cli.kv.json_lines import encode

    output = standard_output()
    count = damaged = 0
    with Progress("exporting", None) as progress:

        def report(record: str, problem: str) -> None:
            nonlocal damaged
            damaged += 1
            progress.clear()
            click.echo(f"prism: record {record}: {problem}", err=True)

        async for record, items in _records(kv, report):
            line = encode(record, items)
            output.write(line)
            count += 1
            progress.advance(len(line), counted(count, "record"))
    output.flush()
    if damaged:
        click.echo(f"exported {counted(count, 'record')}; {counted(damaged, 'damaged item')} left out", err=True)
        return ExitCode.PARTIAL
    return ExitCode.OK


async def _records(kv: "KeyValue", report: Callable[[str, str], None]) -> AsyncIterator[tuple[str, list["Item"]]]:
    """Whole records, put together from the chunks of the stream."""
    record, items = "", list["Item"]()
    async for chunk in _chunks(kv, report):
        if chunk.record != record and items:
            yield record, items
            items = []
        record = chunk.record
        items.extend(chunk.items)
    if items:
        yield record, items


async def _chunks(kv: "KeyValue", report: Callable[[str, str], None]) -> AsyncIterator["Chunk"]:
    """The chunks of the stream, past items that are damaged: their errors say where it goes on."""
    from prism.client import DataLoss

    cursor: bytes | None = b""
    while cursor is not None:
        try:
            async for chunk in kv.scan_stream(cursor=cursor):
                yield chunk
            cursor = None
        except DataLoss as error:
            if "cursor" not in error.metadata:
                raise
            report(error.metadata["id"], error.message)
            cursor = base64.b64decode(error.metadata["cursor"])
