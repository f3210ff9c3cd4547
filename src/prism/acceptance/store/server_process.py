"""One server of a test: a process that is ready when it says so, and that may be killed, paused and ended at will.

Whatever a server says is kept, line by line; what waits for it waits for a line. It dies with the process that started
it, however that one ends.
"""

import contextlib
import os
import pwd
import re
import select
import shutil
import signal
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

TIMEOUT = 30.0
_LAST_WORDS = 5.0
"""Seconds in which what it said is read to its end: a child of its own may hold the pipe for longer."""

_GUARD = 'read _ || { kill -9 -- "-$1"; [ -z "$2" ] || rm -rf -- "$2"; }'
"""Reads a line from the process that started the server; where that one ends without a word, so does the server."""


class NotReady(Exception):
    """The server does not start, or does not say what it should; the message has what it says itself."""


class ServerProcess:
    """One server, which may be started again on the same folder once it has ended. Every call blocks until it is done.

    Attributes:
        lines: the last that it wrote, to standard output and standard error alike.
        process: the process, from the first start on.
    """

    def __init__(
        self,
        name: str,
        folder: Path | None = None,
        *,
        within: Path | None = None,
        account: pwd.struct_passwd | None = None,
        with_children: bool = False,
        kept_lines: int | None = 1000,
    ) -> None:
        """
        Args:
            name: what messages call it.
            folder: where it runs; by default a temporary one of its own, which ends with `remove`.
            within: the folder that holds the temporary one; by default that for temporary files.
            account: what it runs as; by default the account of this process.
            with_children: its child processes are a part of it: a pause and a kill are theirs too.
            kept_lines: how many lines are kept; None keeps all.
        """
        self.name = name
        self.lines: deque[str] = deque(maxlen=kept_lines)
        self.process: subprocess.Popen[str] | None = None
        self._folder = folder
        self._temporary = folder is None
        self._within = within
        self._account = account
        self._with_children = with_children
        self._said = 0
        self._more = threading.Condition()
        self._silent = True
        self._reader: threading.Thread | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._paused: list[int] = []

    @property
    def folder(self) -> Path:
        """The folder where it runs; a temporary one is made when it is first asked for."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix=f"prism-{self.name}-", dir=self._within))
            if self._account is not None:
                os.chown(self._folder, self._account.pw_uid, self._account.pw_gid)
        return self._folder

    @property
    def log(self) -> str:
        """What it has said, as far as it is kept."""
        with self._more:
            return "\n".join(self.lines)

    @property
    def said(self) -> int:
        """How many lines it has said in all."""
        with self._more:
            return self._said

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self.process is not None, f"{self.name} has not been started"  # a defect of the test
        return self.process.pid

    def launch(
        self,
        command: Sequence[str | Path],
        ready: str = "",
        *,
        environment: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,
        listens_to_us: bool = False,
    ) -> str:
        """Starts it and waits until it says that it is ready; gives that line.

        Args:
            command: the program and its arguments.
            ready: a pattern of the line to wait for; empty for no wait.
            environment: its environment variables; by default those of this process.
            timeout: seconds until it must be ready.
            listens_to_us: `process.stdin` leads to it.

        Raises:
            NotReady: it ended before, or was not ready in time; it does not run any more.
        """
        since = self.said
        self._silent = False
        account = self._account
        self.process = subprocess.Popen(  # the program of a test
            [str(each) for each in command],
            cwd=self.folder,
            stdin=subprocess.PIPE if listens_to_us else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            text=True,
            errors="replace",
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "guard", str(self.process.pid), str(self.folder) if self._temporary else ""],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        if not ready:
            return ""
        try:
            return self.wait_for(ready, since=since, timeout=timeout)
        except NotReady:
            self.kill()
            raise

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None  # it was asked for
        with process.stdout as lines:
            for line in lines:
                with self._more:
                    self.lines.append(line.rstrip("\n"))
                    self._said += 1
                    self._more.notify_all()
        with self._more:
            self._silent = True
            self._more.notify_all()

    def wait_for(self, pattern: str, *, since: int = 0, timeout: float = TIMEOUT) -> str:
        """Waits for a line in which the pattern is found, and gives it.

        Args:
            pattern: a regular expression.
            since: so many of the first lines do not count; see `said`.
            timeout: seconds.

        Raises:
            NotReady: it came to no such line.
        """
        wanted = re.compile(pattern)
        found: str | None = None

        def looked() -> bool:
            nonlocal found, since
            fresh = min(self._said - since, len(self.lines))
            new = [self.lines[-number] for number in range(fresh, 0, -1)]
            found = next((line for line in new if wanted.search(line)), None)
            since = self._said
            return found is not None or self._silent

        with self._more:
            self._more.wait_for(looked, timeout)
        if found is None:
            end = "and has ended" if self._silent else f"within {timeout:g} s"
            raise NotReady(f"{self.name} did not say {pattern!r} {end}; it said:\n{self.log}")
        return found

    def tell(self, line: str) -> None:
        """Writes a line to its standard input, where it listens to us."""
        assert self.process is not None  # a defect of the test
        assert self.process.stdin is not None, f"{self.name} was started without an ear for us"
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def send(self, number: signal.Signals) -> None:
        """Sends a signal; nothing where it has ended."""
        if self.running:
            _send(self.pid, number)

    def pause(self) -> None:
        """Freezes it: connections stay open and nothing answers. Returns when it stands still."""
        if self.running:
            self._paused = self._processes()
            for each in self._paused:
                _send(each, signal.SIGSTOP)
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Ends a pause."""
        while self._paused:
            _send(self._paused.pop(), signal.SIGCONT)

    def kill(self) -> None:
        """Ends it as a crash does; returns when nothing of it runs."""
        if self.running:
            _send(self.pid, signal.SIGSTOP)  # so that it starts none that is not in the list
            processes = self._processes()
            ends = [_End(each) for each in processes]
            for each in processes:
                _send(each, signal.SIGKILL)
            for end in ends:
                end.wait()
        self._paused.clear()
        self.wait()

    def end(self, how: signal.Signals = signal.SIGTERM, *, timeout: float = TIMEOUT) -> int:
        """Ends it in order; its exit code.

        Raises:
            subprocess.TimeoutExpired: it did not end in time, and was killed.
        """
        self.resume()
        self.send(how)
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def wait(self, timeout: float = TIMEOUT) -> int:
        """Returns when it has ended by itself; its exit code, 0 where it was never started."""
        if self.process is None:
            return 0
        code = self.process.wait(timeout)
        if self._guard is not None:
            self._guard.communicate(b"\n")
            self._guard = None
        if self._reader is not None:
            self._reader.join(_LAST_WORDS)
            self._reader = None
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()
        return code

    def remove(self) -> None:
        """Kills it where it runs, and removes its temporary folder."""
        self.kill()
        if self._temporary and self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def _processes(self) -> list[int]:
        if not self._with_children:
            return [self.pid]
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]


class _End:
    """The end of any process, which its descriptor tells."""

    def __init__(self, pid: int) -> None:
        try:
            self._descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            self._descriptor = -1

    def wait(self) -> None:
        if self._descriptor >= 0:
            events = select.poll()
            events.register(self._descriptor, select.POLLIN)
            events.poll(TIMEOUT * 1000)
            os.close(self._descriptor)


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
