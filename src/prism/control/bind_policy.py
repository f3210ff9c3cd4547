"""Where other machines reach the gateway: that stays as it was at the start until a restart, while
authentication may change at any time. A configuration that would expose a port without authentication is refused.
"""

from collections.abc import Iterator, Sequence

from prism.config.cross_validation import ADMIN_CLOSE, ADMIN_OPEN, CLOSE, OPEN, asks, is_open
from prism.config.sections.root import Config, is_loopback
from prism.config.specification import Loaded
from prism.config.yaml.problem import ConfigInvalid, Problem


class BindPolicy:
    """The ports of one gateway."""

    def __init__(self, listen: Sequence[str]) -> None:
        """
        Args:
            listen: addresses for data in place of the configuration's.
        """
        self._listen = listen
        self._ports: Config | None = None

    def check(self, loaded: Loaded) -> None:
        """Passes what may be in force at these ports; the first that passes says which they are.

        Raises:
            ConfigInvalid: a port would be exposed to the network without authentication.
        """
        ports = self._ports or loaded.config
        if problems := list(self._problems(ports, loaded)):
            raise ConfigInvalid(problems)
        self._ports = ports

    def _problems(self, ports: Config, loaded: Loaded) -> Iterator[Problem]:
        config, problem = loaded.config, loaded.document.problem
        for address in filter(lambda each: is_open(config, each), self._listen):
            yield Problem("", 0, 0, "--listen", OPEN, repr(address), CLOSE)
        for address in filter(lambda each: is_open(config, each), () if self._listen else ports.gateway.listen):
            yield problem(("gateway", "listen"), OPEN, found=f"{address!r}, until a restart", allowed=CLOSE)
        address = ports.admin.listen
        if ports.admin.enabled and not is_loopback(address) and not asks(config):
            found = f"{address!r}, until a restart"
            yield problem(("admin", "listen"), ADMIN_OPEN, found=found, allowed=ADMIN_CLOSE)
