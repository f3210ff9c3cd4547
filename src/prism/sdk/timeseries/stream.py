"""A stream as plugins know it: its fields, how long it keeps events, and what filters may name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from prism.interfaces import timeseries as t
from prism.interfaces.value import Kind

MAX_AHEAD: Final = 3_600_000_000
"""Microseconds, unless a stream says otherwise."""


@dataclass(frozen=True, slots=True)
class StreamField:
    """A field.

    Attributes:
        number: its place among the fields, from 0; it never changes.
        name: as callers give it.
        kind: of its values.
        indexed: filters on it are to be quick.
    """

    number: int
    name: str
    kind: Kind
    indexed: bool = False

    @property
    def column(self) -> str:
        """The name of its column, for stores that have one."""
        return f"f{self.number}"


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """What a stream is like. Times are in microseconds.

    Attributes:
        fields: in their order.
        retention: how long events are kept; None: for ever.
        max_ahead: how far in the future a timestamp may be.
        dedup: timestamp and event_id together are one event.
        partitions: of the stream.
    """

    fields: tuple[StreamField, ...] = ()
    retention: int | None = None
    max_ahead: int = MAX_AHEAD
    dedup: bool = False
    partitions: int = 1

    def packed(self) -> bytes:
        """As stores keep it."""
        return self.message().SerializeToString(deterministic=True)

    @classmethod
    def unpacked(cls, packed: bytes) -> "StreamConfig":
        """What `packed` gave."""
        return cls.of(t.Config.FromString(packed))

    @classmethod
    def of(cls, given: t.Config) -> "StreamConfig":
        """What a valid message says."""
        return cls(
            fields=fields_of(given.fields),
            retention=given.retention.ToMicroseconds() if given.HasField("retention") else None,
            max_ahead=given.max_ahead.ToMicroseconds() if given.HasField("max_ahead") else MAX_AHEAD,
            dedup=given.dedup == t.Dedup.TIME_SERIES_DEDUP_EVENT_ID,
            partitions=given.partitions if given.HasField("partitions") else 1,
        )

    def message(self) -> t.Config:
        """As callers see it, with everything set."""
        message = t.Config(
            fields=[t.Field(name=each.name, kind=each.kind, indexed=each.indexed) for each in self.fields],
            dedup=t.Dedup.TIME_SERIES_DEDUP_EVENT_ID if self.dedup else t.Dedup.TIME_SERIES_DEDUP_NONE,
            partitions=self.partitions,
        )
        message.max_ahead.FromMicroseconds(self.max_ahead)
        if self.retention is not None:
            message.retention.FromMicroseconds(self.retention)
        return message


def fields_of(given: Sequence[t.Field], known: int = 0) -> tuple[StreamField, ...]:
    """The fields that valid messages say, numbered behind those that are known."""
    return tuple(
        StreamField(number, each.name, Kind(each.kind), each.indexed) for number, each in enumerate(given, known)
    )


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream of a store.

    Attributes:
        namespace: whose.
        name: as callers give it.
        number: of the stream in its store, never given to another one.
        version: another one after each change of the configuration.
        config: what it is like.
        identity: of the stream and its store, at most 16 bytes: no other stream ever has it.
    """

    namespace: str
    name: str
    number: int
    version: int
    config: StreamConfig
    identity: bytes

    @property
    def fields(self) -> tuple[StreamField, ...]:
        """Its fields, in their order."""
        return self.config.fields

    def by_name(self) -> Mapping[str, StreamField]:
        """Its fields by their names."""
        return {each.name: each for each in self.config.fields}

    def cutoff(self, now: int) -> int | None:
        """Events before this instant are in no answer; None where all are kept (rule 12)."""
        return None if self.config.retention is None else now - self.config.retention
