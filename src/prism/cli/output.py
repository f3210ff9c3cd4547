"""Results as a table to read, or as JSON or YAML for programs; rows are written as they come."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, Self

import click

Row = Mapping[str, Any]
"""A result by name; a table shows each name as a column."""

_ROWS_MEASURED = 200


def output_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--output`."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "json", "yaml"]),
        default="table",
        show_default=True,
        help="Format in which to print the results.",
    )(command)


limit_option = click.option("--limit", type=click.IntRange(min=0), help="Maximum number of results to print.")
"""Adds `--limit`."""


def cell(value: Any) -> str:
    """What a table shows of a value."""
    if value is None:
        return "-"
    if isinstance(value, Mapping):
        return ",".join(f"{name}={cell(each)}" for name, each in value.items()) or "-"
    if isinstance(value, list | tuple):
        return ",".join(map(cell, value)) or "-"
    return str(value).lower() if isinstance(value, bool) else str(value)


def counted(count: int, noun: str) -> str:
    """`1 record`, `7,910 records`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def timestamp(instant: datetime) -> str:
    """RFC 3339 in UTC, to the microsecond."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Writer(Protocol):
    """Writes rows; a context manager, whose end completes the output. An error before the first row leaves it empty."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: object, *_: object) -> None: ...

    def write(self, row: Row) -> None:
        """One row."""
        ...


class TableWriter:
    """Columns as wide as the first rows need; a heading even where there are no rows, unless an error ends it."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._held: list[list[str]] | None = [[each.replace("_", " ").upper() for each in columns]]
        self._widths: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None or self._held is None or len(self._held) > 1:
            self._release()

    def write(self, row: Row) -> None:
        """One row; the first ones are held back, to measure their columns."""
        cells = [cell(row.get(each)) for each in self._columns]
        if self._held is None:
            self._print(cells)
            return
        self._held.append(cells)
        if len(self._held) > _ROWS_MEASURED:
            self._release()

    def _release(self) -> None:
        held, self._held = self._held or [], None
        if held:
            self._widths = [max(map(len, column)) for column in zip(*held, strict=True)]
        for cells in held:
            self._print(cells)

    def _print(self, cells: Sequence[str]) -> None:
        padded = (each.ljust(width) for each, width in zip(cells, self._widths, strict=True))
        click.echo("  ".join(padded).rstrip())


class JsonWriter:
    """One JSON array, a row a line."""

    def __init__(self) -> None:
        self._separator = "["

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._separator != "[":
            click.echo("\n]")
        elif kind is None:
            click.echo("[]")

    def write(self, row: Row) -> None:
        """One element."""
        click.echo(f"{self._separator}\n  {json.dumps(row, ensure_ascii=False)}", nl=False)
        self._separator = ","


class YamlWriter:
    """One YAML sequence."""

    def __init__(self) -> None:
        self._empty = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._empty and kind is None:
            click.echo("[]")

    def write(self, row: Row) -> None:
        """One element."""
        self._empty = False
        click.echo(_yaml([dict(row)]), nl=False)


def writer(output: str, columns: Sequence[str]) -> Writer:
    """The writer that `--output` asks for; `columns` are a table's."""
    if output == "json":
        return JsonWriter()
    return YamlWriter() if output == "yaml" else TableWriter(columns)


def show(output: str, result: Row) -> None:
    """Writes a single result."""
    if output == "json":
        click.echo(json.dumps(result, ensure_ascii=False, indent=2))
    elif output == "yaml":
        click.echo(_yaml(dict(result)), nl=False)
    else:
        lines = dict(_flat(result))
        width = max(map(len, lines), default=0)
        for name, value in lines.items():
            click.echo(f"{name:<{width}}  {cell(value)}")


def _flat(result: Row, path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in result.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def _yaml(document: object) -> str:
    import yaml

    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    return text
