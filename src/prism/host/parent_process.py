"""A plugin that was started by a gateway ends with it, however the gateway ends.

Source: prctl(2), PR_SET_PDEATHSIG.
"""

import ctypes
import os
import signal
import sys
from typing import Final

from prism.errors import FailedPrecondition

_PR_SET_PDEATHSIG: Final = 1


def die_with_parent() -> None:
    """The kernel kills this process when the thread that started it ends.

    It is SIGKILL, as that works on a plugin that is stuck too: what it acknowledged is stored, as after any crash.

    Raises:
        FailedPrecondition: the parent has ended already.
    """
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise FailedPrecondition("the gateway that started this plugin has ended")


def trusted_uids() -> frozenset[int]:
    """The users whose connections a unix socket accepts: our own, root, and the user of the parent process."""
    return frozenset({os.getuid(), 0, _uid_of_parent()})


def _uid_of_parent() -> int:
    try:
        return os.stat(f"/proc/{os.getppid()}").st_uid  # noqa: PTH116  # one call of the kernel, no path to speak of
    except OSError:
        return os.getuid()
