"""All that stands for one harness while its tests run: its store, the places on it, gateways, ways in."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from prism.acceptance.callers.caller import Caller
from prism.acceptance.callers.table import THROUGH_GATEWAYS, WITHOUT_GATEWAYS
from prism.acceptance.harness import PluginAcceptanceHarness
from prism.acceptance.namespaces import Namespaces
from prism.acceptance.run.fleet import Fleet
from prism.acceptance.run.gateway_process import GatewayProcess
from prism.acceptance.run.remote_plugins import RemotePlugins
from prism.acceptance.store.backend import StoreMissing, TestBackend
from prism.acceptance.subject import Subject

GATEWAYS = "gateways"


class Rig:
    """What a harness's tests share.

    Attributes:
        harness: whose it is.
        store: its store, started.
    """

    def __init__(self, harness: PluginAcceptanceHarness, store: TestBackend, folder: Callable[[], Path]) -> None:
        self.harness = harness
        self.store = store
        self._fleet = Fleet(folder)
        self._folder = folder
        self._remote: RemotePlugins | None = None
        self._subjects: dict[str, Subject] = {}
        self._namespaces: dict[tuple[str, str], Namespaces] = {}

    async def subject(self, place: str) -> Subject:
        """The plugin on a place of that name."""
        if place not in self._subjects:
            config = {**await self.store.connection_config(place), **self.harness.config}
            subject = Subject(self.harness.plugin, config, self.store.credentials(), command=self.harness.command())
            if place == GATEWAYS:
                subject = replace(subject, placement=await self._placement(subject.doors))
            self._subjects[place] = subject
        return self._subjects[place]

    async def _placement(self, doors: int) -> Mapping[str, object]:
        """The section `plugin` of the gateways' namespaces; remote plugins are as many as the store allows."""
        if self.harness.section:
            return self.harness.section
        if self.harness.placement == "remote":
            self._remote = RemotePlugins(self.harness.plugin, self._folder())
            return await self._remote.start(doors)
        usual = self.harness.plugin.manifest.placement == self.harness.placement
        return {} if usual else {"type": self.harness.placement}

    def namespaces(self, place: str, interface: str) -> Namespaces:
        """The namespaces of an abstraction on a place, as far as they have not been handed out."""
        default = interface == self.harness.plugin.manifest.interfaces[0]
        ways = len(set(self.harness.ways()) & set(THROUGH_GATEWAYS)) if place == GATEWAYS else 1
        return self._namespaces.setdefault((place, interface), Namespaces(interface, default=default, ways=ways))

    @asynccontextmanager
    async def open(self, way: str, interface: str) -> AsyncIterator[Caller]:
        """One way in. Those without gateways have a place of their own: a pinned store belongs to one process."""
        if way in WITHOUT_GATEWAYS:
            async with WITHOUT_GATEWAYS[way](await self.subject(way), self.namespaces(way, interface)) as caller:
                yield caller
            return
        subject = await self.subject(GATEWAYS)
        addresses = await self._fleet.addresses(lambda: self._configuration(subject), subject.doors)
        async with THROUGH_GATEWAYS[way](subject, self.namespaces(GATEWAYS, interface), addresses) as caller:
            yield caller

    def _configuration(self, subject: Subject) -> dict[str, Any]:
        namespaces = [
            subject.namespace(name, interface)
            for interface in self.harness.plugin.manifest.interfaces
            for name in self.namespaces(GATEWAYS, interface).configured()
        ]
        return {**subject.discovery(), "namespaces": namespaces}

    @property
    def gateways(self) -> list[GatewayProcess]:
        """The gateways that run."""
        return self._fleet.processes

    async def close(self) -> None:
        """Ends it all."""
        await self._fleet.stop()
        if self._remote is not None:
            await self._remote.stop()
        await self.store.stop()


class Rigs:
    """The rigs of a session; each stands from when it is first asked for until it is ended."""

    def __init__(self, folder: Callable[[], Path]) -> None:
        self._folder = folder
        self._rigs: dict[tuple[PluginAcceptanceHarness, bool], Rig | StoreMissing] = {}

    async def of(self, harness: PluginAcceptanceHarness) -> Rig:
        """The rig of a harness.

        Raises:
            StoreMissing: its store cannot be had here.
        """
        return await self._of(harness, frail=False)

    async def frail(self, harness: PluginAcceptanceHarness) -> Rig:
        """A second one, on a store of its own, to be broken; whoever breaks it mends it. Raises as `of` does."""
        return await self._of(harness, frail=True)

    async def _of(self, harness: PluginAcceptanceHarness, *, frail: bool) -> Rig:
        if (harness, frail) not in self._rigs:
            self._rigs[harness, frail] = await self._start(harness)
        rig = self._rigs[harness, frail]
        if isinstance(rig, StoreMissing):
            raise rig
        return rig

    async def _start(self, harness: PluginAcceptanceHarness) -> Rig | StoreMissing:
        try:
            store = harness.store()
            await store.start()
        except StoreMissing as missing:
            return missing
        return Rig(harness, store, self._folder)

    async def end(self, harness: PluginAcceptanceHarness) -> None:
        """Ends those of a harness; asked for again, they are started anew."""
        for frail in (False, True):
            rig = self._rigs.pop((harness, frail), None)
            if isinstance(rig, Rig):
                await rig.close()

    async def close(self) -> None:
        """Ends them all."""
        for harness, _ in list(self._rigs):
            await self.end(harness)
