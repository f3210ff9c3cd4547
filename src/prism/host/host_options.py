"""How a plugin's process serves, whoever decided it."""

from dataclasses import dataclass

from prism.redactor import Redactor
from prism.tls_reload import Renewal


@dataclass(frozen=True, slots=True)
class HostOptions:
    """How a plugin's process serves.

    Attributes:
        redactor: keeps the instances' secrets out of the log, as soon as it knows them.
        listen: where gateways connect; `host:port` or `unix:/path`.
        tls: how, over TCP; kept as its files are.
        probes: where the HTTP probes are; empty for nowhere.
        metrics: where Prometheus reads; empty for nowhere.
        grace: seconds that calls under way have when the process is told to end.
        patience: seconds after which an instance that no gateway asks for is ended; None for never.
        uids: whose connections a unix socket takes.
        handshake: the descriptor on which a host waits for the handshake; None where none started us.
    """

    redactor: Redactor
    listen: str
    tls: Renewal | None = None
    probes: str = ""
    metrics: str = ""
    grace: float = 10.0
    patience: float | None = None
    uids: frozenset[int] = frozenset()
    handshake: int | None = None
