"""A worker: messages of a group go to a handler, several at a time, until it is stopped.

A stop is graceful: nothing more is taken, what was not begun is given back at once, and handlers that run have
`grace` seconds to end. What they do not end in that time is cancelled and given back, without counting an attempt.
"""

import asyncio
import contextvars
import functools
import inspect
import signal
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from prism.client.arguments import Seconds, in_seconds
from prism.client.queue.consumer import Consumer
from prism.client.queue.consumption import StreamHolder
from prism.client.queue.lease import Lease
from prism.client.queue.message import QueueMessage, log
from prism.client.queue.tracing import processing
from prism.errors import PrismError

Handler = Callable[[QueueMessage], Awaitable[object] | object]
"""What works on a message: an async function, or a plain one, which runs on a thread of its own."""

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Worker:
    """Works on the messages of a group; made by `Queue.worker`.

        worker = prism.queue("jobs").worker("mail", send, group="senders", concurrency=8)
        await worker.run(signals=STOP_SIGNALS)

    A handler that returns acknowledges its message; one that raises nacks it, with the error as the reason, and the
    error is logged. What the handler has settled itself is left as it is. A message is extended while its handler runs,
    up to the group's `max_lease`. Where it is lost all the same its handler is cancelled, as another consumer gets it.

    Attributes:
        running: how many handlers are at work.
    """

    def __init__(self, consumer: Consumer, handler: Handler, *, concurrency: int, grace: Seconds) -> None:
        if concurrency < 1:
            raise ValueError(f"concurrency is {concurrency}; give 1 or more")
        self._consumer = consumer
        self._handler = handler
        self._concurrency = concurrency
        self._grace = in_seconds(grace)
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(concurrency)
        self._stopped = asyncio.Event()
        self._stopping = False
        self._given_up = False
        self._in_threads = 0
        self._threads: ThreadPoolExecutor | None = None
        if not inspect.iscoroutinefunction(handler) and not inspect.iscoroutinefunction(
            getattr(handler, "__call__", None)  # noqa: B004  # whether it is async, not whether it can be called
        ):
            self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="prism-worker")

    @property
    def subscribed(self) -> bool:
        """Whether the gateway has taken its subscription."""
        return self._consumer.subscribed

    @property
    def running(self) -> int:
        """How many handlers are at work."""
        return len(self._tasks)

    def stop(self) -> None:
        """Begins to stop; called again, handlers that run are not waited for any longer."""
        if self._stopping:
            self._stopped.set()
        self._stopping = True
        self._consumer.drain()
        self._room.release()  # to go on where it waits for a handler to end

    async def run(self, *, signals: Iterable[signal.Signals] = ()) -> None:
        """Works until it is stopped, by `stop`, or by one of the signals in the main thread; once.

        Raises:
            PrismError: it cannot subscribe (again); handlers that run have ended before.
        """
        loop = asyncio.get_running_loop()
        watched = [*signals]
        for each in watched:
            loop.add_signal_handler(each, self.stop)
        try:
            await self._work()
        except asyncio.CancelledError:
            self._stopped.set()  # without grace
            raise
        finally:
            for each in watched:
                loop.remove_signal_handler(each)
            await self._end()

    async def _work(self) -> None:
        while True:
            await self._room.acquire()
            if self._stopping:
                return
            try:
                lease = await self._consumer.next()
            except BaseException:
                self._room.release()
                raise
            if lease is None:
                self._room.release()
                return
            task = asyncio.create_task(self._handle(lease))
            self._tasks.add(task)
            task.add_done_callback(self._handled)

    def _handled(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._room.release()

    async def _end(self) -> None:
        """Handlers end, or are ended."""
        self._consumer.drain()
        ending = asyncio.create_task(self._ended())
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            self._stopped.set()
            await ending
            raise

    async def _ended(self) -> None:
        waits = asyncio.create_task(self._stopped.wait())
        try:
            loop = asyncio.get_running_loop()
            until = loop.time() + self._grace
            while self._tasks and not waits.done() and (left := until - loop.time()) > 0:
                await asyncio.wait({waits, *self._tasks}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            self._given_up = True
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        finally:
            waits.cancel()
        if self._in_threads:
            log.warning("%d handlers still run on threads, which cannot be stopped; others get their messages",
                        self._in_threads)  # fmt: skip
        await self._consumer.close(orderly=not self._in_threads)
        if self._threads is not None:
            self._threads.shutdown(wait=False)

    async def _handle(self, lease: Lease) -> None:
        message = QueueMessage(lease.message, StreamHolder(self._consumer, lease))
        task = asyncio.current_task()
        lease.on_lost = None if task is None else task.cancel
        try:
            with processing(message):
                await self._called(message)
        except asyncio.CancelledError as error:
            lease.on_lost = None
            if lease.lost:
                log.warning("message %s of %s was lost while its handler ran", message.id, message.topic)
            elif not self._given_up:
                await message.fail(error)
            elif self._threads is None:  # what still runs on a thread is not given back
                await _tried(message, message.release)
        except Exception as error:  # noqa: BLE001  # a handler is the application's: any error is its message's
            lease.on_lost = None
            log.warning("the handler of message %s of %s failed (attempt %d)", message.id, message.topic,
                        message.attempt, exc_info=error)  # fmt: skip
            await message.fail(error)
        else:
            lease.on_lost = None
            await _tried(message, message.acknowledge)

    async def _called(self, message: QueueMessage) -> None:
        if self._threads is None:
            handled = self._handler(message)
            if inspect.isawaitable(handled):
                await handled
            return
        context = contextvars.copy_context()
        call = functools.partial(context.run, self._handler, message)
        self._in_threads += 1
        running = asyncio.get_running_loop().run_in_executor(self._threads, call)
        running.add_done_callback(self._thread_ended)
        await asyncio.shield(running)

    def _thread_ended(self, running: "asyncio.Future[Any]") -> None:
        self._in_threads -= 1
        if not running.cancelled():
            running.exception()  # seen by who waits, where anything still does


async def _tried(message: QueueMessage, settle: Callable[[], Awaitable[None]]) -> None:
    if message.settled:
        return
    try:
        await settle()
    except PrismError as error:
        log.warning("message %s of %s could not be settled: %s", message.id, message.topic, error.message)
