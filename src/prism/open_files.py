"""The limit of open files and sockets, RLIMIT_NOFILE (getrlimit(2)): one for the process, and so is what is here.

Most systems start programs with a soft limit of 1024 for the sake of select(2), which Prism does not use, and let each
raise its own to the hard one.
"""

import errno
import logging
import os
import resource
from time import monotonic
from typing import Final

MINIMUM: Final = 128
"""Fewest that a gateway starts with. At rest it has some 25: its standard streams, the loop's own, a socket for each
port, the watched files and a store. As many again are for the pools of stores, `SPARE` are never given to callers, and
with fewer than some 40 connections of theirs nothing is served worth the name."""

SPARE: Final = 32
"""Of those, so many are never for callers' connections: stores, files, probes and operators need them."""

_FEW: Final = 4
"""What opens a store opens several files, and has closed those that it got when it tells that it failed."""

_DISTANCE: Final = 10.0
"""Seconds between two lines of the log."""

log = logging.getLogger(__name__)


class OpenFiles:
    """What this process may open.

    Attributes:
        inherited: the soft limit that it was started with, which the processes that it starts are given.
        shortages: how often something failed because no file could be opened, besides connections of callers.
    """

    def __init__(self) -> None:
        self.inherited = self.limit
        self.shortages = 0
        self._logged_at = -_DISTANCE

    @property
    def limit(self) -> int:
        """The soft limit; -1 for none."""
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0]

    def raise_limit(self) -> None:
        """Raises the soft limit to the hard one; where the system does not allow that, it stays."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != hard:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            except (OSError, ValueError) as error:
                log.warning("the limit of open files stays at %d: it cannot be raised to %d (%s)", soft, hard, error)

    def check(self) -> None:
        """Whether it is enough for a gateway.

        Raises:
            OSError: it is not; says what to do.
        """
        if 0 <= self.limit < MINIMUM:
            raise OSError(
                errno.EMFILE,
                f"this process may open only {self.limit} files and sockets, and a gateway needs at least {MINIMUM}: "
                "raise the hard limit of open files (ulimit -Hn, LimitNOFILE= of systemd, --ulimit nofile of a "
                "container)",
            )

    def few_left(self) -> bool:
        """Whether fewer than `_FEW` can be opened now, by this process or in the whole system."""
        taken: list[int] = []
        try:
            while len(taken) < _FEW:
                taken.append(os.dup(0))
        except OSError as error:
            return error.errno in (errno.EMFILE, errno.ENFILE)
        finally:
            for each in taken:
                os.close(each)
        return False

    def explained(self, reason: str) -> str:
        """Why something failed; says so where it is for want of descriptors, whatever words it has, and counts it."""
        if not self.few_left():
            return reason
        self.shortages += 1
        advice = "raise the limit of open files (ulimit -n, LimitNOFILE=)"
        now = monotonic()
        if now - self._logged_at >= _DISTANCE:
            self._logged_at = now
            log.error(
                "files and connections to stores cannot be opened: the %d descriptors that this process may have are "
                "in use, which has failed %d operations since the start; %s",
                self.limit,
                self.shortages,
                advice,
            )
        return f"{reason}; the gateway's {self.limit} descriptors are in use: {advice}"


OPEN_FILES: Final = OpenFiles()
"""Those of this process."""
