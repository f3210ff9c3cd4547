"""The section `plugin` of a namespace, as a user writes it: how the backend runs, and where.

Source: RFC-008 "Plugin Configuration". What only makes sense together is checked by `prism.config.placement`.
"""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field

from prism.config.sections.section import Apart, Section, empty, refuse
from prism.config.sections.supervision import SupervisionSection
from prism.plugins.placement import MAX_SOCKET_PATH

_ENDPOINT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+(?:%\w+)?\]|[^\s:/\[\]]+):(?P<port>[0-9]{1,5})")


def _endpoint(address: str) -> str:
    match = _ENDPOINT.fullmatch(address)
    if match is None or not 0 < int(match["port"]) <= 65535:
        close = re.sub(r"^\w+://|/+$", "", address)
        likely = close if close != address and _ENDPOINT.fullmatch(close) else ""
        raise refuse("not the address of a plugin", allowed="host:port or [IPv6 address]:port", close=likely)
    return address


def _socket(path: Path) -> Path:
    if len(bytes(path)) > MAX_SOCKET_PATH:
        raise refuse("the path of a unix socket cannot be so long", allowed=f"at most {MAX_SOCKET_PATH} bytes")
    return path


Endpoint = Annotated[str, AfterValidator(_endpoint)]


class TlsSection(Section):
    """TLS to a remote plugin.

    Attributes:
        ca: a PEM file with who signed the plugin's certificate; the system's authorities where it is not given.
        cert: a PEM file with the gateway's own certificate, where the plugin asks for one.
        key: its private key.
        server_name: the name in the plugin's certificate, where it is not the host of the endpoint.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    server_name: str = ""


class LimitsSection(Section):
    """The most that the process of a sidecar may use; one that goes further is ended and started again.

    Attributes:
        memory: of its own, not counting files and shared memory; `512MiB` is understood.
        cpu_time: seconds of CPU over the whole life of the process (RLIMIT_CPU), however long that is: a plugin that
            serves for months reaches any limit, and is then started again. There is a warning at four fifths of it.
        open_files: descriptors.
    """

    memory: Annotated[ByteSize | None, Field(ge=16 << 20)] = None
    cpu_time: Annotated[int, Field(ge=1)] | None = None
    open_files: Annotated[int, Field(ge=32)] | None = None


class PluginSection(Section):
    """How the backend of a namespace runs.

    Attributes:
        type: `in_process` is in the gateway; `sidecar` a process beside it, on a unix socket; `remote` a server
            elsewhere. Where it is not given, as the plugin's manifest says.
        command: the program of a sidecar and its arguments, where it is not the plugin's own.
        socket: the unix socket of a sidecar that runs already.
        endpoint: `host:port` of a remote plugin.
        endpoints: the same, of several that are equal; calls go to the least busy one, those about one thing to the
            same one where the plugin asks for it (`affinity`).
        tls: for `remote`; without it an endpoint must be on this machine.
        limits: of a sidecar that the gateway starts.
        user: a name or number; who such a sidecar runs as. The gateway must be allowed to.
        supervision: of this instance, in place of the gateway's; what is left out is as the gateway has it.
    """

    type: Literal["in_process", "sidecar", "remote"] | None = None
    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    socket: Annotated[Path, AfterValidator(_socket)] | None = None
    endpoint: Endpoint | None = None
    endpoints: Annotated[tuple[Endpoint, ...], Field(min_length=1)] | None = None
    tls: Annotated[TlsSection, Apart(), BeforeValidator(empty)] | None = None
    limits: Annotated[LimitsSection, Apart(), BeforeValidator(empty)] = LimitsSection.model_construct()
    user: str | int | None = None
    supervision: Annotated[SupervisionSection, Apart(), BeforeValidator(empty)] = SupervisionSection.model_construct()
