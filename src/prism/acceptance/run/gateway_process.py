"""A real gateway: `prism serve` as a process of its own, on free ports, ready when it says so."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

READY = re.compile(r"^\s*data\s+(?P<data>\S+)")
ADMIN = re.compile(r"^\s*admin\s+(?P<admin>\S+)")
METRICS = re.compile(r"^\s*metrics\s+http://(?P<metrics>[^/\s]+)")
START_TIMEOUT = 30.0


class NotServing(Exception):
    """The gateway does not start, or does not serve what it is to; the message has what it says itself."""


class GatewayProcess:
    """One gateway process.

    Attributes:
        data: the address that serves gRPC and HTTP/JSON.
        admin: the address of the admin port; empty where there is none.
        metrics: the address that serves probes and figures.
        config: its configuration file, which a test may rewrite.
        log: the last lines that it wrote to standard error.
    """

    def __init__(self, config: Mapping[str, Any], folder: Path, *, wrapper: Sequence[str] = ()) -> None:
        """
        Args:
            config: the document that becomes its configuration file; addresses are filled in where missing.
            folder: where the file goes, and the working folder of the process.
            wrapper: a command that runs it, such as a tracer.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.config = folder / "prism.yaml"
        self.write_config(config)
        self._wrapper = wrapper
        self.log: deque[str] = deque(maxlen=200)
        self._logged = threading.Condition()
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
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        self.data = self.admin = self.metrics = ""
        self.process = subprocess.Popen(
            command, cwd=self.folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._threads = [threading.Thread(target=self._keep_log, daemon=True)]
        ready = threading.Event()
        self._threads.append(threading.Thread(target=self._read_output, args=(ready,), daemon=True))
        for thread in self._threads:
            thread.start()
        if not ready.wait(START_TIMEOUT) or not self.data:
            self.kill()
            raise NotServing("the gateway did not start:\n" + "\n".join(self.log))
        return self

    def _read_output(self, ready: threading.Event) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._logged:
                self.log.append(line.rstrip())
                self._logged.notify_all()
            if match := READY.match(line):
                self.data = match["data"]
            if match := ADMIN.match(line):
                self.admin = match["admin"]
            if match := METRICS.match(line):
                self.metrics = match["metrics"]
            if self.data and self.metrics:
                ready.set()
        ready.set()

    def _keep_log(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._logged:
                self.log.append(line.rstrip())
                self._logged.notify_all()

    def wait_for_log(self, text: str, timeout: float = START_TIMEOUT) -> str:
        """Waits for a line of the log that holds `text`, and gives it."""
        with self._logged:
            found = self._logged.wait_for(lambda: next((line for line in self.log if text in line), None), timeout)
        assert found, f"the log does not speak of {text!r}:\n" + "\n".join(self.log)
        return found

    def wait_until_served(self, namespace: str, timeout: float = START_TIMEOUT) -> None:
        """Waits until calls to a namespace are served: a gateway listens before every plugin has started."""
        give_up = time.monotonic() + timeout
        url = f"http://{self.metrics}/health/ready?namespace={namespace}"
        while True:
            try:
                with urllib.request.urlopen(url, timeout=timeout):
                    return
            except urllib.error.HTTPError as error:
                with error:
                    answer = error.read().decode(errors="replace")
                if time.monotonic() > give_up:
                    raise NotServing(f"the gateway does not serve namespace {namespace}: {answer.strip()}") from error
                time.sleep(0.02)

    @property
    def pid(self) -> int:
        """The gateway's own process id, under its wrapper where it has one."""
        own = self.process.pid
        if not self._wrapper:
            return own
        stats = (stat.read_text().rpartition(")") for stat in Path("/proc").glob("[0-9]*/stat"))
        return next(int(head.split()[0]) for head, _, rest in stats if int(rest.split()[1]) == own)

    def reload(self) -> None:
        """Asks it to read its configuration again."""
        os.kill(self.pid, signal.SIGHUP)

    def stop(self) -> int:
        """Ends it in order; its exit code."""
        if self.process.poll() is None:
            os.kill(self.pid, signal.SIGTERM)
        return self._reap()

    def kill(self) -> None:
        """Ends it as a crash would."""
        if self.process.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
        self._reap()

    def _reap(self) -> int:
        try:
            code = self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.kill(self.pid, signal.SIGKILL)  # no orphan, whatever the test makes of it
            self.process.wait()
            raise
        for thread in self._threads:
            thread.join(timeout=5)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        return code


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
