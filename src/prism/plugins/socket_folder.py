"""A folder for the socket of one plugin, which nobody but the plugin's user may look into."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from prism.errors import FailedPrecondition
from prism.plugins.placement import LONGEST_SOCKET_PATH

_ROOM_FOR_A_NAME = 40  # go-plugin calls its sockets `plugin` and up to ten digits


class SocketFolder:
    """One folder, removed with all in it by `close`.

    Attributes:
        path: where it is.
    """

    def __init__(self, user: int | None) -> None:
        """
        Args:
            user: whose it is to be; None for the gateway's own.
        """
        self.path = _make()
        if user is not None:
            os.chown(self.path, user, -1)

    def check(self, socket: Path) -> None:
        """Passes where the plugin's socket is in this folder, and makes it the user's alone.

        Raises:
            FailedPrecondition: it is elsewhere, no socket, or its path is too long to connect to.
        """
        if socket.parent != self.path:
            raise FailedPrecondition(
                f"it listens at {socket}, where others might; it must make its socket in the folder of the variable "
                "PLUGIN_UNIX_SOCKET_DIR, as go-plugin 1.4.9 and later do"
            )
        if len(bytes(socket)) > LONGEST_SOCKET_PATH:
            raise FailedPrecondition(f"the path of its socket has more than {LONGEST_SOCKET_PATH} bytes: {socket}")
        if not socket.is_socket():
            raise FailedPrecondition(f"it says that it listens at {socket}, and no socket is there")
        socket.chmod(0o600)

    def close(self) -> None:
        """Removes it."""
        shutil.rmtree(self.path, ignore_errors=True)


def _make() -> Path:
    for parent in _parents():
        if len(bytes(parent)) + len("/prism-12345678/") + _ROOM_FOR_A_NAME <= LONGEST_SOCKET_PATH:
            try:
                return Path(tempfile.mkdtemp(prefix="prism-", dir=parent))
            except OSError:
                continue
    raise FailedPrecondition(
        "there is no folder for a plugin's socket: the gateway may write to none whose path is short enough; "
        "set TMPDIR to a short one"
    )


def _parents() -> Iterator[Path]:
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        yield Path(runtime)
    yield Path(tempfile.gettempdir())
    yield Path("/tmp")  # noqa: S108  # the folder itself is made for us alone
