"""A subscriber who subscribes again whenever its stream ends, and what each of its subscriptions gave."""

import asyncio
from collections.abc import Callable

from prism.acceptance.suites.pubsub.dsl import PubSub
from prism.acceptance.write_ledger import DOCUMENTED, RECOVERY_TIMEOUT, WriteLedger
from prism.errors import DeadlineExceeded, PrismError
from prism.wire.grpc.status import Code

TOPIC = "t.numbers"


class Subscription:
    """One subscription, from when it was in place.

    Attributes:
        since: the last number that was given out before; what comes after it must be delivered.
        got: the numbers that came.
        end: what ended it; None while it lives.
    """

    def __init__(self, since: int) -> None:
        self.since = since
        self.got: list[int] = []
        self.end: PrismError | None = None


class Listener:
    """Listens at one gateway, through whatever happens.

    Attributes:
        subscriptions: those that were in place, one after another.
        dishonest: what docs/contract.md does not allow, in words.
    """

    def __init__(self, ps: PubSub, via: int, ledger: WriteLedger) -> None:
        self.subscriptions: list[Subscription] = []
        self.dishonest: list[str] = []
        self._ps = ps
        self._via = via
        self._ledger = ledger
        self._change = asyncio.Condition()

    async def listen(self) -> None:
        """Goes on until it is cancelled."""
        while True:
            try:
                async with self._ps.listening("t.*", via=self._via) as messages:
                    await self._note(lambda: self.subscriptions.append(Subscription(self._ledger.began)))
                    while True:
                        number = int((await messages.next()).payload)
                        await self._note(lambda number=number: self.subscriptions[-1].got.append(number))  # type: ignore[misc]  # bound at once
            except PrismError as error:
                await self._ended(error)
            except TimeoutError:
                await self._ended(DeadlineExceeded("nothing came for so long that the listener gave up"))
            await asyncio.sleep(0.02)  # a refusal at once is no reason to ask at once again

    async def _ended(self, error: PrismError) -> None:
        if error.code.name not in DOCUMENTED:
            self.dishonest.append(f"status {error.code.name} is none of {sorted(DOCUMENTED)}: {error.message}")
        last = self.subscriptions[-1] if self.subscriptions else None
        if last is not None and last.end is None:
            last.end = error
            if error.reason != "GAP" and error.code is not Code.DEADLINE_EXCEEDED:  # that is the caller's own clock
                self.dishonest.append(f"a subscription ended without GAP: {error.reason} {error.message}")

    async def _note(self, change: Callable[[], None]) -> None:
        async with self._change:
            change()
            self._change.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits until the condition holds, looked at whenever something comes."""
        async with asyncio.timeout(RECOVERY_TIMEOUT), self._change:
            await self._change.wait_for(condition)

    @property
    def living(self) -> Subscription | None:
        """The subscription that stands."""
        last = self.subscriptions[-1] if self.subscriptions else None
        return last if last is not None and last.end is None else None

    @property
    def gaps(self) -> int:
        """How many subscriptions ended and said that something may be missing."""
        return sum(each.end is not None and each.end.reason == "GAP" for each in self.subscriptions)

    @property
    def got(self) -> list[int]:
        """All that came."""
        return [number for each in self.subscriptions for number in each.got]

    def missing(self) -> set[int]:
        """What was acknowledged, and sent while the subscription stood that still stands, and has not come."""
        living = self.living
        if living is None:
            return set()
        return {number for number in self._ledger.acknowledged if number > living.since} - set(living.got)
