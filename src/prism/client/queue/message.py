"""The messages of a queue as an application sees them: what it publishes, what it gets, and how that is settled."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Protocol, Self

from prism.client.arguments import Seconds, instant, length
from prism.client.queue.lease import Verb, nack_terms
from prism.errors import PrismError, ReceiptLost
from prism.interfaces import queue as q

log = logging.getLogger("prism.client")

_MAX_REASON: Final = 1024
_DROPPED: Final = "the consumer dropped it without settling it"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOutgoing:
    """A message to publish, where there are several.

    Attributes:
        topic: where it goes.
        payload: its content.
        attributes: notes on the payload, at most 64 and 8 KiB in all.
        ordering_key: messages of one key come one at a time, in the order of publishing; not together with a delay.
        delay: seconds until it is due.
        deliver_at: when it is due, instead of `delay`; by the store's clock.
        ttl: seconds from when it is due until it expires; without it the topic's retention.
        idempotency_key: makes it safe to publish it again.
    """

    topic: str
    payload: bytes = b""
    attributes: Mapping[str, str] = field(default_factory=dict)
    ordering_key: str = ""
    delay: Seconds | None = None
    deliver_at: datetime | None = None
    ttl: Seconds | None = None
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True)
class Published:
    """What became of a message that was published.

    Attributes:
        id: of the message; empty where it failed.
        duplicate: it had been published before, under its idempotency key.
        error: why it failed, in a batch; None for a success.
    """

    id: str
    duplicate: bool = False
    error: PrismError | None = None


class Holder(Protocol):
    """Who settles a message."""

    @property
    def lost(self) -> bool:
        """It is the caller's no longer."""

    def settle(self, verb: Verb, terms: dict[str, Any]) -> "asyncio.Future[list[str]]":
        """Asks at once; the answer raises where it is not so."""

    def dropped(self, terms: dict[str, Any]) -> None:
        """From any thread: the message was dropped unsettled; the terms are those of a nack."""


class Delivery:
    """What a message holds.

    Attributes:
        id: never given to another message of the namespace.
        topic: where it was published.
        payload: its content.
        attributes: the publisher's notes on the payload.
        ordering_key: empty for none.
        published_at: by the store's clock.
        attempt: which delivery this is, from 1; a release does not count.
        receipt: of this delivery, for `Queue.acknowledge` and its like; opaque.
        partition: 0 unless the backend declares `sharing: partitions`.
        offset: its place in the partition.
        traceparent: the publisher's place in a trace, to link to; empty for none.
        null_payload: another producer wrote none.
    """

    __slots__ = (
        "attempt",
        "attributes",
        "id",
        "null_payload",
        "offset",
        "ordering_key",
        "partition",
        "payload",
        "published_at",
        "receipt",
        "topic",
        "traceparent",
    )

    def __init__(self, message: q.Message) -> None:
        self.id = message.message_id
        self.topic = message.topic
        self.payload = message.payload
        self.attributes: Mapping[str, str] = dict(message.attributes)
        self.ordering_key = message.ordering_key
        self.published_at = message.published_at.ToDatetime(UTC)
        self.attempt = message.attempt
        self.receipt = message.receipt
        self.partition = message.partition
        self.offset = message.offset
        self.traceparent = message.traceparent
        self.null_payload = message.null_payload


