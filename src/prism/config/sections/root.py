"""The configuration file as a user writes it: its sections, their defaults and their bounds.

Source: RFC-008 "Plugin Configuration", ADR-005 "Namespace configuration". A backend's own `config` and `credentials`
are checked by the backend's models (`prism.config.loading`).
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field, SecretStr

from prism.config.sections.audit import AuditSection
from prism.config.sections.authentication import AuthenticationSection, insecure_in_a_word
from prism.config.sections.authorization import AuthorizationSection
from prism.config.sections.origin import Origin
from prism.config.sections.plugin import PluginSection
from prism.config.sections.policy import DEFAULT_POLICY, NameOrPolicy, Policies, PolicySection
from prism.config.sections.relay import RelaySection
from prism.config.sections.response_headers import ResponseHeaders
from prism.config.sections.section import Apart, Section, empty, refuse
from prism.config.sections.supervision import SupervisionSection
from prism.config.sections.traces import TracesSection
from prism.config.yaml.problem import nearest
from prism.interfaces.catalogue import interfaces
from prism.wire.networks import Networks

DATA_ADDRESS = "127.0.0.1:8980"
ADMIN_ADDRESS = "127.0.0.1:8981"
PROBES_ADDRESS = "127.0.0.1:9090"
SECRETS_DIRECTORY = Path("/run/secrets")
MAX_HEADER_SIZE = 256 << 10
MAX_MESSAGE_SIZE = (1 << 31) - (64 << 10) - 1

_NAME = re.compile(r"[a-z0-9.-]{1,63}")
_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+(?:%\w+)?\]|[^\s:/\[\]]+):(?P<port>[0-9]{1,5})")


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        close = re.sub(r"[^a-z0-9.-]+", "-", name.lower()).strip("-")[:63]
        raise refuse("not a name for a namespace", allowed="1 to 63 characters of a-z 0-9 . -", close=close)
    return name


def checked_address(address: str) -> str:
    """The address, if it is one to listen on; else a refusal."""
    if address.startswith("unix:") and len(address) > len("unix:"):
        return address
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match["port"]) > 65535:
        allowed = (
            "host:port, [IPv6 address]:port or unix:/path; 127.0.0.1 for this machine, 0.0.0.0 for every interface, "
            "[::] for IPv6 too"
        )
        close = f"127.0.0.1{address}" if re.fullmatch(r":[0-9]{1,5}", address) else ""
        raise refuse("not an address to listen on", allowed=allowed, close=close)
    return address


def _addresses(value: object) -> object:
    """One address is a list of one; a refusal of it is of the option, not of the list's first."""
    return (checked_address(value),) if isinstance(value, str) else value


def _different(addresses: tuple[str, ...]) -> tuple[str, ...]:
    for address in addresses:
        if addresses.count(address) > 1 and not address.endswith(":0"):
            raise refuse(f"{address} stands here twice", allowed="each address once")
    return addresses


def _networks(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        try:
            Networks([name])
        except ValueError:
            allowed = "an address or a network, such as 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32, its host bits zero"
            raise refuse(f"{name} is not a network", allowed=allowed) from None
    return names


def _abstraction(name: str) -> str:
    if name not in interfaces():
        raise refuse("no such abstraction", allowed=", ".join(interfaces()), close=nearest(name, interfaces()))
    return name


Name = Annotated[str, AfterValidator(_name)]
Address = Annotated[str, AfterValidator(checked_address)]
Addresses = Annotated[tuple[Address, ...], Field(min_length=1), BeforeValidator(_addresses), AfterValidator(_different)]
Abstraction = Annotated[str, AfterValidator(_abstraction)]
Options = Annotated[dict[str, Any], BeforeValidator(empty)]


class Cors(Section):
    """Which web pages may call the gateway from a browser; none unless named.

    Attributes:
        origins: such as `https://app.example.com`, or `*` for any.
    """

    origins: tuple[Origin, ...] = ()


class TlsSection(Section):
    """TLS on a port; unix sockets do without.

    Attributes:
        cert: the gateway's certificate and its chain, PEM.
        key: its private key, PEM.
        client_ca: authorities whose certificates callers may prove themselves with, PEM; needed by `mtls`.
        client_certificates: `required` ends a connection without one; `optional` leaves it to `authentication`.
        client_crl: revoked certificates of those authorities, PEM.
        min_version: the oldest TLS that is spoken.
    """

    cert: Path
    key: Path
    client_ca: Path | None = None
    client_certificates: Literal["required", "optional"] = "required"
    client_crl: Path | None = None
    min_version: Literal["1.2", "1.3"] = "1.2"


class ProxiesSection(Section):
    """The proxies before the data port, whose word about their callers is taken.

    Attributes:
        trusted: where they call from: networks and addresses, such as `10.0.0.0/8`.
        proxy_protocol: each connection from there begins with a header of the PROXY protocol, version 1 or 2; one
            without is closed.
        header: the HTTP header in which they say who called them; what others say in it is not read.
    """

    trusted: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_networks)]
    proxy_protocol: bool = False
    header: Literal["x-forwarded-for", "forwarded"] | None = None


