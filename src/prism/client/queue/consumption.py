"""What an application reads messages from: one after the other, as they are due."""

import asyncio
import secrets
from contextlib import suppress
from typing import Any, Self

from prism.client.queue.consumer import Consumer
from prism.client.queue.lease import Lease, Verb
from prism.client.queue.message import QueueMessage, log
from prism.interfaces import queue as q


class Consumption:
    """The messages that this consumer gets of its group; iterate over it, best in a block.

        async with jobs.consume("mail", group="senders") as messages:
            async for message in messages:
                async with message:
                    await send(message.payload)

    Entering the block (or asking for the first message) subscribes. Leaving it releases at once what is not settled, so
    let tasks that work on messages end before. A loop without the block that is left by `break` ends it too, a little
    later. When the stream breaks it subscribes again, and goes on with the messages that are still its own; settling
    waits for that. When its gateway drains, it goes on through the next one, and settles with both.
    """

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    async def __aenter__(self) -> Self:
        try:
            await self._consumer.open()
        except BaseException:
            await self._consumer.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> QueueMessage:
        """The next message; `StopAsyncIteration` once it is drained or closed. A wait may be cancelled without a loss.

        Raises:
            PrismError: it cannot subscribe again, or an outage has lasted longer than `outage_timeout`.
        """
        lease = await self._consumer.next()
        if lease is None:
            raise StopAsyncIteration
        return QueueMessage(lease.message, StreamHolder(self._consumer, lease))

    @property
    def config(self) -> q.GroupConfig:
        """Of the group, as it was when this subscribed."""
        return self._consumer.config

    def drain(self) -> None:
        """Takes no further message, and gives back those that came and were not asked for: the loop ends. Messages
        that the application has can still be settled."""
        self._consumer.drain()

    async def aclose(self) -> None:
        """Ends it; what is not settled is released at once, without counting an attempt."""
        await self._consumer.close()

    async def abort(self) -> None:
        """Ends it as if the connection broke: what is not settled comes to others when the gateway lets go of it, and
        counts as a failed attempt. For messages that something still works on which cannot be stopped."""
        await self._consumer.close(orderly=False)

    def __del__(self) -> None:
        consumer = getattr(self, "_consumer", None)
        if consumer is not None:
            with suppress(RuntimeError):  # the loop is closed, and the connection with it
                consumer.abandon()


class StreamHolder:
    """Settles a message on its consumer's stream."""

    __slots__ = ("_consumer", "_lease")

    def __init__(self, consumer: Consumer, lease: Lease) -> None:
        self._consumer = consumer
        self._lease = lease

    @property
    def lost(self) -> bool:
        """It is the consumer's no longer."""
        return self._lease.lost

    def settle(self, verb: Verb, terms: dict[str, Any]) -> "asyncio.Future[list[str]]":
        """Asks at once."""
        if verb is Verb.COMMIT:
            terms = {"id": secrets.token_hex(8), **terms}
        return self._consumer.ask(self._lease, verb, terms)

    def dropped(self, terms: dict[str, Any]) -> None:
        """It was dropped unsettled."""
        if self._consumer.dropped(self._lease, terms):
            message = self._lease.message
            log.warning("message %s of %s was dropped unsettled, and is nacked", message.message_id, message.topic)
