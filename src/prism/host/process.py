"""One plugin process: what it is made of, and its life from the first line to the last."""

import asyncio
import logging
import os
import signal
from collections.abc import Mapping, Sequence
from typing import Final

import click
from google.protobuf import struct_pb2

from prism import gc_tuning
from prism.host import backend_plugin, go_plugin, information
from prism.host.host_options import HostOptions
from prism.host.instance import HostedInstance
from prism.host.instances import Instances
from prism.host.probes import Probes
from prism.host.tracing import exporter_of, tracer_of
from prism.interfaces.catalogue import interfaces
from prism.plugins.discovery import Plugin
from prism.services import HealthService, described, described_services
from prism.services.listening import listen
from prism.wire import Method, Peer, Server, ServerConfig

ENVELOPE_BYTES: Final = 64 << 10
"""What a message may have around the largest payload that the plugin declares."""

_LAST_ANSWERS: Final = 1.0
"""Seconds for what remains when all instances have ended: the answer to Shutdown, and watchers of health."""

_SERVICES: Final = (*backend_plugin.SERVICES, *information.SERVICES)

log = logging.getLogger(__name__)


class PluginProcess:
    """The parts of a plugin's process: its instances, the services over them, the listeners."""

    def __init__(self, plugin: Plugin, options: HostOptions) -> None:
        self._plugin = plugin
        self._options = options
        self._instances = Instances(plugin, options.redactor, self._describe)
        self._asked_to_end = asyncio.Event()
        self._ended = asyncio.Event()
        self._grace = options.grace
        self._health = HealthService(self._readiness)
        contract = [each.service.file for each in interfaces().values()]
        self._described = described(_SERVICES, [*contract, struct_pb2.DESCRIPTOR])
        self._information = information.Information(self._instances, options.role)
        self._exporter = exporter_of(os.environ, plugin.name)

    async def run(self) -> None:
        """The whole life: listen, announce the address, serve until asked to end, drain, stop.

        Raises:
            OSError: an address cannot be listened on.
        """
        options = self._options
        if self._exporter is not None:
            self._exporter.start()
        probes = Probes(self._instances, self._information)
        async with self._server() as server, Server(_nothing, http=probes) as web:
            tls = None if options.tls is None else options.tls.context
            address = await listen(server, options.listen, "--listen", tls)
            renewing = None if options.tls is None else asyncio.create_task(options.tls.keep(server))
            wanted = {options.probes: "--probes", options.metrics: "--metrics"}
            others = {where: await listen(web, where, option) for where, option in wanted.items() if where}
            self._catch_signals()
            self._announce(address, others)
            gc_tuning.settle()
            watch = (
                asyncio.create_task(self._instances.end_abandoned(options.idle_timeout))
                if options.idle_timeout
                else None
            )
            await self._asked_to_end.wait()
            self._health.close()
            await self._instances.close(self._grace)
            self._ended.set()
            tasks = [each for each in (watch, renewing) if each is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await server.drain(_LAST_ANSWERS)
        if self._exporter is not None:
            await self._exporter.close()

    async def end(self, grace: float) -> None:
        """Asks the process to end, calls in progress first; returns when its instances have stopped."""
        if not self._asked_to_end.is_set():
            self._grace = grace
            self._asked_to_end.set()
        await self._ended.wait()

    def _server(self) -> Server:
        methods = {method.path: method for method in self._methods()}
        methods |= described_services(self._health, self._described)
        largest = self._plugin.manifest.capabilities.max_payload + ENVELOPE_BYTES
        # A gateway passes on what its callers cancel in bulk: it guards itself against them, and is trusted here.
        config = ServerConfig(max_message_size=max(largest, ServerConfig().max_message_size), flood_allowance=None)
        return Server(methods.get, config=config, admit=self._admit)

    def _methods(self) -> Sequence[Method]:
        host = go_plugin.HostServices(self.end, self._ended, self._options.grace)
        tracer = None if self._exporter is None else tracer_of(self._exporter, self._plugin.name)
        plugin = backend_plugin.BackendPlugin(self._instances, self.end, tracer, self._options.settled)
        return (*plugin.methods(), *self._information.methods(), *host.methods())

    def _admit(self, peer: Peer) -> bool:
        """The mode of the socket's file guards it; this is for a socket whose mode has been widened."""
        credentials = peer.credentials
        if credentials is None or credentials.uid in self._options.uids:
            return True
        log.warning(
            "refused a connection to the unix socket from user id %d; to allow it, start the plugin with --allow-uid "
            "%d",
            credentials.uid,
            credentials.uid,
        )
        return False

    def _readiness(self) -> Mapping[str, bool]:
        serves = not self._asked_to_end.is_set()
        return dict.fromkeys(("", go_plugin.HEALTH_NAME, *(each.full_name for each in _SERVICES)), serves)

    def _describe(self, instance: HostedInstance) -> None:
        """From now on reflection knows the messages of the plugin's own operations too."""
        for operation in instance.binding.every.values():
            for message in (operation.request, operation.response):
                self._described.add(message.DESCRIPTOR.file)  # type: ignore[arg-type]  # one type, of two names

    def _catch_signals(self) -> None:
        """SIGTERM ends the process in order, a second one at once; so does SIGINT, where no host has to decide."""
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGTERM, signal.SIGINT) if self._options.handshake is None else (signal.SIGTERM,)

        def end() -> None:
            for number in numbers:
                loop.remove_signal_handler(number)
            self._asked_to_end.set()

        for number in numbers:
            loop.add_signal_handler(number, end)
        if self._options.handshake is not None:
            # A terminal sends it to the host as well, and it is the host that ends its plugins.
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _announce(self, address: str, others: Mapping[str, str]) -> None:
        """Announces the addresses: by the handshake to a gateway, by a few lines to a person."""
        manifest = self._plugin.manifest
        if self._options.handshake is not None:
            os.write(self._options.handshake, go_plugin.handshake_line(address).encode())
            os.close(self._options.handshake)
            log.info("plugin %s, version %s, listens for its gateway at %s", manifest.name, manifest.version, address)
            return
        click.echo(f"plugin {manifest.name} {manifest.version} serves prism.plugin.v1")
        click.echo(f"  listens  {address}{'  TLS' if self._options.tls else ''}")
        if self._options.probes:
            click.echo(f"  probes   http://{others[self._options.probes]}/health/live and /health/ready")
        if self._options.metrics:
            click.echo(f"  metrics  http://{others[self._options.metrics]}/metrics")
        how = "-plaintext" if self._options.tls is None else "-cacert CA.pem -cert GATEWAY.pem -key GATEWAY.key"
        where = address if not address.startswith("unix:") else f"-unix {address.removeprefix('unix:')}"
        click.echo(f"  try      grpcurl {how} {where} prism.plugin.v1.PluginInfoService/GetInfo")


def _nothing(_path: str) -> None:
    return None
