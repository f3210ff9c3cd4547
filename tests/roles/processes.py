"""A role as an orchestrator starts it: a process, configured by its environment."""

import json
import os
import re
import signal
import sys
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from gateways import GatewayProcess
from prism.acceptance.store.held_port import HeldPort
from prism.acceptance.store.server_process import ServerProcess


class _Role:
    """`prism role`, started as a container would be."""

    def __init__(self, role: str, **environment: str) -> None:
        self._process = ServerProcess(role)
        self._command = (sys.executable, "-m", "prism", "role", role)
        self._environment = {
            "PATH": os.environ["PATH"],
            "PRISM_METRICS_PORT": "0",
            "PRISM_HEALTH_PORT": "0",
            "PRISM_LISTEN_HOST": "127.0.0.1",
            **environment,
        }
        self.health = self.metrics = ""

    def kill(self) -> None:
        """`kill -9`."""
        self._process.kill()

    def end(self) -> int:
        """SIGTERM; its exit code."""
        return self._process.end(signal.SIGTERM, timeout=60)

    def remove(self) -> None:
        """Leaves nothing."""
        self._process.end(signal.SIGKILL)
        self._process.remove()

    def ready(self) -> tuple[int, dict[str, Any]]:
        """What the readiness probe says."""
        try:
            with urlopen(f"http://{self.health}/health/ready", timeout=20) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            return error.code, json.load(error)


class ClientRole(_Role):
    """One that is a client of the gateway that its environment names."""

    def start(self) -> None:
        """Returns when it says where it is probed."""
        self._process.launch(self._command, "probes at", environment=self._environment)
        found = re.findall(r"probes at (\S+), metrics at ([^\s\"]+)", self._process.log)[-1]
        self.health, self.metrics = found


class RoleProcess(ClientRole):
    """The same, of a gateway."""

    def __init__(self, role: str, gateway: GatewayProcess, **environment: str) -> None:
        super().__init__(role, PRISM_PROXY_ENDPOINT=gateway.data, **environment)


class PluginRole(_Role):
    """One that serves gateways.

    Attributes:
        name: of the role.
        port: where it does.
    """

    def __init__(self, role: str, **environment: str) -> None:
        self.name, self.port = role, HeldPort()
        super().__init__(role, PRISM_PLUGIN_LISTEN=f"127.0.0.1:{self.port}", **environment)

    def start(self) -> None:
        """Returns when it says where it listens."""
        self._process.launch(self._command, "try ", environment=self._environment)
        (self.health,) = re.findall(r"probes +http://(\S+)/health/live", self._process.log)
        (self.metrics,) = re.findall(r"metrics +http://(\S+)/metrics", self._process.log)
