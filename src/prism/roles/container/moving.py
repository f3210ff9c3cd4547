"""What the roles do: messages go from one side to the other, and are settled when the other has acknowledged them."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, Protocol

from prism.client import Client, QueueMessage
from prism.errors import CallerError, PrismError, Unimplemented
from prism.roles.container.broker import Sink, Source, Taken
from prism.roles.container.settings import Settings

log = logging.getLogger(__name__)

_PAUSES: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
GRACE: Final = 25.0
"""Seconds that what is in hand has to end after a signal."""


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
        faults: of the other side, by its name.
    """

    moved: int
    failed: int
    faults: Faults

    async def run(self) -> None:
        """Moves messages until `stop`; then ends what is in hand."""
        ...

    def stop(self) -> None: ...


class Publisher(Role):
    """Moves messages from a Prism queue to a broker.

    Args:
        client: of the gateway.
        sink: the broker, started.
        settings: of the role.
    """

    def __init__(self, client: Client, sink: Sink, settings: Settings) -> None:
        self.moved = self.failed = 0
        self.faults = Faults()
        self._sink = sink
        topic = settings.prism_topic or settings.nats_subject
        count = settings.prism_concurrency
        self._worker = client.queue(settings.prism_namespace).worker(
            topic, self._send, group=settings.prism_group, concurrency=count, prefetch=count, grace=GRACE
        )

    async def run(self) -> None:
        """See Role."""
        await self._worker.run()

    def stop(self) -> None:
        """See Role."""
        self._worker.stop()

    async def _send(self, message: QueueMessage) -> None:
        """A message that the broker does not take is tried again while it is ours: it has not failed by itself."""
        while True:
            try:
                await self._sink.send(message)
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
        stopped = asyncio.ensure_future(self._stopped.wait())
        try:
            while not self._stopped.is_set():
                taking = asyncio.ensure_future(self._source.take(self._limit))
                try:
                    await asyncio.wait((taking, stopped), return_when=asyncio.FIRST_COMPLETED)
                    taken = await taking  # what comes while it stops is in hand
                except PrismError as error:
                    await self._pause(self.faults.note(error))
                    continue
                await self._move(taken)
        finally:
            stopped.cancel()

    async def _move(self, taken: Sequence[Taken]) -> None:
        results = await asyncio.gather(*map(self._moved, taken))
        done = [each for each, moved in zip(taken, results, strict=True) if moved]
        left = [each for each, moved in zip(taken, results, strict=True) if not moved]
        try:
            if done:
                await self._source.settle(done)
            if left:
                await self._source.give_back(left)
        except PrismError as error:  # they come again, and are known by their keys
            await self._pause(self.faults.note(error))

    async def _moved(self, taken: Taken) -> bool:
        """Whether the queue has a message; tried until it stops."""
        while True:
            try:
                await self._queue.publish(
                    self._topic or taken.topic, taken.payload, attributes=taken.attributes,
                    idempotency_key=taken.key if self._keyed else "",
                )  # fmt: skip
            except Unimplemented:
                if not self._keyed:
                    raise
                self._keyed = False  # the namespace's backend knows no idempotency keys
            except PrismError as error:
                self.failed += 1
                if isinstance(error, CallerError) and not error.retry_after:
                    log.error("a message from %s is refused: %s", taken.topic, error.message)  # noqa: TRY400
                await self._pause(self.faults.note(error))
                if self._stopped.is_set():
                    return False
            else:
                self.faults.clear()
                self.moved += 1
                return True

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        except TimeoutError:
            pass
