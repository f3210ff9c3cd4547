"""The newest messages of one namespace's log: read once, for all who are there, and kept as long as they have room."""

import asyncio
from bisect import bisect_right
from collections.abc import Sequence

from prism.context import Context
from prism.errors import MessagesLost, PrismError
from prism.sdk.pubsub.log import NO_TOPIC, Logged, Page, ReadableLog
from prism.sdk.subscription_index import SubscriptionIndex

AT_ONCE = 256
"""Messages that are read, and looked at, in one step."""
PAGE_BYTES = 1 << 20
_OUTAGE = 5.0
"""Seconds for which a store that fails is asked again before its subscriptions are told."""
_PAUSE = 0.05
_LONGEST_PAUSE = 1.0


class Tail:
    """One reader of a log; it reads while somebody has joined it.

    Args:
        log: what it reads.
        namespace: whose.
        max_bytes: of messages that it keeps.
        topic: what wakes it besides the namespace.

    Attributes:
        failure: why the store cannot be read, once that has lasted; None while it can.
        listeners: each gets every message that is new to it.
    """

    def __init__(self, log: ReadableLog, namespace: str, max_bytes: int, topic: str = NO_TOPIC) -> None:
        self.failure: PrismError | None = None
        self.listeners: SubscriptionIndex[Logged] = SubscriptionIndex()
        self._log = log
        self._context = Context(namespace)
        self._topic = topic
        self._max_bytes = max_bytes
        self._bytes = 0
        self._identity = self._start = self._end = b""
        self._messages: list[Logged] = []
        self._places: list[bytes] = []
        self._waiting: set[asyncio.Event] = set()
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    async def join(self) -> asyncio.Event:
        """An event that is set by each message from now on, and by a failure that lasts.

        Raises:
            PrismError: the store cannot be read.
        """
        changed = asyncio.Event()
        self._waiting.add(changed)
        try:
            if self._task is None:
                bounds = await self._log.bounds(self._context)
                if self._task is None:
                    self._identity = bounds.identity
                    self._begin(bounds.end)
                    following = asyncio.get_running_loop().create_task(self._follow(), name="pubsub-tail")
                    self._task = following
        except BaseException:
            await self.leave(changed)
            raise
        return changed

    async def leave(self, changed: asyncio.Event) -> None:
        """After the last one it reads no more."""
        self._waiting.discard(changed)
        if not self._waiting:
            await self.stop()

    async def stop(self) -> None:
        """Reads no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            self._identity = b""
            self._begin(b"")
            await asyncio.wait((task,))

    def end(self, error: PrismError) -> None:
        """Ends those who listen, and wakes the others."""
        self.listeners.end(error)
        self._wake()

    def after(self, identity: bytes, place: bytes) -> Sequence[Logged] | None:
        """Messages behind a place of the log of that identity; None where it does not have all of them."""
        if identity != self._identity or place < self._start:
            return None
        first = bisect_right(self._places, place)
        return self._messages[first : first + AT_ONCE]

    def _begin(self, place: bytes) -> None:
        """It knows nothing but what comes behind a place."""
        self._start = self._end = place
        self._bytes = 0
        self._messages.clear()
        self._places.clear()

    async def _follow(self) -> None:
        key = (self._context.namespace, self._topic)
        appended = self._log.wakeups.join(key)
        loop = asyncio.get_running_loop()
        pause, failing_since = _PAUSE, None
        try:
            while True:
                appended.clear()
                try:
                    page = await self._log.read(self._context, self._end, AT_ONCE, PAGE_BYTES)
                except PrismError as error:
                    failing_since = failing_since or loop.time()
                    if loop.time() - failing_since >= _OUTAGE:
                        self.failure = error
                        self.end(MessagesLost(f"the store does not answer: {error.message}; subscribe again"))
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)
                    continue
                pause, failing_since, self.failure = _PAUSE, None, None
                self._take(page)
                if self._end >= page.bounds.end:
                    await appended.wait()
        finally:
            self._log.wakeups.leave(key, appended)

    def _take(self, page: Page) -> None:
        bounds = page.bounds
        if bounds.identity != self._identity or not bounds.floor <= self._end <= bounds.end:
            self._identity = bounds.identity  # made anew, or messages are missing: who reads on sees which
            self._begin(bounds.end)
            self.end(MessagesLost("the store has lost messages, or keeps them no longer; subscribe again"))
            return
        self._end = page.end
        for message in page.messages:
            self._messages.append(message)
            self._places.append(message.place)
            self._bytes += message.size
            self.listeners.deliver(message.topic, message, message.size, "")
        gone = 0
        while self._bytes > self._max_bytes and gone < len(self._messages):
            self._bytes -= self._messages[gone].size
            gone += 1
        if gone:
            self._start = self._places[gone - 1]
            del self._messages[:gone], self._places[:gone]
        if page.messages:
            self._wake()

    def _wake(self) -> None:
        for changed in self._waiting:
            changed.set()
