"""Holds calls while one instance hands its store over to the next, as only one may have it open."""

import asyncio
from collections.abc import AsyncIterator

from prism.context import Context
from prism.errors import BackendError, BackendUnavailable, DataLoss, Outcome
from prism.interfaces.operation import Requests
from prism.plugins.instance import Instance
from prism.reason import Reason
from prism.sdk.backend import Health

MAX_WAITING = 1000
WAIT_TIMEOUT = 10.0
RETRY_AFTER = 1.0


class Handover:
    """Makes calls wait until `open`; `prism.plugins.instance.Instance` as the data path sees it.

    Attributes:
        backend: the name of the plugin.
        capabilities: of the plugin.
        refusal: empty, as calls wait and are not refused.
        refusal_kind: unused.
        probed: of the instance that hands over.
        incarnation: always the same.
    """

    __slots__ = (
        "_successor",
        "_waiting",
        "backend",
        "capabilities",
        "incarnation",
        "probed",
        "refusal",
        "refusal_kind",
    )

    def __init__(self, old: Instance) -> None:
        self.backend = old.backend
        self.capabilities = old.capabilities
        self.refusal = ""
        self.incarnation = 0
        self.refusal_kind: type[BackendError] = BackendUnavailable
        self.probed: Health = old.probed
        self._successor: asyncio.Future[Instance] = asyncio.get_running_loop().create_future()
        self._waiting = 0

    def open(self, successor: Instance) -> None:
        """Passes the waiting calls on to the instance that serves from now on, or refuses them as that does."""
        if not self._successor.done():
            self._successor.set_result(successor)

    async def call(self, operation: str, payload: bytes, context: Context) -> bytes:
        """Waits, then as the successor's."""
        successor = await self._until_open()
        successor.acquire()
        try:
            return await successor.call(operation, payload, context)
        finally:
            successor.release()

    async def stream(self, operation: str, asked: bytes | Requests, context: Context) -> AsyncIterator[bytes]:
        """Waits, then as the successor's."""
        successor = await self._until_open()
        successor.acquire()
        try:
            async for response in successor.stream(operation, asked, context):
                yield response
        finally:
            successor.release()

    def acquire(self) -> None:
        """Does nothing: there is nothing to stop."""

    def release(self) -> None:
        """Does nothing."""

    async def _until_open(self) -> Instance:
        """Waits for the successor.

        Raises:
            BackendError: too many calls wait, the time is up, or the successor refuses calls; nothing was applied.
        """
        if self._waiting >= MAX_WAITING:
            raise self._refused(f"the limit of {MAX_WAITING} calls that wait for the new instance is reached")
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_TIMEOUT):
                successor = await asyncio.shield(self._successor)
        except TimeoutError:
            raise self._refused(f"the new instance was not ready within {WAIT_TIMEOUT:g} s") from None
        finally:
            self._waiting -= 1
        if successor.refusal:
            kind = successor.refusal_kind
            retry_after = None if kind is DataLoss else RETRY_AFTER
            raise kind(successor.refusal, retry_after=retry_after, outcome=Outcome.NOT_APPLIED)
        return successor

    def _refused(self, why: str) -> BackendUnavailable:
        return BackendUnavailable(
            f"backend {self.backend!r} is being reloaded and {why}; retry",
            reason=Reason.PLUGIN_RELOADED,
            retry_after=RETRY_AFTER,
            outcome=Outcome.NOT_APPLIED,
        )
