"""A folder for the socket of one plugin, accessible only to the plugin's user.

A gateway that was killed cannot remove its folders. Each folder is therefore locked by the gateway that made it, and
the next gateway that makes one removes those that are not locked: the system releases a lock when its process
ends, however it ends.
"""

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from prism.errors import FailedPrecondition
from prism.plugins.placement import MAX_SOCKET_PATH, User

_ROOM_FOR_A_NAME = 40  # go-plugin calls its sockets `plugin` and up to ten digits
_PREFIX: Final = "prism-socket-"


class SocketFolder:
    """One folder, removed with all in it by `close`.

    Attributes:
        path: where it is.
    """

    def __init__(self, user: User | None) -> None:
        """
        Args:
            user: whose it is to be; None for the gateway's own.
        """
        self.path, self._lock = _make()
        try:
            if user is not None:
                os.chown(self.path, user.uid, user.gid)
        except OSError:
            self.close()
            raise

    def check(self, socket: Path) -> None:
        """Checks that the plugin's socket is in this folder, and makes it accessible only to its user.

        Raises:
            FailedPrecondition: it is elsewhere, not a socket, or its path is too long.
        """
        if socket.parent != self.path:
            raise FailedPrecondition(
                f"the plugin listens at {socket}, outside the folder reserved for it; it must create it in the folder "
                "that "
                "the variable PLUGIN_UNIX_SOCKET_DIR names, as go-plugin 1.4.9 and later do"
            )
        if len(bytes(socket)) > MAX_SOCKET_PATH:
            raise FailedPrecondition(
                f"the path of the plugin's socket is longer than {MAX_SOCKET_PATH} bytes: {socket}; give it a shorter "
                "name"
            )
        if not socket.is_socket():
            raise FailedPrecondition(
                f"the plugin's handshake names the socket {socket}, which does not exist; the plugin must create it "
                "before its handshake"
            )
        socket.chmod(0o600)

    def close(self) -> None:
        """Removes it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _make() -> tuple[Path, int]:
    for parent in _parents():
        if len(bytes(parent)) + len(f"/{_PREFIX}12345678/") + _ROOM_FOR_A_NAME <= MAX_SOCKET_PATH:
            try:
                _remove_abandoned(parent)
                return _made_in(parent)
            except OSError:
                continue
    raise FailedPrecondition(
        "no folder for a plugin's socket: XDG_RUNTIME_DIR, TMPDIR and /tmp are not writable or have too long paths; "
        "set TMPDIR to a writable folder with a short path"
    )


def _made_in(parent: Path) -> tuple[Path, int]:
    """A new folder and its lock; retries where another gateway removed the folder before it was locked."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        with suppress(FileNotFoundError, BlockingIOError):
            return path, _locked(path)


def _locked(path: Path) -> int:
    """The lock of a folder that is still there.

    Raises:
        BlockingIOError: another process has it.
        OSError: the folder is gone, or not ours to open.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.stat()  # another gateway may have removed it while we waited for the lock
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _remove_abandoned(parent: Path) -> None:
    """Removes folders whose gateway is gone: those that are not locked and contain only sockets."""
    for path in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another gateway's, or another user's
            lock = _locked(path)
            try:
                found = [*path.iterdir()]
                if all(stat.S_ISSOCK(each.lstat().st_mode) for each in found):
                    for each in found:
                        each.unlink()
                    path.rmdir()
            finally:
                os.close(lock)


def _parents() -> Iterator[Path]:
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        yield Path(runtime)
    yield Path(tempfile.gettempdir())
    yield Path("/tmp")  # noqa: S108  # the folder itself is made for us alone
