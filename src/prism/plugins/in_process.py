"""The placement `in_process`: the plugin's code runs in the gateway's process and is called directly."""

import asyncio
from collections.abc import AsyncIterator, Awaitable

from prism.context import Context
from prism.errors import BackendUnavailable, FailedPrecondition, Outcome, Unimplemented
from prism.interfaces.operation import Requests
from prism.plugins.discovery import Plugin
from prism.plugins.managed_instance import ManagedInstance
from prism.plugins.own_services import description
from prism.sdk.backend import Backend, Config, Health, HealthStatus
from prism.sdk.binding import Binding, Streaming, Unary


class InProcess(ManagedInstance):
    """An instance of a plugin in this process."""

    __slots__ = ("_backend", "_config", "_credentials", "_plugin", "_streaming", "_unary")

    def __init__(self, plugin: Plugin, config: Config, credentials: Config) -> None:
        super().__init__(plugin)
        self._plugin = plugin
        self._config = config
        self._credentials = credentials
        self._backend: Backend | None = None
        self._unary: dict[str, Unary] = {}
        self._streaming: dict[str, Streaming] = {}

    @property
    def identity(self) -> str:
        """Names the store; empty until the backend's code is loaded."""
        return "" if self._backend is None else self._backend.identity

    async def load(self) -> None:
        """Imports the backend and constructs it, without touching its store. Does nothing the second time.

        Raises:
            FailedPrecondition: a driver is missing, or the plugin is defective.
        """
        if self._backend is not None:
            return
        kind = await asyncio.to_thread(self._plugin.backend_type)
        try:
            # mypy knows of no constructor: a Protocol has none.
            backend: Backend = kind(self._config, self._credentials)  # type: ignore[call-arg]
            binding = Binding(backend.interfaces, self.capabilities)
        except (TypeError, AttributeError) as error:
            raise FailedPrecondition(
                f"plugin {self.backend!r} is defective, report it to its author: {error}"
            ) from error
        if self._plugin.manifest.services and (
            objection := self._plugin.objection(description(binding.every.values()))
        ):
            raise FailedPrecondition(objection)
        self._backend, self._unary, self._streaming = backend, binding.unary, binding.streaming

    async def start(self) -> None:
        """Connects to the store; may be called again after it failed. Raises as `load` and `Backend.start` do."""
        await self.load()
        await self._loaded.start()

    async def attach(self, namespace: str) -> None:
        """Prepares a namespace; raises what the backend does."""
        await self._loaded.attach(namespace)

    async def holds_data(self, namespace: str) -> bool:
        """Whether anything is stored in the namespace; raises what the backend does."""
        return await self._loaded.holds_data(namespace)

    async def health(self) -> Health:
        """What the backend says of its store."""
        if self._backend is None:
            return Health(HealthStatus.UNHEALTHY, self.refusal)
        return await self._backend.health()

    def metrics(self) -> dict[str, float]:
        """The backend's gauges; none until it is loaded."""
        return {} if self._backend is None else dict(self._backend.metrics())

    def call(self, operation: str, payload: bytes, context: Context) -> Awaitable[bytes]:
        """The bound operation's own coroutine; raises as `Instance.call` does."""
        try:
            return self._unary[operation](payload, context)
        except KeyError:
            raise self._not_served(operation) from None

    def stream(self, operation: str, asked: bytes | Requests, context: Context) -> AsyncIterator[bytes]:
        """The bound operation's own generator; raises as `Instance.stream` does."""
        try:
            return self._streaming[operation](asked, context)
        except KeyError:
            raise self._not_served(operation) from None

    async def stop(self) -> None:
        """Refuses calls from now on, and ends the backend. Does nothing the second time."""
        self.refusal = f"backend {self.backend!r} was stopped; retry"
        self.refusal_kind = BackendUnavailable
        backend, self._backend = self._backend, None
        self._unary, self._streaming = {}, {}
        if backend is not None:
            await backend.stop()

    @property
    def _loaded(self) -> Backend:
        if self._backend is None:
            raise BackendUnavailable(self.refusal, outcome=Outcome.NOT_APPLIED)
        return self._backend

    def _not_served(self, operation: str) -> BackendUnavailable | Unimplemented:
        if self._backend is None:
            return BackendUnavailable(self.refusal, outcome=Outcome.NOT_APPLIED)
        return Unimplemented(f"backend {self.backend!r} does not serve {operation}")