class GatewaySection(Section):
    """The data port.

    Attributes:
        listen: where gRPC and HTTP/JSON are served, one address or a list; port 0 takes a free one.
        tls: without it the port speaks clear text.
        max_message_size: most bytes in one message; `4MiB` is understood.
        max_header_size: most bytes in the headers of one request, names and values, and 32 for each; a token of a
            caller in many groups may need more. The admin port has the same bound.
        drain_timeout: seconds that calls under way are given when the gateway stops, and when a reload replaces the
            backend that serves them.
        max_connection_age: seconds after which a connection is ended in order, give or take a tenth, so that clients
            spread over the gateways behind a balancer anew; 0 for never.
        max_connection_age_grace: seconds that its calls and streams may go on then.
        shutdown_delay: seconds between "not ready" and the end of the port, for which new calls are still served: as
            long as load balancers take to look. `drain_timeout` comes after it.
        proxies: those before it that are trusted to say where callers are; without it the other end of a connection is
            the caller.
        heartbeat_interval: seconds after which a quiet stream sends a heartbeat, so that no proxy on the way ends it;
            only callers that take heartbeats get any; 0 for none.
        shed_lag: seconds by which the event loop may come late before new calls are refused; 0 for any.
        cors: for browsers.
        response_headers: headers that every answer has, over gRPC and HTTP alike, by name; at most 16.
        presign_keys: what addresses of objects are signed with, 32 characters or more; the first one signs, and all are
            believed. All gateways of a fleet need the same. Without one each start makes its own, and the addresses
            that it has signed end with it.
    """

    listen: Addresses = (DATA_ADDRESS,)
    tls: Annotated[TlsSection, Apart()] | None = None
    max_message_size: Annotated[ByteSize, Field(ge=1 << 10, le=MAX_MESSAGE_SIZE)] = ByteSize(4 << 20)
    max_header_size: Annotated[ByteSize, Field(ge=4 << 10, le=MAX_HEADER_SIZE)] = ByteSize(16 << 10)
    drain_timeout: float = Field(default=30.0, ge=0, le=3600)
    max_connection_age: float = Field(default=0.0, ge=0, le=31_536_000)
    max_connection_age_grace: float = Field(default=30.0, gt=0, le=86_400)
    shutdown_delay: float = Field(default=0.0, ge=0, le=3600)
    proxies: Annotated[ProxiesSection, Apart()] | None = None
    heartbeat_interval: float = Field(default=20.0, ge=0, le=86_400)
    shed_lag: float = Field(default=1.0, ge=0, le=60)
    cors: Annotated[Cors, Apart(), BeforeValidator(empty)] = Cors.model_construct()
    response_headers: ResponseHeaders = Field(default_factory=dict)
    presign_keys: tuple[Annotated[SecretStr, Field(min_length=32)], ...] = ()


class AdminSection(Section):
    """The admin port, for operators.

    Attributes:
        enabled: whether there is one.
        listen: where it is served, gRPC and HTTP/JSON; an address of this machine only, unless there are `tls` and
            authentication; port 0 takes a free one.
        tls: without it the port speaks clear text.
    """

    enabled: bool = True
    listen: Address = ADMIN_ADDRESS
    tls: Annotated[TlsSection, Apart()] | None = None


class Log(Section):
    """What is logged, and how.

    Attributes:
        level: the least important messages that are kept.
        format: `auto` is text on a terminal and JSON elsewhere.
        access: one line per call; costs more than the call.
        namespaces: another level for what is logged about single namespaces, by name.
    """

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "text", "json"] = "auto"
    access: bool = False
    namespaces: dict[str, Literal["debug", "info", "warning", "error"]] = Field(default_factory=dict)


class TelemetrySection(Section):
    """Probes, metrics, the log and traces.

    Attributes:
        listen: where `/health/live`, `/health/ready` and `/metrics` are served.
        log: the log.
        traces: spans of calls, sent by OTLP.
    """

    listen: Address = PROBES_ADDRESS
    log: Annotated[Log, Apart(), BeforeValidator(empty)] = Log.model_construct()
    traces: Annotated[TracesSection, Apart(), BeforeValidator(empty)] = TracesSection.model_construct()


