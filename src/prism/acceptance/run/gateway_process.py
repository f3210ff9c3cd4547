"""A real gateway: `prism serve` as a process of its own, on free ports, ready when it says so."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from prism.acceptance.store.polling import until
from prism.acceptance.store.server_process import TIMEOUT, NotReady, ServerProcess

DATA = re.compile(r"^\s*data\s+(\S+)")
ADMIN = re.compile(r"^\s*admin\s+(\S+)")
METRICS = re.compile(r"^\s*metrics\s+http://([^/\s]+)")


class NotServing(NotReady):
    """The gateway does not start, or does not serve what it is to; the message has what it says itself."""


class GatewayProcess(ServerProcess):
    """One gateway process.

    Attributes:
        data: the address that serves gRPC and HTTP/JSON.
        admin: the address of the admin port; empty where there is none.
        metrics: the address that serves probes and metrics.
        config: its configuration file, which a test may rewrite.
    """

    def __init__(self, config: Mapping[str, Any], folder: Path, *, wrapper: Sequence[str] = ()) -> None:
        """
        Args:
            config: the document that becomes its configuration file; addresses are filled in where missing.
            folder: where the file goes, and the working folder of the process.
            wrapper: a command that runs it, such as a tracer.
        """
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__("gateway", folder)
        self.config = folder / "prism.yaml"
        self.write_config(config)
        self._wrapper = wrapper
        self.data = self.admin = self.metrics = ""

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Replaces the configuration file, in one step."""
        free = {section: {"listen": "127.0.0.1:0"} for section in ("gateway", "admin", "telemetry")}
        document = {**free, **config}
        fresh = self.config.with_suffix(".new")
        fresh.write_text(yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False))
        fresh.replace(self.config)

    def start(self) -> "GatewayProcess":
        """Starts it and waits until it says that it listens."""
        command = [*self._wrapper, sys.executable, "-m", "prism", "serve", "--config", str(self.config)]
        since = self.said
        try:
            self.launch(command, METRICS.pattern, environment=os.environ | {"PYTHONUNBUFFERED": "1"})
        except NotReady as error:
            raise NotServing(str(error)) from None
        said = list(self.lines)[since - self.said :]
        self.data, self.admin, self.metrics = (
            next((found[1] for line in reversed(said) if (found := form.match(line))), "")
            for form in (DATA, ADMIN, METRICS)
        )
        return self

    def wait_for_log(self, text: str, timeout: float = TIMEOUT) -> str:
        """Waits for a line that holds `text`, and gives it."""
        return self.wait_for(re.escape(text), timeout=timeout)

    def wait_until_served(self, namespace: str, timeout: float = TIMEOUT) -> None:
        """Waits until calls to a namespace are served: a gateway listens before every plugin has started."""
        self._wait_for(f"?namespace={namespace}", lambda _answer: True, f"namespace {namespace}", timeout)

    def wait_until_all_served(self, timeout: float = TIMEOUT) -> None:
        """Waits until calls to every namespace are: several are prepared at once, one tells nothing of others."""
        self._wait_for("", lambda answer: not json.loads(answer)["namespaces_not_ready"], "all namespaces", timeout)

    def _wait_for(self, query: str, enough: Callable[[str], bool], what: str, timeout: float) -> None:
        answer = ""

        def served() -> bool:
            nonlocal answer
            try:
                with urllib.request.urlopen(f"http://{self.metrics}/health/ready{query}", timeout=timeout) as response:
                    answer = response.read().decode()
                    return enough(answer)
            except urllib.error.HTTPError as error:
                with error:
                    answer = error.read().decode(errors="replace").strip()
            return False

        try:
            until(served, "a probe is a question, and tells nothing by itself", timeout=timeout)
        except TimeoutError as error:
            raise NotServing(f"the gateway does not serve {what}: {answer}") from error

    @property
    def pid(self) -> int:
        """The gateway's own process id, under its wrapper where it has one; that one's after its end."""
        own = super().pid
        if not self._wrapper:
            return own
        try:
            children = Path(f"/proc/{own}/task/{own}/children").read_text().split()
        except FileNotFoundError:
            children = []
        return int(children[0]) if children else own

    def reload(self) -> None:
        """Asks it to read its configuration again."""
        self.send(signal.SIGHUP)

    def stop(self) -> int:
        """Ends it in order; its exit code."""
        return self.end()


@contextlib.contextmanager
def running(config: Mapping[str, Any], folder: Path, *, wrapper: Sequence[str] = ()) -> Iterator[GatewayProcess]:
    """A gateway for the length of a block."""
    gateway = GatewayProcess(config, folder, wrapper=wrapper).start()
    try:
        yield gateway
    finally:
        gateway.stop()


@contextlib.asynccontextmanager
async def serving(
    config: Mapping[str, Any], folder: Path, *, wrapper: Sequence[str] = ()
) -> AsyncIterator[GatewayProcess]:
    """A gateway for the length of a block that has an event loop, which goes on while it starts and stops."""
    gateway = GatewayProcess(config, folder, wrapper=wrapper)
    await asyncio.to_thread(gateway.start)
    try:
        yield gateway
    finally:
        await asyncio.to_thread(gateway.stop)
