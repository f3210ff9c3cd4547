"""Messages of one group for the consumers of this gateway: what is there is pulled; for what comes one pull waits.

JetStream answers a pull that waits at once when something is published, comes again or was scheduled, whichever gateway
has done that: nothing else wakes consumers. What came for a consumer that wants it no more is given back.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

from nats.aio.msg import Msg

from prism.backends.nats.jetstream.pulls import ConsumerGoneError, Pull, Pulls
from prism.backends.nats.jetstream.refusals import ApiError
from prism.backends.nats.queue.catalogue import Group
from prism.backends.nats.queue.incoming import Incoming, incoming
from prism.errors import PrismError
from prism.sdk.queue.calls import Want
from prism.sdk.queue.stored_queue import NO_STREAM
from prism.sdk.wakeups import Wakeups

WAIT: Final = 5.0
"""Seconds that a pull waits; then another one does."""
_UNCLAIMED: Final = 0.5
"""Seconds after which what came is given back that no consumer has taken; of a short deadline a part."""
_LINGER: Final = 0.025
_TOGETHER: Final = 256
"""Messages of one pull for several consumers."""
_ROOMY: Final = 4 << 20
"""Bytes of a window that is taken for one without a bound."""
_PAUSE: Final = 0.2
"""Seconds after a pull has failed."""


class Fetching:
    """Pulls for one group.

    Args:
        pulls: of the connection.
        wakeups: of all who wait in this gateway.
        key: namespace and topic.
        group: as it is now.
        release: gives back what no consumer has taken.
    """

    def __init__(
        self,
        pulls: Pulls,
        wakeups: Wakeups,
        key: tuple[str, str],
        group: Group,
        release: Callable[[Group, Incoming], Coroutine[Any, Any, None]],
    ) -> None:
        self.group = group
        self._pulls = pulls
        self._wakeups = wakeups
        self._key = key
        self._release = release
        self._ready: deque[Incoming] = deque()
        self._releasing: set[asyncio.Task[None]] = set()
        self._waiting: asyncio.Task[None] | None = None
        self._pumping: asyncio.Task[None] | None = None
        self._asked = 0
        self._empty = False
        self._stopped = asyncio.Event()

    async def take(self, want: Want) -> list[Incoming]:
        """What is there; where nothing is, a pull begins to wait for it.

        Raises:
            ConsumerGoneError: the group was moved or removed.
        """
        found = self._from_ready(want)
        if not found:
            shares = want.session != NO_STREAM and want.max_bytes >= _ROOMY
            found = await (self._together(want) if shares else self._alone(want))
        if not found:
            self._wait(0 if want.at_least_one else max(want.max_bytes, 1))
        return found

    def _from_ready(self, want: Want) -> list[Incoming]:
        """Of what has come already; the first one is not to wait for others."""
        found: list[Incoming] = []
        room = want.max_bytes
        while self._ready and len(found) < want.limit:
            size = _size(self._ready[0])
            if size > room and (found or not want.at_least_one):
                break
            room -= size
            found.append(self._ready.popleft())
        return found

    async def _alone(self, want: Want) -> list[Incoming]:
        """A pull of one's own."""
        # JetStream tells a consumer of a message after its publisher: a call, which asks once, waits for that a moment.
        linger = _LINGER if want.session == NO_STREAM else 0.0
        pull = await self._pull(want.limit, max(want.max_bytes, 1), linger)
        if not pull.messages and want.at_least_one and pull.exceeded:
            pull = await self._pull(1, 0, linger)
        found = [*map(incoming, pull.messages)]
        while linger and found and found[-1].pending and len(found) < want.limit:  # a server that is busy was late
            room = want.max_bytes - sum(map(_size, found))
            pull = await self._pull(want.limit - len(found), max(room, 1), linger)
            if not pull.messages:
                break
            found += map(incoming, pull.messages)
        return found

    async def _together(self, want: Want) -> list[Incoming]:
        """One pull for all consumers that ask at the same time, and another one for those that came during it.

        None where the last message said that there are no more: then the pull that waits finds what is there all the
        same.
        """
        if self._empty:
            return []
        for _ in range(2):
            joined = self._pumping is not None
            self._asked += want.limit
            if self._pumping is None:
                self._pumping = asyncio.get_running_loop().create_task(self._pump())
                self._pumping.add_done_callback(_seen)
            await asyncio.shield(self._pumping)
            found = self._from_ready(want)
            if found or not joined:
                break
        return found

    async def _pump(self) -> None:
        try:
            await asyncio.sleep(0)  # others of this turn join
            limit, self._asked = min(self._asked, _TOGETHER), 0
            pull = await self._pull(limit, 0, 0.0)
        finally:
            self._pumping = None
        came = [*map(incoming, pull.messages)]
        self._ready.extend(came)
        if came:
            self._empty = _is_last(came[-1])
            asyncio.get_running_loop().call_later(self._unclaimed, self._give_back, *came)

    @property
    def _unclaimed(self) -> float:
        return min(_UNCLAIMED, self.group.config.ack_deadline / 4e6)

    async def _pull(self, limit: int, max_bytes: int, linger: float) -> Pull:
        group = self.group
        return await self._pulls.pull(
            group.stream, group.consumer, limit, max_bytes=max_bytes, wait=linger, at_once=not linger
        )

    def look(self) -> None:
        """Something may be there that is not for consumers: what has failed too often."""
        self._wait(0)

    def _wait(self, room: int) -> None:
        if self._stopped.is_set() or (self._waiting is not None and not self._waiting.done()):
            return
        self._waiting = asyncio.get_running_loop().create_task(self._waited(room), name="nats-queue-pull")

    async def _waited(self, room: int) -> None:
        group = self.group
        try:
            pull = await self._pulls.pull(
                group.stream, group.consumer, 1, max_bytes=room, wait=WAIT, stop=self._stopped
            )
        except ConsumerGoneError:
            self._wakeups.notify(self._key)
            return
        except PrismError:
            await asyncio.sleep(_PAUSE)
            self._wakeups.notify(self._key)
            return
        if pull.exceeded:  # what is there is too large for this consumer, and may not be for another
            self._empty = False
            await asyncio.sleep(_PAUSE)
            self._wakeups.notify_takers(self._key, 1, group.name)
            return
        for message in pull.messages:
            self._offer(message)
        if not pull.messages and not self._stopped.is_set():
            self._wakeups.notify_takers(self._key, 1, group.name)  # who still waits has another pull made

    def _offer(self, message: Msg) -> None:
        came = incoming(message)
        self._empty = _is_last(came)
        self._ready.append(came)
        if not self._wakeups.has_takers(self._key, self.group.name):
            self._give_back(came)
            return
        self._wakeups.notify_takers(self._key, 1, self.group.name)
        asyncio.get_running_loop().call_later(self._unclaimed, self._give_back, came)

    def _give_back(self, *came: Incoming) -> None:
        """What of it is there still goes back."""
        for each in came:
            if each in self._ready:
                self._ready.remove(each)
                releasing = asyncio.get_running_loop().create_task(self._released(each))
                self._releasing.add(releasing)
                releasing.add_done_callback(self._releasing.discard)

    async def _released(self, came: Incoming) -> None:
        with suppress(PrismError, ApiError):  # it comes again after its deadline
            await self._release(self.group, came)

    async def stop(self) -> list[Incoming]:
        """Pulls no more; what was not taken, for its caller to give back."""
        self._stopped.set()
        under_way = [each for each in (self._waiting, self._pumping) if each is not None]
        if under_way:
            await asyncio.wait(under_way)
        if self._releasing:
            await asyncio.wait(self._releasing)
        left = [*self._ready]
        self._ready.clear()
        return left


def _is_last(came: Incoming) -> bool:
    """Whether there is nothing more; of what comes again JetStream does not count the rest."""
    return came.delivery == 1 and not came.pending


def _size(came: Incoming) -> int:
    noted = sum(len(name) + len(value) for name, value in came.stored.headers.items())
    return len(came.stored.payload) + noted


def _seen(task: "asyncio.Task[None]") -> None:
    if not task.cancelled():
        task.exception()  # raised to those who wait for it, where any still does
