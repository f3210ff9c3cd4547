"""Pulling messages from durable consumers, and reading them from streams: what was asked for, and what came."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from nats import errors
from nats.aio.msg import Msg

from prism.backends.nats.errors import translate
from prism.backends.nats.jetstream.api import API, JetStream
from prism.errors import PrismError

GRACE = 2.0
"""Seconds beyond its own time after which a pull is given up that has not been answered."""
_AT_ONCE = 0.01
"""Seconds that a pull waits which does not wait: JetStream tells its consumers of a message after its publisher."""
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
        self, stream: str, consumer: str, limit: int, *, max_bytes: int = 0, wait: float = 0.0,
        stop: asyncio.Event | None = None,
    ) -> Pull:  # fmt: skip
        """Asks for messages; with `wait` for the first one so many seconds, or until `stop`.

        Raises:
            ConsumerGoneError: it is there no more.
            PrismError: the connection is gone.
        """
        asked: dict[str, int | bool] = {"batch": limit, "expires": int((wait or _AT_ONCE) * 1e9)}
        if max_bytes:
            asked["max_bytes"] = max_bytes
        if not wait:
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
        try:
            inbox = session.client.new_inbox()
            subscription = await session.do(session.client.subscribe(inbox, cb=pull.take))
            try:
                await session.do(session.client.publish(subject, json.dumps(asked).encode(), reply=inbox))
                events = [each for each in (pull.done, stop) if each is not None]
                waiting = [asyncio.ensure_future(each.wait()) for each in events]
                try:
                    ends: list[asyncio.Future[Any]] = [*waiting, session.lost]
                    await asyncio.wait(ends, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for each in waiting:
                        each.cancel()
            finally:
                with suppress(PrismError, errors.Error, OSError):
                    await session.do(subscription.unsubscribe())
                    if not pull.done.is_set():
                        await session.flush()  # what was on its way has come then
        except (errors.Error, OSError) as error:
            raise translate(error) from error
        return pull
