"""The folder of a plugin's socket, and what a gateway that was killed left of its own."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from prism.plugins.sidecar.socket_folder import SocketFolder

_KILLED = """
import signal, socket, sys
from prism.plugins.sidecar.socket_folder import SocketFolder
folder = SocketFolder(None)
listener = socket.socket(socket.AF_UNIX)
listener.bind(str(folder.path / "plugin.sock"))
print(folder.path, flush=True)
signal.pause()
"""


@pytest.fixture
def parent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where folders are made; the paths of pytest's own are too long for a socket."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)


@pytest.fixture
def gateway(parent: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process with a folder in `parent` and a socket in it."""
    with subprocess.Popen([sys.executable, "-c", _KILLED], stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def _path_of(gateway: subprocess.Popen[str]) -> Path:
    assert gateway.stdout is not None
    return Path(gateway.stdout.readline().strip())


def test_what_a_killed_gateway_left_is_removed(gateway: subprocess.Popen[str]) -> None:
    """While it lives its folder stays; once it was killed, the next folder that anybody makes takes its place."""
    its = _path_of(gateway)
    SocketFolder(None).close()
    assert [each.name for each in its.iterdir()] == ["plugin.sock"]
    os.kill(gateway.pid, signal.SIGKILL)
    gateway.wait()
    mine = SocketFolder(None)
    assert [*mine.path.parent.iterdir()] == [mine.path]
    mine.close()
    assert [*its.parent.iterdir()] == []


def test_folders_of_the_same_process_stay(parent: Path) -> None:
    """One for each of its plugins."""
    first, second = SocketFolder(None), SocketFolder(None)
    assert sorted(parent.iterdir()) == sorted((first.path, second.path))
    first.close()
    second.close()


@pytest.mark.parametrize("name", ["a file", "a folder", "a link"])
def test_nothing_else_is_removed(parent: Path, name: str) -> None:
    """A folder that nobody has locked but that holds more than sockets is somebody's; so is what is no folder."""
    like_ours = parent / "prism-socket-abandoned"
    elsewhere = parent / "elsewhere"
    elsewhere.mkdir()
    if name == "a folder":
        like_ours.mkdir()
        (like_ours / "kept").write_text("")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(like_ours / "also.sock"))
    elif name == "a link":
        like_ours.symlink_to(elsewhere)
    else:
        like_ours.write_text("")
    SocketFolder(None).close()
    assert sorted(parent.iterdir()) == sorted((elsewhere, like_ours))
    if name == "a folder":
        assert sorted(each.name for each in like_ours.iterdir()) == ["also.sock", "kept"]
