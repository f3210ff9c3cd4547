"""How a plugin's process ended, and which of its limits ended it, in words for the log, the status and callers."""

import os
import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from prism.plugins.placement import Limits

_NO_MEMORY = re.compile(r"MemoryError|out of memory|cannot allocate memory|bad_alloc|OutOfMemory", re.IGNORECASE)
"""What programs print that get no memory: Python, Go, those in C and C++, Java."""


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of one process.

    Attributes:
        code: its exit code; negative for a signal.
        cpu_seconds: that it has used, with what it has started and waited for.
        killed_for_memory: its control group went over its limit, and the system killed in it.
    """

    code: int
    cpu_seconds: float = 0.0
    killed_for_memory: bool = False

    @classmethod
    def of(cls, pid: int, *, killed_for_memory: bool) -> "Exit":
        """Of a child that has ended; takes it from the system (wait4(2))."""
        _, status, used = os.wait4(pid, 0)
        return cls(os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, killed_for_memory)

    def in_words(self, limits: Limits, printed: Sequence[str] = ()) -> str:
        """Such as "was killed by SIGXCPU (it exceeded its limit ...)".

        Args:
            limits: of the process.
            printed: its output.
        """
        how = f"was killed by {signal.Signals(-self.code).name}" if self.code < 0 else f"exited with code {self.code}"
        why = self._why(limits, printed)
        return f"{how} ({why})" if why else how

    def _why(self, limits: Limits, printed: Sequence[str]) -> str:
        if limits.cpu_time is not None and (self.code == -signal.SIGXCPU or self.cpu_seconds >= limits.cpu_time):
            return f"it has used the {limits.cpu_time} s of CPU that its limit cpu_time allows over its life"
        if limits.memory is not None:
            if self.killed_for_memory:
                return f"it exceeded its limit memory of {limits.memory} bytes"
            if self.code and any(map(_NO_MEMORY.search, printed)):
                return f"it got no more memory, and its limit memory is {limits.memory} bytes"
        if self.code == -signal.SIGKILL:
            return "by the gateway, an operator, or the system when out of memory"
        return ""
