"""A consumer of a group over all its streams: one that breaks or drains is followed by the next, with its messages.

Its messages are extended, those that wait here too, up to the group's `max_lease`. What waits here for nearly that long
is given back, and the consumer takes nothing until the application asks again.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Any, Final

from prism.client.loops import require_own_loop
from prism.client.queue.config import seconds
from prism.client.queue.exchange import Exchange
from prism.client.queue.lease import Asked, Lease, Verb, refuse
from prism.client.queue.streams import Streams
from prism.client.transport import Transport
from prism.errors import GatewayUnavailable, Outcome, PrismError, ReceiptLost
from prism.interfaces import queue as q
from prism.rpc_status import from_status
from prism.wire import Code, Status

_EXTENDS: Final = 3
"""How often a message is extended within its time."""
_UNCERTAIN: Final = 2.0
"""Seconds between extensions of what a broken stream may still hold somewhere, as its gateway keeps it for a while."""
_GIVES_BACK: Final = 2 / 3
"""The share of `max_lease` after which a message that waits here is given back."""
_LOST: Final = "the message is yours no longer: its deadline has passed, or it was given back; it comes again"


class Consumer:
    """Messages come by `next`; each is settled by `ask`. The first call of `open` begins.

    Attributes:
        config: of the group, as the stream said when it began.
    """

    def __init__(self, transport: Transport, streams: Streams) -> None:
        self._transport = transport
        self._streams = streams
        self._leases: dict[str, Lease] = {}
        self._ready: deque[Lease] = deque()
        self._commits: dict[str, Asked] = {}
        self._changed = asyncio.Event()
        self._holds = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failure: PrismError | None = None
        self._placed = False
        self._draining = False
        self._closed = False
        self.config = q.GroupConfig()

    @property
    def subscribed(self) -> bool:
        """Whether its first stream was in place."""
        return self._placed

    async def open(self) -> None:
        """Returns when it is subscribed for the first time, or has ended.

        Raises:
            PrismError: it cannot subscribe.
            RuntimeError: it was opened on another event loop, or before a fork.
        """
        require_own_loop(self._loop)
        if self._loop is None and not self._closed:
            loop = self._loop = asyncio.get_running_loop()
            self._tasks = [loop.create_task(self._streams.run(self, self._failed)), loop.create_task(self._keep())]
        while not self._placed and not self._closed:
            self._raise_failure()
            await self._change()

    async def next(self) -> Lease | None:
        """The next message, which is the application's then; None once nothing more comes.

        Raises:
            PrismError: nothing more comes, as it cannot subscribe again.
        """
        await self.open()
        while True:
            while self._ready:
                lease = self._ready.popleft()
                if asyncio.get_running_loop().time() - lease.extended_at < seconds(self.config.ack_deadline):
                    lease.taken = True
                    return lease
                self._send(lease, Asked(lease.receipt, Verb.RELEASE, {}))  # most likely it is another's by now
            if self._draining or self._closed:
                return None
            self._raise_failure()
            self._streams.wanted.set()
            await self._change()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure.clone()

    def ask(self, lease: Lease, verb: Verb, terms: dict[str, Any] | None = None) -> "asyncio.Future[list[str]]":
        """Asks for what is to become of a message; the answer raises `PrismError` where it is not so."""
        require_own_loop(self._loop)
        answer: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        if self._failure is not None:
            refuse(answer, self._failure.clone())
        elif lease.lost or self._closed:
            refuse(answer, ReceiptLost(_LOST, outcome=Outcome.NOT_APPLIED))
        else:
            self._send(lease, Asked(lease.receipt, verb, terms or {}, answer))
        return answer

    def _send(self, lease: Lease, asked: Asked) -> None:
        lease.asked.append(asked)
        if asked.verb is Verb.COMMIT:
            self._commits[asked.terms["id"]] = asked
        exchange = self._streams.holding(lease.receipt)
        if exchange is not None:
            exchange.ask(asked)

    def drain(self) -> None:
        """Nothing more is taken; what waits here is given back. What the application has can still be settled."""
        if self._draining:
            return
        self._draining = True
        self._give_back(self._ready)
        if self._streams.current is not None and self._streams.current.subscribed:
            self._streams.current.drain()
        self._changed.set()

    def _give_back(self, leases: Iterable[Lease]) -> None:
        for lease in [*leases]:
            self._ready.remove(lease)
            self._send(lease, Asked(lease.receipt, Verb.RELEASE, {}))

    async def close(self, *, orderly: bool = True) -> None:
        """Ends it. What is not settled is released at once or, if not `orderly`, when its gateway lets go of it."""
        if self._closed:
            return
        self._closed = True
        self._changed.set()
        for task in self._tasks:
            task.cancel()
        await self._streams.close(orderly=orderly)
        self._let_go(GatewayUnavailable("the consumer was closed before the gateway answered", outcome=Outcome.UNKNOWN))

    def abandon(self) -> None:
        """As `close`, from any thread: the application has dropped it."""
        if self._loop is None or self._closed:
            return

        def begin() -> None:
            assert self._loop is not None  # noqa: S101  # it was, above
            self._tasks.append(self._loop.create_task(self.close()))

        self._loop.call_soon_threadsafe(begin)

    def dropped(self, lease: Lease, terms: dict[str, Any]) -> bool:
        """From any thread: the application has dropped a message that it has not settled; whether it is nacked."""
        if self._loop is None or self._closed or self._failure is not None:
            return False
        self._loop.call_soon_threadsafe(lambda: None if self._closed else self.ask(lease, Verb.NACK, terms))
        return True

    def _failed(self, error: PrismError) -> None:
        self._failure = error
        self._let_go(error)

    def responded(self, exchange: Exchange, response: q.ConsumeResponse) -> None:
        """What the gateway says."""
        match response.WhichOneof("response"):
            case "messages":
                for message in response.messages.messages:
                    self._came(exchange, message)
            case "message":
                self._came(exchange, response.message)
            case "settled":
                error = from_status(_status(response.settled.error)) if response.settled.HasField("error") else None
                for receipt in response.settled.receipts:
                    self._answered(receipt, error)
            case "subscribed":
                self._subscribed(exchange, response.subscribed)
            case "revoked":
                for receipt in response.revoked.receipts:
                    self._lose(receipt)
            case "committed":
                self._committed(response.committed)
            case "draining":
                self._leave(exchange)

    def _leave(self, exchange: Exchange) -> None:
        """Takes nothing more from a stream; it ends when what the application has of it is settled."""
        exchange.draining = True
        self._give_back(each for each in self._ready if each.receipt in exchange.held)
        exchange.over.set()
        self._end_if_done(exchange)

    def _came(self, exchange: Exchange, message: q.Message) -> None:
        now = asyncio.get_running_loop().time()
        lease = Lease(message, now, now, deque())
        self._leases[message.receipt] = lease
        exchange.held.add(message.receipt)
        self._ready.append(lease)
        if self._draining or exchange.draining:
            self._give_back([lease])
        self._holds.set()
        self._changed.set()

    def _subscribed(self, exchange: Exchange, subscribed: q.Subscribed) -> None:
        exchange.subscribed = self._placed = True
        self._transport.succeeded()
        self.config = subscribed.config
        self._take_over(exchange, set(subscribed.resumed))
        if self._draining:
            exchange.drain()
        self._changed.set()

    def _take_over(self, exchange: Exchange, resumed: set[str]) -> None:
        """Goes on with what streams that broke had: what was asked is asked again, and what is not known given back."""
        held = set().union(*(each.held for each in self._streams.open))
        for receipt in resumed - self._leases.keys():
            exchange.ask(Asked(receipt, Verb.RELEASE, {}))
        for lease in [each for each in self._leases.values() if each.receipt not in held]:
            exchange.held.add(lease.receipt)
            lease.uncertain = lease.receipt not in resumed
            for asked in lease.asked:
                exchange.ask(asked)
            if lease.uncertain and not lease.ends:
                if lease.taken:
                    self._extend(lease)
                else:
                    self._give_back([lease])

    def finished(self, exchange: Exchange) -> None:
        """A stream is gone; the next one takes over what it had."""
        self._streams.open.discard(exchange)
        for lease in [self._leases[each] for each in exchange.held if each in self._leases]:
            lease.asked = deque(each for each in lease.asked if each.verb is not Verb.EXTEND)
            for asked in [*lease.asked]:
                asked.again = True
                if asked.verb is Verb.COMMIT and not asked.terms["idempotency_key"]:
                    self._resolve(asked, _unknown())
        following = self._streams.current
        if following is not None and following is not exchange and following.subscribed:
            self._take_over(following, set())

    def _answered(self, receipt: str, error: PrismError | None) -> None:
        lease = self._leases.get(receipt)
        if lease is None or not lease.asked:
            return
        asked = lease.asked.popleft()
        if isinstance(error, ReceiptLost):
            if asked.again and asked.verb in (Verb.NACK, Verb.RELEASE):
                error = None  # it was done by the first try, or is lost: either way it comes again
            self._lose(receipt, tell=asked.verb is Verb.EXTEND)
        elif error is not None and self._may_repeat(asked, error):
            lease.repeating = asked
            delay = self._transport.policy.delay(asked.tries, error.retry_after)
            asyncio.get_running_loop().call_later(delay, self._repeat, lease)
            return
        elif error is None and asked.verb is not Verb.EXTEND:
            self._remove(receipt)
        elif error is None:
            lease.extended_at = asyncio.get_running_loop().time()
        asked.tell(error)

    def _may_repeat(self, asked: Asked, error: PrismError) -> bool:
        """Whether it is asked again: what settles a receipt may be, as a receipt is settled once."""
        asked.tries += 1
        passes = error.code in (Code.UNAVAILABLE, Code.ABORTED) or error.retry_after is not None
        return passes and asked.verb is not Verb.EXTEND and asked.tries < self._transport.policy.attempts

    def _repeat(self, lease: Lease) -> None:
        asked, lease.repeating = lease.repeating, None
        if asked is None or asked.answer is None or asked.answer.done():
            return
        asked.again = True
        if lease.lost or self._closed:
            asked.tell(ReceiptLost(_LOST, outcome=Outcome.NOT_APPLIED))
        else:
            self._send(lease, asked)

    def _committed(self, committed: q.Committed) -> None:
        asked = self._commits.get(committed.id)
        if asked is None:
            return
        if committed.HasField("error"):
            error = from_status(_status(committed.error))
            self._resolve(asked, error)
            if isinstance(error, ReceiptLost):
                self._lose(asked.receipt, tell=False)
            return
        self._resolve(asked, None, list(committed.message_ids))
        self._remove(asked.receipt)

    def _resolve(self, asked: Asked, error: PrismError | None, ids: list[str] | None = None) -> None:
        self._commits.pop(asked.terms["id"], None)
        lease = self._leases.get(asked.receipt)
        if lease is not None and asked in lease.asked:
            lease.asked.remove(asked)
        asked.tell(error, ids)

    def _lose(self, receipt: str, *, tell: bool = True) -> None:
        lease = self._leases.get(receipt)
        if lease is None or lease.ends:
            return  # the answer to what ends it says more
        lease.lost = True
        if lease in self._ready:
            self._ready.remove(lease)
        self._remove(receipt)
        if tell and lease.on_lost is not None:
            lease.on_lost()

    def _remove(self, receipt: str) -> None:
        self._leases.pop(receipt, None)
        for exchange in [*self._streams.open]:
            exchange.held.discard(receipt)
            self._end_if_done(exchange)
        if not self._leases:
            self._holds.clear()

    def _end_if_done(self, exchange: Exchange) -> None:
        if exchange.draining and not exchange.held:
            exchange.end()

    def _let_go(self, error: PrismError) -> None:
        """Nothing goes on: messages are lost, and answers that are not known are not."""
        self._ready.clear()
        leases, self._leases = [*self._leases.values()], {}
        for lease in leases:
            lease.lost = True
            for asked in lease.asked:
                asked.tell(error.clone())
            if lease.on_lost is not None:
                lease.on_lost()
        self._commits.clear()
        self._changed.set()

    async def _keep(self) -> None:
        """Extends, and gives back what waits here for too long."""
        loop = asyncio.get_running_loop()
        while True:
            await self._holds.wait()
            whole, most = seconds(self.config.ack_deadline), seconds(self.config.max_lease)
            every = whole / _EXTENDS
            await asyncio.sleep(min(every, _UNCERTAIN) / 2)
            now = loop.time()
            for lease in self._leases.values():
                due = min(every, _UNCERTAIN) if lease.uncertain else every
                if not (lease.asked or lease.ends) and now - lease.extended_at >= due and now - lease.since < most:
                    self._extend(lease)
            exchange = self._streams.current
            if exchange is not None and any(now - each.since >= most * _GIVES_BACK for each in self._ready):
                self._streams.wanted.clear()
                exchange.drain()
                self._leave(exchange)

    def _extend(self, lease: Lease) -> None:
        self._send(lease, Asked(lease.receipt, Verb.EXTEND, {}))


def _status(error: Any) -> Status:
    return Status(Code(error.code), error.message, error.SerializeToString())


def _unknown() -> PrismError:
    return GatewayUnavailable(
        "the stream broke before the commit was answered; give an idempotency_key, so that it can be repeated",
        outcome=Outcome.UNKNOWN,
    )
