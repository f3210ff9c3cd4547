"""Plugins elsewhere, for the tests of the placement `remote`: processes that serve by mutual TLS on this machine."""

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path

from prism.acceptance.store.backend import StoreMissing
from prism.acceptance.store.server_process import ServerProcess
from prism.plugins.discovery import Plugin

_LISTENS = re.compile(r"^\s*listens\s+(\S+)")


class RemotePlugins:
    """Processes of one plugin, each with a certificate of one authority of their own, the only one that is trusted."""

    def __init__(self, plugin: Plugin, folder: Path) -> None:
        """
        Args:
            plugin: what they serve.
            folder: where certificates go.
        """
        self._plugin = plugin
        self._folder = folder
        self._processes: list[ServerProcess] = []

    async def start(self, count: int) -> Mapping[str, object]:
        """Starts so many; gives the section `plugin` that leads a gateway to them.

        Raises:
            StoreMissing: certificates cannot be made here.
        """
        self._make_certificates()
        addresses = await asyncio.gather(*(self._start() for _ in range(count)))
        where = {"endpoint": addresses[0]} if count == 1 else {"endpoints": addresses}
        files = {name: str(self._folder / f"gateway-{name}.pem") for name in ("ca", "cert", "key")}
        return {"type": "remote", **where, "tls": {**files, "server_name": "plugin.test"}}

    def _make_certificates(self) -> None:
        try:
            import trustme
        except ImportError:
            raise StoreMissing("certificates for a remote plugin need trustme: pip install trustme") from None
        authority = trustme.CA()
        for name, owner in (("gateway", "gateway.test"), ("plugin", "plugin.test")):
            leaf = authority.issue_cert(owner)
            authority.cert_pem.write_to_path(str(self._folder / f"{name}-ca.pem"))
            leaf.cert_chain_pems[0].write_to_path(str(self._folder / f"{name}-cert.pem"))
            leaf.private_key_pem.write_to_path(str(self._folder / f"{name}-key.pem"))

    async def _start(self) -> str:
        files = {name: str(self._folder / f"plugin-{name}.pem") for name in ("ca", "cert", "key")}
        tls = ("--tls-cert", files["cert"], "--tls-key", files["key"], "--tls-client-ca", files["ca"])
        command = [*self._plugin.command(), "--listen", "127.0.0.1:0", *tls, "--log-level", "warning"]
        process = ServerProcess(self._plugin.name, self._folder)
        self._processes.append(process)
        line = await asyncio.to_thread(process.launch, command, _LISTENS.pattern)
        found = _LISTENS.match(line)
        assert found is not None  # it is the line that was waited for
        return found[1]

    @property
    def pids(self) -> list[int]:
        """Their process ids."""
        return [process.pid for process in self._processes]

    async def stop(self) -> None:
        """Ends them."""
        await asyncio.gather(*(asyncio.to_thread(process.end) for process in self._processes))
