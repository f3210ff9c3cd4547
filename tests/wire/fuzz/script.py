"""How an input becomes a play: four octets say how it is cut and what happens in between, the rest is what is sent."""

import random
from collections.abc import Iterator
from typing import Final

from wire.fuzz.stage import Pipe, Stage

HEAD: Final = 4
_FEW: Final = 40  # cuts; a large input is not sent octet by octet


class Script:
    """One input taken apart. `options` are bits for the target to choose by."""

    def __init__(self, data: bytes) -> None:
        head = data[:HEAD].ljust(HEAD, b"\0")
        self.options = head[0]
        self.manner = head[1]
        self._cut = int.from_bytes(head[2:], "big")
        self.body = data[HEAD:]
        self._random = random.Random(head[1:])

    def pieces(self) -> Iterator[bytes]:
        """The body: whole, in two pieces, or in arbitrary ones."""
        if self.manner & 0xB == 8 and len(self.body) > 1:
            cut = 1 + self._cut % (len(self.body) - 1)
            yield self.body[:cut]
            yield self.body[cut:]
            return
        if self.manner & 3 == 0 or len(self.body) < 2:
            yield self.body
            return
        count = min(len(self.body) - 1, _FEW, self._random.randint(1, _FEW))
        cuts = sorted(self._random.sample(range(1, len(self.body)), count))
        for start, stop in zip([0, *cuts], [*cuts, len(self.body)], strict=True):
            yield self.body[start:stop]

    def between(self, stage: Stage, pipe: Pipe) -> None:
        """What happens between two pieces: nothing, a turn of the loop, time, a peer that stops or starts to read."""
        choice = self._random.random()
        if choice < 0.3:
            return
        if choice < 0.8:
            stage.turn()
        elif choice < 0.85:
            stage.advance(self._random.choice([0.02, 0.5, 3.0]))
        elif self.manner & 4:
            if pipe.stuck:
                pipe.drain()
            pipe.stuck = not pipe.stuck
            stage.turn()
