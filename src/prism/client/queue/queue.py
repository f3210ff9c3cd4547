"""Queue for applications: work that must be done, at least once.

What each operation means, and the rules by their numbers: docs/contract.md, "Queue", and prism/data/v1/queue.proto.
Every method may raise a `PrismError`; what a failed write did is the error's `outcome`. Lengths of time are in seconds
(or timedeltas); `timeout` is for the call with all its retries, and without it the client's own holds. A failed call is
repeated where it was not applied for certain, or may be done twice: publishing only with an idempotency key.
"""

import asyncio
import functools
import math
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from google.rpc.status_pb2 import Status as RpcStatus

from prism.client.arguments import Seconds, in_seconds, length
from prism.client.queue.config import GroupConfig, Start, create_message
from prism.client.queue.consumer import Consumer
from prism.client.queue.consumption import Consumption
from prism.client.queue.lease import Verb, nack_terms
from prism.client.queue.management import OPERATIONS, Management
from prism.client.queue.message import Delivery, Published, QueueMessage, QueueOutgoing, publish_request, receipts_of
from prism.client.queue.streams import Streams
from prism.client.queue.worker import Handler, Worker
from prism.errors import PrismError, ReceiptLost
from prism.interfaces import queue as q
from prism.rpc_status import from_status
from prism.wire import Code, Status

