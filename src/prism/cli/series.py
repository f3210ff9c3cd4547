"""`prism series`: events by their time, through a gateway."""

import csv
import json
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import IO, TYPE_CHECKING, Any

import click

from prism.cli.data_command import DataCommand
from prism.cli.duration import duration
from prism.cli.exit_code import ExitCode
from prism.cli.instant import instant
from prism.cli.kv.progress import Progress
from prism.cli.lazy_group import LazyGroup
from prism.cli.output import counted, limit_option, output_option, show, writer
from prism.cli.reader import filter_of, plain_of, where_option

if TYPE_CHECKING:
    from prism.client import Event, TimeSeries

_HERE = "prism.cli.series"
_EXAMPLES = {
    "prism series create default flights delay:double carrier:string --dedup": "a stream with two fields",
    "prism series append default flights flights.csv --time time_hour": "from CSV, or JSON Lines (-: standard input)",
    "prism series query default flights --from 2013-01-01T00:00Z --limit 5": "events by their time",
    "prism series query default flights -a avg:delay --calendar day --zone America/New_York": "a value for each day",
    "prism series tail default flights --new": "what arrives from now on",
}
_BATCH = 5000
_TRUE = frozenset({"true", "t", "1", "yes"})
_FALSE = frozenset({"false", "f", "0", "no"})
_BARS = "▁▂▃▄▅▆▇█"
FORMATS = ("table", "csv", "jsonl")


@click.group(
    cls=LazyGroup,
    lazy={
        "create": (f"{_HERE}:create", "Make a stream."),
        "append": (f"{_HERE}:append", "Store events of a file."),
        "query": (f"{_HERE}:query", "Print events, or functions over them."),
        "tail": (f"{_HERE}:tail", "Print what is there and what arrives."),
        "streams": (f"{_HERE}:streams", "List the streams."),
        "describe": (f"{_HERE}:describe", "Show what a stream is."),
        "delete": (f"{_HERE}:delete", "Remove a stream with its events."),
    },
    examples=_EXAMPLES,
    epilog=ExitCode.documentation(),
)
def series() -> None:
    """Store events by their time, ask for ranges of them, sum them up."""


class SeriesCommand(DataCommand):
    """Runs an async callback with the namespace's TimeSeries."""

    abstraction = "timeseries"


def _instant(_ctx: click.Context, _param: click.Parameter, text: str | None) -> datetime | None:
    return None if text is None else instant(text)


def _seconds(_ctx: click.Context, _param: click.Parameter, text: str | None) -> float | None:
    return None if text is None else duration(text)


_from = click.option("--from", "begin", callback=_instant, metavar="TIME", help="Only events from TIME on.")
_format = click.option(
    "-f", "--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="Form of the rows."
)


@click.command(cls=SeriesCommand)
@click.argument("stream")
@click.argument("fields", metavar="NAME:KIND...", nargs=-1)
@click.option("--retention", callback=_seconds, metavar="DURATION", help="How long events are kept, such as 30d.")
@click.option("--dedup", is_flag=True, help="Time and id together are one event.")
async def create(
    series: "TimeSeries", *, stream: str, fields: tuple[str, ...], retention: float | None, dedup: bool
) -> ExitCode:
    """Make STREAM, with fields that can be asked for."""
    kinds: Any = dict(each.partition(":")[::2] for each in fields)
    await series.create(stream, kinds, retention=retention, dedup=dedup)
    return ExitCode.OK


