"""Control: reads the configuration, keeps its instances up, gives the data path one immutable Snapshot after another.

A changed file is picked up by itself; `reload` does the same at once (SIGHUP). A change that would point a namespace
with data at another store is refused on a reload; a gateway that starts with such a file cannot know the old store and
serves what the file says.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from prism import gc_tuning
from prism.config.secrets import SecretProvider
from prism.config.sections.root import Config
from prism.config.sections.supervision import SupervisionSection
from prism.config.specification import InstanceSpec, Loaded
from prism.config.yaml.problem import ConfigInvalid
from prism.control.bind_policy import BindPolicy
from prism.control.disabled import Disabled
from prism.control.metrics import ControlMetrics
from prism.control.report import ReloadReport
from prism.control.served import Served
from prism.control.snapshot_publisher import ON_PORTS, SnapshotPublisher
from prism.control.source import Source
from prism.control.supervision.replacement import Replacement
from prism.control.supervision.supervised import Supervised
from prism.control.timing import Timing
from prism.control.transition import Transition
from prism.control.triggers import Triggers
from prism.control.turns import Turns
from prism.errors import GatewayUnavailable
from prism.gateway.snapshot import Snapshot
from prism.plugins.discovery import Plugins, discover
from prism.plugins.sidecar.start_queue import StartQueue
from prism.telemetry.audit import audit
from prism.telemetry.metrics.metric_family import MetricFamily

AT_ONCE = frozenset({"drain_timeout", "heartbeat_interval", "shed_lag", "shutdown_delay", "tls", *ON_PORTS})
"""Options of the sections that need no restart; of `tls` what is in it, not whether it is there."""

log = logging.getLogger(__name__)


class Control:
    """Runs one configuration, and each one after it."""

    def __init__(
        self,
        source: Path | Config,
        publish: Callable[[Snapshot], None],
        *,
        plugins: Plugins | None = None,
        environment: Mapping[str, str] = os.environ,
        timing: Timing | None = None,
        watched: bool = True,
        secrets: Sequence[SecretProvider] = (),
        listen: Sequence[str] = (),
    ) -> None:
        """
        Args:
            source: the file, or a configuration made by hand.
            publish: takes each new snapshot; must not wait.
            plugins: what may be configured; by default all that is installed.
            environment: what `${NAME}` and secrets are looked up in.
            timing: how long to wait for what.
            watched: a change of the file is applied by itself; else only `reload` does.
            secrets: further places of secrets; closed with it where they are `Renewing`.
            listen: addresses for data in place of the configuration's.
        """
        self._source = Source(source, environment, secrets)
        self._publisher = SnapshotPublisher(publish)
        self._bind_policy = BindPolicy(listen)
        self._plugins = plugins
        self._timing = timing or Timing()
        self._triggers = Triggers(self.reload, self._source, self._timing)
        self._watches = watched and self._source.is_file
        self._metrics = ControlMetrics()
        self._starts = StartQueue()
        self._transition: Transition | None = None
        self._turns = Turns(lambda: self._transition.handing_over if self._transition else "")
        self._ended = False
        self._first: Loaded | None = None
        self._changes: set[asyncio.Task[ReloadReport]] = set()
        self._retiring: set[asyncio.Task[None]] = set()
        self._pending: dict[str, Supervised] = {}
        self._watching: set[asyncio.Task[None]] = set()

    @property
    def config(self) -> Config:
        """What is in force; the defaults until `start`."""
        return self._publisher.config

    @property
    def served(self) -> Mapping[str, Served]:
        """The namespaces and who serves each, in the order of the file."""
        return self._publisher.served

    @property
    def disabled(self) -> Mapping[str, Disabled]:
        """The namespaces that an operator has refuse their calls."""
        return self._publisher.disabled

    @property
    def generation(self) -> int:
        """Of the snapshot that serves now."""
        return self._publisher.generation

    @property
    def instances(self) -> frozenset[Supervised]:
        """The instances that serve now, each once."""
        return frozenset(each for served in self.served.values() for each in served.instances)

    @property
    def plugins(self) -> Plugins:
        """What may be configured; where it was not given, nothing until `start` has looked."""
        return self._plugins or Plugins({})

    def refusal(self, namespace: str) -> str:
        """Why the calls of a namespace are refused; empty where they are not."""
        return self._publisher.refusal(namespace)

    def disable(self, namespace: str, order: Disabled) -> bool:
        """Refuses the calls of a namespace from now on; whether it did not before. Those under way end as they would.

        Raises:
            NamespaceNotFound: it is not configured.
        """
        return self._publisher.disable(namespace, order)

    def enable(self, namespace: str) -> bool:
        """Takes `disable` back; whether there was something to take back. Raises as `disable` does."""
        return self._publisher.enable(namespace)

    async def start(self) -> None:
        """`begin`, then `first_attempts`: what is up soon serves when this returns. Raises as `begin` does."""
        await self.begin()
        await self.first_attempts()

    async def read(self) -> Config:
        """The configuration that `begin` will serve; nothing is started yet.

        Raises:
            ConfigInvalid: it cannot be used.
        """
        async with self._turns.alone:
            if self._plugins is None:
                self._plugins = await asyncio.to_thread(discover)
            self._first = await self._load()
            return self._first.config

    async def begin(self) -> None:
        """Begins to start what the configuration names, which it reads unless `read` has; publishes the first snapshot.

        It waits for no store and no plugin: their namespaces refuse calls, with the reason, until they are up.

        Raises:
            ConfigInvalid: the configuration cannot be used; nothing was started.
        """
        if self._first is None:
            await self.read()
        async with self._turns.alone:
            loaded, self._first = self._first, None
            assert loaded is not None  # noqa: S101  # a defect, not an input
            await self._step(loaded, 0.0, self._timing.reload_timeout)

    async def first_attempts(self) -> None:
        """Waits until every instance was tried once, `Timing.start_timeout` at most; then looks for changes."""
        attempts = [asyncio.create_task(each.tried()) for each in self.instances]
        try:
            if attempts:
                await asyncio.wait(attempts, timeout=self._timing.start_timeout)
        finally:
            for each in attempts:
                each.cancel()
        self._triggers.start(watched=self._watches)

    async def reload(
        self, *, namespace: str | None = None, abstraction: str = "", force: bool = False, version: str = ""
    ) -> ReloadReport:
        """Reads the configuration again and applies what has changed, without failing a call; says what it did.

        A configuration that cannot be used changes nothing. Where a new store is down, the namespace stays with the
        old one and the change is tried again by itself. Where a new instance takes long to start, everything else is
        served meanwhile; it is waited for until another reload is asked for, `Timing.reload_timeout` at most, and takes
        over by itself once it is up. Once begun a reload is not cancelled with its caller, only by `stop`.

        Args:
            namespace: whose instances are meant by `force`, with all the namespaces that share them; None for all.
            abstraction: only the instance that serves this one; empty for every instance of the namespace.
            force: the instances are replaced by new ones even where nothing has changed.
            version: of the plugin that must be in place; empty for any.

        Raises:
            GatewayUnavailable: control was stopped.
            NamespaceNotFound: it is not configured.
            FailedPrecondition: another version is in place, or the namespace does not serve the abstraction; nothing
                was changed.
        """
        # The caller may go away: between two instances calls are not served, so it is seen through.
        replacement = None if namespace is None else Replacement(namespace, abstraction, version)
        change = asyncio.create_task(self._reload(replacement, force=force), name="reload")
        self._changes.add(change)
        change.add_done_callback(self._changes.discard)
        return await asyncio.shield(change)

    async def _reload(self, replacement: Replacement | None, *, force: bool) -> ReloadReport:
        async with self._turns.next() as waited:
            if self._ended:
                raise GatewayUnavailable("the gateway is stopping; the configuration is not reloaded")
            renewed: Collection[Supervised] = self.instances if replacement is None else replacement.of(self.served)
            if not force:
                renewed = ()
            try:
                loaded = await self._load()
                if replacement is not None:
                    replacement.check(loaded)
                report = await self._change(loaded, self._timing.reload_timeout, renewed)
            except ConfigInvalid as error:
                report = ReloadReport(generation=self.generation, applied=False, problems=error.problems)
                log.error("%s\n%s", report, error.message)  # noqa: TRY400  # written for people; no traceback
                audit.record("admin", "configuration.reload", outcome="INVALID_ARGUMENT", detail=report.summary())
                self._metrics.reloaded(applied=False)
                return report
        report = replace(report, notes=[*waited, *report.notes])
        log.info("%s", report)
        audit.record("admin", "configuration.reload", detail=report.summary())
        self._metrics.reloaded(applied=True)
        for name, reason in report.held.items():
            log.warning(
                "namespace %s: the change was not applied (%s); it is still served with its previous configuration",
                name,
                reason,
            )
        for note in report.notes:
            log.warning("%s", note)
        return report

    async def stop(self) -> None:
        """Ends it: calls under way are given `gateway.drain_timeout` seconds, then every backend is stopped."""
        self._ended = True
        await self._triggers.stop()
        for change in self._changes:
            change.cancel()
        async with self._turns.alone:
            grace = self.config.gateway.drain_timeout
            for each in self._watching:
                each.cancel()
            ending = {*self.instances, *self._pending.values()}
            await asyncio.gather(*self._retiring, *(each.stop(grace) for each in ending))
            self._pending.clear()
            self._publisher.clear()
        await self._source.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _load(self) -> Loaded:
        assert self._plugins is not None  # noqa: S101  # a defect, not an input
        with gc_tuning.paused():
            self._plugins = await asyncio.to_thread(self._plugins.looked_for_again)
        loaded = await self._source.load(self._plugins)
        self._bind_policy.check(loaded)
        return loaded

    def metrics(self) -> Iterator[MetricFamily]:
        """For the metrics."""
        return self._metrics.metrics(self.instances)

    def scrub(self, text: str) -> str:
        """The text without the secrets of the configuration, nor of those that it has lately replaced."""
        return self._source.scrub(text)

    async def _change(self, loaded: Loaded, timeout: float, renewed: Collection[Supervised] = ()) -> ReloadReport:
        """Applies a configuration: at first without what takes long to start, then with that too, as far as it is up
        in time and nothing newer is asked for.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        report = await self._step(loaded, min(timeout, self._timing.start_timeout), timeout, renewed, put_off=True)
        while self._pending and not self._turns.newer.is_set() and (left := deadline - loop.time()) > 0:
            progress = [asyncio.create_task(each.progressed()) for each in self._pending.values()]
            if not await _first_of([*progress, asyncio.create_task(self._turns.newer.wait())], left):
                break
            if self._turns.newer.is_set():
                break
            try:
                again = await self._step(loaded, 0.0, timeout, self.instances & frozenset(renewed))
            except ConfigInvalid as error:  # the rest is applied already
                again = ReloadReport(generation=self.generation, held=dict.fromkeys(report.held, error.message))
            report = report.followed_by(again)
        for each in self._pending.values():
            self._watch(each)
        return report

    def _watch(self, pending: Supervised) -> None:
        """Has the configuration applied again once more is known of an instance that was waited for long enough."""

        async def watch() -> None:
            await pending.progressed()
            self._triggers.try_now()

        task = asyncio.create_task(watch())
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)

    async def _step(
        self,
        loaded: Loaded,
        timeout: float,
        handover_timeout: float,
        renewed: Collection[Supervised] = (),
        *,
        put_off: bool = False,
    ) -> ReloadReport:
        """Applies what can be applied within the timeout; the arguments are those of `Transition.prepare`."""
        with gc_tuning.paused():
            return await self._applied(loaded, timeout, handover_timeout, renewed, put_off=put_off)

    async def _applied(
        self,
        loaded: Loaded,
        timeout: float,
        handover_timeout: float,
        renewed: Collection[Supervised],
        *,
        put_off: bool,
    ) -> ReloadReport:
        supervision = loaded.config.supervision
        transition = Transition(
            self.served, loaded, lambda spec: self._make(spec, supervision), renewed, pending=self._pending
        )
        self._transition = transition
        before = self.served
        for task in self._watching:
            task.cancel()
        try:
            await transition.prepare(timeout, handover_timeout, put_off=put_off)
            if transition.problems:
                raise ConfigInvalid(transition.problems)
            served = transition.outcome()
        except BaseException:
            self._pending = {}
            self._retire(transition.retired(before), 0.0)
            raise
        notes = [*transition.notes, *(_needs_restart(self.config, loaded.config) if self.generation else ())]
        moved = [name for name in transition.changed if not served[name].is_served_as(before.get(name))]
        policy = self._publisher.adopt(loaded.config, served, moved=bool(moved))
        self._pending = transition.pending(served)
        for each in (*self.instances, *self._pending.values()):
            each.configure(each.spec.supervised_by(supervision))
        self._retire(transition.retired(served, self._pending.values()), loaded.config.gateway.drain_timeout)
        self._triggers.try_again(later=transition.waits)
        return ReloadReport(
            generation=self.generation,
            added=[name for name in moved if name not in before],
            changed=[name for name in moved if name in before],
            removed=[name for name in before if name not in served],
            policy=policy,
            held=transition.held,
            notes=notes,
        )

    def _make(self, spec: InstanceSpec, supervision: SupervisionSection) -> Supervised:
        refresh, stop_timeout = self._publisher.refresh, self._timing.stop_timeout
        return Supervised(spec, spec.supervised_by(supervision), refresh, self._starts, stop_timeout)

    def _retire(self, instances: Iterable[Supervised], grace: float) -> None:
        for each in instances:
            task = asyncio.create_task(each.stop(grace))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)


async def _first_of(work: Sequence["asyncio.Future[Any]"], timeout: float) -> bool:
    """Waits until one has ended, for so many seconds at most, and cancels the others; whether one has."""
    try:
        done, _ = await asyncio.wait(work, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in work:
            each.cancel()
    return bool(done)


def _needs_restart(old: Config, new: Config) -> Iterator[str]:
    for section in ("gateway", "admin", "telemetry", "audit"):
        before = getattr(old, section)
        for option, value in getattr(new, section):
            if option not in AT_ONCE and value != getattr(before, option):
                yield f"{section}.{option} has changed; restart the gateway for it to take effect"
    for name, was, now in (("gateway", old.gateway.tls, new.gateway.tls), ("admin", old.admin.tls, new.admin.tls)):
        if (was is None) != (now is None):
            speaks = "plaintext" if was is None else "TLS"
            yield f"{name}.tls: turning TLS on or off requires a restart; still serving {speaks}"
