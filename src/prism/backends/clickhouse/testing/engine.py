"""ClickHouse's engine behind the listener, on a folder and a port of its own, to be killed, paused and limited."""

import importlib.util
import json
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from prism.acceptance.store.backend import StoreMissing
from prism.acceptance.store.held_port import HeldPort
from prism.acceptance.store.server_process import ServerProcess
from prism.backends.clickhouse.testing.listener import READY

READER: Final = "reader"
"""A user whose profile is `readonly`: it may read, and send no settings."""


class Engine:
    """One engine, which keeps its port and its data from start to start. Every call blocks until it is done.

    Attributes:
        process: of the listener.
        port: where it listens on loopback.
        user: the gateway's user.
        password: of that user, and of the reader.
        settings: of that user's profile.
    """

    def __init__(self, *, within: Path | None = None) -> None:
        if importlib.util.find_spec("chdb") is None:
            raise StoreMissing("chDB is not installed, the engine of ClickHouse: `make test` installs it from PyPI")
        self.process = ServerProcess("clickhouse", within=within)
        self._port = HeldPort()
        self.port = self._port.number
        self.user = "prism"
        self.password = secrets.token_hex(12)
        self.settings: Mapping[str, str] = {}

    @property
    def url(self) -> str:
        """How clients reach it."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it and waits until it answers; does nothing while it runs."""
        if self.process.running:
            return
        self._write()
        self.process.launch(
            [sys.executable, "-m", "prism.backends.clickhouse.testing.listener", "--port", str(self.port),
             "--data", self.process.folder / "data", "--accounts", self._accounts],
            READY, timeout=120,
        )  # fmt: skip

    def stop(self) -> None:
        """Ends it for good; nothing is left."""
        self.process.remove()

    def kill(self) -> None:
        """Ends it as a crash does."""
        self.process.kill()

    def pause(self) -> None:
        """Freezes it: connections stay open and nothing answers."""
        self.process.pause()

    def resume(self) -> None:
        """Ends a pause."""
        self.process.resume()

    def change_password(self) -> None:
        """Another one; the one before is refused from now on."""
        self.password = secrets.token_hex(12)
        self._write()

    def limit(self, **settings: str) -> None:
        """The profile of the gateway's user from now on."""
        self.settings = settings
        self._write()

    @property
    def _accounts(self) -> Path:
        return self.process.folder / "accounts.json"

    def _write(self) -> None:
        users = {
            self.user: {"password": self.password, "settings": self.settings},
            READER: {"password": self.password, "settings": {"readonly": "1"}},
        }
        fresh = self._accounts.with_suffix(".new")
        fresh.write_text(json.dumps(users))
        fresh.replace(self._accounts)