class QueueMessage(Delivery):
    """A message that is the caller's for a time. Work on it in a block, which settles it:

        async with message:
            await send(message.payload)

    The block acknowledges when it is left without an error, also by `break`, `continue` and `return`, and waits until
    that is so. An error nacks with the error as the reason, and goes on to the caller; so does a cancellation of the
    task, whose nack is sent and not waited for. What the block has settled itself (`nack(delay=...)`, say) it leaves.

    A message of `consume` is extended by itself until it is settled, up to the group's `max_lease`; dropped unsettled
    it is nacked, and a warning logged. A message of `receive` is neither. What it holds: `Delivery`.
    """

    __slots__ = ("_holder", "_settled")

    def __init__(self, message: q.Message, holder: Holder) -> None:
        self._holder = holder
        self._settled: Verb | None = None
        super().__init__(message)

    @property
    def settled(self) -> bool:
        """It was acknowledged, nacked, released or committed here."""
        return self._settled is not None

    @property
    def lost(self) -> bool:
        """It is known to be the caller's no longer: what is done to it now another consumer may do again."""
        return self._holder.lost

    async def acknowledge(self) -> None:
        """The work is done: the group never gets the message again. Twice is no error.

        Raises:
            ReceiptLost: it was the caller's no longer; it comes again.
            PrismError: it failed; the `outcome` says whether it may have been done.
        """
        await self._settle(Verb.ACKNOWLEDGE, {})

    def acknowledge_nowait(self) -> "asyncio.Future[list[str]]":
        """As `acknowledge`, asked at once and not waited for: no task is needed for it. What it gives may be awaited;
        an error that is not waited for is dropped, and the message comes again where it was not acknowledged."""
        self._check_unsettled(Verb.ACKNOWLEDGE)
        if self._settled is Verb.ACKNOWLEDGE:
            done: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
            done.set_result([])
            return done
        self._settled = Verb.ACKNOWLEDGE
        return self._holder.settle(Verb.ACKNOWLEDGE, {})

    async def nack(self, *, delay: Seconds | None = None, reason: str = "", dead: bool = False) -> None:
        """The work has failed: the message comes again, or is dead after the group's `max_attempts`.

        Args:
            delay: seconds until it comes again, 0 for at once; without it by the group's backoff.
            reason: kept with a message that dies; cut to 1,024 bytes.
            dead: it does not come again, whatever is left of its attempts.

        Raises:
            ReceiptLost: it was the caller's no longer.
            InvalidArgument: the delay is over the backend's `max_nack_delay`.
        """
        wait = None if delay is None else length("delay", delay)
        await self._settle(Verb.NACK, nack_terms(wait, _cut(reason), dead=dead))

    async def fail(self, error: BaseException) -> None:
        """Nacks with an error as the reason, unless the message is settled. What fails in this is logged."""
        if self._settled is not None:
            return
        try:
            await self.nack(reason=describe(error))
        except PrismError as unsettled:
            log.warning("message %s of %s could not be nacked: %s", self.id, self.topic, unsettled.message)

    async def release(self) -> None:
        """The work was not begun: the message comes again at once, and no attempt is counted.

        Raises:
            ReceiptLost: it was the caller's no longer.
        """
        await self._settle(Verb.RELEASE, {})

    async def extend(self) -> None:
        """The work takes longer: the message is the caller's for a whole `ack_deadline` from now on, and for
        `max_lease` in all at most. `consume` and workers do it by themselves.

        Raises:
            ReceiptLost: it is the caller's no longer.
        """
        await asyncio.shield(self._holder.settle(Verb.EXTEND, {}))

    async def commit(self, *outgoing: QueueOutgoing, idempotency_key: str = "") -> list[str]:
        """Acknowledges the message and publishes others, all of it or nothing; gives the new ids.

        Args:
            outgoing: what the work has made; without keys of their own.
            idempotency_key: makes it safe to repeat, which is done by itself then.

        Raises:
            ReceiptLost: the message was the caller's no longer; nothing was done.
            Unimplemented: the backend does not declare `atomic_commit`.
        """
        terms = {"publishes": [publish_request(each) for each in outgoing], "idempotency_key": idempotency_key}
        return await self._settle(Verb.COMMIT, terms)

    async def _settle(self, verb: Verb, terms: dict[str, Any]) -> list[str]:
        self._check_unsettled(verb)
        if self._settled is not None:
            return []
        self._settled = verb
        try:
            return await asyncio.shield(self._holder.settle(verb, terms))
        except ReceiptLost:
            raise
        except PrismError:
            self._settled = None  # it may be tried again
            raise

    def _check_unsettled(self, verb: Verb) -> None:
        """Passes what can be asked for: anything before it is settled, and to acknowledge it twice.

        Raises:
            RuntimeError: it is settled already.
        """
        if self._settled is not None and not (self._settled is verb is Verb.ACKNOWLEDGE):
            raise RuntimeError(f"the message is settled already, by {self._settled.value}")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._settled is not None:
            return
        if error is None:
            await self.acknowledge()
        elif isinstance(error, Exception):
            await self.fail(error)
        else:  # the task is ending: what it waits for here would hold that up
            self._settled = Verb.NACK
            self._holder.settle(Verb.NACK, nack_terms(None, _cut(describe(error)), dead=False))

    def __del__(self) -> None:
        if self._settled is None and not self._holder.lost:
            with suppress(RuntimeError):  # the loop is closed, and the stream with it
                self._holder.dropped(nack_terms(None, _DROPPED, dead=False))


def describe(error: BaseException) -> str:
    """An error as the reason of a nack."""
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _cut(reason: str) -> str:
    """What a reason may hold."""
    return reason.replace("\0", "").encode(errors="replace")[:_MAX_REASON].decode(errors="ignore")


def publish_request(outgoing: QueueOutgoing) -> q.PublishRequest:
    """A message to publish, as it travels.

    Raises:
        ValueError: `delay` and `deliver_at` are both given, or a time is not valid.
    """
    request = q.PublishRequest(
        topic=outgoing.topic,
        payload=outgoing.payload,
        attributes=outgoing.attributes,
        ordering_key=outgoing.ordering_key,
        idempotency_key=outgoing.idempotency_key,
    )
    if outgoing.delay is not None and outgoing.deliver_at is not None:
        raise ValueError("delay and deliver_at exclude each other; give one of the two")
    if outgoing.delay is not None:
        request.delay.CopyFrom(length("delay", outgoing.delay))
    if outgoing.deliver_at is not None:
        request.deliver_at.CopyFrom(instant("deliver_at", outgoing.deliver_at))
    if outgoing.ttl is not None:
        request.ttl.CopyFrom(length("ttl", outgoing.ttl))
    return request


def receipts_of(messages: Iterable[Delivery | str]) -> list[str]:
    """The receipts of messages, or receipts themselves."""
    return [each if isinstance(each, str) else each.receipt for each in messages]
