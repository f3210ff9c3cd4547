"""From one configuration to the next without a gap: what must be new is started and probed beside the old, and only
when all is known does the caller swap. Nothing that serves is touched before that.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from prism.config.specification import InstanceSpec, Loaded, NamespaceSpec
from prism.config.yaml.problem import Problem
from prism.control.supervision.supervised import Supervised
from prism.errors import PrismError

ASKED_AT_ONCE = 16

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Served:
    """A namespace and who serves it."""

    spec: NamespaceSpec
    supervised: Supervised


class Transition:
    """One change of configuration.

    Attributes:
        changed: the namespaces that the new configuration adds or serves otherwise.
        held: those of them that must stay as they are, each with the reason.
        problems: why the whole change is refused.
        notes: what an operator should know of it.
        waits: a store is down, so another try at the same change may do more.
    """

    def __init__(
        self,
        current: Mapping[str, Served],
        loaded: Loaded,
        make: Callable[[InstanceSpec], Supervised],
        renewed: frozenset[str] = frozenset(),
    ) -> None:
        """
        Args:
            current: who serves what now.
            loaded: the new configuration.
            make: an instance, not started.
            renewed: namespaces whose instance is replaced though it may be the same in both.
        """
        self._renewed = {current[name].supervised for name in renewed if name in current}
        self.changed = {
            name: spec
            for name, spec in loaded.namespaces.items()
            if (old := current.get(name)) is None
            or not spec.equals(old.spec)
            or old.supervised.blocked
            or old.supervised in self._renewed
        }
        self.held: dict[str, str] = {}
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self.waits = False
        self._current = current
        self._loaded = loaded
        self._make = make
        self._running = {
            each.supervised.spec.key: each.supervised
            for each in current.values()
            if not each.supervised.blocked and each.supervised not in self._renewed
        }
        self._handovers: dict[Supervised, Supervised] = {}
        self._fresh: dict[str, Supervised] = {}

    async def prepare(self, patience: float) -> None:
        """Starts what is new, waits for it for so many seconds, and decides; refused if there are `problems` then."""
        wanted: dict[str, list[str]] = {}
        for name, spec in self.changed.items():
            wanted.setdefault(spec.instance.key, []).append(name)
        for key, names in wanted.items():
            if key in self._running:
                await self._running[key].attach(names)
            else:
                await self._begin(self.changed[names[0]].instance, names)
        await _tried([each for each in self._fresh.values() if each not in self._handovers], patience)
        moved = [name for name in self.changed if name in self._current and not self._settled(name)]
        waiting = iter(moved)

        async def work() -> None:
            for name in waiting:
                await self._check_move(name)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(ASKED_AT_ONCE, len(moved))):
                group.create_task(work())
        if not self.problems:
            await asyncio.gather(*(self._hand_over(old, new, patience) for new, old in self._handovers.items()))

    def outcome(self) -> dict[str, Served]:
        """Who serves what from now on, in the order of the file."""
        served: dict[str, Served] = {}
        for name, spec in self._loaded.namespaces.items():
            if name in self.held:
                served[name] = self._current[name]
            elif name in self.changed:
                served[name] = Served(spec, self._new(name))
            else:
                served[name] = Served(spec, self._current[name].supervised)
        return served

    def retired(self, served: Mapping[str, Served]) -> set[Supervised]:
        """The instances, old and new, that serve nothing in the outcome; the others forget what is no longer theirs."""
        names: dict[Supervised, set[str]] = {each: set() for each in (*self._running.values(), *self._fresh.values())}
        names |= {each.supervised: set() for each in self._current.values()}
        for name, each in served.items():
            names[each.supervised].add(name)
        for supervised, kept in names.items():
            supervised.keep_only(kept)
        return {supervised for supervised, kept in names.items() if not kept}

    async def _begin(self, spec: InstanceSpec, names: list[str]) -> None:
        supervised = self._fresh[spec.key] = self._make(spec)
        unfit = ""
        try:
            await supervised.load()
        except Exception as error:  # noqa: BLE001  # its upkeep tries again and tells why
            log.debug("backend %s cannot be loaded: %s", spec.plugin.name, type(error).__name__)
            unfit = error.message if isinstance(error, PrismError) else type(error).__name__
        other = self._owner(supervised, names) if spec.plugin.manifest.capabilities.reload == "handover" else None
        if other is None:
            supervised.run(names)
        elif unfit:
            supervised.block(spec.redactor.scrub(unfit))  # what cannot even be loaded is no reason to stop the old one
        elif self._leaves_all(other, spec.key):
            self._handovers[supervised] = other
        else:
            supervised.block(
                f"backend {spec.plugin.name!r} cannot serve one store twice, and this store is already served with "
                "other options; give all its namespaces equal options"
            )

    def _owner(self, new: Supervised, names: list[str]) -> Supervised | None:
        """Who has the store that the new one wants, as far as that is known before it has connected."""
        others = [each.supervised for each in self._current.values()]
        others = [each for each in (*others, *self._fresh.values()) if each is not new and not each.blocked]
        if new.configured_identity:
            return next((each for each in others if each.same_store(new)), None)
        before = {self._current[name].supervised for name in names if name in self._current}
        return next((each for each in others if each in before and each.spec.plugin.name == new.spec.plugin.name), None)

    def _leaves_all(self, old: Supervised, key: str) -> bool:
        """Whether all the namespaces of an instance go to the one with that key, or go."""
        names = [name for name, each in self._current.items() if each.supervised is old]
        specs = [self._loaded.namespaces.get(name) for name in names]
        return bool(names) and all(spec is None or spec.instance.key == key for spec in specs)

    async def _hand_over(self, old: Supervised, new: Supervised, patience: float) -> None:
        """Stops the old one, then starts the new one, while calls wait; the old one comes back where that fails."""
        names = [name for name, spec in self.changed.items() if spec.instance.key == new.spec.key]
        gate = old.pause()
        await old.rest()
        new.run(names)
        await _tried([new], patience)
        failed = {name: reason for name in names if (reason := new.refusal(name))}
        if not failed:
            gate.open(new.instance)
            return
        log.warning("backend %s: the new instance does not serve; the old one is started again", new.spec.plugin.name)
        await new.stop()
        old.resume()
        await _tried([old], patience)
        gate.open(old.instance)
        old.unpause()
        reason = next(iter(failed.values()))
        self.held.update({name: reason for name in names if name in self._current})

    def _new(self, name: str) -> Supervised:
        key = self.changed[name].instance.key
        return self._running.get(key) or self._fresh[key]

    def _settled(self, name: str) -> bool:
        """Decides where no store needs to be asked whether it holds data."""
        old, new = self._current[name].supervised, self._new(name)
        if old is new or new in self._handovers:
            return True
        if old.spec.plugin.name == new.spec.plugin.name and old.loses_data_to(new):
            if old not in self._renewed:
                return False
            self.notes.append(f"namespace {name!r}: what it held was in the process of its plugin, and ended with it")
            self._hold_if_down(name, old, new)
            return True
        if not new.configured_identity or old.same_store(new):
            self._hold_if_down(name, old, new)
            return True
        if not old.came_up:
            self.notes.append(
                f"namespace {name!r} points at another store now; the one before, never reached, is left as it is"
            )
            return True
        return False

    def _hold_if_down(self, name: str, old: Supervised, new: Supervised) -> None:
        if (reason := new.refusal(name)) and not old.refusal(name):
            self.held[name] = reason
            self.waits = self.waits or not new.blocked

    async def _check_move(self, name: str) -> None:
        """Refuses the change if the namespace would leave its data behind."""
        spec, old, new = self.changed[name], self._current[name].supervised, self._new(name)
        try:
            why = "which holds data" if await old.holds_data(name) else ""
        except Exception as error:  # noqa: BLE001  # whatever it is, nobody knows that the data may be left behind
            detail = error.message if isinstance(error, PrismError) else type(error).__name__
            why = f"of which nobody can tell whether it holds data ({spec.instance.redactor.scrub(detail)})"
        if not why:
            self._hold_if_down(name, old, new)
            return
        key = "config" if old.spec.plugin.name == new.spec.plugin.name else "backend"
        scrub = spec.instance.redactor.scrub
        self.problems.append(
            self._loaded.document.problem(
                ("namespaces", spec.index, key),
                f"this would point namespace {name!r}, {why}, at another store, and a reload moves no data; "
                f"to move it, export it (prism kv export {name}), take it out of the file and reload, "
                f"then add it with the new store and import it (prism kv import {name} FILE)",
                found=scrub(new.instance.identity),
                allowed=scrub(old.instance.identity),
            )
        )


async def _tried(instances: Collection[Supervised], patience: float) -> None:
    """Waits until each has been tried once, for so many seconds at most."""
    tried = [asyncio.create_task(each.tried()) for each in instances]
    if not tried:
        return
    try:
        await asyncio.wait(tried, timeout=patience)
    finally:
        for each in tried:
            each.cancel()
