"""A real PgBouncer before a test's PostgreSQL, as it is installed: no setting of ours is let through."""

import os
import pwd
import shutil
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from missing import missing
from prism.acceptance.store.held_port import HeldPort
from prism.acceptance.store.server_process import ServerProcess

_DEBIAN = Path("/usr/sbin/pgbouncer")


class Pooler:
    """One PgBouncer on a port of its own."""

    def __init__(self, url: str, pool_mode: str, **settings: object) -> None:
        """
        Args:
            url: of the PostgreSQL behind it.
            pool_mode: `session`, `transaction` or `statement`.
            settings: more of its configuration.
        """
        program = shutil.which("pgbouncer") or (str(_DEBIAN) if _DEBIAN.exists() else "")
        if not program:
            missing("PgBouncer is not installed: the Debian package pgbouncer")
        self._program = program
        self._url = urlsplit(url)
        self._port = HeldPort()
        self._settings = {
            "pool_mode": pool_mode,
            "listen_addr": "127.0.0.1",
            "listen_port": self._port,
            "unix_socket_dir": "",
            "auth_type": "any",
            "default_pool_size": 3,  # fewer than a backend has sessions: in transaction mode they share
            **settings,
        }
        account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None  # it refuses to run as root
        self.process = ServerProcess("pgbouncer", account=account)

    @property
    def url(self) -> str:
        """The connection string of the same database, through it."""
        return f"postgresql://anyone@127.0.0.1:{self._port}{self._url.path}?sslmode=disable"

    def start(self) -> None:
        """Starts it, and waits until it says that it is ready."""
        behind = {
            "host": self._url.hostname,
            "port": self._url.port or 5432,
            "user": self._url.username,
            "password": self._url.password,
        }
        target = " ".join(f"{name}={value}" for name, value in behind.items() if value)
        lines = ["[databases]", f"* = {target}", "[pgbouncer]"]
        lines += [f"{name} = {value}" for name, value in self._settings.items()]
        file = self.process.folder / "pgbouncer.ini"
        file.write_text("\n".join(lines) + "\n")
        file.chmod(0o644)
        self.process.launch([self._program, file], "process up")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.remove()
