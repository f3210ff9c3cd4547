"""All that stands for one harness while its tests run: its store, the places on it, gateways, ways in."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from prism.acceptance.callers.caller import Caller
from prism.acceptance.callers.table import THROUGH_GATEWAYS, WITHOUT_GATEWAYS
from prism.acceptance.harness import PluginAcceptanceHarness
from prism.acceptance.namespaces import Namespaces
from prism.acceptance.run.gateway_process import GatewayProcess
from prism.acceptance.run.remote_plugins import RemotePlugins
from prism.acceptance.store.backend import StoreMissing, TestBackend
from prism.acceptance.subject import Subject

GATEWAYS = "gateways"
_NONE: Mapping[str, object] = MappingProxyType({})
_ATTENTIVE: Mapping[str, object] = MappingProxyType({"supervision": {"probe_interval": 0.5}})
"""Of gateways whose store is broken: its death and return are found by probes, and tests wait for both."""

Demand = Callable[[PluginAcceptanceHarness, str], int]
"""How many tests of an abstraction go through a harness's gateways."""


class Environment:
    """What a harness's tests share.

    Attributes:
        harness: whose it is.
        store: its store, started.
        gateways: the gateways that run: as many as the subject allows, from when the first test needs one.
    """

    def __init__(
        self,
        harness: PluginAcceptanceHarness,
        store: TestBackend,
        folder: Callable[[], Path],
        demand: Demand,
        settings: Mapping[str, object] = _NONE,
    ) -> None:
        self.harness = harness
        self.store = store
        self.gateways: list[GatewayProcess] = []
        self._folder = folder
        self._demand = demand
        self._settings = settings
        self._remote: RemotePlugins | None = None
        self._subjects: dict[str, Subject] = {}
        self._namespaces: dict[tuple[str, str], Namespaces] = {}
        self._made: dict[str, asyncio.Task[Any]] = {}

    async def subject(self, place: str) -> Subject:
        """The plugin on a place of that name."""
        if place not in self._subjects:
            config = {**await self.store.connection_config(place), **self.harness.config}
            harness, store = self.harness, self.store
            subject = Subject(harness.plugin, config, store.credentials(), command=harness.command(), store=store)
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
        return self._namespaces.setdefault(
            (place, interface), Namespaces(interface, self._demand(self.harness, interface), default=default)
        )

    @asynccontextmanager
    async def open(self, way: str, interface: str) -> AsyncIterator[Caller]:
        """One way in. Those without gateways have a place of their own: a pinned store belongs to one process."""
        if way in WITHOUT_GATEWAYS:
            async with WITHOUT_GATEWAYS[way](await self.subject(way), self.namespaces(way, interface)) as caller:
                yield caller
            return
        subject = await self.subject(GATEWAYS)
        addresses = await self._addresses(subject)
        async with THROUGH_GATEWAYS[way](subject, self.namespaces(GATEWAYS, interface), addresses) as caller:
            yield caller

    async def _addresses(self, subject: Subject) -> list[str]:
        """Of the gateways, which are started where they do not run yet."""
        if not self.gateways:
            config = self._configuration(subject)
            self.gateways = [GatewayProcess(config, self._folder()) for _ in range(subject.doors)]
            await asyncio.gather(*(asyncio.to_thread(_serve, each) for each in self.gateways))
        return [each.data for each in self.gateways]

    def _configuration(self, subject: Subject) -> dict[str, Any]:
        namespaces = [
            subject.namespace(name, interface)
            for interface in self.harness.plugin.manifest.interfaces
            for name in self.namespaces(GATEWAYS, interface).configured()
        ]
        return {**subject.discovery(), **self._settings, "namespaces": namespaces}

    async def once(self, name: str, make: Callable[[], Awaitable[Any]]) -> Any:
        """What `make` gives, made when it is first asked for under that name; the same later, an error too."""
        if name not in self._made:
            self._made[name] = asyncio.ensure_future(make())
        return await self._made[name]

    async def close(self) -> None:
        """Ends it all."""
        await asyncio.gather(*(asyncio.to_thread(gateway.stop) for gateway in self.gateways))
        self.gateways.clear()
        if self._remote is not None:
            await self._remote.stop()
        await self.store.stop()


def _serve(gateway: GatewayProcess) -> None:
    gateway.start()
    gateway.wait_until_all_served()


class Environments:
    """The environments of a session; each stands from when it is first asked for until it is ended."""

    def __init__(self, folder: Callable[[], Path], demand: Demand) -> None:
        self._folder = folder
        self._demand = demand
        self._environments: dict[tuple[PluginAcceptanceHarness, bool], Environment | StoreMissing] = {}

    async def of(self, harness: PluginAcceptanceHarness) -> Environment:
        """The environment of a harness.

        Raises:
            StoreMissing: its store cannot be had here.
        """
        return await self._of(harness, breakable=False)

    async def breakable(self, harness: PluginAcceptanceHarness) -> Environment:
        """A second one, on a store of its own, to be broken; a test that breaks it mends it. Raises as `of` does."""
        return await self._of(harness, breakable=True)

    async def _of(self, harness: PluginAcceptanceHarness, *, breakable: bool) -> Environment:
        if (harness, breakable) not in self._environments:
            self._environments[harness, breakable] = await self._start(harness, breakable=breakable)
        environment = self._environments[harness, breakable]
        if isinstance(environment, StoreMissing):
            raise environment
        return environment

    async def _start(self, harness: PluginAcceptanceHarness, *, breakable: bool) -> Environment | StoreMissing:
        try:
            store = harness.store()
            await store.start()
        except StoreMissing as missing:
            return missing
        if breakable:
            return Environment(harness, store, self._folder, _few, _ATTENTIVE)
        return Environment(harness, store, self._folder, self._demand)

    async def end(self, harness: PluginAcceptanceHarness) -> None:
        """Ends those of a harness; asked for again, they are started anew."""
        for breakable in (False, True):
            environment = self._environments.pop((harness, breakable), None)
            if isinstance(environment, Environment):
                await environment.close()

    async def close(self) -> None:
        """Ends them all."""
        for harness, _ in list(self._environments):
            await self.end(harness)


def _few(harness: PluginAcceptanceHarness, interface: str) -> int:
    """Tests of a store that is broken: the suites have a dozen for each abstraction."""
    return 24
