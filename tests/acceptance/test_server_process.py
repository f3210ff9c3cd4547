"""A server's process, as tests rely on it: ready when it says so, killed, paused, and never left behind."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prism.acceptance.store.polling import until
from prism.acceptance.store.server_process import NotReady, ServerProcess

ECHO = (sys.executable, "-uc", "print('ready'); [print('heard', input()) for _ in iter(int, 1)]")
PARENT = """
import os, sys
from prism.acceptance.store.server_process import ServerProcess
server = ServerProcess("orphan")
server.launch([sys.executable, "-uc", "print('ready'); input()"], "ready", listens_to_us=True)
print(server.pid, server.folder, flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def server() -> Iterator[ServerProcess]:
    """One that says what it hears."""
    with ServerProcess("echo") as server:
        server.launch(ECHO, "ready", listens_to_us=True)
        yield server


def test_it_is_ready_when_it_says_so(server: ServerProcess) -> None:
    """A line that is waited for is given; one of before does not count where it should not."""
    server.tell("this")
    assert server.wait_for("heard") == "heard this"
    since = server.said
    server.tell("that")
    assert server.wait_for("heard", since=since) == "heard that"
    assert list(server.lines) == ["ready", "heard this", "heard that"]


def test_what_it_said_is_shown_where_it_does_not_start() -> None:
    """It ended, or took too long: the message has its log, and nothing of it runs."""
    with ServerProcess("broken") as server:
        with pytest.raises(NotReady, match="and has ended; it said:\nno such file"):
            server.launch([sys.executable, "-c", "raise SystemExit('no such file')"], "ready")
        with pytest.raises(NotReady, match="did not say 'never' within"):
            server.launch(ECHO, "never", timeout=0.5, listens_to_us=True)
        assert not server.running


def test_it_is_paused_and_resumed(server: ServerProcess) -> None:
    """Stopped it says nothing; resumed it says what it was asked meanwhile."""
    server.pause()
    server.tell("later")
    stat = Path(f"/proc/{server.pid}/stat")
    assert stat.read_text().rpartition(") ")[2][0] == "T"
    assert server.said == 1
    server.resume()
    assert server.wait_for("heard") == "heard later"


def test_it_is_killed_and_started_again_in_its_folder(server: ServerProcess) -> None:
    """The folder stays until it is removed; the port of a store, or its data, would too."""
    (server.folder / "data").write_text("kept")
    server.kill()
    assert not server.running
    server.launch(ECHO, "ready", listens_to_us=True)
    assert (server.folder / "data").read_text() == "kept"
    folder = server.folder
    server.remove()
    assert not folder.exists()


def test_its_children_die_with_it() -> None:
    """Where they are a part of it, as PostgreSQL's are, a kill returns when the last of them is gone."""
    source = "import subprocess; child = subprocess.Popen(['sleep', '300']); print('child', child.pid); child.wait()"
    with ServerProcess("family", with_children=True) as server:
        child = int(server.launch([sys.executable, "-uc", source], "child").split()[1])
        server.kill()
        assert not _alive(child)


def test_it_ends_in_order(server: ServerProcess) -> None:
    """Its exit code is given, of a signal too; an end that has come already is no error."""
    assert server.end() == -signal.SIGTERM
    assert server.end() == -signal.SIGTERM


def test_it_dies_with_the_process_that_started_it() -> None:
    """That one is killed in the midst of its work: neither the server nor its folder is left."""
    done = subprocess.run([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    pid, folder = done.stdout.split()
    until(lambda: not Path(folder).exists() and not _alive(int(pid)), "a process that is not our child has ended")


def _alive(pid: int) -> bool:
    """Whether it runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
