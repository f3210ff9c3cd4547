"""The table of a stream in ClickHouse: a column for each field, all of the event beside them.

Its name holds a digest of the stream's name and the version of its configuration, so that a table is made once, and
who changes it renames it first: of two who do, one finds it gone. The column of the events has a name that is drawn
when the stream is made: what is on its way to a stream that was deleted meanwhile fits no other one. What the stream is
like stands in the table's comment.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final
from uuid import UUID

from prism.backends.clickhouse.tables.texts import identifier, quoted
from prism.backends.clickhouse.timeseries.filters import condition
from prism.backends.clickhouse.timeseries.values import TYPES
from prism.errors import FailedPrecondition
from prism.sdk.timeseries import Key, Row, Selection, Stream, StreamConfig, StreamField

PREFIX: Final = "series_"
LAYOUT: Final = 1
"""Of the tables; a release that makes others counts on, and refuses those of a later one."""
_DAY: Final = 86_400_000_000
_PARTITIONS: Final = 16
"""That the whole time of a stream with a retention has, about."""


@dataclass(frozen=True, slots=True)
class ChStream(Stream):
    """A stream of ClickHouse.

    Attributes:
        table: its name in statements, with its database.
        event: the name of the column of its events.
        width: microseconds of a partition, which stay as they were when it was made.
    """

    table: str = ""
    event: str = ""
    width: int = 0


def digest(namespace: str, name: str) -> str:
    """The same for the same stream alone."""
    text = json.dumps([namespace, name]).encode()
    return blake2b(text, digest_size=16, person=b"prism-series").hexdigest()


def table_name(namespace: str, name: str, version: int) -> str:
    """Of a stream in a version."""
    return f"{PREFIX}{digest(namespace, name)}_{version}"


def comment(namespace: str, name: str, event: str, width: int, config: StreamConfig) -> str:
    """What is said of a stream in its table."""
    said = {"layout": LAYOUT, "namespace": namespace, "stream": name, "event": event, "width": width}
    return json.dumps(said | {"config": config.packed().hex()})


def stream_of(database: str, table: str, said: str, uuid: UUID) -> ChStream:
    """The stream that a table is.

    Raises:
        FailedPrecondition: a later release has made it.
    """
    found = json.loads(said)
    if found["layout"] > LAYOUT:
        raise FailedPrecondition(
            f"the table {table} was made by a later release of Prism (layout {found['layout']}); use that one"
        )
    version = int(table.rpartition("_")[2])
    config = StreamConfig.unpacked(bytes.fromhex(found["config"]))
    return ChStream(
        found["namespace"], found["stream"], uuid.int >> 65, version, config, uuid.bytes,
        f"{identifier(database)}.{identifier(table)}", found["event"], found["width"],
    )  # fmt: skip


def column(field: StreamField) -> str:
    """The definition of a field's column."""
    return f"{field.column} Nullable({TYPES[field.kind]})"


def creation(database: str, namespace: str, name: str, config: StreamConfig, *, cluster: str | None) -> str:
    """The statement that makes the table of a stream."""
    event, width = f"event_{secrets.token_hex(4)}", partition_width(config)
    columns = [
        "ts Int64",
        "event_id String",
        "arrival Int64",
        *map(column, config.fields),
        f"{event} String CODEC(ZSTD)",
    ]
    columns += [
        f"INDEX {each.column}_of {each.column} TYPE bloom_filter GRANULARITY 4"
        for each in config.fields
        if each.indexed
    ]
    engine, order = "MergeTree", "ts, event_id, arrival"
    if config.dedup:
        # Of equal keys that with the greatest `first` stays: what the server stored first, by its clock.
        columns.append("first UInt64 MATERIALIZED 9223372036854775807 - toUInt64(toUnixTimestamp64Nano(now64(9)))")
        engine, order = "ReplacingMergeTree(first)", "ts, event_id"
    on = ""
    if cluster is not None:
        engine, on = f"Replicated{engine}", f" ON CLUSTER {identifier(cluster)}"
    made = f"{identifier(database)}.{identifier(table_name(namespace, name, 1))}"
    return (
        f"CREATE TABLE {made}{on} ({', '.join(columns)}) ENGINE = {engine} PARTITION BY intDiv(ts, {width}) "
        f"ORDER BY ({order}) COMMENT {quoted(comment(namespace, name, event, width, config))}"
    )


def partition_width(config: StreamConfig) -> int:
    """Microseconds of a partition."""
    if config.retention is None:
        return 30 * _DAY
    return max((config.retention + config.max_ahead) // _PARTITIONS // _DAY, 1) * _DAY


def where(stream: ChStream, selection: Selection, *, low: int | None = None) -> str:
    """The condition that an event is selected and kept, by the store's clock."""
    parts = []
    begin = selection.begin if low is None else low if selection.begin is None else max(low, selection.begin)
    if begin is not None:
        parts.append(f"ts >= {begin}")
    if selection.end is not None:
        parts.append(f"ts < {selection.end}")
    if stream.config.retention is not None:
        parts.append(f"ts >= toUnixTimestamp64Micro(now64(6)) - {stream.config.retention}")
    if selection.filter is not None:
        parts.append(f"({condition(selection.filter)})")
    return " AND ".join(parts) or "true"


def source(stream: ChStream) -> str:
    """The table, where it stands behind FROM."""
    return f"{stream.table} FINAL" if stream.config.dedup else stream.table


def beyond(after: Key, *, descending: bool) -> str:
    """The condition to lie behind an event in the order of time."""
    sign = "<" if descending else ">"
    place = f"({after.timestamp}, {quoted(after.event_id)}, {after.arrival})"
    # The first part is what the table's index serves.
    return f"ts {sign}= {after.timestamp} AND (ts, event_id, arrival) {sign} {place}"


def keys(rows: Sequence[Row]) -> list[str]:
    """The keys of rows as literals."""
    return [f"({row.timestamp}, {quoted(row.event_id)})" for row in rows]
