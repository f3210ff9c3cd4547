"""What the catalogue says of a group: its configuration, and where it begins since it was made or moved."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from prism.sdk.queue.rows import DeadLetter, GroupConfig

_EPOCH_BITS: Final = 48


@dataclass(frozen=True, slots=True)
class Standing:
    """What the catalogue says of a group.

    Attributes:
        config: of the group.
        epoch: another one since it was made, moved or purged.
        starts: where it begins in each partition of its topic; elsewhere at the earliest message.
        retention: of its topic, in microseconds.
        skips: by partition, what was dead when it was moved: that stays dead.
    """

    config: GroupConfig
    epoch: int
    starts: Mapping[int, int] = field(default_factory=dict)
    retention: int = 0
    skips: Mapping[int, Sequence[int]] = field(default_factory=dict)


def random_epoch() -> int:
    """One that no group has had."""
    return secrets.randbits(_EPOCH_BITS)


def config_of(record: Mapping[str, Any]) -> GroupConfig:
    """The configuration of a group."""
    found = dict(record["config"])
    return GroupConfig(**{**found, "dead_letter": DeadLetter(found["dead_letter"])})


def new_epoch(
    record: dict[str, Any], starts: Mapping[str, int], skips: Mapping[str, Sequence[int]] | None = None
) -> dict[str, Any]:
    """A group that was moved; what it does not get there again."""
    return {**record, "epoch": random_epoch(), "starts": dict(starts), "skips": dict(skips or {})}
