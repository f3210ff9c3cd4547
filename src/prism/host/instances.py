"""The instances of one plugin's process, by the names that gateways chose: started once, found per call, ended."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from time import monotonic

from prism.errors import BackendUnavailable, FailedPrecondition, Outcome
from prism.host.instance import HostedInstance
from prism.host.instance_options import InstanceOptions
from prism.plugins.discovery import Plugin
from prism.reason import Reason
from prism.redactor import Redactor

log = logging.getLogger(__name__)


class Instances:
    """All instances of the process.

    Attributes:
        plugin: what they are instances of.
        redactor: knows the secrets of all of them.
        closing: the process is shutting down; no instance is started any more.
        on_serving: called with each instance that begins to serve.
    """

    def __init__(
        self,
        plugin: Plugin,
        redactor: Redactor | None = None,
        on_serving: Callable[[HostedInstance], None] = lambda _: None,
    ) -> None:
        self.plugin = plugin
        self.redactor = redactor or Redactor()
        self.on_serving = on_serving
        self.closing = False
        self._running: dict[str, HostedInstance] = {}
        self._starting: dict[str, tuple[HostedInstance, asyncio.Task[None]]] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}

    @property
    def running(self) -> Iterable[HostedInstance]:
        """Those that serve."""
        return tuple(self._running.values())

    def serving(self, name: str, namespace: str) -> HostedInstance:
        """The instance of that name, for a call on one of its namespaces.

        Raises:
            FailedPrecondition: it does not exist, or the namespace is not attached to it; INSTANCE_UNKNOWN.
            BackendUnavailable: the process is shutting down.
        """
        instance = self._running.get(name) or self.named(name)
        if namespace not in instance.namespaces:
            if not namespace:
                problem = "the metadata prism-namespace is missing; set it to a namespace that Initialize has attached"
                raise FailedPrecondition(problem, outcome=Outcome.NOT_APPLIED)
            problem = (
                f"namespace {namespace[:63]!r} is not attached to instance {name[:200]!r}; call Initialize for it first"
            )
            raise FailedPrecondition(problem, reason=Reason.INSTANCE_UNKNOWN, outcome=Outcome.NOT_APPLIED)
        return instance

    def named(self, name: str) -> HostedInstance:
        """The instance of that name; the only one where the name is empty. Raises as `serving` does."""
        if self.closing:
            raise self._closing()
        instance = self._running.get(name)
        if instance is None and not name and len(self._running) == 1:
            (instance,) = self._running.values()
        if instance is None:
            problem = f"instance {name[:200]!r} does not exist in this process; call Initialize first"
            if not name and self._running:
                problem = f"this process has {len(self._running)} instances; set prism-instance to one of them"
            raise FailedPrecondition(problem, reason=Reason.INSTANCE_UNKNOWN, outcome=Outcome.NOT_APPLIED)
        return instance

    async def initialise(self, fresh: HostedInstance) -> HostedInstance:
        """The running instance of that name: `fresh`, started, or the one that has been started from equal options.

        If a caller gives up, the start goes on, and the next caller waits for the same start.

        Raises:
            FailedPrecondition: the instance runs with other options.
            PrismError: what `HostedInstance.start` raises.
        """
        name = fresh.name
        while (ending := self._ending.get(name)) is not None:
            await asyncio.wait((ending,))
        if self.closing:
            raise self._closing()
        running = self._running.get(name)
        if running is None:
            running, start = self._starting.get(name) or self._start(fresh)
            _check_same(running, fresh.options)
            await asyncio.wait((start,))
            start.result()
        else:
            _check_same(running, fresh.options)
        running.seen = monotonic()
        return running

    def _start(self, fresh: HostedInstance) -> tuple[HostedInstance, asyncio.Task[None]]:
        task = asyncio.create_task(self._bring_up(fresh), name=f"start of instance {fresh.name}")
        self._starting[fresh.name] = fresh, task
        return fresh, task

    async def _bring_up(self, fresh: HostedInstance) -> None:
        try:
            await fresh.start()
        finally:
            del self._starting[fresh.name]
        self._running[fresh.name] = fresh
        self.on_serving(fresh)
        log.info("instance %r has started and serves the store %s", fresh.name, fresh.identity)

    async def end(self, name: str, grace: float) -> None:
        """Stops an instance after its calls have had `grace` seconds to finish. Does nothing if it does not exist."""
        starting = self._starting.get(name)
        if starting is not None:
            starting[1].cancel()
            await asyncio.wait((starting[1],))
        instance = self._running.pop(name, None)
        if instance is not None:
            self._ending[name] = asyncio.create_task(self._wind_up(instance, grace), name=f"end of instance {name}")
        if (ending := self._ending.get(name)) is not None:
            await asyncio.wait((ending,))

    async def _wind_up(self, instance: HostedInstance, grace: float) -> None:
        try:
            await instance.drain(grace)
            await instance.stop()
        finally:
            del self._ending[instance.name]
        log.info("instance %r has stopped", instance.name)

    async def close(self, grace: float) -> None:
        """Stops all instances in parallel; no instance is started from now on."""
        self.closing = True
        names = {*self._starting, *self._running, *self._ending}
        await asyncio.gather(*(self.end(name, grace) for name in names))

    async def end_abandoned(self, idle_timeout: float) -> None:
        """Stops, until cancelled, the instances that no gateway has used or probed for `idle_timeout` seconds.

        A gateway probes its instances; without this a gateway that is gone for good would leave them running.
        """
        while True:
            await asyncio.sleep(idle_timeout / 10)
            for each in self.running:
                if not each.active and monotonic() - each.seen > idle_timeout:
                    log.warning(
                        "instance %r is stopped because no gateway has used it for %g s; a gateway that needs it "
                        "starts it again",
                        each.name,
                        idle_timeout,
                    )
                    with contextlib.suppress(FailedPrecondition):
                        await self.end(each.name, 0.0)

    def _closing(self) -> BackendUnavailable:
        return BackendUnavailable(
            f"plugin {self.plugin.name!r} is shutting down; send the call again", outcome=Outcome.NOT_APPLIED
        )


def _check_same(instance: HostedInstance, options: InstanceOptions) -> None:
    if instance.options != options:
        problem = f"instance {instance.name!r} already runs with other options; shut it down first, or use another name"
        raise FailedPrecondition(problem, reason=Reason.INSTANCE_DIFFERS)
