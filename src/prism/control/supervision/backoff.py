"""Pauses between attempts: doubling up to the longest, each off by up to a quarter at random."""

import random
from collections.abc import Iterator


def delays(first: float, longest: float) -> Iterator[float]:
    """The pauses, in seconds, without end."""
    delay = min(first, longest)
    while True:
        yield delay * random.uniform(0.75, 1.25)  # noqa: S311  # spreads load, keeps no secret
        delay = min(delay * 2, longest)
