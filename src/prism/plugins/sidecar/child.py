"""A plugin's process: started with its limits, watched, and ended with all that it has started itself.

It does not outlive the gateway: the kernel ends it when the gateway is killed (PR_SET_PDEATHSIG, prctl(2)).
"""

import asyncio
import contextlib
import ctypes
import os
import resource
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from prism.plugins.placement import Command
from prism.plugins.sidecar.exit import Exit
from prism.plugins.sidecar.limits import Group, ResourceLimit, resource_limits
from prism.plugins.sidecar.output import Lines, Output

PASSED_ON = ("PATH", "HOME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH",
             "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy",
             "https_proxy", "no_proxy", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
             "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_CERTIFICATE",
             "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_RESOURCE_ATTRIBUTES",
             "OTEL_SDK_DISABLED")  # fmt: skip
"""The gateway's own variables that a plugin gets: what programs need to run and to be traced, and none that holds a
secret (`OTEL_EXPORTER_OTLP_HEADERS` does)."""

_SET_PARENT_DEATH_SIGNAL = 1
_SET_NO_NEW_PRIVS = 38
_CLEAR_AMBIENT = (47, 4)
_NO_CAPABILITIES = ((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)())
"""For capset(2): version 3 and this process; and no capability in any of the three sets."""
_OUTPUT_TIMEOUT = 1.0
_libc = ctypes.CDLL(None, use_errno=True)


class Child:
    """One process.

    Attributes:
        pid: its number.
        exited: how it ended, when it has.
        first_line: what it printed first on standard output; empty where it ended before.
        group: the control group that it is in.
    """

    def __init__(self, command: Command, environment: Mapping[str, str], output: Output, group: Group) -> None:
        """Starts it; called on the event loop, which then watches it.

        Args:
            command: what to run.
            environment: variables beyond `PASSED_ON`.
            output: where what it prints goes.
            group: the control group that it is put into.

        Raises:
            OSError: it cannot be run.
        """
        loop = asyncio.get_running_loop()
        passed = {name: value for name in PASSED_ON if (value := os.environ.get(name)) is not None}
        user = command.user
        self._process = subprocess.Popen(  # noqa: S603  # the operator says what is run
            command.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**passed, **({} if user is None else user.environment()), **environment},
            start_new_session=True,  # its own process group, and no Ctrl-C of the gateway's terminal
            umask=0o077,
            user=None if user is None else user.uid,
            group=None if user is None else user.gid,
            extra_groups=None if user is None else user.groups,
            # No Python of the program's own runs yet, and what this calls takes no lock.
            preexec_fn=_preparation(resource_limits(command.limits), drops=user is not None),
        )
        self.pid = self._process.pid
        self.exited: asyncio.Future[Exit] = loop.create_future()
        self.group = group
        group.add(self.pid)
        self._stdout = Lines(output, wants_first=True)
        self._stderr = Lines(output)
        self.first_line = self._stdout.first
        self._loop = loop
        self._reading = [loop.create_task(self._read(*pipe)) for pipe in self._pipes()]
        # Readable when the process ends: no thread, and no signal handler, which uvloop has taken.
        self._watch = os.pidfd_open(self.pid)
        loop.add_reader(self._watch, self._on_exit)

    def kill(self) -> None:
        """Ends it at once, with all the processes that it has started."""
        self._signal(signal.SIGKILL)

    async def end(self, timeout: float) -> None:
        """Ends it by SIGTERM, and by SIGKILL if it has not ended after `timeout` seconds."""
        if not self.exited.done():
            self._signal(signal.SIGTERM)
            await asyncio.wait((self.exited,), timeout=timeout)
        self.kill()
        await self.exited

    async def printed_all(self) -> None:
        """Waits until its output has been read; not for ever, as a child of its own may keep the pipes open."""
        await asyncio.wait((self._stdout.ended, self._stderr.ended), timeout=_OUTPUT_TIMEOUT)

    def _signal(self, number: int) -> None:
        if not self.exited.done():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def _on_exit(self) -> None:
        self._loop.remove_reader(self._watch)
        os.close(self._watch)
        # Before it is waited for, while its number cannot be another's yet: what it has started ends with it.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        end = Exit.of(self.pid, killed_for_memory=self.group.has_killed())
        self._process.returncode = end.code  # it has been waited for
        self.exited.set_result(end)

    def _pipes(self) -> Sequence[tuple[Lines, object]]:
        return (self._stdout, self._process.stdout), (self._stderr, self._process.stderr)

    async def _read(self, lines: Lines, pipe: object) -> None:
        await self._loop.connect_read_pipe(lambda: lines, pipe)

    async def close(self) -> None:
        """Closes its pipes and removes its control group; it has ended."""
        await asyncio.gather(*self._reading)
        await self.printed_all()
        for lines in (self._stdout, self._stderr):
            lines.close()
        await asyncio.wait((self._stdout.ended, self._stderr.ended))
        self.group.close()


def _preparation(limits: Sequence[ResourceLimit], *, drops: bool) -> Callable[[], None]:
    """What the new process does before it becomes the program.

    Args:
        limits: that it puts on itself.
        drops: it has become another user, and keeps no privilege of the gateway's: no capability (capabilities(7)), and
            none to be had from a set-user-ID program (PR_SET_NO_NEW_PRIVS, prctl(2)).
    """
    parent = os.getpid()

    def prepare() -> None:
        _libc.prctl(_SET_PARENT_DEATH_SIGNAL, int(signal.SIGKILL))
        if os.getppid() != parent:
            os._exit(1)  # the gateway ended in between
        for each in limits:
            resource.setrlimit(each.which, (each.soft, each.hard))
        if drops:
            _libc.prctl(*_CLEAR_AMBIENT, 0, 0, 0)
            if _libc.capset(*_NO_CAPABILITIES) or _libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
                os._exit(1)  # rather not at all than with more than it may have

    return prepare


def resident_memory(pid: int) -> int | None:
    """Bytes of memory that a process holds; None where it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return pages * resource.getpagesize()


def cpu_seconds(pid: int) -> float | None:
    """Seconds of CPU that a process has used, all its threads; None where it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime and stime, proc(5)
    except (OSError, IndexError, ValueError):
        return None
