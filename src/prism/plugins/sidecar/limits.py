"""The limits of a plugin's process: which the system enforces, and by what means.

The means are resource limits (setrlimit(2)) everywhere, and for memory a control group of version 2 as well where the
gateway's own group hands the controller on (cgroups(7)): there all the plugin's processes count together.
"""

import contextlib
import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prism.open_files import OPEN_FILES
from prism.plugins.placement import Limits

CGROUPS = Path("/sys/fs/cgroup")

_GRACE: Final = {resource.RLIMIT_CPU: 2}
"""Between the soft limit, whose signal (SIGXCPU) tells what it is, and the hard one, which is SIGKILL."""


@dataclass(frozen=True, slots=True)
class ResourceLimit:
    """One limit as setrlimit(2) takes it."""

    which: int
    soft: int
    hard: int


def resource_limits(limits: Limits) -> Sequence[ResourceLimit]:
    """What the process is to put on itself; never above the gateway's own hard limits, which only root can raise."""
    wanted = (
        # Not the address space, which Go and others reserve by the gigabyte and never touch.
        (resource.RLIMIT_DATA, limits.memory),
        (resource.RLIMIT_CPU, limits.cpu_time),
        (resource.RLIMIT_NOFILE, limits.open_files),
    )
    asked = [_limited(which, most, _GRACE.get(which, 0)) for which, most in wanted if most is not None]
    return asked if limits.open_files is not None else [*asked, _as_inherited()]


def _limited(which: int, wanted: int, grace: int) -> ResourceLimit:
    _, most = resource.getrlimit(which)
    if most == resource.RLIM_INFINITY:
        return ResourceLimit(which, wanted, wanted + grace)
    return ResourceLimit(which, min(wanted, most), min(wanted + grace, most))


def _as_inherited() -> ResourceLimit:
    """The gateway has raised its own soft limit, which a program that uses select(2) must not have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = OPEN_FILES.inherited
    return ResourceLimit(resource.RLIMIT_NOFILE, soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard)


class Group:
    """A control group for one process and its children; removed by `close`.

    Attributes:
        path: its folder; None where the system allows the gateway none.
    """

    def __init__(self, name: str, limits: Limits, root: Path = CGROUPS) -> None:
        """
        Args:
            name: of the group, unique on the machine.
            limits: only memory is understood.
            root: where the groups are mounted.
        """
        self.path = _own_group(root) if limits.memory is not None else None
        if self.path is None:
            return
        try:
            self.path /= name
            self.path.mkdir()
            (self.path / "memory.max").write_text(str(limits.memory))
        except OSError:
            self.close()

    def add(self, pid: int) -> None:
        """Puts a process into it; without permission it stays under its resource limits alone."""
        if self.path is None:
            return
        try:
            (self.path / "cgroup.procs").write_text(str(pid))
        except OSError:
            self.close()

    def has_killed(self) -> bool:
        """Whether the system has ended a process in it because it went over its limit."""
        if self.path is None:
            return False
        try:
            events = (self.path / "memory.events").read_text().split()
        except OSError:
            return False
        return dict(zip(events[::2], events[1::2], strict=False)).get("oom_kill", "0") != "0"

    def close(self) -> None:
        """Removes it; its processes have ended."""
        if self.path is not None:
            with contextlib.suppress(OSError):
                self.path.rmdir()
            self.path = None


def _own_group(root: Path) -> Path | None:
    """The gateway's own group, where it may make groups with a memory limit in it."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        own = next(line.removeprefix("0::/") for line in lines if line.startswith("0::/"))
        group = root / own
        handed_on = (group / "cgroup.subtree_control").read_text().split()
    except (OSError, StopIteration):
        return None
    return group if "memory" in handed_on else None


def in_force(limits: Limits, group: Group | None) -> Mapping[str, str]:
    """Each limit and the means that enforces it, for people."""
    shown: dict[str, str] = {}
    if limits.memory is not None:
        by = "a control group" if group is not None and group.path is not None else "RLIMIT_DATA, for each process"
        shown["memory"] = f"{limits.memory} bytes by {by}"
    if limits.cpu_time is not None:
        shown["cpu_time"] = f"{limits.cpu_time} s over its life by RLIMIT_CPU, for each process"
    if limits.open_files is not None:
        shown["open_files"] = f"{limits.open_files} by RLIMIT_NOFILE, for each process"
    return shown
