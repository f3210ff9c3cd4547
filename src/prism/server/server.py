"""One gateway process: what it is made of, and its life from the first line to the last."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from prism import event_loop, gc_tuning
from prism.admin.port import AdminPort
from prism.config.embedded import embedded_default
from prism.config.sections.root import Config
from prism.control.control import Control
from prism.errors import GatewayUnavailable
from prism.gateway.chain import Policies, chain
from prism.gateway.chain_state import ChainState
from prism.gateway.forwarding import Forwarding
from prism.gateway.gateway import Gateway
from prism.gateway.hops.overload import OverloadDetector
from prism.gateway.snapshot import Snapshot
from prism.gateway.streams.heartbeats import Heartbeats
from prism.open_files import OPEN_FILES, SPARE
from prism.plugins.discovery import discover
from prism.server.certificates import Certificates
from prism.server.data_port import DataPort
from prism.server.exposition import BackendGauges, Exposition, MetricSources, shortages, terminations
from prism.server.ports import Ports
from prism.server.probes import Probes
from prism.server.readiness import Readiness
from prism.server.signals import Signals
from prism.server.startup_banner import StartupBanner
from prism.server.telemetry import Telemetry
from prism.services import HealthService
from prism.telemetry.metrics.call_metrics import CallMetrics
from prism.wire import Server, ServerConfig
from prism.wire.networks import Networks

if TYPE_CHECKING:
    from prism.admin.service import Admin
    from prism.roles.relays import Relays

HEAD_START = 0.25
"""Seconds that stores have to be up before the first call is read; those that take longer refuse it as starting."""

log = logging.getLogger(__name__)


class ServeOptions(Protocol):
    """What the command line says; `prism.cli.serve.ServeOptions`."""

    @property
    def config(self) -> Path | None: ...

    @property
    def listen(self) -> tuple[str, ...]: ...

    @property
    def examples(self) -> Mapping[str, str]: ...


def serve(options: ServeOptions) -> None:
    """Runs a gateway until SIGTERM or SIGINT.

    Raises:
        ConfigInvalid: the configuration cannot be used.
        OSError: an address cannot be listened on, or the process may open too few files.
    """
    OPEN_FILES.raise_limit()
    OPEN_FILES.check()
    event_loop.run(GatewayServer(options.config or embedded_default(), options.listen, options.examples).run())


class GatewayServer:
    """The parts of one gateway: control and its admin port, the data path, its listeners, telemetry.

    Args:
        source: its configuration, or the file that holds it.
        listen: addresses for data in place of the configuration's.
        examples: commands for operators to try, by abstraction, with `{}` for the namespace.
    """

    def __init__(
        self,
        source: Path | Config,
        listen: Sequence[str] = (),
        examples: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        plugins = discover()
        self.metrics = CallMetrics()
        self.gateway = Gateway(chain(Policies()), self.metrics, plugins.offers())
        self.overload = OverloadDetector()
        self.heartbeats = Heartbeats()
        self.chain_state = ChainState(self.overload)
        self.chain_state.on_withdrawn = lambda: self.gateway.subscriptions.review(self.chain_state.withdrawn)
        self.certificates = Certificates()
        self.control = Control(source, self._publish, plugins=plugins, listen=listen)
        self.telemetry = Telemetry(self.gateway, self.control.scrub)
        self.gateway.scrub = self.control.scrub
        self._admin = AdminPort(self._administration)
        self.readiness = Readiness(lambda: self.gateway.snapshot)
        self._health = HealthService(self.readiness.services)
        self._data: DataPort | None = None
        self._relays: Relays | None = None
        self._address = ""
        self._listen = listen
        self._examples = examples

    async def run(self) -> None:
        """The whole life: start, serve until a signal, drain, stop."""
        async with self.telemetry, self.overload, self.chain_state, self.control:
            config = await self.control.read()
            self.telemetry.configure(config)
            async with self._ports(config) as ports:
                # Before a store is opened or a plugin started: an address that is in use ends it here.
                addresses = await ports.listen(config, self._listen)
                self._address = addresses.data[0]
                await self.control.begin()
                signals = Signals(self._reload)  # before the banner: its reader may send one at once
                await self._first_attempts(signals.stop, ports.accept)
                self._set_accepting(accepting=True)
                StartupBanner(self.control, self._examples).make(addresses)
                gc_tuning.settle()
                await signals.stop.wait()
                if self._relays is not None:
                    await self._relays.stop()
                await self._announce_the_end()
                await self._drain(ports.data)

    async def _first_attempts(self, stop: asyncio.Event, accept: Callable[[], None]) -> None:
        """Gives the stores a moment to be up before the gateway is said to be ready; a signal to stop ends it.

        Who has connected already waits for `accept`: for what is up at once, and no longer than `HEAD_START` whatever
        the other stores and plugins do. A call that is refused as starting comes again a second later.
        """
        work = [asyncio.create_task(self.control.first_attempts()), asyncio.create_task(stop.wait())]
        try:
            await asyncio.wait(work, timeout=HEAD_START, return_when=asyncio.FIRST_COMPLETED)
            accept()
            await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in work:
                each.cancel()

    async def _announce_the_end(self) -> None:
        """Is not ready, and serves on: what balances load sends no more once it has seen that."""
        delay = self.control.config.gateway.shutdown_delay
        self._set_accepting(accepting=False)
        if delay:
            log.info("stopping: not ready any more, and new calls are served for %g s", delay)
            await asyncio.sleep(delay)

    async def _drain(self, data: Server) -> None:
        """Takes no new calls; those under way may end."""
        grace = self.control.config.gateway.drain_timeout
        self._health.close()
        self._admin.close()
        log.info(
            "the gateway is draining before it stops: new calls are refused, and calls in progress have %g s to finish",
            grace,
        )
        self.gateway.drain()
        await data.drain(grace)

    async def _reload(self) -> None:
        self.certificates.look()
        with suppress(GatewayUnavailable):  # it is stopping
            await self.control.reload()

    def _ports(self, config: Config) -> Ports:
        port = DataPort(self.gateway, self._health, self.heartbeats, config)
        self._data, data = port, port.server
        headers = int(config.gateway.max_header_size)
        admin = self._admin.server(ServerConfig(max_header_list_size=headers, spare_descriptors=SPARE // 2))
        return Ports(data, admin, self._probe_server(data, admin), self.certificates)

    @cached_property
    def _forwarding(self) -> Forwarding | None:
        """By the configuration of the start, as the data port's own settings are."""
        section = self.control.config.gateway.proxies
        if section is None or section.header is None:
            return None
        return Forwarding(Networks(section.trusted), section.header)

    def _publish(self, snapshot: Snapshot) -> None:
        config = self.control.config
        if self._forwarding is not None:
            snapshot = replace(snapshot, forwarding=self._forwarding)
        self.overload.bound = config.gateway.shed_lag or None
        self.heartbeats.interval = config.gateway.heartbeat_interval or None
        if self._data is not None:
            self._data.configure(config)
        self.certificates.configure({"gateway.tls": config.gateway.tls, "admin.tls": config.admin.tls})
        self.gateway.publish(snapshot, self.chain_state.hops(snapshot), self.chain_state.recheck)
        if self._data is not None:
            self._data.serve(snapshot.own)
        self._relay(config)
        self._health.refresh()

    def _relay(self, config: Config) -> None:
        """Runs the relays of a configuration."""
        if config.relays and self._relays is None:
            from prism.roles.relays import Relays  # few gateways have any

            self._relays = Relays(self._address)
        if self._relays is not None:
            self._relays.configure(config.relays)

    def _probe_server(self, data: Server, admin: Server) -> Server:
        servers = [data, admin]
        own = (self.chain_state.metrics, self.overload.metrics, self.certificates.metrics)
        listening = (lambda: terminations(data), lambda: shortages(servers, OPEN_FILES))
        parts = (self.telemetry.metrics, self.control.metrics, self.gateway.denials.metrics, *own, *listening)
        snapshot, scrub = (lambda: self.gateway.snapshot), self.control.scrub
        sources = MetricSources(self.metrics, snapshot, self._backend_gauges, data, parts, scrub)
        probes = Server(
            lambda _: None,
            http=Probes(self.readiness, Exposition(sources)),
            config=ServerConfig(spare_descriptors=SPARE // 4),
        )
        servers.append(probes)
        return probes

    def _backend_gauges(self) -> Iterator[BackendGauges]:
        for each in self.control.instances:
            yield BackendGauges(
                each.instance.backend, each.instance.identity, each.spec.placement.type, each.instance.metrics()
            )

    def _administration(self) -> "Admin":
        from prism.admin.service import Admin  # with the first call to the admin port
        from prism.server.operators import Operators

        operators = Operators(lambda: self.chain_state.authenticate, lambda: self.gateway.snapshot)
        return Admin(self.control, authorizer=operators, breakers=self.chain_state.status)

    def _set_accepting(self, *, accepting: bool) -> None:
        self.readiness.accepting = accepting
        self._health.refresh()
