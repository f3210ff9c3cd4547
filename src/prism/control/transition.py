"""From one configuration to the next without a gap: what must be new is started and probed beside the old, and only
when all is known does the caller swap. Nothing that serves is touched before that.

All that is new starts at once, and none of it holds up the others: what is not up in time is left `pending`. A
namespace that nothing serves yet refuses its calls meanwhile; one that moves stays where it is, and another transition,
which is given what is pending, moves it.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from prism.config.specification import BackendSpec, InstanceSpec, Loaded, NamespaceSpec
from prism.config.yaml.problem import Problem
from prism.control.served import Move, Served, ServedBackend
from prism.control.supervision.supervised import Supervised
from prism.errors import PrismError
from prism.interfaces.catalogue import interfaces
from prism.plugins.placement import Here

ASKED_AT_ONCE = 16
_HOLDS = "holds data"
_NAMED = 5

log = logging.getLogger(__name__)


class Transition:
    """One change of configuration.

    Attributes:
        changed: the namespaces that the new configuration adds or serves otherwise.
        held: namespaces of which something stays as it is although the configuration says otherwise, each with the
            reason.
        problems: why the whole change is refused.
        notes: what an operator should know of it.
        waits: a store is down, so another try at the same change may do more.
        handing_over: who hands its store over at the moment, in words; empty where none does.
    """

    def __init__(
        self,
        current: Mapping[str, Served],
        loaded: Loaded,
        make: Callable[[InstanceSpec], Supervised],
        renewed: Collection[Supervised] = (),
        pending: Mapping[str, Supervised] = MappingProxyType({}),
    ) -> None:
        """
        Args:
            current: what serves what now.
            loaded: the new configuration.
            make: an instance, not started.
            renewed: instances that are replaced though they may be the same in both.
            pending: what transitions of before have begun to start, by key.
        """
        self._renewed = frozenset(renewed)
        self._begun = dict(pending)
        self._current = current
        self._loaded = loaded
        self._make = make
        self.changed = {
            name: spec
            for name, spec in loaded.namespaces.items()
            if (old := current.get(name)) is None
            or not spec.equals(old.spec)
            or any(self._must_go(each) for each in old.instances)
        }
        self.held: dict[str, str] = {}
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self.waits = False
        self.handing_over = ""
        serving = [each for served in current.values() for each in served.instances if not self._must_go(each)]
        self._running = {each.spec.key: each for each in serving if each.is_kept_up}
        self._begun |= {each.spec.key: each for each in serving if not each.is_kept_up}
        self._moves = [move for spec in self.changed.values() for move in self._moves_of(spec)]
        self._held: set[Move] = set()
        self._handovers: dict[Supervised, Supervised] = {}
        self._fresh: dict[str, Supervised] = {}
        self._ended: set[Supervised] = set()

    async def prepare(self, timeout: float, handover_timeout: float, *, put_off: bool = False) -> None:
        """Starts what is new, waits for it, and decides; refused if there are `problems` then.

        Args:
            timeout: seconds until it goes on without what is not up.
            handover_timeout: the same for who takes a store over from another, while calls to it wait.
            put_off: handovers are left pending where there is something else to do, which they would hold up.
        """
        wanted: dict[str, list[Move]] = {}
        for move in self._moves:
            wanted.setdefault(move.spec.instance.key, []).append(move)
        up = {key: each for key, each in {**self._begun, **self._running}.items() if key in wanted and each.is_kept_up}
        attaching = [asyncio.create_task(each.attach(_namespaces(wanted[key]))) for key, each in up.items()]
        self._fresh |= {key: each for key, each in up.items() if key not in self._running}
        deadline = await self._begin({key: moves for key, moves in wanted.items() if key not in up}, timeout)
        fresh = [each for each in self._fresh.values() if each.is_kept_up]
        await _until([*attaching, *(asyncio.create_task(each.tried()) for each in fresh)], deadline)
        for each in up.values():
            if not each.starting:
                each.refuse_unprepared()
        if put_off:
            self._put_off_handovers()
        unsettled = [move for move in self._moves if not self._settled(move)]
        waiting = iter(unsettled)

        async def work() -> None:
            for move in waiting:
                await self._check_move(move)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(ASKED_AT_ONCE, len(unsettled))):
                group.create_task(work())
        if not self.problems:
            handovers = self._handovers.items()
            await asyncio.gather(*(self._hand_over(old, new, handover_timeout) for new, old in handovers))
            self.handing_over = ""

    def outcome(self) -> dict[str, Served]:
        """What serves what from now on, in the order of the file."""
        moves: dict[str, list[Move]] = {}
        for move in self._moves:
            moves.setdefault(move.namespace, []).append(move)
        return {name: self._served(spec, moves.get(name, ())) for name, spec in self._loaded.namespaces.items()}

    def _served(self, spec: NamespaceSpec, moves: Collection[Move]) -> Served:
        """A namespace from now on: its moves made, but for those that are held back."""
        current = self._current.get(spec.name)
        if current is not None and spec.name not in self.changed:
            return Served(spec, current.backends)
        if len(moves) == 1 == len(spec.backends):  # nearly all, and there may be 10,000: few objects
            (one,), (only,) = moves, spec.backends
            if one.spec is only and one not in self._held:
                return Served(spec, (ServedBackend(only, self._new(one)),))
        found: dict[Supervised, ServedBackend] = {}
        for part in spec.backends:
            for abstraction in part.abstractions:
                move = next((each for each in moves if abstraction in each.spec.abstractions), None)
                old = None if current is None else current.serving(abstraction)
                supervised = old if move is None or move in self._held else self._new(move)
                assert supervised is not None  # noqa: S101  # what is not served now moves, and is not held back
                known = found.get(supervised)
                abstractions = (*known.spec.abstractions, abstraction) if known else (abstraction,)
                # Who is held back goes on with the services that it has.
                kept = current is not None and supervised.spec.key != part.instance.key
                own = current.own_services(supervised) if current is not None and kept else part.own
                backend = BackendSpec(abstractions, supervised.spec, part.loc, own)
                found[supervised] = ServedBackend(backend, supervised)
        backends = tuple(found.values())
        return Served(replace(spec, backends=tuple(each.spec for each in backends)), backends)

    def retired(self, served: Mapping[str, Served], pending: Collection[Supervised] = ()) -> set[Supervised]:
        """The instances, old and new, that serve nothing in the outcome and are not pending; those that serve forget
        what is no longer theirs."""
        new = (*self._running.values(), *self._fresh.values(), *self._begun.values())
        names: dict[Supervised, set[str]] = {each: set() for each in new}
        names |= {each: set() for before in self._current.values() for each in before.instances}
        for each in pending:
            names.pop(each, None)
        for name, namespace in served.items():
            for supervised in namespace.instances:
                names[supervised].add(name)
        for supervised, kept in names.items():
            supervised.keep_only(kept)
        return {supervised for supervised, kept in names.items() if not kept}

    def pending(self, served: Mapping[str, Served]) -> dict[str, Supervised]:
        """What has begun to start and serves nothing in the outcome yet, by key: something is held back for it."""
        serving = {supervised for each in served.values() for supervised in each.instances}
        awaited = {move.spec.instance.key for move in self._held}
        return {
            key: each
            for key, each in self._fresh.items()
            if key in awaited and each.starting and each not in serving and each not in self._ended
        }

    def _must_go(self, supervised: Supervised) -> bool:
        return bool(supervised.blocked) or supervised in self._renewed

    def _moves_of(self, spec: NamespaceSpec) -> Iterator[Move]:
        """What of a namespace goes elsewhere: the abstractions that come from one instance and go to one, together."""
        current = self._current.get(spec.name)
        for part in spec.backends:
            origins: dict[Supervised | None, list[str]] = {}
            for abstraction in part.abstractions:
                origins.setdefault(None if current is None else current.serving(abstraction), []).append(abstraction)
            for old, abstractions in origins.items():
                if old is None or self._must_go(old) or old.spec.key != part.instance.key:
                    moved = part if len(origins) == 1 else replace(part, abstractions=tuple(abstractions))
                    yield Move(spec.name, moved, old)

    async def _begin(self, wanted: Mapping[str, Sequence[Move]], timeout: float) -> float:
        """Starts the instances that moves go to, all at once; until when they are waited for, by the loop's clock.

        Code in our own process is loaded before that time begins: it touches no store, and names it.
        """
        for key, moves in wanted.items():
            each = self._fresh[key] = self._begun.pop(key) if key in self._begun else self._make(moves[0].spec.instance)
            each.expect(_namespaces(moves))
            if _takes_over(each) or each.spec.placement == Here():
                each.load_soon()
            else:
                each.run(())
        loading = [self._fresh[key] for key in wanted if not self._fresh[key].is_kept_up]
        here = [each for each in loading if each.spec.placement == Here()]
        await asyncio.gather(*(each.progressed() for each in here))
        deadline = asyncio.get_running_loop().time() + timeout
        for each in here:
            if not _takes_over(each):
                each.run(())
        waiting = [each for each in loading if not each.is_kept_up]
        # Elsewhere a plugin names its store once it is up: only another that may have it makes it worth waiting.
        elsewhere = [each for each in waiting if each not in here and self._owner(each, wanted[each.spec.key])]
        await _until([asyncio.create_task(each.progressed()) for each in elsewhere], deadline)
        for each in waiting:
            self._run_or_wait(each, wanted[each.spec.key])
        return deadline

    def _run_or_wait(self, supervised: Supervised, moves: Sequence[Move]) -> None:
        """Runs an instance that cannot share its store, unless another has the store."""
        spec = supervised.spec
        other = self._owner(supervised, moves)
        if other is None:
            supervised.run(())
        elif not supervised.is_loaded:
            return  # it stays pending: the other is not stopped for what may never start
        elif supervised.unfit:
            # What cannot even be loaded is no reason to stop the old one.
            supervised.block(spec.redactor.scrub(supervised.unfit))
        elif self._leaves_all(other, spec.key):
            self._handovers[supervised] = other
        else:
            supervised.block(
                f"backend {spec.plugin.name!r} cannot serve one store twice, and this store is already served with "
                "other options; give all its namespaces equal options"
            )

    def _put_off_handovers(self) -> None:
        """Leaves them pending, unless they are all there is to do, or begin to serve a namespace."""
        moved = {move for move in self._moves if self._new(move) in self._handovers}
        if all(move in moved for move in self._moves) and self._loaded.namespaces.keys() == self._current.keys():
            return
        for supervised in list(self._handovers):
            moves = [move for move in moved if self._new(move) is supervised]
            if all(move.old is not None for move in moves):
                del self._handovers[supervised]

    def _owner(self, new: Supervised, moves: Sequence[Move]) -> Supervised | None:
        """Who has the store that the new one wants, as far as that is known before it has connected."""
        others = [each for served in self._current.values() for each in served.instances]
        others = [each for each in (*others, *self._fresh.values()) if each is not new and not each.blocked]
        if new.configured_identity:
            return next((each for each in others if each.same_store(new)), None)
        before = {move.old for move in moves}
        return next((each for each in others if each in before and each.spec.plugin.name == new.spec.plugin.name), None)

    def _leaves_all(self, old: Supervised, key: str) -> bool:
        """Whether all that an instance serves goes to the one with that key, or goes."""
        served = [
            (name, abstraction)
            for name, each in self._current.items()
            for backend in each.backends
            if backend.supervised is old
            for abstraction in backend.spec.abstractions
        ]
        specs = [self._loaded.namespaces.get(name) for name, _ in served]
        return bool(served) and all(
            spec is None or all(part.instance.key == key for part in spec.backends if abstraction in part.abstractions)
            for spec, (_, abstraction) in zip(specs, served, strict=True)
        )

    async def _hand_over(self, old: Supervised, new: Supervised, timeout: float) -> None:
        """Stops the old one, then starts the new one, while calls wait; the old one comes back where that fails."""
        moves = [move for move in self._moves if move.spec.instance.key == new.spec.key]
        names = ", ".join(_namespaces(moves)[:_NAMED])
        self.handing_over = f"plugin {new.spec.plugin.name!r} hands its store over, and calls of {names} wait for it"
        gate = old.pause()
        await old.rest()
        new.run(_namespaces(moves))
        await _tried(new, timeout)
        reason = next(filter(None, map(new.refusal, _namespaces(moves))), "")
        if not reason:
            gate.open(new.instance)
            return
        log.warning(
            "plugin %s: the new instance does not serve; the old instance is restarted and keeps its namespaces",
            new.spec.plugin.name,
        )
        self._ended.add(new)
        await new.stop()
        old.resume()
        await _tried(old, timeout)
        gate.open(old.instance)
        old.unpause()
        for move in moves:
            if move.old is not None:
                self._hold(move, reason)

    def _new(self, move: Move) -> Supervised:
        key = move.spec.instance.key
        return self._running.get(key) or self._fresh[key]

    def _hold(self, move: Move, reason: str) -> None:
        self._held.add(move)
        self.held.setdefault(move.namespace, reason)

    def _settled(self, move: Move) -> bool:
        """Decides where no store needs to be asked whether it holds data."""
        name, old, new = move.namespace, move.old, self._new(move)
        if old is None or old is new:
            return True
        if old.loses_data_to(new) and old in self._renewed:
            self.notes.append(f"namespace {name!r}: its data was in the memory of its plugin's process, and is lost")
            if new not in self._handovers:
                self._hold_if_down(move, old)
            return True
        if new in self._handovers:
            return not old.loses_data_to(new)
        if new.starting and old.came_up and not (new.is_kept_up and new.configured_identity):
            self._hold(move, new.refusal(name) or new.instance.refusal)  # what its store is will be known when it is up
            return True
        if old.loses_data_to(new):
            if new.refusal(name):
                self._hold_for(move, new)  # what does not serve is told as that, whatever the old one holds
            return bool(new.refusal(name))
        if not new.configured_identity or old.same_store(new):
            self._hold_if_down(move, old)
            return True
        if not old.came_up:
            self.notes.append(
                f"namespace {name!r} uses another store now; the previous one was never reached and stays as it is"
            )
            return True
        return False

    def _hold_if_down(self, move: Move, old: Supervised) -> None:
        new = self._new(move)
        if new.refusal(move.namespace) and not old.refusal(move.namespace):
            self._hold_for(move, new)

    def _hold_for(self, move: Move, new: Supervised) -> None:
        self._hold(move, new.refusal(move.namespace))
        self.waits = self.waits or not (new.blocked or new.starting)

    async def _check_move(self, move: Move) -> None:
        """Refuses the change if abstractions of the namespace would leave their data behind."""
        name, old, new = move.namespace, move.old, self._new(move)
        assert old is not None  # noqa: S101  # else it is settled
        scrub = move.spec.instance.redactor.scrub
        if self._leaves_data_to(move, old):
            moved = " and ".join(move.spec.abstractions)
            self.notes.append(f"namespace {name!r}: {moved} moved to another store and starts empty there")
            why = ""
        else:
            try:
                why = _HOLDS if await old.holds_data(name) else ""
            except Exception as error:  # noqa: BLE001  # whatever it is, the data might be left behind
                detail = error.message if isinstance(error, PrismError) else type(error).__name__
                why = f"may hold data (its store cannot be asked: {scrub(detail)})"
        if not why:
            if new not in self._handovers:
                self._hold_if_down(move, old)
            return
        if old.loses_data_to(new):
            self._refuse_loss(move, old, why)
            return
        advice = (
            "a reload moves no data. To move it: export the data, remove the namespace from the file and reload, add "
            "it with the new store and reload, then import the data"
            if why == _HOLDS
            else "bring its store up, so that it can be asked. To leave behind what it may hold: remove the namespace "
            "from the file and reload, then add it with the new store and reload"
        )
        key = "config" if old.spec.plugin.name == new.spec.plugin.name else "backend"
        self.problems.append(
            self._loaded.document.problem(
                (*move.spec.loc, key),
                f"namespace {name!r} {why}, and this would point it at another store; {advice}",
                found=scrub(new.instance.identity),
                allowed=scrub(old.instance.identity),
            )
        )

    def _refuse_loss(self, move: Move, old: Supervised, why: str) -> None:
        """The data is in a process that the change would end: held back where only files have changed, else refused."""
        name, new = move.namespace, self._new(move)
        lost = (
            f"namespace {name!r} {why} in the memory of its plugin's process, and this would start another process, "
            f"which begins with nothing. To lose the data: `prism plugin reload {name}`. To keep it: export it first"
        )
        if not old.spec.differs_by_version(new.spec):
            where = self._loaded.document.problem((*move.spec.loc, "plugin"), lost)
            self.problems.append(where)
            return
        reason = f"files of plugin {new.spec.plugin.name!r} have changed: {lost}"
        if self._handovers.pop(new, None) is not None:
            new.block(reason)
        for each in self._moves:
            if self._new(each) is new and each.old is old:
                self._hold(each, reason)

    def _leaves_data_to(self, move: Move, old: Supervised) -> bool:
        """Whether all that the old instance keeps of the namespace stays where it is: what moves keeps nothing, and
        what does is still served there. The instance itself can be asked about the namespace as a whole only."""
        if any(interfaces()[each].keeps_data for each in move.spec.abstractions):
            return False
        staying = self._loaded.namespaces[move.namespace].backends
        return any(part.instance.key == old.spec.key for part in staying) and not self._must_go(old)


def _namespaces(moves: Sequence[Move]) -> list[str]:
    return list(dict.fromkeys(move.namespace for move in moves))


def _takes_over(supervised: Supervised) -> bool:
    """Whether the store can be open in one instance only."""
    return supervised.spec.plugin.manifest.capabilities.reload == "handover"


async def _tried(supervised: Supervised, timeout: float) -> None:
    """Waits until it has been tried once, for so many seconds at most."""
    await _until([asyncio.create_task(supervised.tried())], asyncio.get_running_loop().time() + timeout)


async def _until(tasks: Collection["asyncio.Task[None]"], deadline: float) -> None:
    """Waits until all have ended, until the deadline at most."""
    if not tasks:
        return
    try:
        await asyncio.wait(tasks, timeout=max(0.0, deadline - asyncio.get_running_loop().time()))
    finally:
        for each in tasks:
            each.cancel()
