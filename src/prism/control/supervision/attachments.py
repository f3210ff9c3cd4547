"""The namespaces of one instance: attached some at once; one that cannot be is refused by itself, and tried again."""

import asyncio
import logging
from collections.abc import Callable, Collection

from prism.errors import PrismError
from prism.plugins.managed_instance import ManagedInstance
from prism.plugins.unavailable_instance import UnavailableInstance

ATTACHED_AT_ONCE = 16

log = logging.getLogger(__name__)


class Attachments:
    """Those of one instance.

    Attributes:
        wanted: the namespaces that it is to serve.
        failed: those that could not be attached, each with what refuses for it.
    """

    def __init__(
        self,
        instance: ManagedInstance,
        scrub: Callable[[str], str],
        trace: Callable[[BaseException], str],
        on_change: Callable[[], None],
    ) -> None:
        """
        Args:
            instance: whose they are.
            scrub: takes what is secret out of a text.
            trace: puts an error into words for the log.
            on_change: called when a namespace that could not be attached now is, or the other way round.
        """
        self.wanted: set[str] = set()
        self.failed: dict[str, UnavailableInstance] = {}
        self._instance = instance
        self._scrub = scrub
        self._trace = trace
        self._on_change = on_change
        self._attached: set[str] = set()
        self._under_way: dict[str, asyncio.Event] = {}
        self._changed = False

    def keep_only(self, namespaces: set[str]) -> None:
        """Other namespaces are no longer its own."""
        self.wanted &= namespaces
        self._attached &= namespaces
        for name in self.failed.keys() - namespaces:
            del self.failed[name]

    def begin_anew(self) -> None:
        """The instance has started, and has none of them."""
        self._attached.clear()

    async def attach(self, namespaces: Collection[str]) -> None:
        """Prepares those that are not prepared yet; failures are kept."""
        others = {self._under_way[name] for name in namespaces if name in self._under_way}
        fresh = [name for name in namespaces if name not in self._attached and name not in self._under_way]
        ended = asyncio.Event()
        self._under_way.update(dict.fromkeys(fresh, ended))
        waiting = iter(fresh)

        async def work() -> None:
            for name in waiting:
                await self._attach_one(name)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(ATTACHED_AT_ONCE, len(fresh))):
                    group.create_task(work())
        finally:
            ended.set()
            for name in fresh:  # where it was cancelled, not all of them were begun
                if self._under_way.get(name) is ended:
                    del self._under_way[name]
        for each in others:
            await each.wait()
        self._tell()

    def refuse_unprepared(self) -> None:
        """The namespaces that are still being prepared are refused until they are, and hold up no other."""
        names = self._under_way.keys() & self.wanted - self.failed.keys()
        for name in names:
            sentence = f"namespace {name!r} is being prepared; retry in a moment"
            self.failed[name] = UnavailableInstance(self._instance.backend, self._instance.capabilities, sentence)
        self._changed = self._changed or bool(names)
        self._tell()

    def _tell(self) -> None:
        if self._changed:
            self._changed = False
            self._on_change()

    async def _attach_one(self, name: str) -> None:
        try:
            await self._instance.attach(name)
        except Exception as error:  # noqa: BLE001  # one namespace's trouble is not the others'
            expected = isinstance(error, PrismError)
            log.log(
                logging.WARNING if expected else logging.ERROR,
                "namespace %s could not be prepared; it is retried: %s",
                name,
                self._trace(error),
            )
            reason = self._scrub(str(error)) if expected else f"({type(error).__name__})"
            sentence = f"namespace {name!r} could not be prepared: {reason}; the gateway keeps retrying"
            if name in self.wanted:
                self._changed = self._changed or name not in self.failed
                self.failed[name] = UnavailableInstance(self._instance.backend, self._instance.capabilities, sentence)
        else:
            self._attached.add(name)
            if self.failed.pop(name, None) is not None and not self._changed:
                self._changed = True
                asyncio.get_running_loop().call_soon(self._tell)  # the others may take longer; once for many
        finally:
            del self._under_way[name]
