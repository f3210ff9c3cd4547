"""One instance and its upkeep: started, tried again with growing pauses while its store is down, probed, started again
when its process has ended or is stuck, stopped.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable

from prism.config.sections.supervision import SupervisionSection
from prism.config.specification import InstanceSpec
from prism.control.supervision.attachments import Attachments
from prism.control.supervision.backoff import delays
from prism.control.supervision.health_state import HealthState
from prism.control.supervision.lifecycle_events import LifecycleEvents
from prism.control.supervision.restart_budget import RestartBudget
from prism.errors import BackendError, BackendUnavailable, Conflict, MessagesLost, PrismError
from prism.open_files import OPEN_FILES
from prism.plugins.handover import Handover
from prism.plugins.instance import Instance
from prism.plugins.managed_instance import ManagedInstance
from prism.plugins.placement import Command, Here, same_process
from prism.plugins.placement_factory import make_instance
from prism.plugins.sidecar.start_queue import StartQueue

HANDOVER_GRACE = 5.0
PREPARE_TIMEOUT = 5.0
"""Seconds after which an instance that has come up serves without those namespaces that it still prepares."""

log = logging.getLogger(__name__)


class Supervised:
    """An instance that control keeps up.

    Once it has come up, calls are tried whatever a probe says: the driver knows best. Probes are for readiness.

    Attributes:
        spec: what runs.
        instance: what runs it.
        health_state: what its probes found.
        configured_identity: what the backend called its store before it connected; empty until it is loaded.
        came_up: it has served, once at least.
        blocked: why it may not even be tried; empty where it may.
    """

    def __init__(
        self,
        spec: InstanceSpec,
        supervision: SupervisionSection,
        on_change: Callable[[], None],
        starts: StartQueue,
        stop_timeout: float = 10.0,
    ) -> None:
        """
        Args:
            spec: what to run.
            supervision: how it is probed and started again.
            on_change: called when a namespace that could not be attached now is, or the other way round.
            starts: where processes wait for their turn to start.
            stop_timeout: seconds that its backend may take to stop, once it is drained.
        """
        self.spec = spec
        self.instance: ManagedInstance = make_instance(
            spec.plugin,
            spec.placement,
            (spec.config, spec.credentials),
            (spec.options.config, spec.options.credentials),
            spec.redactor.scrub,
            starts,
        )
        self._events = LifecycleEvents(spec, lambda: self.instance.identity or self.configured_identity)
        self.health_state = HealthState(spec, self.instance, self._events, supervision)
        self.configured_identity = ""
        self.came_up = False
        self.blocked = ""
        self._supervision = supervision
        self._stop_timeout = stop_timeout
        self._on_change = on_change
        self._namespaces = Attachments(self.instance, spec.redactor.scrub, self._events.trace, on_change)
        self._gate: Handover | None = None
        self._started = False
        self._restarts = RestartBudget(supervision)
        self._tried = asyncio.Event()
        self._upkeep: asyncio.Task[None] | None = None
        self._loading: asyncio.Task[None] | None = None
        self._attaching: set[asyncio.Task[None]] = set()
        self._unfit = ""

    def configure(self, supervision: SupervisionSection) -> None:
        """Supervises it otherwise from the next probe, pause or restart on."""
        self._supervision = self.health_state.supervision = self._restarts.supervision = supervision

    def same_store(self, other: "Supervised") -> bool:
        """Whether both hold the same data: by what the stores say if both came up, else by configuration."""
        if self.spec.plugin.name != other.spec.plugin.name:
            return False
        if self.came_up and other.came_up:
            return self.instance.identity == other.instance.identity
        return self.configured_identity == other.configured_identity

    @property
    def starting(self) -> bool:
        """Whether its first attempt to come up is still under way."""
        return not self._tried.is_set()

    @property
    def is_kept_up(self) -> bool:
        """Whether it has been run."""
        return self._upkeep is not None

    @property
    def is_loaded(self) -> bool:
        """Whether the loading that `load_soon` began has ended, well or not."""
        return self._loading is not None and self._loading.done()

    @property
    def unfit(self) -> str:
        """Why it could not be loaded; empty where it was, or is not yet."""
        return self._unfit

    def loses_data_to(self, other: "Supervised") -> bool:
        """Whether data that is in a process's own memory would stay behind in this one's.

        A process that never served, or has ended, holds none; instances in one process share it, unless one must end
        before the other begins.
        """
        manifest = self.spec.plugin.manifest
        if manifest.name != other.spec.plugin.name or not manifest.pinned or manifest.capabilities.durable:
            return False
        if not self.came_up or (isinstance(self.spec.placement, Command) and not self._started):
            return False
        shares = manifest.capabilities.reload != "handover" or self.spec.placement == Here()
        return not (shares and same_process(self.spec.placement, other.spec.placement))

    def target(self, namespace: str) -> Instance:
        """Who serves the namespace: the instance, what refuses for it, or where calls wait for another instance."""
        if self._gate is not None:
            return self._gate
        return self._namespaces.failed.get(namespace, self.instance)

    def refusal(self, namespace: str) -> str:
        """Why the namespace is not served; empty where it is."""
        return self.target(namespace).refusal

    async def load(self) -> None:
        """Loads the backend's code, or starts its process; raises as `ManagedInstance.load` does."""
        await self.instance.load()
        self.configured_identity = self.configured_identity or self.instance.identity

    def load_soon(self) -> None:
        """Begins to load it, in the background, before it is decided whether it may run."""
        if self._loading is None:
            self._loading = asyncio.create_task(self._load(), name=f"loading of {self.spec.plugin.name}")

    async def _load(self) -> None:
        try:
            await self.load()
        except Exception as error:  # noqa: BLE001  # its upkeep tries again and tells why
            log.debug("backend %s cannot be loaded: %s", self.spec.plugin.name, type(error).__name__)
            self._unfit = error.message if isinstance(error, PrismError) else type(error).__name__

    async def progressed(self) -> None:
        """Waits until more is known: that it is loaded, where it is not to run before, else that it was tried."""
        if self._upkeep is None and self._loading is not None:
            await asyncio.wait((self._loading,))
        else:
            await self._tried.wait()

    def expect(self, namespaces: Iterable[str]) -> None:
        """It is to serve these too, once it is run."""
        self._namespaces.wanted.update(namespaces)

    def block(self, reason: str) -> None:
        """It is not to be started; calls are refused with the reason."""
        self.blocked = self.instance.refusal = reason
        self._tried.set()

    def run(self, namespaces: Iterable[str]) -> None:
        """Begins to bring it up for these namespaces, in the background."""
        self._namespaces.wanted.update(namespaces)
        self._upkeep = asyncio.create_task(self._keep_up(), name=f"upkeep of {self.spec.plugin.name}")

    def pause(self) -> Handover:
        """Calls wait from now on, until the gate is opened to an instance."""
        self._gate = Handover(self.instance)
        self._on_change()
        return self._gate

    async def rest(self) -> None:
        """Lets another instance have the store, after the calls under way; calls wait meanwhile."""
        await self._end(HANDOVER_GRACE, self.instance.rest)
        self._started = False
        self._tried.clear()

    def resume(self) -> None:
        """Brings it up again after a rest."""
        self.run(())

    def unpause(self) -> None:
        """Calls go to the instance again."""
        self._gate = None
        self._on_change()

    async def tried(self) -> None:
        """Waits until the first attempt to bring it up has succeeded or failed."""
        await self._tried.wait()

    async def attach(self, namespaces: Collection[str]) -> None:
        """Prepares more namespaces; at once if it is up, else when it is. Failures are kept and tried again.

        What a store or a plugin takes its time with goes on after this is cancelled.
        """
        self._namespaces.wanted.update(namespaces)
        if self.came_up:
            await asyncio.shield(self._attach_soon(namespaces))

    def refuse_unprepared(self) -> None:
        """The namespaces that are still being prepared are refused until they are."""
        self._namespaces.refuse_unprepared()

    def _attach_soon(self, namespaces: Collection[str]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._namespaces.attach(namespaces))
        self._attaching.add(task)
        task.add_done_callback(self._attaching.discard)
        return task

    def keep_only(self, namespaces: set[str]) -> None:
        """Other namespaces are no longer its own."""
        self._namespaces.keep_only(namespaces)

    async def holds_data(self, namespace: str) -> bool:
        """Whether the namespace holds data.

        Raises:
            PrismError, OSError: the store cannot be asked.
        """
        async with asyncio.timeout(self._supervision.probe_timeout):
            return await self.instance.holds_data(namespace)

    async def stop(self, grace: float = 0.0) -> None:
        """Ends it: lets the calls under way end for so many seconds, then stops the backend."""
        await self._end(grace, self.instance.stop)

    async def _end(self, grace: float, end: Callable[[], Awaitable[None]]) -> None:
        under_way = [each for each in (self._loading, self._upkeep, *self._attaching) if each is not None]
        for each in under_way:
            each.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        try:
            async with asyncio.timeout(grace):
                await self.instance.drained()
        except TimeoutError:
            log.warning(
                "the instance of plugin %s is stopped under %d calls that did not finish within the drain timeout; "
                "they fail",
                self.spec.plugin.name,
                self.instance.active,
            )
        try:
            async with asyncio.timeout(self._stop_timeout):
                await end()
        except Exception as error:  # noqa: BLE001  # a plugin's defect must not keep the others from ending
            log.error(  # noqa: TRY400
                "the instance of plugin %s could not be stopped cleanly; connections to its store may stay open: %s",
                self.spec.plugin.name,
                self._events.trace(error),
            )
        else:
            log.info("the instance of plugin %s has stopped", self.spec.plugin.name)
        self._events.record("plugin.stopped")

    @property
    def restarts(self) -> int:
        """How often it was started again after it had ended by itself."""
        return self._restarts.count

    async def _keep_up(self) -> None:
        if self._loading is not None:
            await asyncio.wait((self._loading,))
        while True:
            await self._bring_up()
            self._restarts.came_up()
            await self._look_after()
            self._started = False
            pause = self._restarts.ended()
            reason = self.instance.refusal
            self.health_state.failed(reason)
            self.instance.probed = self.health_state.health
            log.warning(
                "the instance of plugin %s ended: %s; its namespaces are refused until it is restarted, in %.2f s",
                self.spec.plugin.name,
                reason,
                pause,
            )
            await asyncio.sleep(pause)

    async def _bring_up(self) -> None:
        """Tries until it serves."""
        name = self.spec.plugin.name
        recorded = False
        for delay in delays(self._supervision.backoff_first, self._supervision.backoff_max):
            reason = await self._attempt()
            if not reason:
                break
            self.instance.refusal = f"backend {name!r} is unavailable: {reason}; the gateway keeps retrying"
            self.health_state.failed(reason)
            log.warning(
                "the instance of plugin %s cannot serve: %s; its namespaces are refused, and it is retried in %.1f s",
                name,
                reason,
                delay,
            )
            if not recorded:
                recorded = True
                self._events.record("plugin.unavailable", "UNAVAILABLE", reason=reason)
            self._tried.set()
            await asyncio.sleep(delay)
        self.came_up = True
        self.instance.probed = self.health_state.health
        self._namespaces.begin_anew()
        # One namespace that takes long keeps no other from being served.
        await asyncio.wait((self._attach_soon(tuple(self._namespaces.wanted)),), timeout=PREPARE_TIMEOUT)
        self._namespaces.refuse_unprepared()
        if self.instance.lost.is_set():
            return  # it has ended again meanwhile, and refuses with its own reason
        self.instance.incarnation += 1
        self.instance.refusal = ""
        self._tried.set()
        self._events.record("plugin.serves", namespaces=len(self._namespaces.wanted))
        log.info(
            "the instance of plugin %s serves %d namespace%s on the store %s",
            name,
            len(self._namespaces.wanted),
            "s" * (len(self._namespaces.wanted) != 1),
            self.spec.redactor.scrub(self.instance.identity),
        )

    async def _look_after(self) -> None:
        """Probes it, until it has ended by itself."""
        while not await self._lost_within(0.0 if self.health_state.unanswered else self._supervision.probe_interval):
            await self.health_state.probe()
            if self._namespaces.failed and not self._attaching:
                self._attach_soon(tuple(self._namespaces.failed))

    async def _lost_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self.instance.lost.wait()
        except TimeoutError:
            return False
        return True

    async def _attempt(self) -> str:
        """Brings it up; why it could not be, or empty."""
        try:
            if not self._started:
                try:
                    await self.load()
                    await self.instance.start()
                finally:
                    self.configured_identity = self.configured_identity or self.instance.identity
                self._started = True
            reason = await self.health_state.ask()
        except PrismError as error:
            self.instance.refusal_kind = _kind(error)
            log.debug("attempt failed: %s", self._events.trace(error))
            return OPEN_FILES.explained(self.spec.redactor.scrub(error.message))
        except Exception as error:  # noqa: BLE001  # a plugin's defect must not end the gateway
            log.error(  # noqa: TRY400
                "the instance of plugin %s failed to start with an unexpected error, and is retried; this is a defect "
                "in the plugin: report it to its author with this traceback: %s",
                self.spec.plugin.name,
                self._events.trace(error),
            )
            reason = OPEN_FILES.explained(
                f"its plugin failed unexpectedly ({type(error).__name__}); the gateway's log has the details"
            )
        self.instance.refusal_kind = BackendUnavailable
        return reason


def _kind(error: PrismError) -> type[BackendError]:
    """With what calls are refused after a failed start; what one transaction or stream met there is not about them."""
    if isinstance(error, BackendError) and not isinstance(error, Conflict | MessagesLost):
        return type(error)
    return BackendUnavailable
