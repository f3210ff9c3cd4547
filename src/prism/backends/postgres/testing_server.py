"""Real PostgreSQL servers for tests: one that is started here and may be broken at will, or one that already runs.

Both have the same face; what only the owner of a server may do to it is `PostgresServer`'s alone.
"""

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from prism.acceptance.store.held_port import HeldPort
from prism.backends.postgres.testing_installation import ACCOUNT, account, binaries

_START_SECONDS = 30.0

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

    Raises:
        ServerMissing: PostgreSQL is not installed.
    """

    def __init__(self, settings: Mapping[str, str] | None = None, within: Path | None = None) -> None:
        self._within = within
        self._binaries = binaries()
        self._account = account()
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None
        self._paused: list[int] = []
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
        return (self.folder / "log").read_text(errors="replace")

    def start(self) -> None:
        """Starts it, on an empty data directory the first time, and waits until it answers."""
        if self._folder is None:
            self._folder = self._create()
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self._folder),
            "shared_buffers": "64MB",
            **self._settings,
        }
        settings = [f"--{name}={value}" for name, value in options.items()]
        with (self._folder / "log").open("ab") as log:
            self._process = self._spawn([self._program("postgres"), "-D", self._data, *settings], log)
        self._await_readiness()

    def stop(self) -> None:
        """Ends it for good and removes its directory."""
        self._end(signal.SIGINT)
        self._databases.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder)
            self._folder = None

    def shut_down(self) -> None:
        """Stops it as an operator does who does not wait for clients; the data stays for the next start."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Ends it as a crash does: every process at once, nothing flushed; the data stays for the next start.

        Returns when the last is gone: a start is refused while one of them still holds the shared memory.
        """
        if self._process is not None:
            _signal(self._process.pid, signal.SIGSTOP)  # so that it starts none that is not in the list
        processes = self._processes()
        for each in processes:
            _signal(each, signal.SIGKILL)
        self._end(signal.SIGKILL)
        while any(map(_alive, processes)):
            time.sleep(0.005)

    def wait(self) -> None:
        """Returns when it has ended by itself."""
        if self._process is not None:
            self._process.wait(_START_SECONDS)

    def restart(self) -> None:
        """Stops and starts it."""
        self.shut_down()
        self.start()

    def pause(self) -> None:
        """Freezes it: connections stay open and nothing answers."""
        self._paused = self._processes()
        for each in self._paused:
            _signal(each, signal.SIGSTOP)

    def resume(self) -> None:
        """Ends a pause."""
        while self._paused:
            _signal(self._paused.pop(), signal.SIGCONT)

    def change_password(self) -> None:
        """Gives its account another password; sessions that stand stay as they are."""
        fresh = secrets.token_hex(8)
        self.execute(f"ALTER ROLE {ACCOUNT} PASSWORD '{fresh}'")
        self.password = fresh
        self.url = self._url()

    def _url(self) -> str:
        return f"postgresql://{ACCOUNT}:{self.password}@127.0.0.1:{self.port}/postgres"

    @property
    def folder(self) -> Path:
        """Its temporary directory, which holds its data, its log and its socket."""
        if self._folder is None:
            raise RuntimeError("the server has not been started")
        return self._folder

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _program(self, name: str) -> str:
        return str(self._binaries / name)

    def _create(self) -> Path:
        self._folder = Path(tempfile.mkdtemp(prefix="prism-pg-", dir=self._within))
        if self._account is not None:
            os.chown(self._folder, self._account.pw_uid, self._account.pw_gid)
        self._fill()
        return self._folder

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
        with (self.folder / "log").open("ab") as log:
            code = self._spawn([self._program(program), *arguments], log).wait()
        if code:
            raise RuntimeError(f"{program} failed:\n{self.log}")

    def _spawn(self, arguments: list[str], log: Any) -> "subprocess.Popen[bytes]":
        runner = self._account
        return subprocess.Popen(  # noqa: S603  # the binaries found, our own arguments
            arguments,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            user=runner.pw_uid if runner else None,
            group=runner.pw_gid if runner else None,
            extra_groups=[] if runner else None,
            start_new_session=True,
        )

    def _await_readiness(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.execute("SELECT 1")
            except (OSError, asyncpg.CannotConnectNowError) as error:
                if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"PostgreSQL did not start:\n{self.log}") from error
                time.sleep(0.02)
            else:
                return

    def _processes(self) -> list[int]:
        if self._process is None:
            return []
        parent = self._process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return [parent, *map(int, children)]

    def _end(self, how: signal.Signals) -> None:
        self.resume()
        process, self._process = self._process, None
        if process is None:
            return
        _signal(process.pid, how)
        try:
            process.wait(_START_SECONDS)
        except subprocess.TimeoutExpired:
            _signal(process.pid, signal.SIGQUIT)
            process.wait(_START_SECONDS)


def _alive(process: int) -> bool:
    """Whether it runs; one that has ended and that nobody has asked for yet does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _signal(process: int, number: signal.Signals) -> None:
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return


def _complete(work: Coroutine[Any, Any, Result]) -> Result:
    """Runs `work` to its end from anywhere, an event loop's thread included."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
