"""How far a group has come in one partition, and how that fits into the metadata of a committed offset.

The committed offset is the *floor*: all before it is done. Behind it, within the window, single offsets are done too:
the metadata has a bit for each, the failed attempts of others, and what has been counted. A broker takes 4,096 bytes of
it: the bits always fit, and failures as far as there is room, those with the most attempts first.
"""

import base64
import binascii
import zlib
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

MOST: Final = 4000
"""Characters of the metadata."""
_FORMAT: Final = "p1"
_NONE: Final[frozenset[int]] = frozenset()


@dataclass(frozen=True, slots=True)
class Failure:
    """Attempts that have failed, and when the message is due again, in milliseconds since 1970."""

    count: int
    due: int


@dataclass(slots=True)
class Counts:
    """What became of the messages that are done."""

    acknowledged: int = 0
    dead: int = 0
    expired: int = 0


@dataclass(slots=True)
class Progress:
    """Of one group in one partition.

    Attributes:
        epoch: of the group: where it was moved since, this counts no longer.
        floor: all offsets before it are done.
        position: the offset behind the last that was looked at.
        done: offsets behind the floor that are done.
        failures: of those that are not.
        counts: since the group was made or moved.
    """

    epoch: int
    floor: int
    position: int = 0
    done: set[int] = field(default_factory=set)
    failures: dict[int, Failure] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    order: deque[int] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.position = max(self.position, self.floor)

    def fetched(self, offset: int) -> bool:
        """An offset was read; whether it is to be delivered: it is not done already, and was not read before.

        Those between are no messages.
        """
        if offset < self.position:
            return False
        self.order.append(offset)
        self.position = offset + 1
        return offset not in self.done

    def is_done(self, offset: int) -> bool:
        """Whether it is not to be delivered again."""
        return offset < self.floor or offset in self.done

    def advance(self) -> None:
        """Forgets what is done without a gap."""
        order, done = self.order, self.done
        while order and order[0] in done:
            offset = order.popleft()
            done.discard(offset)
            self.failures.pop(offset, None)
        self.floor = order[0] if order else self.position

    @property
    def span(self) -> int:
        """Offsets between the floor and what was read last."""
        return self.position - (self.order[0] if self.order else self.position)

    def snapshot(self, also: Collection[int] = _NONE) -> tuple[int, str]:
        """Offset and metadata to be committed, as if the offsets `also` were done."""
        floor = next((each for each in self.order if each not in self.done and each not in also), self.position)
        done = [each - floor for each in (*self.done, *also) if floor <= each < self.position]
        bits = bytearray((max(done) >> 3) + 1 if done else 0)
        for each in done:
            bits[each >> 3] |= 1 << (each & 7)
        head = [self.epoch, self.counts.acknowledged, self.counts.dead, self.counts.expired, len(bits)]
        fixed = _varints(head) + bytes(bits)
        wanted = sorted(
            ((each.count, offset - floor, each.due) for offset, each in self.failures.items()
             if offset >= floor and offset not in self.done and offset not in also),
            reverse=True,
        )  # fmt: skip
        text = _packed(fixed + _varints([0]))
        fitting = len(wanted)
        while fitting:
            some = [number for count, delta, due in wanted[:fitting] for number in (delta, count, due)]
            text = _packed(fixed + _varints([fitting, *some]))
            if len(text) <= MOST:
                break
            fitting = fitting * 3 // 4
        return floor, text

    @property
    def crowded(self) -> bool:
        """Whether no further failure would fit for certain."""
        return len(self.failures) > _FAILURES


_FAILURES: Final = 150
"""Failures that fit beside bits that are all used."""


def restored(offset: int, metadata: str) -> Progress | None:
    """What was committed; None where it is not ours."""
    raw = _unpacked(metadata)
    if raw is None:
        return None
    head = [*islice(_numbers(raw), 5)]
    if len(head) < 5:
        return None
    (epoch, _), (acknowledged, _), (dead, _), (expired, _), (length, start) = head
    bits = raw[start : start + length]
    rest = [number for number, _ in _numbers(raw[start + length :])]
    progress = Progress(epoch, offset, counts=Counts(acknowledged, dead, expired))
    progress.done = {
        offset + index * 8 + bit for index, byte in enumerate(bits) if byte for bit in range(8) if byte >> bit & 1
    }
    for index in range(rest[0] if rest else 0):
        delta, count, due = rest[1 + 3 * index : 4 + 3 * index]
        progress.failures[offset + delta] = Failure(count, due)
    return progress


def _varints(numbers: list[int]) -> bytes:
    made = bytearray()
    for number in numbers:
        rest = number
        while rest > 0x7F:
            made.append(rest & 0x7F | 0x80)
            rest >>= 7
        made.append(rest)
    return bytes(made)


def _numbers(raw: bytes) -> Iterator[tuple[int, int]]:
    """Each number, and where it ends."""
    number = shift = 0
    for index, byte in enumerate(raw):
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number, index + 1
            number = shift = 0


def _packed(raw: bytes) -> str:
    return _FORMAT + base64.b85encode(zlib.compress(raw, 1)).decode()


def _unpacked(text: str) -> bytes | None:
    if not text.startswith(_FORMAT):
        return None
    try:
        return zlib.decompress(base64.b85decode(text[len(_FORMAT) :]))
    except (ValueError, zlib.error, binascii.Error):
        return None
