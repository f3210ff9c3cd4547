"""A subscriber to what persists who goes on where it stood whenever its stream ends, and what it was given."""

import asyncio
from collections import Counter

from prism.acceptance.suites.pubsub.dsl import NOW, PubSub
from prism.acceptance.write_ledger import DOCUMENTED, RECOVERY_TIMEOUT
from prism.errors import PrismError


class Follower:
    """Follows at one gateway after another, through whatever happens.

    Attributes:
        got: how often each number came.
        dishonest: what docs/contract.md does not allow, in words.
    """

    def __init__(self, ps: PubSub, pattern: str) -> None:
        self.got: Counter[int] = Counter()
        self.dishonest: list[str] = []
        self._ps = ps
        self._pattern = pattern
        self._position = b""
        self._change = asyncio.Condition()

    async def follow(self) -> None:
        """Goes on until it is cancelled."""
        via = 0
        while True:
            via += 1
            try:
                async with self._ps.following(self._position or NOW, self._pattern, via=via) as messages:
                    await self._stand(messages.position)
                    while True:
                        message = await messages.next()
                        self.got[int(message.payload)] += 1
                        await self._stand(messages.position)
            except PrismError as error:
                if error.code.name not in DOCUMENTED:
                    self.dishonest.append(f"status {error.code.name} is none of {sorted(DOCUMENTED)}: {error.message}")
            except TimeoutError:
                pass  # nothing came for so long that it looks elsewhere
            await asyncio.sleep(0.02)  # a refusal at once is no reason to ask at once again

    async def _stand(self, position: bytes) -> None:
        async with self._change:
            self._position = position
            self._change.notify_all()

    async def placed(self) -> None:
        """Waits until it has a position."""
        async with asyncio.timeout(RECOVERY_TIMEOUT), self._change:
            await self._change.wait_for(lambda: self._position)

    async def reach(self, numbers: set[int]) -> None:
        """Waits until all of them have come."""
        async with asyncio.timeout(RECOVERY_TIMEOUT), self._change:
            await self._change.wait_for(lambda: numbers <= self.got.keys())
