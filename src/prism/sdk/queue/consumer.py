"""One `Consume` stream: a window of messages that are its own, what becomes of them, and how it ends.

The rules that it keeps are 1 (what is sent late is leased anew), 4 (ends), 10 (bounds) and 17 (what is revoked); what a
lease is worth, the store decides.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, suppress

from google.protobuf.empty_pb2 import Empty

from prism.context import Context
from prism.errors import PrismError
from prism.interfaces import queue as q
from prism.rpc_status import to_rpc_status
from prism.sdk.queue.acknowledging import Acknowledging
from prism.sdk.queue.answers import check_delay, receipt_lost, told
from prism.sdk.queue.calls import Claim, Delivery, Lease, Settlement, Verb, Want
from prism.sdk.queue.configuration import group_message, invalid, micros
from prism.sdk.queue.held import Held, Window
from prism.sdk.queue.outgoing import fill
from prism.sdk.queue.queue_metrics import Deliveries
from prism.sdk.queue.receipts import Receipts
from prism.sdk.queue.rows import GroupConfig
from prism.sdk.queue.store import Partitioned, QueueStore

Commit = Callable[[q.CommitRequest, Sequence[Lease], Context], Awaitable[Sequence[str]]]

TOGETHER = 64 << 10
"""Bytes of the messages in one response, where there are several."""
MAX_ANSWERS = 1000
"""Answers that may wait for a client that does not read; then its requests are not read either."""
_RESTART = 0.25
"""The share of its time after which a lease begins anew where its message has not been sent yet."""
_SHORTER = 0.9
"""A lease that is no more than this share of those before is not renewed in their rhythm."""
_PAUSE = 0.05
"""Seconds before a store is asked again that had something due and gave nothing."""


class Consumer:
    """The stream of one consumer.

    Args:
        store: what it takes from.
        context: of the call.
        subscribe: what it asks for.
        config: of its group, when it began.
        receipts: of its group.
        resume_window: microseconds that its messages are kept for where it breaks.
        max_nack_delay: seconds.
        commit: publishes and acknowledges; see `StoredQueue`.
        deliveries: where they are counted.
    """

    def __init__(
        self, store: QueueStore, context: Context, subscribe: q.Subscribe, config: GroupConfig, receipts: Receipts,
        resume_window: int, max_nack_delay: float, commit: Commit, deliveries: Deliveries,
    ) -> None:  # fmt: skip
        self._store = store
        self._context = Context(context.namespace, principal=context.principal, trace=context.traceparent)
        self._draining = context.draining
        self._topic, self._group = subscribe.topic, subscribe.group
        self._config = config
        self._receipts = receipts
        self._window = resume_window
        self._max_delay = max_nack_delay
        self._commit = commit
        self._deliveries = deliveries
        self._session = secrets.token_hex(8)
        self._consumer = subscribe.consumer_id or f"anonymous-{self._session}"
        self._several = subscribe.several
        self._held = Window(subscribe)
        self._unsent: deque[Delivery] = deque()
        self._answers: deque[q.ConsumeResponse] = deque()
        self._room = asyncio.Event()
        self._changed = store.wakeups.join((context.namespace, subscribe.topic), subscribe.group)
        self._claiming: asyncio.Future[Claim] | None = None
        self._acknowledging = Acknowledging(self._acknowledged, MAX_ANSWERS)
        self._epoch = 0
        self._sends = True
        self._ended = False
        self._told = False
        self._failure: PrismError | None = None
        self._wait: float | None = 0.0
        self._lease = config.ack_deadline / 1e6
        self._shorter = asyncio.Event()

    async def responses(self, requests: AsyncIterator[q.ConsumeRequest]) -> AsyncGenerator[q.ConsumeResponse, None]:
        """What the client gets, after `subscribe`; ends in order, or raises why not."""
        loop = asyncio.get_running_loop()
        reading = loop.create_task(self._read(requests))
        renewing = loop.create_task(self._renew())
        draining = loop.create_task(self._drain())
        orderly = False
        try:
            resumed = await self._store.adopt(self._context, self._topic, self._group, self._consumer, self._session)
            for each in resumed:
                receipt = self._receipts.give(each.lease)
                self._held.hold(Held(each.lease, receipt, each.size, loop.time() + each.seconds))
            store, mine = self._store, (self._context, self._topic, self._group)
            subscribed = q.Subscribed(
                config=group_message(self._config),
                resumed=[each.receipt for each in self._held.values()],
                partitions=store.partitions(*mine) if isinstance(store, Partitioned) else (),
            )
            yield q.ConsumeResponse(subscribed=subscribed)
            async with aclosing(self._responses()) as responses:
                async for response in responses:
                    yield response
            orderly = True
        finally:
            for task in (reading, renewing, draining):
                task.cancel()
            await self._leave(reading, renewing, draining, orderly=orderly)

    async def _leave(self, *tasks: "asyncio.Task[None]", orderly: bool) -> None:
        """What is unsettled is released at an orderly end, else kept for the next stream of the consumer (4)."""
        ending = asyncio.ensure_future(self._let_go(tasks, orderly=orderly))
        try:
            await asyncio.shield(ending)
        finally:
            self._store.wakeups.leave((self._context.namespace, self._topic), self._changed)

    async def _let_go(self, tasks: "tuple[asyncio.Task[None], ...]", *, orderly: bool) -> None:
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._acknowledging.done()
        if self._claiming is not None:
            with suppress(PrismError):
                await self._claiming  # what it leases is let go too
        unsent = [Settlement(each.lease, Verb.RELEASE) for each in self._unsent]
        with suppress(PrismError):  # the store is gone, or the group: leases end by themselves
            if unsent:
                await self._store.settle(self._context, self._topic, self._group, unsent)
            if orderly:
                await self._store.give_back(self._context, self._topic, self._group, self._session)
            else:
                await self._store.park(self._context, self._topic, self._group, self._session, self._window)

    async def _responses(self) -> AsyncGenerator[q.ConsumeResponse, None]:
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            self._revoke_late()
            self._changed.takes &= not self._answers  # a client that does not read may stop it here
            while self._answers:
                yield self._answers.popleft()
                self._room.set()
            if self._failure is not None:
                raise self._failure
            if self._ended or (self._told and not self._held):
                return
            if self._draining.is_set() and not self._told:
                self._sends, self._told = False, True
                yield q.ConsumeResponse(draining=Empty())
                continue
            claimed_at = loop.time()
            await self._claim()
            sends = bool(self._unsent)
            if sends:
                self._pass_on()
            while self._unsent and self._sends and not self._ended:
                if (message := await self._sent(claimed_at)) is not None:
                    yield message
            await self._release_unsent()
            if sends and self._free():
                continue  # what came meanwhile was for others, if there are any
            if not self._changed.is_set() and not self._answers:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pause()):
                        await self._changed.wait()

    def _pause(self) -> float | None:
        """Seconds until something happens by itself: a message is due, or a lease ends."""
        ends = min((each.until for each in self._held.values()), default=None)
        left = None if ends is None else max(ends - asyncio.get_running_loop().time(), 0.0)
        known = [each for each in (left, self._wait if self._free() else None) if each is not None]
        return min(known, default=None)

    def _free(self) -> int:
        """How many messages may be sent."""
        return self._held.free if self._sends else 0

    async def _claim(self) -> None:
        """Leases what the window has room for; learns whether what the stream has is its own still."""
        self._changed.takes = self._free() > 0
        want = Want(self._free(), self._held.room, not self._held, self._consumer, self._session)
        claiming = asyncio.ensure_future(self._store.claim(self._context, self._topic, self._group, want))
        self._claiming = claiming
        claim = await asyncio.shield(claiming)
        self._claiming = None
        if self._epoch and claim.epoch != self._epoch:
            self._revoke([*self._held], q.Revocation.QUEUE_REVOCATION_RESET)
        self._epoch = claim.epoch
        self._revoke([*claim.revoked], q.Revocation.QUEUE_REVOCATION_REBALANCE)
        self._unsent.extend(claim.deliveries)
        now = asyncio.get_running_loop().time()
        for each in claim.deliveries:
            if each.seconds < self._lease * _SHORTER:
                self._shorter.set()
            self._lease = each.seconds
            receipt = self._receipts.give(each.lease)
            self._held.hold(Held(each.lease, receipt, each.message.size, now + each.seconds))
        self._wait = claim.wait
        stuck = bool(want.limit) and not claim.deliveries and claim.wait == 0
        if stuck:
            self._wait = _PAUSE
            self._changed.clear()  # they wake each other, and would ask again and again
        self._changed.takes = self._free() > 0 and not stuck
        if claim.wait == 0 or (claim.wait is not None and not self._changed.takes):
            self._store.wakeups.notify_takers((self._context.namespace, self._topic), 1, self._group)

    def _pass_on(self) -> None:
        """While it sends it takes nothing: what it was woken for meanwhile, another gets."""
        self._changed.takes = False
        if self._changed.is_set():
            self._store.wakeups.notify_takers((self._context.namespace, self._topic), 1, self._group)

    async def _sent(self, claimed_at: float) -> q.ConsumeResponse | None:
        """Messages to send now, whose leases run from now on (1); None where they are the stream's no longer."""
        late = asyncio.get_running_loop().time() - claimed_at > self._unsent[0].seconds * _RESTART
        response = q.ConsumeResponse()
        if self._several and len(self._unsent) > 1 and not late:
            add = response.messages.messages.add
            for each, receipt in self._next_held():
                fill(add(), each, self._topic, receipt)
                self._deliveries[each.attempt] += 1
            return response if response.messages.messages else None
        delivery = self._unsent.popleft()
        held = self._held.get(delivery.lease)
        if held is None or (late and not await self._restart([held])):
            return None
        fill(response.message, delivery, self._topic, held.receipt)
        self._deliveries[delivery.attempt] += 1
        return response

    def _next_held(self) -> Iterator[tuple[Delivery, str]]:
        """What fits into one response, each with its receipt."""
        size = 0
        while self._unsent and (not size or size + self._unsent[0].message.size <= TOGETHER):
            delivery = self._unsent.popleft()
            size += delivery.message.size
            if (held := self._held.get(delivery.lease)) is not None:
                yield delivery, held.receipt

    async def _release_unsent(self) -> None:
        """Gives back what was leased and is not to be sent any more (4)."""
        wanted = [Settlement(each.lease, Verb.RELEASE) for each in self._unsent]
        self._unsent.clear()
        for each in wanted:
            self._held.drop(each.lease)
        if wanted:
            await self._store.settle(self._context, self._topic, self._group, wanted)

    async def _restart(self, held: list[Held]) -> bool:
        """Begins leases anew whose messages were not sent; whether all are the stream's still."""
        wanted = [Settlement(each.lease, Verb.RESTART) for each in held]
        answers = await self._store.settle(self._context, self._topic, self._group, wanted)
        now = asyncio.get_running_loop().time()
        lost = False
        for each, seconds in zip(held, answers, strict=True):
            if seconds is None or isinstance(seconds, PrismError):
                self._held.drop(each.lease)
                lost = True
            else:
                each.until = now + seconds
        return not lost

    async def _renew(self) -> None:
        """What waits for a client that does not read does not age (1)."""
        while True:
            self._shorter.clear()
            with suppress(TimeoutError):  # the group may get another ack_deadline
                async with asyncio.timeout(self._lease / 3):
                    await self._shorter.wait()
                    continue
            unsent = [self._held[each.lease] for each in self._unsent if each.lease in self._held]
            if unsent:
                with suppress(PrismError):
                    await self._restart(unsent)

    async def _drain(self) -> None:
        await self._draining.wait()
        self._changed.set()

    def _revoke_late(self) -> None:
        now = asyncio.get_running_loop().time()
        self._revoke([each.lease for each in self._held.values() if each.until <= now])

    def _revoke(self, leases: list[Lease], cause: q.Revocation = q.Revocation.QUEUE_REVOCATION_DEADLINE) -> None:
        gone = [held.receipt for lease in leases if (held := self._held.drop(lease)) is not None]
        if gone:
            self._answer(q.ConsumeResponse(revoked=q.Revoked(receipts=gone, cause=cause)))

    def _answer(self, response: q.ConsumeResponse) -> None:
        self._answers.append(response)
        self._changed.set()

    async def _read(self, requests: AsyncIterator[q.ConsumeRequest]) -> None:
        """What the client asks for, one after the other."""
        try:
            async for request in requests:
                while len(self._answers) >= MAX_ANSWERS:
                    self._room.clear()
                    await self._room.wait()
                await self._obey(request)
            await self._acknowledging.done()
            self._ended = True
        except PrismError as error:
            self._failure = error
        self._changed.set()

    async def _obey(self, request: q.ConsumeRequest) -> None:
        if request.HasField("ack"):
            await self._acknowledge(list(request.ack.receipts))
            return
        await self._acknowledging.done()
        match request.WhichOneof("request"):
            case "nack":
                nack = request.nack
                delay = micros(nack.delay) if nack.HasField("delay") else None
                await self._settle(list(nack.receipts), Verb.NACK, delay, nack.reason, dead=nack.dead)
            case "release":
                await self._settle(list(request.release.receipts), Verb.RELEASE)
            case "extend":
                await self._settle(list(request.extend.receipts), Verb.EXTEND)
            case "commit":
                await self._committed(request.commit)
            case "drain":
                self._sends = False
            case _:
                raise invalid("request", "a second subscribe", "a stream has one; open another stream")

    async def _acknowledge(self, receipts: list[str]) -> None:
        try:
            leases = [self._receipts.read(each) for each in receipts]
        except PrismError as error:
            self._refuse(receipts, error)
        else:
            await self._acknowledging.add(receipts, leases)

    async def _acknowledged(self, receipts: list[str], leases: list[Lease]) -> None:
        await self._settled(receipts, [Settlement(each, Verb.ACKNOWLEDGE) for each in leases])

    def _refuse(self, receipts: list[str], error: PrismError) -> None:
        self._answer(q.ConsumeResponse(settled=q.Settled(receipts=receipts, error=to_rpc_status(told(error)))))

    async def _settle(
        self, receipts: list[str], verb: Verb, delay: int | None = None, reason: str = "", *, dead: bool = False
    ) -> None:
        try:
            check_delay(delay, self._max_delay)
            wanted = [Settlement(self._receipts.read(each), verb, delay, reason, dead) for each in receipts]
        except PrismError as error:
            self._refuse(receipts, error)
            return
        await self._settled(receipts, wanted)

    async def _settled(self, receipts: list[str], wanted: list[Settlement]) -> None:
        try:
            answers = await self._store.settle(self._context, self._topic, self._group, wanted)
        except PrismError as error:
            self._refuse(receipts, error)
            return
        done: list[str] = []
        lost: list[str] = []
        now = asyncio.get_running_loop().time()
        for receipt, settlement, seconds in zip(receipts, wanted, answers, strict=True):
            lease = settlement.lease
            if isinstance(seconds, PrismError):
                self._refuse([receipt], seconds)
                continue
            (lost if seconds is None else done).append(receipt)
            if seconds and lease in self._held:
                self._held[lease].until = now + seconds
            else:
                self._held.drop(lease)
        if done:
            self._answer(q.ConsumeResponse(settled=q.Settled(receipts=done)))
        if lost:
            refused = to_rpc_status(receipt_lost())
            self._answer(q.ConsumeResponse(settled=q.Settled(receipts=lost, error=refused)))

    async def _committed(self, commit: q.Commit) -> None:
        committed = q.Committed(id=commit.id)
        try:
            leases = [self._receipts.read(each) for each in commit.receipts]
            asked = q.CommitRequest(
                topic=self._topic, group=self._group, receipts=commit.receipts, publishes=commit.publishes,
                idempotency_key=commit.idempotency_key,
            )  # fmt: skip
            committed.message_ids.extend(await self._commit(asked, leases, self._context))
            for lease in leases:
                self._held.drop(lease)
        except PrismError as error:
            committed.error.CopyFrom(to_rpc_status(told(error)))
        self._answer(q.ConsumeResponse(committed=committed))