class SecretsSection(Section):
    """Where `{{ secret:NAME }}` is looked up, after the environment variable `PRISM_SECRET_<NAME>`.

    Attributes:
        directory: holds one file per secret.
    """

    directory: Path = SECRETS_DIRECTORY


class PluginsSection(Section):
    """Where plugins are found that are no Python packages.

    Attributes:
        folders: each holds plugin folders, and a plugin folder holds a `plugin.toml` and what that names.
    """

    folders: tuple[Path, ...] = ()


class BackendEntry(Section):
    """The backend of one abstraction of a namespace.

    Attributes:
        backend: the name of a plugin.
        services: gRPC services of the plugin's own that the namespace has too, by full name; its manifest lists them.
        plugin: how the backend runs.
        config: the backend's own options.
        credentials: what the backend proves itself with to its store.
    """

    backend: str
    services: tuple[str, ...] = ()
    plugin: Annotated[PluginSection, Apart(), BeforeValidator(empty)] = PluginSection.model_construct()
    # They hold secrets in clear: no dump and no repr shows them.
    config: Options = Field(default_factory=dict, exclude=True, repr=False)
    credentials: Options = Field(default_factory=dict, exclude=True, repr=False)


class NamespaceEntry(Section):
    """One namespace: either `backend` serves it, or each of its `backends` one abstraction.

    Attributes:
        name: as callers give it; 1 to 63 characters of `a-z 0-9 . -`.
        abstraction: the one abstraction that it serves.
        abstractions: the same, for several; with neither it serves all that its backend does.
        backend: the name of a plugin.
        services: gRPC services of the plugin's own that the namespace has too, by full name; its manifest lists them.
        plugin: how the backend runs.
        policy: the name of one of `policies`, or a policy of its own; the one named `default` where it is left out.
        config: the backend's own options.
        credentials: what the backend proves itself with to its store.
        backends: instead of `backend`, a backend for each abstraction, by the abstraction's name.
    """

    name: Name
    abstraction: Abstraction | None = None
    abstractions: Annotated[tuple[Abstraction, ...], Field(min_length=1)] | None = None
    backend: str | None = None
    services: tuple[str, ...] = ()
    plugin: Annotated[PluginSection, Apart(), BeforeValidator(empty)] = PluginSection.model_construct()
    policy: NameOrPolicy | None = None
    # They hold secrets in clear: no dump and no repr shows them.
    config: Options = Field(default_factory=dict, exclude=True, repr=False)
    credentials: Options = Field(default_factory=dict, exclude=True, repr=False)
    backends: Annotated[dict[Abstraction, Annotated[BackendEntry, Apart()]], Field(min_length=1)] | None = None


class Config(Section):
    """The whole file."""

    gateway: Annotated[GatewaySection, Apart(), BeforeValidator(empty)] = GatewaySection.model_construct()
    admin: Annotated[AdminSection, Apart(), BeforeValidator(empty)] = AdminSection.model_construct()
    telemetry: Annotated[TelemetrySection, Apart(), BeforeValidator(empty)] = TelemetrySection.model_construct()
    audit: Annotated[AuditSection, Apart(), BeforeValidator(empty)] = AuditSection.model_construct()
    secrets: Annotated[SecretsSection, Apart(), BeforeValidator(empty)] = SecretsSection.model_construct()
    plugins: Annotated[PluginsSection, Apart(), BeforeValidator(empty)] = PluginsSection.model_construct()
    authentication: Annotated[Annotated[AuthenticationSection, Apart()] | None, BeforeValidator(insecure_in_a_word)] = (
        None
    )
    authorization: Annotated[AuthorizationSection, Apart()] | None = None
    policies: Policies = Field(default_factory=dict)
    supervision: Annotated[SupervisionSection, Apart(), BeforeValidator(empty)] = SupervisionSection.model_construct()
    namespaces: tuple[NamespaceEntry, ...] = ()
    relays: tuple[Annotated[RelaySection, Apart()], ...] = ()

    def policy_of(self, entry: NamespaceEntry) -> PolicySection | None:
        """What is done about the calls of a namespace; None for nothing."""
        if isinstance(entry.policy, PolicySection):
            return entry.policy
        return self.policies.get(entry.policy or DEFAULT_POLICY)


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach a listening address."""
    host = address.rpartition(":")[0].strip("[]")
    return address.startswith("unix:") or host in ("localhost", "::1") or host.startswith("127.")
