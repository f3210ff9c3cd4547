"""Plugins elsewhere, for the tests of the placement `remote`: processes that serve by mutual TLS on this machine."""

import asyncio
import contextlib
import re
from collections.abc import Mapping
from pathlib import Path

from prism.acceptance.store.backend import StoreMissing
from prism.plugins.discovery import Plugin

START_PATIENCE = 30.0
END_PATIENCE = 15.0

_LISTENS = re.compile(rb"^\s*listens\s+(\S+)")


class RemotePlugins:
    """Processes of one plugin, each with a certificate of one authority of their own, which no other is trusted by."""

    def __init__(self, plugin: Plugin, folder: Path) -> None:
        """
        Args:
            plugin: what they serve.
            folder: where certificates go.
        """
        self._plugin = plugin
        self._folder = folder
        self._processes: list[asyncio.subprocess.Process] = []
        self._drains: list[asyncio.Task[None]] = []

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
        process = await asyncio.create_subprocess_exec(
            *self._plugin.command(),
            *("--listen", "127.0.0.1:0"),
            *tls,
            *("--log-level", "warning"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
        self._processes.append(process)
        assert process.stdout is not None  # it was asked for
        async with asyncio.timeout(START_PATIENCE):
            while line := await process.stdout.readline():
                if found := _LISTENS.match(line):
                    self._drains.append(asyncio.create_task(_drain(process.stdout)))
                    return found[1].decode()
        raise RuntimeError(f"plugin {self._plugin.name!r} did not start; what it printed says why")

    async def stop(self) -> None:
        """Ends them."""
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        try:
            async with asyncio.timeout(END_PATIENCE):
                await asyncio.gather(*(each.wait() for each in self._processes))
        finally:
            for process in self._processes:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
            await asyncio.gather(*self._drains)


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.read(1 << 16):
        pass
