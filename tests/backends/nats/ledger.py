"""Who has published what, and who has got it: a ledger that believes no counts but its own, and who keeps it."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, suppress
from typing import Any, cast

from prism.context import Context
from prism.errors import PrismError
from prism.interfaces import queue as q
from prism.sdk.queue import StoredQueue

IN_FLIGHT = 256
NAMESPACE, TOPIC, GROUP = "shop", "orders", "billing"
CONTEXT = Context(NAMESPACE)


class Ledger:
    """What publishers were told, and what consumers got and settled.

    Attributes:
        published: payloads that were acknowledged to their publisher.
        got: how often each payload was delivered.
        settled: payloads whose acknowledgement was confirmed.
        again: payloads that came after that.
        gap: the longest time without a delivery, in seconds.
    """

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.published: set[bytes] = set()
        self.got: Counter[bytes] = Counter()
        self.settled: set[bytes] = set()
        self.again: list[bytes] = []
        self.failures: Counter[str] = Counter()
        self.gap = 0.0
        self._last = time.monotonic()
        self._reached: list[tuple[int, asyncio.Event]] = []

    def deliver(self, payload: bytes) -> None:
        """A consumer has got it."""
        now = time.monotonic()
        self.gap, self._last = max(self.gap, now - self._last), now
        self.got[payload] += 1
        if payload in self.settled:
            self.again.append(payload)

    def settle(self, payload: bytes) -> None:
        """Its acknowledgement was confirmed."""
        self.settled.add(payload)
        for count, event in self._reached:
            if len(self.settled) >= count:
                event.set()

    async def reached(self, share: float) -> None:
        """Returns when such a share of all is settled."""
        event = asyncio.Event()
        count = int(self.wanted * share)
        self._reached.append((count, event))
        if len(self.settled) < count:
            await event.wait()


class Consuming:
    """A consumer whose streams are opened again under its name; what it has got is acknowledged until that is known."""

    def __init__(self, queue: StoredQueue, name: str, ledger: Ledger) -> None:
        self._queue = queue
        self._name = name
        self._ledger = ledger
        self._open: dict[str, bytes] = {}

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            asked: asyncio.Queue[q.ConsumeRequest] = asyncio.Queue()
            subscribe = q.Subscribe(topic=TOPIC, group=GROUP, consumer_id=self._name, max_in_flight=IN_FLIGHT)
            asked.put_nowait(q.ConsumeRequest(subscribe=subscribe))
            try:
                async with aclosing(cast("Any", self._queue.consume(_requests(asked), CONTEXT))) as responses:
                    async for each in responses:
                        self._take(each, asked)
            except PrismError as error:
                self._ledger.failures[f"consume: {type(error).__name__}"] += 1
                await asyncio.sleep(0.05)

    def _take(self, response: q.ConsumeResponse, asked: "asyncio.Queue[q.ConsumeRequest]") -> None:
        match response.WhichOneof("response"):
            case "subscribed":
                resumed = set(response.subscribed.resumed)
                if self._open:  # what became of them is not known
                    asked.put_nowait(q.ConsumeRequest(ack=q.Ack(receipts=[*self._open])))
                if unknown := resumed - self._open.keys():
                    asked.put_nowait(q.ConsumeRequest(release=q.Release(receipts=[*unknown])))
            case "message":
                message = response.message
                self._ledger.deliver(message.payload)
                self._open[message.receipt] = message.payload
                asked.put_nowait(q.ConsumeRequest(ack=q.Ack(receipts=[message.receipt])))
            case "settled":
                self._settled(response.settled, asked)
            case "revoked":
                for receipt in response.revoked.receipts:
                    self._open.pop(receipt, None)

    def _settled(self, settled: q.Settled, asked: "asyncio.Queue[q.ConsumeRequest]") -> None:
        """What is not known is asked again: acknowledging twice succeeds."""
        lost = settled.HasField("error") and "RECEIPT_LOST" in str(settled.error)
        if settled.HasField("error") and not lost:
            again = [each for each in settled.receipts if each in self._open]
            asked_again = q.ConsumeRequest(ack=q.Ack(receipts=again))
            asyncio.get_running_loop().call_later(0.1, asked.put_nowait, asked_again)
            self._ledger.failures["ack unknown"] += len(again)
            return
        for receipt in settled.receipts:
            payload = self._open.pop(receipt, None)
            if payload is not None and lost:
                self._ledger.failures["receipt lost"] += 1
            elif payload is not None:
                self._ledger.settle(payload)


async def _requests(asked: "asyncio.Queue[q.ConsumeRequest]") -> AsyncIterator[q.ConsumeRequest]:
    while True:
        yield await asked.get()


async def publish(queue: StoredQueue, numbers: Iterator[int], ledger: Ledger) -> None:
    """Publishes one after the other; one whose outcome is not known is repeated under its key."""
    for number in numbers:
        payload = b"%d" % number
        while True:
            try:
                await queue.publish(
                    q.PublishRequest(topic=TOPIC, payload=payload, idempotency_key=f"k{number}"), CONTEXT
                )
                break
            except PrismError as error:
                ledger.failures[f"publish: {type(error).__name__}"] += 1
                await asyncio.sleep(0.05)
        ledger.published.add(payload)


async def quiet(queue: StoredQueue, ledger: Ledger) -> q.Counts:
    """The group's counts, once all is published and nothing waits or is in flight: also what was acknowledged by a
    stream that broke before it said so."""
    while True:
        await asyncio.sleep(0.2)
        if len(ledger.published) < ledger.wanted:
            continue
        with suppress(PrismError):
            found = await queue.describe_group(q.DescribeGroupRequest(topic=TOPIC, group=GROUP), CONTEXT)
            if not (found.counts.waiting or found.counts.in_flight or found.counts.delayed):
                return found.counts


async def before(ends: Any, *tasks: "asyncio.Task[None]") -> Any:
    """The result of what is waited for; raises what a task has failed with meanwhile."""
    waiting = asyncio.ensure_future(ends)
    running: set[Any] = {waiting, *tasks}
    while not waiting.done():
        done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
    return waiting.result()
