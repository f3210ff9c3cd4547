"""What of a client belongs to one event loop in one process, and what becomes of it in another.

Connections, streams and threads do not survive `fork`, and not the end of their loop. A call on another loop, or in a
child process, makes a connection of its own; a stream that is under way says that it must be opened again.
"""

import asyncio
import os
import weakref
from typing import Final, Protocol

_OTHER_LOOP: Final = (
    "this was opened on another event loop, or before a fork; what it reads comes there: open another one here"
)
_IN_USE: Final = (
    "the client is in use on the event loop of another thread; "
    "create a client for each event loop, or use prism.client.sync, which serves any number of threads"
)


class Forkable(Protocol):
    """Something that a child process must not use as it was."""

    def forked(self) -> None:
        """Called in the child: let go of what is the parent's, without a word to anybody."""


_forkable: "weakref.WeakSet[Forkable]" = weakref.WeakSet()


def watch_forks(one: Forkable) -> None:
    """Have it called in every child process."""
    _forkable.add(one)


def require_own_loop(loop: asyncio.AbstractEventLoop | None) -> None:
    """Refuse to go on with a stream of another loop.

    Raises:
        RuntimeError: it says what to do.
    """
    if loop is not None and loop is not asyncio.get_running_loop():
        raise RuntimeError(_OTHER_LOOP)


def require_at_rest(loop: asyncio.AbstractEventLoop | None) -> None:
    """Refuse to take a client away from a loop that runs.

    Raises:
        RuntimeError: it says what to do.
    """
    if loop is not None and loop.is_running():
        raise RuntimeError(_IN_USE)


def _in_child() -> None:
    for each in tuple(_forkable):
        each.forked()


os.register_at_fork(after_in_child=_in_child)