_LONGEST_WAIT: Final = 20.0
"""Seconds that `Receive` waits at most."""
_REQUESTS: Final[dict[Verb, Any]] = {
    Verb.ACKNOWLEDGE: q.AcknowledgeRequest,
    Verb.NACK: q.NackRequest,
    Verb.RELEASE: q.ReleaseRequest,
    Verb.EXTEND: q.ExtendRequest,
}
_METHODS: Final = {Verb.ACKNOWLEDGE: "acknowledge", Verb.NACK: "nack", Verb.RELEASE: "release", Verb.EXTEND: "extend"}


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one receipt: as asked, or its own `error`."""

    receipt: str
    error: PrismError | None


class Queue(Management):
    """The topics of one namespace; made by `Client.queue`."""

    async def publish(
        self,
        topic: str,
        payload: bytes = b"",
        *,
        attributes: Mapping[str, str] | None = None,
        ordering_key: str = "",
        delay: Seconds | None = None,
        deliver_at: datetime | None = None,
        ttl: Seconds | None = None,
        idempotency_key: str = "",
        timeout: Seconds | None = None,
    ) -> Published:
        """Stores a message for every group of its topic. Without an error it is kept, as the backend's durability says.

        Args:
            topic: made where it does not exist, if the namespace allows it; to 512 bytes.
            payload: its content.
            attributes: notes on the payload, at most 64 and 8 KiB in all.
            ordering_key: messages of one key come one at a time, in the order of publishing (`ordering`). Not together
                with a delay.
            delay: seconds until it is due (`delay`).
            deliver_at: when it is due, instead of `delay`; by the store's clock.
            ttl: seconds from when it is due until it expires; without it the topic's retention.
            idempotency_key: makes it safe to repeat (`idempotency_window`), which is done by itself then.
            timeout: for the call with all its retries.

        Raises:
            ValueError: `delay` and `deliver_at` are both given, or a time is not valid.
            InvalidArgument: what is asked could not be delivered.
            AlreadyExists: the idempotency key was used for another message.
            StoreFull: a topic that keeps messages until they are acknowledged is at its `max_bytes`.
        """
        request = publish_request(
            QueueOutgoing(
                topic=topic, payload=payload, attributes=attributes or {}, ordering_key=ordering_key, delay=delay,
                deliver_at=deliver_at, ttl=ttl, idempotency_key=idempotency_key,
            )
        )  # fmt: skip
        answer = await self._call("publish", request, timeout, keyed=bool(idempotency_key))
        return Published(answer.message_id, answer.duplicate)

    async def publish_batch(
        self, outgoing: Iterable[QueueOutgoing], *, atomic: bool = False, timeout: Seconds | None = None
    ) -> list[Published]:
        """Publishes many messages in their order. Each succeeds or fails by itself; after a failure the later ones of
        its ordering key fail too. With `atomic` (where it is declared) all are published, or the call raises."""
        asked = [publish_request(each) for each in outgoing]
        if not asked:
            return []
        request = q.PublishBatchRequest(messages=asked, atomic=atomic)
        keyed = all(each.idempotency_key for each in asked)
        answer = await self._call("publish_batch", request, timeout, keyed=keyed)
        return [Published(each.message_id, each.duplicate, _error(each)) for each in answer.results]

    async def cancel(self, topic: str, *message_ids: str, timeout: Seconds | None = None) -> list[str]:
        """Takes back messages (`cancel`): no group gets them that has not got them. Gives those of which some group
        will not get what it would have got."""
        if not message_ids:
            return []
        request = q.CancelRequest(topic=topic, message_ids=message_ids)
        return list((await self._call("cancel", request, timeout)).message_ids)

    def consume(
        self,
        topic: str,
        *,
        group: str,
        max_in_flight: int = 16,
        max_in_flight_bytes: int = 0,
        consumer_id: str = "",
        start: Start = "earliest",
        config: GroupConfig | None = None,
        outage_timeout: Seconds = math.inf,
        timeout: Seconds | None = None,
    ) -> Consumption:
        """The messages that this consumer gets of a group, one after the other; see `Consumption` and `QueueMessage`.

        Args:
            topic: which.
            group: shared by its consumers. Group and topic are made where they are missing and the namespace allows it.
            max_in_flight: messages that are this consumer's at a time, to 10,000. What waits here others do not get:
                give 1 where the work on a message takes long.
            max_in_flight_bytes: of their payloads and attributes; 0 for 16 MiB.
            consumer_id: names this consumer over streams and processes, so that a new one goes on with the messages of
                one that broke; of no other consumer that runs. Without it one is made up, which outlives streams only.
            start: where the group begins, if this makes it.
            config: of the group, if this makes it.
            outage_timeout: how long an outage may last before its error is raised; without it, for ever.
            timeout: for the first subscription.
        """
        wanted = self._subscribe(topic, group, max_in_flight, max_in_flight_bytes, consumer_id, start, config)
        return Consumption(self._consumer(wanted, timeout, outage_timeout))

    def worker(
        self,
        topic: str,
        handler: Handler,
        *,
        group: str,
        concurrency: int = 1,
        grace: Seconds = 25.0,
        prefetch: int = 0,
        max_in_flight_bytes: int = 0,
        consumer_id: str = "",
        start: Start = "earliest",
        config: GroupConfig | None = None,
        outage_timeout: Seconds = math.inf,
        timeout: Seconds | None = None,
    ) -> Worker:
        """Calls a handler for each message that this consumer gets of a group; `Worker.run` begins.

        Args:
            topic: which.
            handler: an async function of the message, or a plain one, which is run on a thread. It may settle the
                message itself; else its return acknowledges, and what it raises nacks.
            group: shared by its consumers.
            concurrency: handlers at work at a time.
            grace: seconds that handlers have to end when the worker stops.
            prefetch: messages that wait here beside those at work, so that a handler that ends has the next one at
                hand. Worth it where handlers take milliseconds; others of the group do not get them meanwhile.
            max_in_flight_bytes, consumer_id, start, config, outage_timeout, timeout: as of `consume`.

        Raises:
            ValueError: `concurrency` is below 1.
        """
        wanted = self._subscribe(topic, group, concurrency + prefetch, max_in_flight_bytes, consumer_id, start, config)
        return Worker(self._consumer(wanted, timeout, outage_timeout), handler, concurrency=concurrency, grace=grace)

    async def receive(
        self,
        topic: str,
        *,
        group: str,
        limit: int = 1,
        max_bytes: int = 0,
        wait: Seconds = _LONGEST_WAIT,
        start: Start = "earliest",
        config: GroupConfig | None = None,
        timeout: Seconds | None = None,
    ) -> list[QueueMessage]:
        """Up to `limit` messages, as many as are due (`receive`): the unary twin of `consume`, without its extensions.

        Args:
            topic: which.
            group: shared by its consumers.
            limit: at most so many, to 1,000.
            max_bytes: of their payloads and attributes; 0 for as many as one answer may have.
            wait: seconds for the first one, at most 20; 0 for none.
            start: where the group begins, if this makes it.
            config: of the group, if this makes it.
            timeout: for the call; without it the wait and the client's own time.
        """
        waits = min(in_seconds(wait), _LONGEST_WAIT)
        request = q.ReceiveRequest(
            topic=topic, group=group, max=limit, max_bytes=max_bytes, wait=length("wait", waits),
            create=create_message(start, config),
        )  # fmt: skip
        if timeout is None:
            usual = self._transport.deadline(None)
            timeout = math.inf if usual is None else waits + usual.remaining()
        answer = await self._call("receive", request, timeout)
        settle = functools.partial(self._settled, topic, group)
        return [QueueMessage(each, _CallHolder(each.receipt, settle)) for each in answer.messages]

    async def acknowledge(
        self, topic: str, group: str, messages: Iterable[Delivery | str], *, timeout: Seconds | None = None
    ) -> list[Settled]:
        """The work on these messages (or their receipts) is done; what became of each, in their order."""
        return await self._results(topic, group, messages, Verb.ACKNOWLEDGE, {}, timeout)

    async def nack(
        self,
        topic: str,
        group: str,
        messages: Iterable[Delivery | str],
        *,
        delay: Seconds | None = None,
        reason: str = "",
        dead: bool = False,
        timeout: Seconds | None = None,
    ) -> list[Settled]:
        """The work on these messages (or their receipts) has failed: see `QueueMessage.nack`."""
        terms = nack_terms(None if delay is None else length("delay", delay), reason, dead=dead)
        return await self._results(topic, group, messages, Verb.NACK, terms, timeout)

    async def release(
        self, topic: str, group: str, messages: Iterable[Delivery | str], *, timeout: Seconds | None = None
    ) -> list[Settled]:
        """The work on these messages (or their receipts) was not begun: they come again, and no attempt is counted."""
        return await self._results(topic, group, messages, Verb.RELEASE, {}, timeout)

    async def extend(
        self, topic: str, group: str, messages: Iterable[Delivery | str], *, timeout: Seconds | None = None
    ) -> list[Settled]:
        """The work on these messages (or their receipts) takes longer: a whole `ack_deadline` from now on."""
        return await self._results(topic, group, messages, Verb.EXTEND, {}, timeout)

    async def commit(
        self,
        topic: str,
        group: str,
        messages: Iterable[Delivery | str],
        outgoing: Iterable[QueueOutgoing] = (),
        *,
        idempotency_key: str = "",
        timeout: Seconds | None = None,
    ) -> list[str]:
        """Acknowledges received messages (or receipts) and publishes others, all of it or nothing (`atomic_commit`);
        gives the new ids. With an idempotency key it is repeated by itself where it fails.

        Raises:
            ReceiptLost: one of them was the caller's no longer; nothing was done.
        """
        request = q.CommitRequest(
            topic=topic, group=group, receipts=receipts_of(messages),
            publishes=[publish_request(each) for each in outgoing], idempotency_key=idempotency_key,
        )  # fmt: skip
        return list((await self._call("commit", request, timeout, keyed=bool(idempotency_key))).message_ids)

    def _subscribe(
        self, topic: str, group: str, max_in_flight: int, max_bytes: int, consumer_id: str, start: Start,
        config: GroupConfig | None,
    ) -> q.Subscribe:  # fmt: skip
        return q.Subscribe(
            topic=topic, group=group, consumer_id=consumer_id or secrets.token_hex(16), max_in_flight=max_in_flight,
            max_in_flight_bytes=max_bytes, create=create_message(start, config), several=True,
        )  # fmt: skip

    def _consumer(self, wanted: q.Subscribe, timeout: Seconds | None, outage_timeout: Seconds) -> Consumer:
        streams = Streams(
            self._transport, OPERATIONS["consume"], self._headers, wanted, timeout=timeout,
            outage_timeout=outage_timeout,
        )  # fmt: skip
        return Consumer(self._transport, streams)

    async def _results(
        self, topic: str, group: str, messages: Iterable[Delivery | str], verb: Verb, terms: dict[str, Any],
        timeout: Seconds | None,
    ) -> list[Settled]:  # fmt: skip
        receipts = receipts_of(messages)
        if not receipts:
            return []
        request = _REQUESTS[verb](topic=topic, group=group, receipts=receipts, **terms)
        answer = await self._call(_METHODS[verb], request, timeout)
        return [Settled(each.receipt, _error(each)) for each in answer.results]

    async def _settled(self, topic: str, group: str, receipt: str, verb: Verb, terms: dict[str, Any]) -> list[str]:
        """Settles one message of `receive`."""
        if verb is Verb.COMMIT:
            request = q.CommitRequest(topic=topic, group=group, receipts=[receipt], **terms)
            answer = await self._call("commit", request, None, keyed=bool(terms["idempotency_key"]))
            return list(answer.message_ids)
        (settled,) = await self._results(topic, group, [receipt], verb, terms, None)
        if settled.error is not None:
            raise settled.error
        return []


class _CallHolder:
    """Settles a message by calls."""

    __slots__ = ("_receipt", "_settle", "lost")

    def __init__(self, receipt: str, settle: Callable[..., Any]) -> None:
        self._receipt = receipt
        self._settle = settle
        self.lost = False

    def settle(self, verb: Verb, terms: dict[str, Any]) -> "asyncio.Future[list[str]]":
        """Asks at once."""
        asking: asyncio.Future[list[str]] = asyncio.ensure_future(self._settle(self._receipt, verb, terms))
        asking.add_done_callback(self._answered)
        return asking

    def _answered(self, asking: "asyncio.Future[list[str]]") -> None:
        if not asking.cancelled() and isinstance(asking.exception(), ReceiptLost):
            self.lost = True

    def dropped(self, terms: dict[str, Any]) -> None:
        """It may be settled by its receipt, elsewhere."""


def _error(result: Any) -> PrismError | None:
    if not result.HasField("error"):
        return None
    error: RpcStatus = result.error
    return from_status(Status(Code(error.code), error.message, error.SerializeToString()))
