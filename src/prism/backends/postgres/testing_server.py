"""Real PostgreSQL servers for tests: one that is started here and may be broken at will, or one that already runs.

Both are used alike; what only the owner of a server may do to it is `PostgresServer`'s alone.
"""

import asyncio
import os
import secrets
import signal
import subprocess
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from prism.acceptance.store.held_port import HeldPort
from prism.acceptance.store.server_process import ServerProcess
from prism.backends.postgres.testing_installation import ACCOUNT, account, binaries

_READY = r"ready to accept (read-only )?connections"

Result = TypeVar("Result")


class RunningServer:
    """A server that already runs, with an account that may create databases.

    Attributes:
        url: a connection string of its maintenance database.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._databases: list[str] = []

    def start(self) -> None:
        """Makes sure that it answers."""
        self.execute("SELECT 1")

    def stop(self) -> None:
        """Leaves it running, without the databases made here."""
        self.reset()

    def reset(self) -> None:
        """Drops the databases made here."""
        while self._databases:
            self.execute(f'DROP DATABASE IF EXISTS "{self._databases.pop()}" WITH (FORCE)')

    def create_database(self, options: str = "") -> str:
        """The connection string of a new, empty database; `options` ends the CREATE DATABASE."""
        name = f"prism_{secrets.token_hex(6)}"
        self.execute(f'CREATE DATABASE "{name}" {options}')
        self._databases.append(name)
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    def execute(self, statement: str, *arguments: object, url: str | None = None) -> list[asyncpg.Record]:
        """Runs one statement on a connection of its own, in the maintenance database or in that of `url`."""

        async def run() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(url or self.url)
            try:
                return await connection.fetch(statement, *arguments)
            finally:
                await connection.close()

        return _complete(run())

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class PostgresServer(RunningServer):
    """A server of one's own, in a temporary directory, that listens on loopback and on a unix socket.

    Every call blocks until it is done. The port stays the same from start to start.

    Args:
        settings: of postgresql.conf; what is written is synced to disk unless they say otherwise.
        within: the folder that holds its directory; None is that for temporary files.

    Attributes:
        process: the server's process.

    Raises:
        ServerMissing: PostgreSQL is not installed.
    """

    def __init__(self, settings: Mapping[str, str] | None = None, within: Path | None = None) -> None:
        self._binaries = binaries()
        self._settings = dict(settings or {})
        self._filled = False
        self.process = ServerProcess("pg", within=within, account=account(), with_children=True)
        self.password = secrets.token_hex(8)
        self._port = HeldPort()
        self.port = self._port.number
        super().__init__(self._url())

    @property
    def socket_url(self) -> str:
        """The connection string by unix socket, where the local account needs no password."""
        return f"postgresql://{ACCOUNT}@/postgres?host={quote(str(self.folder), safe='')}&port={self.port}"

    @property
    def log(self) -> str:
        """What the server has logged."""
        return self.process.log

    @property
    def folder(self) -> Path:
        """Its temporary directory, which holds its data and its socket."""
        return self.process.folder

    def start(self) -> None:
        """Starts it, on an empty data directory the first time, and waits until it takes connections."""
        if not self._filled:
            self._fill()
            self._filled = True
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "shared_buffers": "64MB",
            **self._settings,
        }
        settings = [f"--{name}={value}" for name, value in options.items()]
        command = [self._program("postgres"), "-D", self._data, *settings]
        self.process.launch(command, _READY, environment=_environment())

    def stop(self) -> None:
        """Ends it for good and removes its directory."""
        self.shut_down()
        self._databases.clear()
        self.process.remove()
        self._filled = False

    def shut_down(self) -> None:
        """Stops it as an operator does who does not wait for clients; the data stays for the next start."""
        with suppress(subprocess.TimeoutExpired):  # it was killed: its log is replayed by the next start
            self.process.end(signal.SIGINT)

    def kill(self) -> None:
        """Ends it as a crash does: every process at once, nothing flushed; the data stays for the next start.

        Returns when the last is gone: a start is refused while one of them still holds the shared memory.
        """
        self.process.kill()

    def wait(self) -> None:
        """Returns when it has ended by itself."""
        self.process.wait()

    def restart(self) -> None:
        """Stops and starts it."""
        self.shut_down()
        self.start()

    def pause(self) -> None:
        """Freezes it: connections stay open and nothing answers."""
        self.process.pause()

    def resume(self) -> None:
        """Ends a pause."""
        self.process.resume()

    def change_password(self) -> None:
        """Gives its account another password; sessions that stand stay as they are."""
        fresh = secrets.token_hex(8)
        self.execute(f"ALTER ROLE {ACCOUNT} PASSWORD '{fresh}'")
        self.password = fresh
        self.url = self._url()

    def _url(self) -> str:
        return f"postgresql://{ACCOUNT}:{self.password}@127.0.0.1:{self.port}/postgres"

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _program(self, name: str) -> str:
        return str(self._binaries / name)

    def _fill(self) -> None:
        """Makes the data directory."""
        passwords = self.folder / "password"
        passwords.write_text(self.password)
        passwords.chmod(0o644)
        arguments = [
            f"--pgdata={self._data}",
            f"--username={ACCOUNT}",
            f"--pwfile={passwords}",
            "--auth-host=scram-sha-256",
            "--auth-local=trust",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
        ]
        self._run("initdb", *arguments)
        passwords.unlink()

    def _run(self, program: str, *arguments: str) -> None:
        """Runs one of PostgreSQL's programs to its end."""
        tool = ServerProcess(program, self.folder, account=account())
        tool.launch([self._program(program), *arguments], environment=_environment())
        if tool.wait():
            raise RuntimeError(f"{program} failed:\n{tool.log}")


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}


def _complete(work: Coroutine[Any, Any, Result]) -> Result:
    """Runs `work` to its end from anywhere, an event loop's thread included."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
