"""HashiCorp go-plugin's side of a plugin that its host started: the handshake line, and the services that hosts call.

Source: github.com/hashicorp/go-plugin, docs/guide-plugin-write-non-go.md, server.go, internal/plugin/*.proto.
"""

import asyncio
import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from prism.errors import FailedPrecondition
from prism.host.backend_plugin import SPOKEN
from prism.wire.server.call import ServerCall
from prism.wire.server.method import Method

COOKIE: Final = "PRISM_PLUGIN_MAGIC_COOKIE"
COOKIE_VALUE: Final = "5c4f6b1e-9a77-4a3e-8f0d-prism-plugin"
HEALTH_NAME: Final = "plugin"
"""What hosts ask grpc.health.v1 for."""

CORE_PROTOCOL: Final = 1
_SOCKET_DIR: Final = "PLUGIN_UNIX_SOCKET_DIR"
_AUTO_MTLS: Final = "PLUGIN_CLIENT_CERT"
_EMPTY: Final = b""


def was_started_by_host(environ: Mapping[str, str]) -> bool:
    """Whether a host started this process and waits for its line."""
    return environ.get(COOKIE) == COOKIE_VALUE


def socket_address(environ: Mapping[str, str]) -> str:
    """Where to listen: a socket in the folder that the host names, or in a new one of our own, gone with the process.

    Raises:
        FailedPrecondition: the host asks for AutoMTLS.
    """
    if environ.get(_AUTO_MTLS):
        raise FailedPrecondition(
            f"the host asks for AutoMTLS ({_AUTO_MTLS}), which is not supported on a unix socket; turn it off"
        )
    folder = environ.get(_SOCKET_DIR)
    if not folder:
        folder = tempfile.mkdtemp(prefix="prism-plugin-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return f"unix:{folder}/plugin-{os.getpid()}.sock"


def handshake_line(address: str) -> str:
    """What the host reads: the version spoken, which it compares with its own, and where to connect."""
    return f"{CORE_PROTOCOL}|{max(SPOKEN)}|unix|{address.removeprefix('unix:')}|grpc\n"


def take_stdout() -> int:
    """The descriptor for the handshake; what else is printed from now on is log, and goes to standard error."""
    sys.stdout.flush()
    handshake = os.dup(1)
    os.dup2(2, 1)
    return handshake


class HostServices:
    """go-plugin's own services.

    Args:
        end: ends the process; returns when its instances have ended.
        ending: set when the process has been asked to end.
    """

    def __init__(self, end: Callable[[float], Awaitable[None]], ending: asyncio.Event, grace: float) -> None:
        self._end = end
        self._ending = ending
        self._grace = grace

    def methods(self) -> Sequence[Method]:
        """What a server runs."""
        return (
            Method("/plugin.GRPCController/Shutdown", self._shutdown),
            Method("/plugin.GRPCStdio/StreamStdio", self._hold, server_streaming=True),
            Method("/plugin.GRPCBroker/StartStream", self._hold, client_streaming=True, server_streaming=True),
        )

    async def _shutdown(self, _call: ServerCall) -> bytes:
        await self._end(self._grace)
        return _EMPTY

    async def _hold(self, _call: ServerCall) -> None:
        """Says nothing, until the end: our output goes to standard error, and no connection is brokered."""
        await self._ending.wait()
