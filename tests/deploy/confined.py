"""A process in the root of an image, as an orchestrator runs it: its user, its environment, a root that is read-only.

Mounts, process ids and the root are its own, capabilities are none; its network is the machine's. It is process 1, for
which the kernel has no default action: a signal that it does not take does nothing.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

USER: Final = 65532
WRITABLE: Final = ("tmp", "run/prism", "var/lib/prism")
"""What is mounted over the root, empty."""
_NO_NEW_PRIVILEGES: Final = 38
_BOUNDING_SET_DROP: Final = 24


class Confined:
    """One process.

    Args:
        root: of the image.
        command: the image's own, and arguments.
        environment: all of it.
        mounts: folders of this machine by place in the root; read-only.
        folder: for its output.
    """

    def __init__(
        self,
        root: Path,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        mounts: Mapping[str, Path] | None = None,
    ) -> None:
        told = {
            "root": str(root),
            "command": list(command),
            "environment": dict(environment),
            "mounts": {place: str(path) for place, path in (mounts or {}).items()},
        }
        self.output = folder / "output"
        self.began = time.monotonic()
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--fork", "--kill-child", sys.executable, __file__, json.dumps(told)],
                stdout=output,
                stderr=output,
            )

    @property
    def log(self) -> str:
        """What it has printed."""
        return self.output.read_text(errors="replace")

    @property
    def pid(self) -> int:
        """Its number outside."""
        outer = self._process.pid
        return int(Path(f"/proc/{outer}/task/{outer}/children").read_text().split()[0])

    def memory(self) -> int:
        """Bytes that are its own and resident."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(("RssAnon:", "RssFile:")))

    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def end(self, timeout: float) -> int:
        """SIGTERM; its exit code."""
        os.kill(self.pid, signal.SIGTERM)
        return self._process.wait(timeout)

    def close(self) -> None:
        """Leaves nothing."""
        if self.running():
            self._process.kill()  # the child goes with it
            self._process.wait()


def _enter(told: dict[str, object]) -> None:
    """In namespaces of its own: builds the root, becomes the user, and is the command."""
    root, command, environment, mounts = (told[name] for name in ("root", "command", "environment", "mounts"))
    assert isinstance(root, str)
    assert isinstance(command, list)
    assert isinstance(environment, dict)
    assert isinstance(mounts, dict)

    def mount(*arguments: str) -> None:
        subprocess.run(["mount", *arguments], check=True)

    mount("--bind", root, root)
    for place, path in mounts.items():
        mount("--bind", path, f"{root}{place}")
        mount("-o", "remount,bind,ro", f"{root}{place}")
    for place in WRITABLE:
        owner = "mode=1777" if place == "tmp" else f"uid={USER},gid={USER},mode=755"
        mount("-t", "tmpfs", "-o", f"nosuid,nodev,noexec,size=64m,{owner}", "tmpfs", f"{root}/{place}")
    for place in ("proc", "dev"):
        if Path(root, place).is_dir():
            mount("-t", "tmpfs" if place == "dev" else "proc", place, f"{root}/{place}")
    mount("-o", "remount,bind,ro", root)
    library = ctypes.CDLL(None)
    os.chroot(root)
    os.chdir("/var/lib/prism")
    for capability in range(64):
        library.prctl(_BOUNDING_SET_DROP, capability, 0, 0, 0)
    os.setgroups([])
    os.setgid(USER)
    os.setuid(USER)
    library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    os.execvpe(command[0], command, environment)


if __name__ == "__main__":
    _enter(json.loads(sys.argv[1]))
