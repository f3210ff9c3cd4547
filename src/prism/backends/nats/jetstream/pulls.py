"""Pulling messages from durable consumers, and reading them from streams: what was asked for, and what came."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from nats import errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from prism.backends.nats.errors import translate
from prism.backends.nats.jetstream.api import API, JetStream
from prism.backends.nats.session import NatsSession
from prism.errors import PrismError

GRACE = 2.0
"""Seconds beyond its own time after which a pull is given up that has not been answered."""
_GONE = ("consumer deleted", "consumer is push based", "server shutdown", "leadership change")


class ConsumerGoneError(Exception):
    """The consumer that was pulled from is there no more, or moves to another server."""


@dataclass(eq=False, slots=True)
class Pull:
    """One pull, and what came of it.

    Attributes:
        messages: those that came.
        gone: the consumer is gone.
        exceeded: the next message is larger than there was room for.
    """

    wanted: int
    messages: list[Msg] = field(default_factory=list)
    gone: bool = False
    exceeded: bool = False
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def lost(self, _: object) -> None:
        """The connection was lost."""
        self.done.set()

    async def take(self, message: Msg) -> None:
        """Something came."""
        headers = message.headers or {}
        status = headers.get("Status", "")
        if not status:
            self.messages.append(message)
            if len(self.messages) >= self.wanted:
                self.done.set()
        elif status != "100":
            described = headers.get("Description", "").lower()
            self.gone = status == "503" or any(each in described for each in _GONE)
            self.exceeded = "maxbytes" in described
            self.done.set()


class Pulls:
    """Pulls over one connection; each has a subscription of its own, as what comes does not say what it answers.

    Args:
        jetstream: of that connection.
    """

    def __init__(self, jetstream: JetStream) -> None:
        self._jetstream = jetstream

    async def pull(
        self, stream: str, consumer: str, limit: int, *, max_bytes: int = 0, wait: float = 0.0, at_once: bool = False,
        stop: asyncio.Event | None = None,
    ) -> Pull:  # fmt: skip
        """Asks for messages; waits so many seconds for as many, or until `stop`; `at_once` where some suffice.

        Raises:
            ConsumerGoneError: it is there no more.
            PrismError: the connection is gone.
        """
        asked: dict[str, int | bool] = {"batch": limit}
        if max_bytes:
            asked["max_bytes"] = max_bytes
        if wait:
            asked["expires"] = int(wait * 1e9)
        if at_once:
            asked["no_wait"] = True
        pull = await self._asked(f"{API}CONSUMER.MSG.NEXT.{stream}.{consumer}", asked, limit, wait + GRACE, stop)
        if pull.gone and not pull.messages:
            raise ConsumerGoneError
        return pull

    async def read(
        self, stream: str, subject: str, first: int, limit: int, timeout: float, *, max_bytes: int = 0
    ) -> list[Msg]:
        """Messages of a stream by their subject, from a number on, without any consumer: a page of them.

        Raises:
            PrismError: JetStream does not answer.
        """
        asked = {"seq": max(first, 1), "next_by_subj": subject, "batch": limit}
        if max_bytes:
            asked["max_bytes"] = max_bytes
        return (await self._asked(f"{API}DIRECT.GET.{stream}", asked, limit, timeout, None)).messages

    async def since(self, stream: str, subject: str, time: str, timeout: float) -> list[Msg]:
        """The first message of a stream that was stored at a time or later, if there is one.

        Raises:
            PrismError: JetStream does not answer.
        """
        asked = {"start_time": time, "next_by_subj": subject, "batch": 1}
        return (await self._asked(f"{API}DIRECT.GET.{stream}", asked, 1, timeout, None)).messages

    async def _asked(
        self, subject: str, asked: Mapping[str, Any], limit: int, timeout: float, stop: asyncio.Event | None
    ) -> Pull:
        session = await self._jetstream.session()
        pull = Pull(limit)
        client = session.client
        inbox = client.new_inbox()

        async def ask() -> Subscription:
            subscription = await client.subscribe(inbox, cb=pull.take)
            await client.publish(subject, json.dumps(asked).encode(), reply=inbox)
            return subscription

        try:
            subscription = await session.do(ask())
            try:
                await self._waited(pull, session, timeout, stop)
            finally:
                if pull.done.is_set():
                    session.spawn(subscription.unsubscribe())
                else:
                    with suppress(PrismError, errors.Error, OSError):
                        await session.do(_left(session, subscription))
        except (errors.Error, OSError) as error:
            raise translate(error) from error
        return pull

    @staticmethod
    async def _waited(pull: Pull, session: NatsSession, timeout: float, stop: asyncio.Event | None) -> None:
        """Until the pull is done, its time is over, or the connection is lost."""
        if stop is None:
            session.lost.add_done_callback(pull.lost)
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(timeout):
                        await pull.done.wait()
            finally:
                session.lost.remove_done_callback(pull.lost)
            return
        waiting = [asyncio.ensure_future(each.wait()) for each in (pull.done, stop)]
        try:
            ends: list[asyncio.Future[Any]] = [*waiting, session.lost]
            await asyncio.wait(ends, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()


async def _left(session: NatsSession, subscription: Subscription) -> None:
    """Ends a subscription whose pull may have been answered just now: returns when what was on its way was taken.

    The driver's `unsubscribe` alone forgets it at once, and drops what comes behind.
    """
    await session.client._send_unsubscribe(subscription._id)
    await session.flush()
    await subscription._pending_queue.join()
    await subscription.unsubscribe()
