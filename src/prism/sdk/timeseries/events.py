"""Events as they come in: what is looked at before a store has them, and what its clock says of them."""

from collections.abc import Sequence

from prism.interfaces import timeseries as t
from prism.interfaces.value import MAX_TIMESTAMP, MIN_TIMESTAMP, Value
from prism.sdk.timeseries.event_ids import EventIds
from prism.sdk.timeseries.refusals import refusal
from prism.sdk.timeseries.store import Row
from prism.sdk.timeseries.stream import Stream
from prism.sdk.values.kinds import ALL, require_kinds


def rows_of(
    events: Sequence[t.Event], stream: Stream, ids: EventIds, kinds: frozenset[str], most: int, *, whole: int = 1
) -> list[Row]:
    """The rows of a request; events without an id get one (rule 1).

    Args:
        events: of the request.
        stream: what they are for.
        ids: new ones.
        kinds: of values, that the backend keeps.
        most: bytes that one event may have.
        whole: microseconds that a timestamp is a multiple of.

    Raises:
        InvalidArgument: a timestamp or a field is not what it may be (rule 4).
        Unimplemented: a value is of a kind that the backend does not keep.
    """
    names = [(each.name, each.kind.value) for each in stream.fields]
    looked = kinds < ALL
    rows: list[Row] = []
    new = tuple.__new__
    for index, event in enumerate(events):
        timestamp = event.timestamp
        if not MIN_TIMESTAMP <= timestamp <= MAX_TIMESTAMP:
            field = f"events[{index}].timestamp"
            raise refusal(field, f"{timestamp} us since 1970", "an instant in the years 1 to 9999 is expected")
        if whole != 1 and timestamp % whole:
            field = f"events[{index}].timestamp"
            raise refusal(field, f"{timestamp} us since 1970", f"this backend keeps multiples of {whole} us")
        event_id = event.event_id
        if not event_id:
            event_id = event.event_id = ids.next()
        attributes = event.attributes
        values: list[Value | None] = []
        for name, kind in names:
            value = attributes.get(name)
            if value is not None and not value.HasField(kind):
                if (found := value.WhichOneof("kind")) != "null":
                    where = f"events[{index}].attributes[{name[:40]!r}]"
                    raise refusal(where, f"a value of kind {found}", f"the stream declares {kind}")
                value = None
            values.append(value)
        if looked:
            for name, each in attributes.items():
                require_kinds(each, kinds, f"events[{index}].attributes[{name[:40]!r}]")
        written = event.SerializeToString()
        if len(written) > most:
            raise refusal(f"events[{index}]", f"{len(written)} bytes", f"at most {most} are allowed")
        rows.append(new(Row, (timestamp, event_id, tuple(values), written)))  # half the time of Row(...)
    return rows


def judged(stream: Stream, rows: Sequence[Row], now: int) -> tuple[Sequence[Row], int]:
    """The rows to store, and how many are beyond the stream's retention already (rule 12).

    Args:
        stream: what they are for.
        rows: of one Append.
        now: by the store's clock.

    Raises:
        InvalidArgument: one is too far in the future; none may be stored.
    """
    latest = now + stream.config.max_ahead
    for index, row in enumerate(rows):
        if row.timestamp > latest:
            raise refusal(
                f"events[{index}].timestamp",
                f"{row.timestamp - now} us ahead of the store's clock",
                f"at most {stream.config.max_ahead} are allowed (max_ahead)",
            )
    cutoff = stream.cutoff(now)
    if cutoff is None:
        return rows, 0
    kept = [row for row in rows if row.timestamp >= cutoff]
    return kept, len(rows) - len(kept)
