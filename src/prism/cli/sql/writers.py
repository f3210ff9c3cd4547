"""The rows of an answer as a table, CSV, or JSON with a row a line; written as they come."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any, Protocol

import click

from prism.cli.output import TableWriter, counted
from prism.cli.sql.values import shown

FORMATS = ("table", "csv", "jsonl")


class Rows(Protocol):
    """Writes the rows of one answer."""

    def begin(self, columns: Sequence[str]) -> None:
        """Before the first row."""
        ...

    def write(self, row: Sequence[Any]) -> None:
        """One row."""
        ...

    def end(self, count: int, *, complete: bool) -> None:
        """After the last row."""
        ...


class Table:
    """Columns, and how many rows there are, on the standard error."""

    def begin(self, columns: Sequence[str]) -> None:
        """See Rows."""
        self._keys = [str(place) for place in range(len(columns))]
        self._table = _Named(self._keys, columns)

    def write(self, row: Sequence[Any]) -> None:
        """See Rows."""
        self._table.write(dict(zip(self._keys, map(_cell, row), strict=True)))

    def end(self, count: int, *, complete: bool) -> None:
        """See Rows."""
        self._table.__exit__(None)
        click.echo(f"({counted(count, 'row')}{'' if complete else ', and more: raise --max-rows'})", err=True)


class _Named(TableWriter):
    """A table whose headings are not made of the names that its cells go by: columns may be named alike."""

    def __init__(self, keys: Sequence[str], headings: Sequence[str]) -> None:
        super().__init__(keys)
        self._held = [list(headings)]


class Csv:
    """RFC 4180; null is an empty field."""

    def begin(self, columns: Sequence[str]) -> None:
        """See Rows."""
        self.write(columns)

    def write(self, row: Sequence[Any]) -> None:
        """See Rows."""
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(["" if each is None else _cell(each) for each in row])
        click.echo(line.getvalue(), nl=False)

    def end(self, count: int, *, complete: bool) -> None:  # noqa: ARG002  # the protocol has it
        """See Rows."""
        _warn(complete=complete)


class JsonLines:
    """An object a row."""

    def begin(self, columns: Sequence[str]) -> None:
        """See Rows."""
        self._columns = columns

    def write(self, row: Sequence[Any]) -> None:
        """See Rows."""
        click.echo(json.dumps(dict(zip(self._columns, map(shown, row), strict=True)), ensure_ascii=False))

    def end(self, count: int, *, complete: bool) -> None:  # noqa: ARG002  # the protocol has it
        """See Rows."""
        _warn(complete=complete)


def rows_writer(output: str) -> Rows:
    """What writes a format."""
    writers: dict[str, type[Rows]] = {"table": Table, "csv": Csv, "jsonl": JsonLines}
    return writers[output]()


def _cell(value: Any) -> Any:
    """Text of one field; null stays what it is."""
    plain = shown(value)
    return json.dumps(plain, ensure_ascii=False) if isinstance(plain, list | dict | bool) else plain


def _warn(*, complete: bool) -> None:
    if not complete:
        click.echo("prism: there are more rows; raise --max-rows", err=True)
