"""The relay: a reader of a mailbox that hands its messages to a topic of a Queue or PubSub namespace.

It does nothing that another client could not do, and is authorized as one. Any number of relays of one reader may run;
the one that has the reader's lease works. Of each shard one batch is under way, and the reader moves when the target
has taken it: so order holds, and what a crash leaves open is sent again, under the same idempotency key.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Final, Literal

from prism.client import Client
from prism.client.transact import MailboxMessage, ReaderLease
from prism.errors import LeaseLost, PositionExpired, PrismError
from prism.roles.target import Refused, Target

log = logging.getLogger(__name__)

BATCH: Final = 100
BATCH_BYTES: Final = 1 << 20
_WAITING: Final = 1000
"""Messages of a shard that are read before they are sent."""
_RENEWALS: Final = 3
"""Times that a lease is renewed before it would end."""
_PAUSES: Final = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Route:
    """What a relay does.

    Attributes:
        namespace: of the mailbox.
        mailbox: what is read.
        reader: the name of the reader.
        to: the target's namespace.
        topic: of the target.
        kind: the target's abstraction.
        on_refused: what becomes of a message that the target refuses for good: it is set aside, or all waits.
        lease: seconds for which a relay has the reader, unless it asks again.
        wait: seconds after which the mailbox is read anew where nothing was told to be in it.
        batch: most messages that are handed on at once.
    """

    namespace: str
    mailbox: str
    to: str
    topic: str
    kind: Literal["queue", "pubsub"] = "queue"
    reader: str = "relay"
    on_refused: Literal["dead", "stop"] = "dead"
    lease: float = 10.0
    wait: float = 30.0
    batch: int = BATCH

    def __str__(self) -> str:
        return f"{self.namespace}/{self.mailbox} to {self.kind} {self.to}/{self.topic}"


class Relay:
    """One relay.

    Attributes:
        relayed: messages that the target has taken.
        dead: messages that were set aside.
        held: it has the reader.

    Args:
        client: of a gateway that serves both namespaces.
        route: what it does.
    """

    def __init__(self, client: Client, route: Route) -> None:
        self.relayed = 0
        self.dead = 0
        self.held = False
        self._route = route
        self._transact = client.transact(route.namespace)
        self._target = Target(client, route.kind, route.to, route.topic, refused_holds=route.on_refused == "stop")
        self._holder = secrets.token_hex(16)
        self._faults = Faults(str(route))

    @property
    def wrong(self) -> str:
        """What it waits for; empty where it goes on."""
        return self._faults.said

    async def run(self) -> None:
        """Relays until it is cancelled; then the reader is given back, so that another one goes on at once."""
        try:
            while True:
                lease = await self._lease()
                if lease.held:
                    await self._work(lease)
                else:
                    await asyncio.sleep(min(max(lease.left, 0.02), 1.0))
        finally:
            if self.held:
                with suppress(PrismError, TimeoutError):
                    await self._transact.lease(
                        self._route.mailbox, self._route.reader, self._holder, duration=0.0, timeout=2.0
                    )

    async def _lease(self) -> ReaderLease:
        """Who has the reader; waits until the gateway says."""
        for pause in _pauses():
            try:
                lease = await self._transact.lease(
                    self._route.mailbox, self._route.reader, self._holder, duration=self._route.lease
                )
            except PrismError as error:
                self._faults.note(error)
            else:
                self._faults.clear()
                self.held = lease.held
                return lease
            await asyncio.sleep(pause)
        raise AssertionError("the pauses have no end")

    async def _work(self, lease: ReaderLease) -> None:
        """Relays all shards while the lease is held."""
        log.info("relaying %s", self._route)
        tasks = [asyncio.create_task(self._relay(shard, lease.epoch)) for shard in range(lease.shards)]
        tasks.append(asyncio.create_task(self._keep(lease)))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for each in done:
            if (failure := each.exception()) is not None and not isinstance(failure, LeaseLost):
                raise failure
        log.info("another relay has the reader of %s", self._route)

    async def _keep(self, lease: ReaderLease) -> None:
        """Renews the lease; returns when it is lost."""
        loop = asyncio.get_running_loop()
        route = self._route
        until = loop.time() + route.lease
        redriving: asyncio.Task[None] | None = None  # beside the renewals: a target may take its time
        try:
            while True:
                if lease.redriven and (redriving is None or redriving.done()):
                    redriving = asyncio.create_task(self._redrive(lease.epoch))
                await asyncio.sleep(route.lease / _RENEWALS)
                asked = loop.time()
                try:
                    renewed = await self._transact.lease(
                        route.mailbox, route.reader, self._holder, duration=route.lease,
                        timeout=max(until - asked, 0.05),
                    )  # fmt: skip
                except PrismError as error:
                    self._faults.note(error)
                    if loop.time() >= until:
                        return
                    continue
                if not renewed.held or renewed.epoch != lease.epoch:
                    return
                lease, until = renewed, asked + route.lease
        finally:
            if redriving is not None:
                redriving.cancel()
                await asyncio.gather(redriving, return_exceptions=True)

    async def _relay(self, shard: int, epoch: int) -> None:
        """Hands on what a shard has and what comes."""
        waiting: asyncio.Queue[MailboxMessage] = asyncio.Queue(_WAITING)
        works = (self._read(shard, epoch, waiting), self._send(shard, epoch, waiting))
        tasks = [asyncio.create_task(each) for each in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
        finally:
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, shard: int, epoch: int, waiting: "asyncio.Queue[MailboxMessage]") -> None:
        """Hands on what was read, a batch after the other."""
        while True:
            batch = _batch(await waiting.get(), waiting, self._route.batch)
            dead = await self._deliver(batch)
            await self._ack(shard, batch[-1].sequence, dead, epoch)

    async def _read(self, shard: int, epoch: int, waiting: "asyncio.Queue[MailboxMessage]") -> None:
        route = self._route
        after: int | None = None
        pauses = _pauses()
        while True:
            reader = route.reader if after is None else ""
            stream: AsyncGenerator[MailboxMessage, None] = self._transact.read(
                route.mailbox, shard=shard, reader=reader, after=after, wait=route.wait
            )
            try:
                async with aclosing(stream) as messages:
                    async for message in messages:
                        await waiting.put(message)
                        after = message.sequence
                        pauses = _pauses()
            except PositionExpired as error:
                floor = int(error.metadata["floor"])
                log.error(  # noqa: TRY400 - the sentence is all there is
                    "messages of %s up to %d were kept no longer before they were relayed, and are lost; the mailbox's "
                    "retention is shorter than its target was down",
                    route,
                    floor,
                )
                await self._ack(shard, floor, {}, epoch)
                after = max(after or 0, floor)
            except PrismError as error:
                self._faults.note(error)
                await asyncio.sleep(next(pauses))
            else:
                self._faults.clear()

    async def _deliver(self, batch: Sequence[MailboxMessage]) -> dict[int, str]:
        """Returns when the target has taken each message or refused it for good; those, with the reason."""
        dead: dict[int, str] = {}
        left = list(batch)
        for pause in _pauses():
            results = await self._target.send(left)
            again: list[MailboxMessage] = []
            for message, result in zip(left, results, strict=True):
                if isinstance(result, Refused) and self._route.on_refused == "dead":
                    dead[message.sequence] = result.reason[:1000]
                elif result is not None:
                    again.append(message)
            fault = next((each.error for each in results if each is not None), None)
            self.relayed += len(left) - len(again)
            left = again
            if not left:
                self._faults.clear()
                break
            if fault is not None:
                self._faults.note(fault)
            await asyncio.sleep(pause)
        self.relayed -= len(dead)
        self.dead += len(dead)
        for sequence, reason in dead.items():
            log.warning("message %d of %s was refused and is set aside as dead: %s", sequence, self._route, reason)
        return dead

    async def _ack(self, shard: int, up_to: int, dead: dict[int, str], epoch: int) -> None:
        for pause in _pauses():
            try:
                await self._transact.ack(
                    self._route.mailbox, self._route.reader, up_to, shard=shard, dead=dead, epoch=epoch
                )
            except LeaseLost:
                raise
            except PrismError as error:
                self._faults.note(error)
            else:
                return
            await asyncio.sleep(pause)

    async def _redrive(self, epoch: int) -> None:
        """Tries again what an operator has redriven; what is refused once more waits for an operator."""
        route = self._route
        try:
            async for each in self._transact.dead(route.mailbox, route.reader, redriven=True):
                message = each.message
                (result,) = await self._target.send([message])
                if result is None:
                    await self._transact.ack(
                        route.mailbox, route.reader, 0, shard=each.shard, redriven=[message.id], epoch=epoch
                    )
                    self.relayed += 1
                    continue
                self._faults.note(result.error)
                if not isinstance(result, Refused):
                    return  # it is not its message's turn: the next renewal tries again
                await self._transact.ack(
                    route.mailbox, route.reader, message.sequence, shard=each.shard,
                    dead={message.sequence: result.reason[:1000]}, epoch=epoch,
                )  # fmt: skip
        except PrismError as error:  # a lease that is lost, too: the renewals see it
            self._faults.note(error)


class Faults:
    """Says once that something fails, and once that it goes on.

    Attributes:
        said: what fails; empty where nothing does.
    """

    def __init__(self, what: str) -> None:
        self.said = ""
        self._what = what
        self._reason = ""

    def note(self, error: PrismError) -> None:
        """Something has failed, and is tried again."""
        self.said = error.message
        if self._reason != error.reason:
            self._reason = error.reason
            log.warning("relaying %s waits: %s (%s)", self._what, error.message, error.reason)

    def clear(self) -> None:
        """It goes on."""
        if self._reason:
            self.said = self._reason = ""
            log.info("relaying %s goes on", self._what)


def _pauses() -> "_Pauses":
    return _Pauses()


class _Pauses:
    """Seconds between tries, longer and longer; without an end."""

    def __init__(self) -> None:
        self._turn = 0

    def __iter__(self) -> "_Pauses":
        return self

    def __next__(self) -> float:
        pause = _PAUSES[min(self._turn, len(_PAUSES) - 1)]
        self._turn += 1
        return pause


def _batch(first: MailboxMessage, waiting: "asyncio.Queue[MailboxMessage]", most: int = BATCH) -> list[MailboxMessage]:
    """The first message and what is there behind it, as much as one batch holds."""
    batch, size = [first], len(first.payload)
    while len(batch) < most and size < BATCH_BYTES and not waiting.empty():
        message = waiting.get_nowait()
        batch.append(message)
        size += len(message.payload)
    return batch
