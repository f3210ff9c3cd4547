"""The ports of one gateway process, data, admin and probes: opened in this order, closed however the process ends."""

import ssl
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from prism.config.sections.root import Config
from prism.server.certificates import Certificates
from prism.services.listening import listen
from prism.wire import Server


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the ports listen.

    Attributes:
        data: of the data port.
        admin: of the admin port; empty where it is off.
        probes: of the port for metrics and probes.
        secured: the data port speaks TLS, but on unix sockets.
    """

    data: Sequence[str]
    admin: str
    probes: str
    secured: bool


@dataclass
class Ports:
    """The servers, and their certificates; an async context manager that closes them.

    Attributes:
        data: for callers.
        admin: for operators.
        probes: for probes and metrics.
        certificates: TLS of the first two.
    """

    data: Server
    admin: Server
    probes: Server
    certificates: Certificates

    def __post_init__(self) -> None:
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for each in (self.data, self.admin, self.probes, self.certificates):
            await self._stack.enter_async_context(each)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    async def listen(self, config: Config, addresses: Sequence[str] = ()) -> Addresses:
        """Takes the addresses of all that are configured; who connects waits until `accept`.

        Args:
            config: says where.
            addresses: of the data port, in place of the configuration's.

        Raises:
            OSError: an address cannot be listened on, or a file of TLS cannot be used; says what to do.
        """
        secure = self.certificates.secure
        tls = secure("gateway.tls", config.gateway.tls, self.data)
        option = "--listen or gateway.listen"
        wanted = addresses or config.gateway.listen
        data = [await listen(self.data, address, option, _for(address, tls), hold=True) for address in wanted]
        admin = ""
        if config.admin.enabled:
            where = config.admin.listen
            admin_tls = _for(where, secure("admin.tls", config.admin.tls, self.admin))
            admin = await listen(self.admin, where, "admin.listen", admin_tls, hold=True)
        probes = await listen(self.probes, config.telemetry.listen, "telemetry.listen", hold=True)
        return Addresses(data, admin, probes, secured=tls is not None)

    def accept(self) -> None:
        """Serves who connects, from now on."""
        for each in (self.data, self.admin, self.probes):
            each.accept()


def _for(address: str, tls: ssl.SSLContext | None) -> ssl.SSLContext | None:
    """What is spoken at an address: a unix socket is guarded by its mode, and needs no TLS."""
    return None if address.startswith("unix:") else tls
