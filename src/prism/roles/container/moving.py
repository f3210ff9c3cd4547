"""What the roles do: messages go from one side to the other, and are settled when the other has acknowledged them."""

import asyncio
import enum
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol

from prism.client import Client, GroupConfig, QueueMessage
from prism.client.queue.worker import Worker
from prism.errors import AlreadyExists, InvalidArgument, PrismError, Unimplemented
from prism.roles.container.broker import Sink, Source, Taken
from prism.roles.container.settings import Settings

log = logging.getLogger(__name__)

_PAUSES: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
GRACE: Final = 25.0
"""Seconds that what is in hand has to end after a signal."""
REFUSED: Final = 30.0
"""Seconds after which a message comes again that the other side has refused for good."""


class Faults:
    """Says once that something fails, and once that it goes on; what it says is a dependency's health."""

    def __init__(self) -> None:
        self.said = ""
        self._row = 0

    def note(self, error: PrismError) -> float:
        """Something has failed; the seconds after which to try again."""
        if self.said != error.message:
            self.said = error.message
            log.warning("waiting: %s", error.message)
        pause = _PAUSES[min(self._row, len(_PAUSES) - 1)]
        self._row += 1
        return pause

    def clear(self) -> None:
        """It goes on."""
        if self.said:
            log.info("going on")
        self.said, self._row = "", 0


class Role(Protocol):
    """What a process runs.

    Attributes:
        moved: messages that have reached the other side.
        failed: times that one could not.
        faults: of the other side.
    """

    moved: int
    failed: int
    faults: Faults

    @property
    def wrong(self) -> str:
        """What it waits for; empty where it goes on."""
        return self.faults.said

    async def run(self) -> None:
        """Moves messages until `stop`; then ends what is in hand."""
        ...

    def stop(self) -> None: ...


class Publisher(Role):
    """Moves messages from a Prism queue to a broker.

    Its group has no `max_attempts`, where the role makes it: a message that was in the hands of processes that were
    killed has not failed. One that the broker refuses for good is dead at once, with the broker's reason.

    Args:
        client: of the gateway.
        sink: the broker, started.
        settings: of the role.
    """

    def __init__(self, client: Client, sink: Sink, settings: Settings) -> None:
        self.moved = self.failed = 0
        self.faults = Faults()
        self._client = client
        self._sink = sink
        self._settings = settings
        self._stopped = asyncio.Event()
        self._refusals = Faults()
        self._worker = self._subscribing()

    @property
    def wrong(self) -> str:
        """See Role."""
        return self.faults.said or ("" if self._worker.subscribed else self._refusals.said)

    def _subscribing(self) -> Worker:
        settings = self._settings
        count = settings.prism_concurrency
        return self._client.queue(settings.prism_namespace).worker(
            settings.prism_topic or settings.there, self._send, group=settings.prism_group, concurrency=count,
            prefetch=count, grace=GRACE, config=GroupConfig(max_attempts=0),
        )  # fmt: skip

    async def run(self) -> None:
        """See Role. Where it cannot subscribe it tries again, as where the broker is away."""
        while not self._stopped.is_set():
            try:
                await self._worker.run()
            except PrismError as error:
                self.failed += 1
                await paused(self._refusals.note(error), self._stopped)
                self._worker = self._subscribing()

    def stop(self) -> None:
        """See Role."""
        self._stopped.set()
        self._worker.stop()

    async def _send(self, message: QueueMessage) -> None:
        """A message that the broker does not take is tried again while it is ours: it has not failed by itself."""
        self._refusals.clear()  # it is subscribed
        while True:
            try:
                await self._sink.send(message)
            except InvalidArgument as error:
                self.failed += 1
                log.error("message %s is refused and dead: %s", message.id, error.message)  # noqa: TRY400
                await message.nack(dead=True, reason=error.message)
                return
            except PrismError as error:
                self.failed += 1
                await asyncio.sleep(self.faults.note(error))
            else:
                self.faults.clear()
                self.moved += 1
                return


class Consumer(Role):
    """Moves messages from a broker into a Prism queue.

    Args:
        client: of the gateway.
        source: the broker, started.
        settings: of the role.
    """

    def __init__(self, client: Client, source: Source, settings: Settings) -> None:
        self.moved = self.failed = 0
        self.faults = Faults()
        self._queue = client.queue(settings.prism_namespace)
        self._source = source
        self._topic = settings.prism_topic
        self._limit = settings.prism_concurrency
        self._keyed = True
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """See Role."""
        self._stopped.set()

    async def run(self) -> None:
        """See Role."""
        while not self._stopped.is_set():
            try:
                taken = await self._source.take(self._limit, self._stopped)
            except PrismError as error:
                await paused(self.faults.note(error), self._stopped)
            else:
                self.faults.clear()
                await self._move(taken)  # what came while it stops is in hand

    async def _move(self, taken: Sequence[Taken]) -> None:
        ends = await asyncio.gather(*map(self._moved, taken))
        ended = {end: [each for each, its in zip(taken, ends, strict=True) if its is end] for end in End}
        try:
            if ended[End.MOVED]:
                await self._source.settle(ended[End.MOVED])
            if ended[End.LEFT]:
                await self._source.give_back(ended[End.LEFT])
            if ended[End.REFUSED]:
                await self._source.give_back(ended[End.REFUSED], REFUSED)
        except PrismError as error:  # they come again, and are known by their keys
            await paused(self.faults.note(error), self._stopped)

    async def _moved(self, taken: Taken) -> "End":
        """What became of a message; tried until the queue has it or refuses it, or the role stops."""
        while True:
            keyed = self._keyed
            try:
                await self._queue.publish(
                    self._topic or taken.topic, taken.payload, attributes=taken.attributes,
                    idempotency_key=taken.key if keyed else "",
                )  # fmt: skip
            except Unimplemented:
                if not keyed:
                    raise
                self._keyed = False  # the namespace's backend knows no idempotency keys
            except (InvalidArgument, AlreadyExists) as error:
                self.failed += 1
                log.error("message %s is refused and comes again later: %s", taken.key, error.message)  # noqa: TRY400
                return End.REFUSED
            except PrismError as error:
                self.failed += 1
                await paused(self.faults.note(error), self._stopped)
                if self._stopped.is_set():
                    return End.LEFT
            else:
                self.faults.clear()
                self.moved += 1
                return End.MOVED


class End(enum.Enum):
    """What became of a message that a consumer took."""

    MOVED = "moved"
    LEFT = "left"
    REFUSED = "refused"


async def paused(seconds: float, stopped: asyncio.Event) -> None:
    """Waits so long, or until a role is stopped."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stopped.wait()