@click.command(cls=SeriesCommand)
@click.argument("stream")
@click.argument("file", type=click.File("r", encoding="utf-8"), default="-")
@click.option("--time", "time_column", default="timestamp", show_default=True, help="Column of the time.")
@click.option("--id", "id_column", default="event_id", show_default=True, help="Column of the id, where there is one.")
@click.option("--missing", multiple=True, metavar="TEXT", help="Cells with TEXT are missing too, such as NA.")
async def append(
    series: "TimeSeries", *, stream: str, file: IO[str], time_column: str, id_column: str, missing: tuple[str, ...]
) -> ExitCode:
    """Store the events of FILE in STREAM: CSV with a heading, or an object of JSON a line. An empty cell is missing."""
    from prism.client import Event, StreamNotFound

    try:
        kinds = (await series.describe(stream)).fields
    except StreamNotFound:
        kinds = {}
    totals, batch, line = [0, 0, 0], list[Event](), 0

    async def send() -> None:
        done = await series.append(stream, batch)
        for place, count in enumerate((done.appended, done.duplicates, done.expired)):
            totals[place] += count
        bar.advance(len(batch), counted(totals[0], "event"))
        batch.clear()

    with Progress("appending", None) as bar:
        for line, row in enumerate(_rows(file, {"", *missing}), 1):
            try:
                time, event_id = _time(row.pop(time_column)), str(row.pop(id_column, ""))
                batch.append(
                    Event(time, {name: _read(kinds.get(name, ""), each) for name, each in row.items()}, b"", event_id)
                )
            except (KeyError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
                raise click.UsageError(f"row {line} of {file.name}: {error!r}") from error
            if len(batch) == _BATCH:
                await send()
        if batch:
            await send()
    appended, duplicates, expired = totals
    click.echo(f"{counted(appended, 'event')} appended, {duplicates:,} duplicates, {expired:,} expired", err=True)
    return ExitCode.OK


def _rows(file: IO[str], missing: set[str]) -> Iterator[dict[str, Any]]:
    first = file.readline()
    if first.lstrip().startswith("{"):
        for line in (first, *file):
            if line.strip():
                yield json.loads(line)
        return
    names = next(csv.reader([first]), [])
    for row in csv.reader(file):
        yield {name: each for name, each in zip(names, row, strict=False) if each not in missing}


def _time(given: Any) -> datetime:
    """A time as RFC 3339 has it, UTC without an offset; or seconds since 1970."""
    try:
        return datetime.fromtimestamp(float(given), UTC)
    except ValueError:
        time = datetime.fromisoformat(given)
        return time if time.tzinfo else time.replace(tzinfo=UTC)


def _read(kind: str, given: Any) -> Any:
    """A cell as its field has it; what is not declared stays as it is."""
    from decimal import Decimal

    if given is None or isinstance(given, bool):
        return given
    # A number of JSON by its digits: 7.9 is not an int64, and 0.1 is the decimal 0.1.
    kinds: Mapping[str, Any] = {
        "int64": lambda each: int(str(each)),
        "double": float,
        "decimal": lambda each: Decimal(str(each)),
        "timestamp": _time,
        "bool": _truth,
    }
    return kinds[kind](given) if kind in kinds else given


def _truth(given: Any) -> bool:
    text = str(given).lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError(f"{given!r} is not a bool; write true or false")


@click.command(cls=SeriesCommand)
@click.argument("stream")
@_from
@click.option("--to", "end", callback=_instant, metavar="TIME", help="Only events before TIME.")
@where_option
@click.option("-a", "--aggregate", "functions", multiple=True, metavar="FUNCTION[:FIELD]", help="Such as p95:delay.")
@click.option("--every", callback=_seconds, metavar="DURATION", help="A value for each window of that length.")
@click.option("--calendar", type=click.Choice(["day", "week", "month", "quarter", "year"]), help="... of a calendar.")
@click.option("--zone", default="", metavar="NAME", help="Whose calendar, such as Europe/Berlin.")
@click.option("-g", "--group-by", "groups", multiple=True, metavar="FIELD", help="A value for each value of FIELD.")
@click.option("--descending", is_flag=True, help="The newest events first.")
@limit_option
@_format
async def query(
    series: "TimeSeries", *, stream: str, begin: datetime | None, end: datetime | None, tests: tuple[str, ...],
    functions: tuple[str, ...], every: float | None, calendar: Any, zone: str, groups: tuple[str, ...],
    descending: bool, limit: int | None, form: str,
) -> ExitCode:  # fmt: skip
    """Print the events of STREAM in a range, or with -a functions over them."""
    where, found = filter_of(tests), await series.describe(stream)
    if not functions:
        out = _Printer(form, ("timestamp", "event_id", *found.fields))
        events = series.stream(stream, begin=begin, end=end, where=where, descending=descending, limit=limit)
        async for event in events:
            out.write(_of_event(event))
        return out.end()
    if (every is not None or calendar is not None) and found.first is not None and found.last is not None:
        begin, end = begin or found.first, end or found.last + timedelta(microseconds=1)
    asked: dict[str, Any] = {
        each.replace(":", "_"): tuple(each.split(":", 1)) if ":" in each else each for each in functions
    }
    buckets = series.aggregate(
        stream, asked, begin=begin, end=end, where=where, every=every, calendar=calendar, zone=zone, group_by=groups,
        limit=limit,
    )  # fmt: skip
    out = _Printer(form, ("start", *groups, *asked))
    async for bucket in buckets:
        out.write({"start": bucket.start, **bucket.group, **bucket.values})
    return out.end(sparks=() if groups else tuple(asked))


def _of_event(event: "Event") -> dict[str, Any]:
    return {"timestamp": event.timestamp, "event_id": event.event_id, **event.attributes}


class _Printer:
    """Prints rows as they come; on a terminal a table of numbers ends with a line of each that shows its course."""

    def __init__(self, form: str, columns: tuple[str, ...]) -> None:
        self._columns, self._form = columns, form
        self._table = writer("table", columns) if form == "table" else None
        self._lines = csv.writer(sys.stdout, lineterminator="\n")
        self._seen: dict[str, list[float]] = {}
        if form == "csv":
            self._lines.writerow(columns)

    def write(self, row: dict[str, Any]) -> None:
        """One row."""
        plain = {name: plain_of(each) for name, each in row.items()}
        for name, each in row.items():
            if self._table is not None and not isinstance(each, str | bytes | datetime | None):
                self._seen.setdefault(name, []).append(float(each)) if _is_number(each) else None
        if self._table is not None:
            self._table.write(plain)
        elif self._form == "csv":
            self._lines.writerow([plain.get(name) for name in self._columns])
        else:
            click.echo(json.dumps(plain, ensure_ascii=False))

    def end(self, sparks: tuple[str, ...] = ()) -> ExitCode:
        """After the last row."""
        if self._table is not None:
            self._table.__exit__(None)
        for name in sparks if sys.stdout.isatty() else ():
            if len(self._seen.get(name, ())) > 1:
                click.echo(f"{name}  {spark(self._seen[name])}")
        return ExitCode.OK


def _is_number(value: Any) -> bool:
    from numbers import Number

    return isinstance(value, Number) and not isinstance(value, bool) and value == value


def spark(values: list[float], width: int = 60) -> str:
    """The course of values, at most so many characters wide."""
    step = -(-len(values) // width)
    means = [sum(values[at : at + step]) / len(values[at : at + step]) for at in range(0, len(values), step)]
    low, high = min(means), max(means)
    span = (high - low) or 1.0
    return "".join(_BARS[min(int((each - low) / span * len(_BARS)), len(_BARS) - 1)] for each in means)


@click.command(cls=SeriesCommand)
@click.argument("stream")
@_from
@where_option
@click.option("--new", "new_only", is_flag=True, help="Only what arrives from now on.")
@limit_option
async def tail(
    series: "TimeSeries", *, stream: str, begin: datetime | None, tests: tuple[str, ...], new_only: bool,
    limit: int | None,
) -> ExitCode:  # fmt: skip
    """Print what STREAM has and what arrives, an object of JSON a line, until interrupted."""
    count = 0
    async for event in series.tail(stream, begin=begin, where=filter_of(tests), new_only=new_only):
        click.echo(json.dumps({name: plain_of(each) for name, each in _of_event(event).items()}, ensure_ascii=False))
        sys.stdout.flush()
        count += 1
        if count == limit:
            break
    return ExitCode.OK


@click.command(cls=SeriesCommand)
@click.option("--prefix", default="", metavar="TEXT", help="Print only names that start with TEXT.")
@limit_option
@output_option
async def streams(series: "TimeSeries", *, prefix: str, limit: int | None, output: str) -> ExitCode:
    """List the streams of NAMESPACE, in byte order."""
    with writer(output, ("stream",)) as out:
        async for name in series.streams(prefix=prefix, limit=limit):
            out.write({"stream": name})
    return ExitCode.OK


@click.command(cls=SeriesCommand)
@click.argument("stream")
@output_option
async def describe(series: "TimeSeries", *, stream: str, output: str) -> ExitCode:
    """Show what STREAM is."""
    found = await series.describe(stream)
    kept = None if found.retention is None else found.retention.total_seconds()
    times = {"first": found.first, "last": found.last}
    show(output, {
        "fields": dict(found.fields), "indexed": sorted(found.indexed), "retention_seconds": kept,
        "dedup": found.dedup, **{name: plain_of(each) for name, each in times.items()}, "tzdata": found.tzdata,
    })  # fmt: skip
    return ExitCode.OK


@click.command(cls=SeriesCommand)
@click.argument("stream")
async def delete(series: "TimeSeries", *, stream: str) -> ExitCode:
    """Remove STREAM with its events; 1 where there is none."""
    return ExitCode.OK if await series.delete(stream) else ExitCode.NEGATIVE
