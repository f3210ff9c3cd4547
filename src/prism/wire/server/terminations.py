"""What a server ended because its peer misbehaves or is too slow: counted all of it, logged now and then."""

import logging
from collections import Counter
from time import monotonic
from typing import Final

from prism.wire.peer import Peer

_log = logging.getLogger("prism.wire")

_DISTANCE: Final = 1.0  # seconds between two lines about the same kind: a flood must not flood the log too


class Terminations:
    """Of one server.

    Attributes:
        counts: how many, by kind: a flood of frames, a message that did not come whole in time.
    """

    __slots__ = ("_logged_at", "_unlogged", "counts")

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._logged_at: dict[str, float] = {}
        self._unlogged: Counter[str] = Counter()

    def add(self, kind: str, peer: Peer, what: str) -> None:
        """Count one; `what` says what was ended and why."""
        self.counts[kind] += 1
        now = monotonic()
        if now - self._logged_at.get(kind, -_DISTANCE) < _DISTANCE:
            self._unlogged[kind] += 1
            return
        self._logged_at[kind] = now
        others = self._unlogged.pop(kind, 0)
        more = f" ({others} more since the last line)" if others else ""
        _log.warning("%s: %s%s", peer.address, what, more)
