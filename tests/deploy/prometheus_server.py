"""Prometheus itself, as dev/setup has unpacked it; a test that needs it skips by name without it."""

import contextlib
import json
import shutil
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from missing import missing
from prism.acceptance.store.held_port import HeldPort
from prism.acceptance.store.polling import until
from prism.acceptance.store.server_process import ServerProcess

ROOT = Path(__file__).parents[2]
UNPACKED = ROOT / ".cache" / "prometheus" / "usr" / "bin"


def tool(name: str) -> str:
    """The path of `promtool` or `prometheus`."""
    found = shutil.which(name) or shutil.which(name, path=str(UNPACKED))
    if found is None:
        missing(f"Prometheus is not here: no {name} (dev/setup takes it from the Debian package prometheus)")
    return found


class Prometheus:
    """A running server.

    Attributes:
        url: of its API.
    """

    def __init__(self, url: str, process: ServerProcess) -> None:
        self.url = url
        self._process = process

    def get(self, path: str, **parameters: str) -> Any:
        """What its API answers."""
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}{query}", timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[Any]:
        """The series of an instant query."""
        result: list[Any] = self.get("query", query=expression)["result"]
        return result

    def wait(self, condition: Callable[[], bool]) -> None:
        """Returns when the condition holds."""

        def holds() -> bool:
            assert self._process.running, f"Prometheus has ended:\n{self._process.log}"
            return condition()

        until(holds, "Prometheus scrapes and evaluates at a pace of its own, and tells of neither")


@contextlib.contextmanager
def prometheus(config: str, folder: Path) -> Iterator[Prometheus]:
    """A server for the length of a block, on a free port."""
    port = HeldPort()  # it does not say which port 0 became
    address = f"127.0.0.1:{port}"
    file = folder / "prometheus.yaml"
    file.write_text(config)
    command = [
        tool("prometheus"),
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
    ]
    with ServerProcess("prometheus", folder) as process:
        process.launch(command, "Server is ready to receive web requests")
        yield Prometheus(f"http://{address}", process)
        process.end()
