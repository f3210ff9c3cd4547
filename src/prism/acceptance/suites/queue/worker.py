"""A consumer that goes on through whatever happens, and what it was given."""

import asyncio
from collections import Counter

from prism.acceptance.suites.queue.dsl import Consuming, Queue, reason
from prism.acceptance.write_ledger import DOCUMENTED
from prism.errors import PrismError
from prism.interfaces import queue as q

TOPIC, GROUP = "numbers", "workers"
MAX_IN_FLIGHT = 64
_PAUSE = 0.05
_MAY_FAIL = ("BACKEND_UNAVAILABLE", "DEADLINE_EXCEEDED", "CONFLICT", "STORE_FULL")
"""Why an acknowledgement may fail while a store is broken, whatever became of it."""


class Deliveries:
    """What all consumers of the group were given.

    Attributes:
        counts: of the deliveries of each number.
        settled: numbers whose acknowledgement was confirmed.
        dishonest: what docs/contract.md does not allow, in words.
    """

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self.settled: set[int] = set()
        self.dishonest: list[str] = []
        self._change = asyncio.Event()

    def note(self) -> None:
        """Something has changed."""
        self._change.set()

    async def reach(self, numbers: set[int], timeout: float) -> None:
        """Waits until the acknowledgements of all of them are confirmed."""
        async with asyncio.timeout(timeout):
            while not numbers <= self.settled:
                self._change.clear()
                await self._change.wait()


class Worker:
    """One consumer at one gateway: acknowledges what it gets; comes again under its name when its stream ends."""

    def __init__(self, queue: Queue, via: int, deliveries: Deliveries) -> None:
        self._queue = queue
        self._via = via
        self._deliveries = deliveries
        self._unsettled: dict[str, int] = {}

    async def work(self) -> None:
        """Goes on until it is cancelled."""
        while True:
            try:
                async with self._queue.consuming(
                    GROUP, TOPIC, via=self._via, consumer_id=f"worker-{self._via}", max_in_flight=MAX_IN_FLIGHT
                ) as stream:
                    self._resume(stream)
                    while True:
                        self._take(stream, await stream.next())
            except PrismError as error:
                if error.code.name not in DOCUMENTED:
                    self._deliveries.dishonest.append(f"a stream ended with {error.code.name}: {error.message}")
            except (TimeoutError, StopAsyncIteration):
                pass  # nothing came for long, or the gateway has ended it in order
            await asyncio.sleep(0.02)  # a refusal at once is no reason to ask at once again

    def _resume(self, stream: Consuming) -> None:
        """Acknowledges again what it had: it may be acknowledged already, and the confirmation was lost."""
        if self._queue.capabilities.receipts == "stream":  # others are of no use any more
            resumed = set(stream.subscribed.resumed)
            self._unsettled = {receipt: number for receipt, number in self._unsettled.items() if receipt in resumed}
        if self._unsettled:
            stream.ask(ack=q.Ack(receipts=self._unsettled))

    def _take(self, stream: Consuming, response: q.ConsumeResponse) -> None:
        deliveries = self._deliveries
        match response.WhichOneof("response"):
            case "message":
                message = response.message
                number = int(message.payload)
                deliveries.counts[number] += 1
                if number in deliveries.settled:
                    deliveries.dishonest.append(f"number {number} came again after its acknowledgement was confirmed")
                self._unsettled[message.receipt] = number
                stream.ask(ack=q.Ack(receipts=[message.receipt]))
            case "settled":
                settled = response.settled
                found = reason(settled.error) if settled.HasField("error") else ""
                if found in _MAY_FAIL:
                    again = [receipt for receipt in settled.receipts if receipt in self._unsettled]
                    asyncio.get_running_loop().call_later(_PAUSE, self._again, stream, again)
                elif found not in ("", "RECEIPT_LOST"):
                    deliveries.dishonest.append(f"acknowledging failed with {found}")
                for receipt in () if found in _MAY_FAIL else settled.receipts:
                    number = self._unsettled.pop(receipt, -1)
                    if not found and number >= 0:
                        deliveries.settled.add(number)
        deliveries.note()

    def _again(self, stream: Consuming, receipts: list[str]) -> None:
        """What became of an acknowledgement is not known: acknowledging twice succeeds."""
        if receipts:
            stream.ask(ack=q.Ack(receipts=receipts))
