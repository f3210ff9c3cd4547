"""Control: reads the configuration, keeps its instances up, gives the data path one immutable Snapshot after another.

A changed file is picked up by itself; `reload` does the same at once (SIGHUP). A change that would point a namespace
with data at another store is refused on a reload; a gateway that starts with such a file cannot know the old store and
serves what the file says.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from prism.control import watch
from prism.control.access import Access
from prism.control.authorization import AuthorizationSection
from prism.control.config import Config
from prism.control.disabled import Disabled
from prism.control.figures import ControlFigures
from prism.control.loading import load
from prism.control.policy import PolicySection
from prism.control.problem import ConfigInvalid
from prism.control.renewal import Renewal, not_found
from prism.control.report import ReloadReport
from prism.control.secrets import Renewing, SecretProvider
from prism.control.snapshot import Namespace, Snapshot
from prism.control.specification import InstanceSpec, Loaded
from prism.control.supervised import Supervised
from prism.control.timing import Timing
from prism.control.transition import Served, Transition
from prism.errors import GatewayUnavailable
from prism.plugins.discovery import Plugins, discover
from prism.plugins.instance import Instance
from prism.redactor import Redactor
from prism.telemetry import audit
from prism.telemetry.figure import Figure

AT_ONCE = frozenset({"drain_timeout", "shed_lag"})
"""Options of the sections that need no restart."""

_NAMED_AT_MOST = 100
_GENERATIONS_OF_SECRETS = 4

POLICY_SECTIONS = ("authentication", "authorization")
"""Sections that take effect with the next snapshot."""

log = logging.getLogger(__name__)


class Control:
    """Runs one configuration, and each one after it.

    Attributes:
        config: what is in force; the defaults until `start`.
        served: the namespaces and who serves each, in the order of the file.
        disabled: those that an operator has refuse their calls.
    """

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
        """
        self._secrets = tuple(secrets)
        self._watches = watched and isinstance(source, Path)
        self.config = Config()
        self.served: Mapping[str, Served] = {}
        self.disabled: Mapping[str, Disabled] = {}
        self._source = source
        self._publish = publish
        self._plugins = plugins
        self._environment = environment
        self._timing = timing or Timing()
        self._snapshot = Snapshot()
        self._access: Access | None = None
        self._policies: Mapping[str, PolicySection] = {}
        self._generation = 0
        self._lock = asyncio.Lock()
        self._ended = False
        self._redactors: tuple[Redactor, ...] = ()
        self._figures = ControlFigures()
        self._seen: watch.Signature = ()
        self._watched: frozenset[Path] = frozenset()
        self._delays = self._timing.delays()
        self._again: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._retiring: set[asyncio.Task[None]] = set()

    @property
    def instances(self) -> frozenset[Supervised]:
        """The instances that serve now, each once."""
        return frozenset(each.supervised for each in self.served.values())

    @property
    def plugins(self) -> Plugins:
        """What may be configured; nothing until `start` has looked, where nobody said."""
        return self._plugins or Plugins({})

    @property
    def generation(self) -> int:
        """Of the snapshot that serves now."""
        return self._generation

    def refusal(self, namespace: str) -> str:
        """Why the calls of a namespace are refused; empty where they are not."""
        if (order := self.disabled.get(namespace)) is not None:
            return order.sentence(namespace)
        return self.served[namespace].supervised.refusal(namespace)

    def disable(self, namespace: str, order: Disabled) -> bool:
        """Refuses the calls of a namespace from now on; whether it did not before. Those under way end as they would.

        Raises:
            NamespaceNotFound: it is not configured.
        """
        if namespace not in self.served:
            raise not_found(namespace, self.served)
        if namespace in self.disabled:
            return False
        self.disabled = {**self.disabled, namespace: order}
        self._refresh()
        return True

    def enable(self, namespace: str) -> bool:
        """Takes `disable` back; whether there was something to take back. Raises as `disable` does."""
        if namespace not in self.served:
            raise not_found(namespace, self.served)
        if namespace not in self.disabled:
            return False
        self.disabled = {name: order for name, order in self.disabled.items() if name != namespace}
        self._refresh()
        return True

    async def start(self) -> None:
        """Reads the configuration, starts what it names and publishes the first snapshot.

        Stores that are down do not delay it beyond `Timing.start_patience`: their namespaces refuse calls, with the
        reason, until they are up.

        Raises:
            ConfigInvalid: the configuration cannot be used; nothing was started.
        """
        async with self._lock:
            if self._plugins is None:
                self._plugins = await asyncio.to_thread(discover)
            await self._change(await self._load(), self._timing.start_patience)
        if self._watches:
            self._spawn(self._watch())
        for each in self._renewing:
            self._spawn(self._renew(each))

    async def reload(self, *, namespace: str | None = None, force: bool = False, version: str = "") -> ReloadReport:
        """Reads the configuration again and applies what has changed, without failing a call; says what it did.

        A configuration that cannot be used changes nothing. Where a new store is down, the namespace stays with the
        old one and the change is tried again by itself.

        Args:
            namespace: whose instance is meant by `force`, with all the namespaces that share it; None for every one.
            force: the instance is replaced by a new one even where nothing has changed.
            version: of the namespace's plugin that must be in place; empty for whichever is.

        Raises:
            GatewayUnavailable: control was stopped.
            NamespaceNotFound: it is not configured.
            FailedPrecondition: another version is in place; nothing was changed.
        """
        async with self._lock:
            if self._ended:
                raise GatewayUnavailable("the gateway is stopping; its configuration is not read again")
            if namespace is not None and namespace not in self.served:
                raise not_found(namespace, self.served)
            renewed = frozenset(self.served if namespace is None else (namespace,)) if force else frozenset()
            try:
                loaded = await self._load()
                if namespace is not None:
                    Renewal(namespace, version).check(loaded)
                report = await self._change(loaded, self._timing.reload_patience, renewed)
            except ConfigInvalid as error:
                report = ReloadReport(generation=self._generation, applied=False, problems=error.problems)
                log.error("%s\n%s", report, error.message)  # noqa: TRY400  # written for people; no traceback
                audit.record("admin", "configuration.reload", outcome="INVALID_ARGUMENT", detail=_summary(report))
                self._figures.reloaded(applied=False)
                return report
        log.info("%s", report)
        audit.record("admin", "configuration.reload", detail=_summary(report))
        self._figures.reloaded(applied=True)
        for name, reason in report.held.items():
            log.warning("namespace %s is served as before: %s", name, reason)
        for note in report.notes:
            log.warning("%s", note)
        return report

    async def stop(self) -> None:
        """Ends it: calls under way are given `gateway.drain_timeout` seconds, then every backend is stopped."""
        self._ended = True
        if self._again is not None:
            self._again.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        async with self._lock:
            grace = self.config.gateway.drain_timeout
            await asyncio.gather(*self._retiring, *(each.stop(grace) for each in self.instances))
            self.served = {}
        await asyncio.gather(*(each.close() for each in self._renewing))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _load(self) -> Loaded:
        """In a thread: a large file takes a while, and calls are being served."""
        assert self._plugins is not None  # noqa: S101  # a defect, not an input
        before = self._signature()
        try:
            loaded = await asyncio.to_thread(load, self._source, self._plugins, self._environment, self._secrets)
            self._watched = loaded.watched
            self._remember(loaded.redactor)
        finally:
            # The file as it was before it was read: a change while it was read is seen as one.
            self._seen = (*before[:1], *self._signature()[1:])
        return loaded

    def figures(self) -> Iterator[Figure]:
        """For the metrics."""
        return self._figures.figures(self.instances)

    def scrub(self, text: str) -> str:
        """The text without the secrets of the configuration, nor of those that it has lately replaced."""
        for each in self._redactors:
            text = each.scrub(text)
        return text

    def _remember(self, redactor: Redactor) -> None:
        if not self._redactors or not redactor.knows_as_much_as(self._redactors[0]):
            self._redactors = (redactor, *self._redactors)[:_GENERATIONS_OF_SECRETS]

    def _signature(self) -> watch.Signature:
        if not isinstance(self._source, Path):
            return ()
        return watch.signature(self._source, self._watched - {self._source.absolute().parent})

    async def _change(self, loaded: Loaded, patience: float, renewed: frozenset[str] = frozenset()) -> ReloadReport:
        transition = Transition(self.served, loaded, self._make, renewed)
        before = self.served
        try:
            await transition.prepare(patience)
            if transition.problems:
                raise ConfigInvalid(transition.problems)
            served = transition.outcome()
        except BaseException:
            self._retire(transition.retired(before), 0.0)
            raise
        notes = [*transition.notes, *(_needs_restart(self.config, loaded.config) if self._generation else ())]
        # From here to the publication nothing waits.
        policies = _policies(loaded.config)
        policy = policies != self._policies or _policy_differs(self.config, loaded.config)
        self.served, self.config = served, loaded.config
        self.disabled = {name: order for name, order in self.disabled.items() if name in served}
        if policy:  # else the objects of before are kept, and with them the entries of the snapshot
            self._policies = policies
        moved = [name for name in transition.changed if name not in transition.held]
        if moved or policy or before.keys() != served.keys() or not self._generation:
            self._generation += 1
            self._refresh()
        self._retire(transition.retired(served), loaded.config.gateway.drain_timeout)
        self._try_again(transition.waits)
        return ReloadReport(
            generation=self._generation,
            added=[name for name in moved if name not in before],
            changed=[name for name in moved if name in before],
            removed=[name for name in before if name not in served],
            policy=policy,
            held=transition.held,
            notes=notes,
        )

    def _make(self, spec: InstanceSpec) -> Supervised:
        return Supervised(spec, self._timing, self._refresh)

    def _refresh(self) -> None:
        """Publishes who serves what; entries that have not changed stay the same objects."""
        before = self._snapshot.namespaces
        namespaces: dict[str, Namespace] = {}
        for name, each in self.served.items():
            entry, target, services = before.get(name), self._target(name, each), each.spec.services
            policy = self._policies.get(name)
            if (
                entry is None
                or entry.instance is not target
                or entry.interfaces != services
                or entry.policy is not policy
            ):
                entry = Namespace(name, services, target, policy)
            namespaces[name] = entry
        authentication = self.config.authentication
        self._snapshot = Snapshot(self._generation, namespaces, authentication, self._current_access())
        self._publish(self._snapshot)

    def _current_access(self) -> Access | None:
        """The rules; the same object while they are the same, so that what was decided by them stays known."""
        authentication, rules = self.config.authentication, self.config.authorization
        if authentication is None or not authentication.methods:
            self._access = None
        elif self._access is None or self._access.section != (rules or AuthorizationSection()):
            self._access = Access(rules or AuthorizationSection())
        return self._access

    def _target(self, name: str, served: Served) -> Instance:
        target = served.supervised.target(name)
        if (order := self.disabled.get(name)) is None:
            return target
        before = self._snapshot.namespaces.get(name)
        if before is not None and before.instance.refusal == order.sentence(name):
            return before.instance
        return order.target(name, target)

    def _retire(self, instances: Iterable[Supervised], grace: float) -> None:
        for each in instances:
            task = asyncio.create_task(each.stop(grace))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    def _try_again(self, waits: bool) -> None:
        if self._again is not None:
            self._again.cancel()
            self._again = None
        if not waits:
            self._delays = self._timing.delays()
        elif not self._ended:
            loop = asyncio.get_running_loop()
            self._again = loop.call_later(next(self._delays), lambda: self._spawn(self._reload_quietly()))

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def _renewing(self) -> Sequence[Renewing]:
        return [each for each in self._secrets if isinstance(each, Renewing)]

    async def _renew(self, provider: Renewing) -> None:
        """Reads everything again when one of the provider's secrets is about to end."""
        delays = self._timing.delays()
        while True:
            try:
                await provider.changed()
            except Exception as error:  # noqa: BLE001  # a provider's trouble must not end the gateway
                pause = next(delays)
                log.warning("secrets cannot be renewed: %s; tried again in %.1f s", self.scrub(str(error)), pause)
                await asyncio.sleep(pause)
            else:
                delays = self._timing.delays()
                await self._reload_quietly()

    async def _reload_quietly(self) -> None:
        with suppress(GatewayUnavailable):
            try:
                await self.reload()
            except Exception:
                log.exception("a reload failed unexpectedly; everything serves as before")

    async def _watch(self) -> None:
        """Reloads when the file, or the directory of its secrets, has changed."""
        stirred = asyncio.Event()
        while True:
            directories = self._watched
            watcher = asyncio.create_task(watch.changes(directories, stirred, self._timing.watch_interval))
            try:
                while directories == self._watched:
                    await stirred.wait()
                    stirred.clear()
                    if self._signature() != self._seen:
                        await self._reload_quietly()
            finally:
                watcher.cancel()
                await asyncio.gather(watcher, return_exceptions=True)


def _summary(report: ReloadReport) -> dict[str, object]:
    """What the audit trail says of a reload."""
    lists = {name: getattr(report, name) for name in ("added", "changed", "removed", "held")}
    shortened = {name: list(each)[:_NAMED_AT_MOST] for name, each in lists.items() if each}
    counts = {f"{name}_count": len(each) for name, each in lists.items() if each}
    return {"generation": report.generation, "problems": len(report.problems), **counts, **shortened}


def _policies(config: Config) -> dict[str, PolicySection]:
    """By namespace."""
    found = ((entry.name, config.policy_of(entry)) for entry in config.namespaces)
    return {name: policy for name, policy in found if policy is not None}


def _policy_differs(old: Config, new: Config) -> bool:
    if old.gateway.shed_lag != new.gateway.shed_lag:
        return True
    return any(getattr(old, section) != getattr(new, section) for section in POLICY_SECTIONS)


def _needs_restart(old: Config, new: Config) -> list[str]:
    return [
        f"{section}.{option} has changed; restart the gateway for it to take effect"
        for section in ("gateway", "admin", "telemetry", "audit")
        for option, value in getattr(new, section)
        if option not in AT_ONCE and value != getattr(getattr(old, section), option)
    ]
