"""How a plugin's process serves: as the gateway that started it asks, or as the command line says."""

import logging
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import click

from prism.host import go_plugin
from prism.host.parent_process import die_with_parent, trusted_uids
from prism.redactor import Redactor
from prism.telemetry.logs import configure
from prism.tls_reload import TlsReload
from prism.wire import server_context
from prism.wire.address import Address

log = logging.getLogger(__name__)

ROLE: Final = "backend"
"""What a process says that it is, unless it is a container role."""


@dataclass(frozen=True, slots=True)
class HostOptions:
    """How a plugin's process serves.

    Attributes:
        redactor: keeps the instances' secrets out of the log, as soon as it knows them.
        listen: the address for gateways; `host:port` or `unix:/path`.
        tls: the certificates of the port, reloaded when their files change; None for plaintext.
        probes: the address of the HTTP probes; empty for none.
        metrics: the address that Prometheus scrapes; empty for none.
        grace: seconds that calls in progress have to finish when the process shuts down.
        idle_timeout: seconds after which an instance that no gateway uses is stopped; None for never.
        uids: the users whose processes may connect to a unix socket.
        handshake: the descriptor that the handshake is written to; None where no gateway started the process.
        role: what it says that it is.
        settled: options of the backend that this process has settled; a gateway's do not change them.
    """

    redactor: Redactor
    listen: str
    tls: TlsReload | None = None
    probes: str = ""
    metrics: str = ""
    grace: float = 10.0
    idle_timeout: float | None = None
    uids: frozenset[int] = frozenset()
    handshake: int | None = None
    role: str = ROLE
    settled: Mapping[str, Any] = field(default_factory=dict)


def was_started_by_host() -> bool:
    """Whether a gateway started this process, and waits for its handshake."""
    return go_plugin.was_started_by_host(os.environ)


def by_host(options: Mapping[str, Any]) -> HostOptions:
    """On a socket for the gateway alone. Addresses on the command line are ignored.

    Raises:
        FailedPrecondition: the host asks for AutoMTLS, or has ended.
    """
    handshake = go_plugin.take_stdout()
    redactor = Redactor()
    configure(options["log_level"], "json", scrub=redactor.scrub)
    die_with_parent()
    address = go_plugin.socket_address(os.environ)
    uids = trusted_uids().union(options["allow_uid"])
    return HostOptions(redactor, address, grace=options["grace"], uids=uids, handshake=handshake)


def standalone(
    options: Mapping[str, Any], role: str = ROLE, settled: Mapping[str, Any] = MappingProxyType({})
) -> HostOptions:
    """Where the command line says.

    Args:
        options: of the command line, by name.
        role: as `HostOptions`.
        settled: as `HostOptions`.

    Raises:
        click.UsageError: its options contradict each other, or would expose the plugin without authentication.
    """
    redactor = Redactor()
    configure(options["log_level"], options.get("log_format", "auto"), scrub=redactor.scrub)
    for name in ("listen", "probes", "metrics"):
        _check_address(name, options[name])
    return HostOptions(
        redactor,
        options["listen"],
        tls=_tls(options),
        probes=options["probes"],
        metrics=options["metrics"],
        grace=options["grace"],
        idle_timeout=options["idle_timeout"],
        uids=trusted_uids().union(options["allow_uid"]),
        role=role,
        settled=settled,
    )


def _tls(options: Mapping[str, Any]) -> TlsReload | None:
    cert, key, client_ca = (options[name] for name in ("tls_cert", "tls_key", "tls_client_ca"))
    if (cert is None) != (key is None):
        raise click.UsageError("--tls-cert and --tls-key must be given together")
    if client_ca is not None and cert is None:
        raise click.UsageError("--tls-client-ca needs --tls-cert and --tls-key")
    if client_ca is None and not _is_loopback(options["listen"]):
        raise click.UsageError(
            f"{options['listen']} is exposed to the network, and a plugin does not authenticate its callers; "
            "give --tls-cert, --tls-key and --tls-client-ca, or listen on 127.0.0.1 or unix:/PATH"
        )
    if cert is None or key is None:
        return None
    try:
        files = [each for each in (cert, key, client_ca) if each is not None]
        return TlsReload(files, partial(server_context, cert, key, client_ca), _renewed)
    except (OSError, ssl.SSLError) as error:
        raise click.UsageError(f"--tls-cert, --tls-key or --tls-client-ca is invalid: {error}") from error


def _renewed(trouble: str) -> None:
    if trouble:
        log.warning(
            "TLS reload failed; the previous certificate stays in use until the files are corrected: %s", trouble
        )
    else:
        log.info("TLS reloaded; new connections use the new certificate")


def _check_address(name: str, address: str) -> None:
    try:
        if address:
            Address.parse(address)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=f"--{name}") from None


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    return address.startswith("unix:") or host in ("localhost", "::1") or host.startswith("127.")
