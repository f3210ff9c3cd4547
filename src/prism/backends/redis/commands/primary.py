"""The primary, as the sentinels name it: a primary that is cut off from them does not know that another has taken over.

It goes on taking writes from clients that still reach it, and loses them when it comes back as a replica. So the
sentinels are asked all the time, not only by each new connection.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import redis.exceptions as driver
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel

log = logging.getLogger(__name__)

Address = tuple[str, int]
StayWith = Callable[[Address], Awaitable[None]]
"""Leaves whatever is not there."""

_LATECOMERS_SECONDS: Final = 0.2
"""So long the other sentinels are waited for when one has answered."""
_FAILURES: Final = (driver.RedisError, OSError, TimeoutError)
_REFUSED: Final = (driver.AuthenticationError, driver.NoPermissionError)


class Sentinels(Sentinel):
    """The driver's, but it believes the sentinel that has seen the latest failover, not the first that answers."""

    async def discover_master(self, service_name: str) -> Address:
        """The address of the primary; raises what the driver does."""
        answers = await self._ask_all()
        states = [answer[service_name] for answer in answers if isinstance(answer, dict) and service_name in answer]
        latest = max((state["config-epoch"] for state in states), default=0)
        for state in states:
            if state["config-epoch"] == latest and self.check_master_state(state, service_name):
                return str(state["ip"]), int(state["port"])
        refusals = [answer for answer in answers if isinstance(answer, Exception)]
        if len(refusals) == len(answers):
            raise next((each for each in refusals if isinstance(each, _REFUSED)), refusals[0])
        reason = "the sentinels report it as down" if states else "the sentinels do not know that service"
        raise MasterNotFoundError(f"no primary of {service_name!r}: {reason}")

    async def _ask_all(self) -> list[Any]:
        """The answer of each sentinel, or its error; without those that keep the others waiting."""
        asked: list[asyncio.Future[Any]] = [asyncio.ensure_future(each.sentinel_masters()) for each in self.sentinels]
        asking = set(asked)
        pause: float | None = None
        try:
            while asking:
                done, asking = await asyncio.wait(asking, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
                if not done:
                    break
                if not all(each.exception() for each in done):
                    pause = _LATECOMERS_SECONDS
        finally:
            for late in asking:
                late.cancel()
            answers = await asyncio.gather(*asked, return_exceptions=True)
        return [each for each in answers if not isinstance(each, asyncio.CancelledError)]


class Watch:
    """Asks the sentinels every `interval` seconds, and keeps all connections at the primary that they name."""

    def __init__(self, sentinel: Sentinels, service: str, *, interval: float, stay_with: tuple[StayWith, ...]) -> None:
        self._sentinel = sentinel
        self._service = service
        self._interval = interval
        self._stay_with = stay_with
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins; does nothing where it runs already."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="redis primary")

    async def stop(self) -> None:
        """Ends."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        known = True
        while True:
            await asyncio.sleep(self._interval)
            try:
                address = await self._sentinel.discover_master(self._service)
            except _FAILURES as error:
                if known:
                    log.warning(
                        "the Redis sentinels name no primary (%s); the last known one stays in use, and they are "
                        "asked again in %g s",
                        error,
                        self._interval,
                    )
                known = False
                continue
            known = True
            for stay_with in self._stay_with:
                await stay_with(address)
