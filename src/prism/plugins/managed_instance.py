"""An instance of a plugin, as control manages it: what every placement has in common."""

import abc
import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence

from prism.context import Context
from prism.errors import BackendError, BackendUnavailable
from prism.interfaces.operation import Requests
from prism.plugins.discovery import Plugin
from prism.sdk.backend import Health


class ManagedInstance(abc.ABC):
    """An instance; `prism.plugins.instance.Instance` as the data path sees it.

    It refuses calls until control, which starts it, clears `refusal`.

    Attributes:
        backend: the plugin's name.
        capabilities: what its manifest declares.
        refusal: the sentence with which calls are refused; empty while it serves.
        refusal_kind: the error that carries it.
        probed: what the last probe found; set by control.
        active: calls in progress.
        incarnation: how often it, or an endpoint of it, has come up.
        lost: it has ended by itself and must be started again; `refusal` says why.
    """

    __slots__ = (
        "_idle",
        "active",
        "backend",
        "capabilities",
        "incarnation",
        "lost",
        "probed",
        "refusal",
        "refusal_kind",
    )

    def __init__(self, plugin: Plugin) -> None:
        self.backend = plugin.name
        self.capabilities = plugin.manifest.capabilities
        self.refusal = f"backend {plugin.name!r} is starting; retry in a moment"
        self.refusal_kind: type[BackendError] = BackendUnavailable
        self.probed = Health()
        self.active = 0
        self.incarnation = 0
        self.lost = asyncio.Event()
        self._idle: asyncio.Event | None = None

    @property
    @abc.abstractmethod
    def identity(self) -> str:
        """Names the store; empty until that is known."""

    @abc.abstractmethod
    async def load(self) -> None:
        """Does what can fail without touching the store: imports the code, starts the process. Once.

        Raises:
            PrismError: the plugin cannot be used, or not yet.
        """

    @abc.abstractmethod
    async def start(self) -> None:
        """Connects to the store; may be called again after it failed. Raises as `load` and `Backend.start` do."""

    @abc.abstractmethod
    async def attach(self, namespace: str) -> None:
        """Prepares a namespace; raises what the backend does."""

    @abc.abstractmethod
    async def holds_data(self, namespace: str) -> bool:
        """Whether anything is stored in the namespace; raises what the backend does."""

    @abc.abstractmethod
    async def health(self) -> Health:
        """What the backend says of its store."""

    @abc.abstractmethod
    def metrics(self) -> Mapping[str, float]:
        """The backend's gauges; none until it is loaded."""

    @abc.abstractmethod
    def call(self, operation: str, payload: bytes, context: Context) -> Awaitable[bytes]:
        """As `Instance.call`."""

    @abc.abstractmethod
    def stream(self, operation: str, asked: bytes | Requests, context: Context) -> AsyncIterator[bytes]:
        """As `Instance.stream`."""

    @abc.abstractmethod
    async def stop(self) -> None:
        """Refuses calls from now on, and ends the backend. Does nothing the second time."""

    async def rest(self) -> None:
        """Releases the store for another instance, and refuses calls; `start` opens it again.

        Where possible its process keeps running, as its files may have changed on disk.
        """
        await self.stop()

    async def is_stuck(self) -> bool:
        """Asked when a probe was not answered: whether it is the plugin that does not answer, not only its store."""
        return False

    def give_up(self, reason: str) -> None:  # noqa: B027  # what runs in the gateway's process cannot be ended
        """Ends a plugin that is stuck, where it can be, as if it had ended by itself."""

    def counted(self) -> Mapping[str, float]:
        """What the plugin itself has counted, by the names of `rpc.metrics.COUNTS`; nothing in_process."""
        return {}

    def status(self) -> Mapping[str, object]:
        """What is worth knowing of how it runs: plain data, nothing secret."""
        return {}

    def logs(self) -> Sequence[str]:
        """The last lines that it printed, where that is apart from the gateway's own log."""
        return ()

    def acquire(self) -> None:
        """A call begins."""
        self.active += 1

    def release(self) -> None:
        """A call has ended."""
        self.active -= 1
        if self._idle is not None and not self.active:
            self._idle.set()

    async def drained(self) -> None:
        """Waits until no call is in progress."""
        self._idle = asyncio.Event()
        if self.active:
            await self._idle.wait()
