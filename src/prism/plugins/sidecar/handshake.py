"""The first line that a started plugin prints, HashiCorp go-plugin's: `1|1|unix|/path/of.sock|grpc`.

By it a program says where it listens, and so that it does. Source: https://github.com/hashicorp/go-plugin,
docs/internals.md and server.go.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MAGIC_COOKIE = ("PRISM_PLUGIN_MAGIC_COOKIE", "5c4f6b1e-9a77-4a3e-8f0d-prism-plugin")
"""Shows the program that a gateway has started it, not a person by mistake."""

CORE_VERSION = 1
VERSIONS = (1,)
"""The versions of `prism.plugin.v1` that the gateway speaks."""

MAX_LINE = 4096
_QUOTED = 200


class NoHandshake(Exception):
    """What was printed is not a handshake that the gateway can use; the message says why."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """Where a plugin listens.

    Attributes:
        version: of `prism.plugin.v1`.
        socket: the path of its unix socket.
    """

    version: int
    socket: Path


def environment(folder: Path) -> Mapping[str, str]:
    """The variables that ask a program for a handshake.

    Args:
        folder: where it is to make its socket.
    """
    return {
        MAGIC_COOKIE[0]: MAGIC_COOKIE[1],
        "PLUGIN_PROTOCOL_VERSIONS": ",".join(map(str, VERSIONS)),
        "PLUGIN_UNIX_SOCKET_DIR": str(folder),
    }


def parse(line: bytes) -> Handshake:
    """Reads the line.

    Raises:
        NoHandshake: the gateway cannot use it.
    """
    text = line.decode("utf-8", "replace").strip()
    core, version, network, address, protocol, *rest = (*text.split("|"), "", "", "", "", "")
    if not (core.isdecimal() and version.isdecimal() and network):
        raise NoHandshake(f"the plugin printed {quoted(line)} instead of a handshake such as 1|1|unix|/path.sock|grpc")
    if int(core) != CORE_VERSION:
        raise NoHandshake(
            f"the plugin uses version {core} of go-plugin's core protocol, and the gateway supports version "
            f"{CORE_VERSION}; build the plugin with a go-plugin that uses it"
        )
    if int(version) not in VERSIONS:
        spoken = " and ".join(map(str, VERSIONS))
        raise NoHandshake(
            f"the plugin speaks version {version} of the plugin protocol and the gateway version {spoken}; "
            "install compatible versions of both"
        )
    if protocol != "grpc":
        raise NoHandshake(
            f"the plugin speaks {protocol or 'net/rpc'!r}, not grpc; serve it with plugin.DefaultGRPCServer"
        )
    if network != "unix":
        raise NoHandshake(f"the plugin listens on {network} at {address}; it must listen on a unix socket")
    if rest[0]:
        raise NoHandshake(
            "the plugin requires TLS on its socket (AutoMTLS), which the gateway does not support; turn AutoMTLS off"
        )
    return Handshake(int(version), Path(address))


def quoted(line: bytes) -> str:
    """What a plugin printed, fit for a message: in one line, shortened."""
    text = line.decode("utf-8", "replace").rstrip("\r\n")
    return repr(text if len(text) <= _QUOTED else f"{text[:_QUOTED]}...")
