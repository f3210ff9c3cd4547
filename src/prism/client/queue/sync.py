"""Queue for programs without an event loop; every method is made from its twin, whose documentation holds."""

import functools
import math
import signal
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self

from prism.client.arguments import Seconds
from prism.client.blocking import Blocking, LoopThread, pages_of, waits
from prism.client.queue import consumption, message, queue, worker
from prism.client.queue.config import GroupConfig, Start
from prism.client.queue.message import Delivery

P = ParamSpec("P")

Handler = Callable[["QueueMessage"], object]
"""What works on a message; called on a thread, several at a time."""


class QueueMessage(Delivery):
    """A message that is the caller's for a time: `with message:` settles it; see `prism.client.QueueMessage`."""

    __slots__ = ("_loop", "_twin")

    def __init__(self, twin: message.QueueMessage, loop: LoopThread) -> None:
        self._twin = twin
        self._loop = loop
        for name in Delivery.__slots__:
            setattr(self, name, getattr(twin, name))

    @property
    def settled(self) -> bool:
        """It was acknowledged, nacked, released or committed here."""
        return self._twin.settled

    @property
    def lost(self) -> bool:
        """It is known to be the caller's no longer."""
        return self._twin.lost

    acknowledge = waits(message.QueueMessage.acknowledge)

    def acknowledge_nowait(self) -> None:
        """As `acknowledge`, asked at once and not waited for."""
        self._loop.run(self._acknowledge())

    async def _acknowledge(self) -> None:
        self._twin.acknowledge_nowait()

    nack = waits(message.QueueMessage.nack)
    release = waits(message.QueueMessage.release)
    extend = waits(message.QueueMessage.extend)
    commit = waits(message.QueueMessage.commit)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.run(self._twin.__aexit__(kind, error, trace))


class Consumption(Blocking[consumption.Consumption]):
    """The messages that this consumer gets: `for message in messages`, best in a `with` block. See
    `prism.client.Consumption`."""

    def drain(self) -> None:
        """Takes no further message, and gives back those that came and were not asked for: the loop ends."""
        self._loop.soon(self._twin.drain)

    def close(self) -> None:
        """Ends it; what is not settled is released at once, without counting an attempt."""
        if not self._loop.stopped:
            self._loop.run(self._twin.aclose())

    def __enter__(self) -> Self:
        self._loop.run(self._twin.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[QueueMessage]:
        return self

    def __next__(self) -> QueueMessage:
        found = self._loop.run(self._next())
        if found is None:
            raise StopIteration
        return QueueMessage(found, self._loop)

    async def _next(self) -> message.QueueMessage | None:
        return await anext(self._twin, None)


class Worker(Blocking[worker.Worker]):
    """Works on the messages of a group, on threads; see `prism.client.Worker`."""

    @property
    def running(self) -> int:
        """How many handlers are at work."""
        return self._twin.running

    def stop(self) -> None:
        """Begins to stop; called again, handlers that run are not waited for any longer. From any thread."""
        self._loop.soon(self._twin.stop)

    def run(self, *, signals: Iterable[signal.Signals] = ()) -> None:
        """Works until it is stopped, by `stop`, or by one of the signals; once. With signals in the main thread only.

        Raises:
            PrismError: it cannot subscribe (again); handlers that run have ended before.
        """
        before = {each: signal.signal(each, lambda *_: self.stop()) for each in signals}
        try:
            self._loop.run(self._twin.run())
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


def _consumes(
    method: Callable[Concatenate[queue.Queue, P], consumption.Consumption],
) -> Callable[Concatenate["Queue", P], Consumption]:
    def call(self: "Queue", /, *args: P.args, **kwargs: P.kwargs) -> Consumption:
        return Consumption(method(self._twin, *args, **kwargs), self._loop)

    functools.update_wrapper(call, method)
    return call


def _receives(
    method: Callable[Concatenate[queue.Queue, P], Any],
) -> Callable[Concatenate["Queue", P], list[QueueMessage]]:
    def call(self: "Queue", /, *args: P.args, **kwargs: P.kwargs) -> list[QueueMessage]:
        found = self._loop.run(method(self._twin, *args, **kwargs))
        return [QueueMessage(each, self._loop) for each in found]

    functools.update_wrapper(call, method)
    return call


class Queue(Blocking[queue.Queue]):
    """The work of one namespace; made by `Client.queue`."""

    publish = waits(queue.Queue.publish)
    publish_batch = waits(queue.Queue.publish_batch)
    cancel = waits(queue.Queue.cancel)
    consume = _consumes(queue.Queue.consume)
    receive = _receives(queue.Queue.receive)
    acknowledge = waits(queue.Queue.acknowledge)
    nack = waits(queue.Queue.nack)
    release = waits(queue.Queue.release)
    extend = waits(queue.Queue.extend)
    commit = waits(queue.Queue.commit)
    create_topic = waits(queue.Queue.create_topic)
    update_topic = waits(queue.Queue.update_topic)
    describe_topic = waits(queue.Queue.describe_topic)
    topics = pages_of(queue.Queue.topics)
    delete_topic = waits(queue.Queue.delete_topic)
    purge = waits(queue.Queue.purge)
    create_group = waits(queue.Queue.create_group)
    update_group = waits(queue.Queue.update_group)
    describe_group = waits(queue.Queue.describe_group)
    groups = pages_of(queue.Queue.groups)
    delete_group = waits(queue.Queue.delete_group)
    seek = waits(queue.Queue.seek)
    peek = pages_of(queue.Queue.peek)
    redrive = waits(queue.Queue.redrive)
    discard = waits(queue.Queue.discard)

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
        """Calls a handler, a function of the message, on threads; arguments as of `prism.client.Queue.worker`."""

        def handle(twin: message.QueueMessage) -> object:
            return handler(QueueMessage(twin, self._loop))

        made = self._twin.worker(
            topic, handle, group=group, concurrency=concurrency, grace=grace, prefetch=prefetch,
            max_in_flight_bytes=max_in_flight_bytes, consumer_id=consumer_id, start=start, config=config,
            outage_timeout=outage_timeout, timeout=timeout,
        )  # fmt: skip
        return Worker(made, self._loop)
