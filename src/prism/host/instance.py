"""One instance in a plugin's process: the author's backend, its operations, and the calls under way on it."""

import asyncio
import logging
from collections.abc import Mapping
from time import monotonic, perf_counter, time_ns

from prism.context import Context
from prism.errors import BackendUnavailable, FailedPrecondition, Outcome, PrismError
from prism.host.instance_options import InstanceOptions
from prism.plugins.discovery import Plugin
from prism.redactor import Redactor
from prism.sdk.backend import Backend, Health, HealthStatus
from prism.sdk.binding import Binding, Streaming, Unary
from prism.telemetry.metrics.call_metrics import CallMetrics
from prism.wire.grpc.status import Code

PROBE_TIMEOUT = 2.0
"""Seconds that a store has to answer a probe."""

STOP_TIMEOUT = 10.0
"""Seconds that a backend has to stop."""

log = logging.getLogger(__name__)


class HostedInstance:
    """A backend with one set of options, and what it serves.

    Attributes:
        name: as the gateway chose it.
        options: its options and credentials.
        binding: what it serves; empty before it is started.
        unary: its operations with one response, by full gRPC method name.
        streaming: its operations with a stream of responses.
        namespaces: those attached.
        metrics: its calls.
        since: nanoseconds since 1970 when counting began.
        active: calls in progress.
        streams: the tasks of those of them that stream, and their contexts.
        seen: when a gateway last used or probed it, by `time.monotonic()`.
        ended: it takes no more calls.
    """

    __slots__ = ("_backend", "_identity", "_idle", "_plugin", "_redactor", "active", "binding", "ended", "metrics",
                 "name", "namespaces", "options", "seen", "since", "streaming", "streams", "unary")  # fmt: skip

    def __init__(self, name: str, plugin: Plugin, options: InstanceOptions, redactor: Redactor) -> None:
        self.name = name
        self.options = options
        self.unary: dict[str, Unary] = {}
        self.streaming: dict[str, Streaming] = {}
        self.binding = Binding((), plugin.manifest.capabilities)
        self.namespaces: set[str] = set()
        self.metrics = CallMetrics()
        self.since = time_ns()
        self.active = 0
        self.streams: dict[asyncio.Task[None], Context] = {}
        self.seen = monotonic()
        self.ended = False
        self._plugin = plugin
        self._redactor = redactor
        self._backend: Backend | None = None
        self._identity = ""
        self._idle: asyncio.Event | None = None

    @property
    def identity(self) -> str:
        """Names the store; empty until the backend's code is loaded, kept when it has ended."""
        if self._backend is not None:
            self._identity = self._backend.identity
        return self._identity

    async def start(self) -> None:
        """Loads the backend's code and connects to the store; where that fails, nothing of it is left but its identity.

        Raises:
            PrismError: what is wrong, and what to do.
        """
        backend = await self._load()
        try:
            await backend.start()
        except BaseException as error:
            await self.stop()
            if isinstance(error, PrismError) or not isinstance(error, Exception):
                raise
            log.exception(
                "instance %r could not be started because of an unexpected error; this is a defect in the plugin: "
                "report it to its author with the traceback below",
                self.name,
            )
            reason = f"its code raised an unexpected {type(error).__name__}; see the plugin's log"
            raise FailedPrecondition(f"plugin {self._plugin.name!r} could not be started: {reason}") from error

    async def _load(self) -> Backend:
        plugin = self._plugin
        config, credentials = await asyncio.to_thread(self.options.models, plugin, self._redactor)
        kind = await asyncio.to_thread(plugin.backend_type)
        try:
            # mypy knows of no constructor: a Protocol has none.
            backend: Backend = kind(config, credentials)  # type: ignore[call-arg]
            binding = Binding(backend.interfaces, plugin.manifest.capabilities)
        except (TypeError, AttributeError) as error:
            raise FailedPrecondition(
                f"plugin {plugin.name!r} is defective, report it to its author: {error}"
            ) from error
        self._backend, self.binding = backend, binding
        self.unary, self.streaming = binding.unary, binding.streaming
        return backend

    async def attach(self, namespace: str) -> None:
        """Prepares a namespace; does nothing the second time. Raises what the backend does."""
        if namespace not in self.namespaces:
            await self._started.attach(namespace)
            self.namespaces.add(namespace)

    async def holds_data(self, namespace: str) -> bool:
        """Whether anything is stored in the namespace; raises what the backend does."""
        return await self._started.holds_data(namespace)

    async def health(self) -> Health:
        """What the backend says of its store, within PROBE_TIMEOUT; never raises."""
        if self._backend is None:
            return Health(HealthStatus.UNHEALTHY, "the instance has stopped; call Initialize again")
        try:
            async with asyncio.timeout(PROBE_TIMEOUT):
                return await self._backend.health()
        except TimeoutError:
            late = f"the store did not answer a probe within {PROBE_TIMEOUT:g} s; check whether it is overloaded"
            return Health(HealthStatus.UNHEALTHY, late)
        except Exception as error:
            log.exception(
                "health check of instance %r failed with an unexpected error; the instance counts as unhealthy until "
                "a check succeeds; this is a defect in the plugin: report it to its author with the traceback below",
                self.name,
            )
            problem = f"the plugin's health check raised {type(error).__name__}; see the plugin's log"
            return Health(HealthStatus.UNHEALTHY, problem)

    def touch(self) -> None:
        """Its gateway has used or probed it."""
        self.seen = monotonic()

    def gauges(self) -> Mapping[str, float]:
        """The backend's own metrics."""
        return {} if self._backend is None else self._backend.metrics()

    def begin(self, operation: str) -> float:
        """A call begins; when, by `time.perf_counter()`."""
        self.active += 1
        self.metrics.begin(operation)
        return perf_counter()

    def end(self, operation: str, code: Code, started: float) -> None:
        """A call that began at `started` has ended."""
        self.metrics.end("", operation, code, perf_counter() - started)
        self.seen = monotonic()
        self.active -= 1
        if self._idle is not None and not self.active:
            self._idle.set()

    async def drain(self, grace: float) -> None:
        """Takes no more calls; those in progress have `grace` seconds to finish, then streams are cancelled."""
        self.ended = True
        self._idle = asyncio.Event()
        if not self.active:
            return
        for context in self.streams.values():
            context.draining.set()
        try:
            async with asyncio.timeout(max(grace, 0.0)):
                await self._idle.wait()
        except TimeoutError:
            log.warning(
                "instance %r is stopped under %d calls that did not finish within the grace period of %g s; their "
                "streams are cancelled",
                self.name,
                self.active,
                grace,
            )
            streams = tuple(self.streams)
            for each in streams:
                each.cancel()
            if streams:
                await asyncio.wait(streams, timeout=1.0)

    async def stop(self) -> None:
        """Ends the backend; does nothing the second time. What goes wrong is logged."""
        self.ended = True
        backend = self._backend
        if backend is None:
            return
        self._identity, self._backend = backend.identity, None
        try:
            async with asyncio.timeout(STOP_TIMEOUT):
                await backend.stop()
        except Exception:
            log.exception(
                "instance %r could not be stopped cleanly; connections to its store may stay open until the process "
                "ends",
                self.name,
            )

    @property
    def _started(self) -> Backend:
        if self._backend is None:
            raise BackendUnavailable("the instance has stopped; call Initialize again", outcome=Outcome.NOT_APPLIED)
        return self._backend
