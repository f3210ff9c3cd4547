"""Images, built without an engine: by buildah as root, on a base that `make setup-images` makes."""

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

from missing import missing

ROOT: Final = Path(__file__).parents[2]
HERE: Final = ROOT / "deploy" / "images"
STORE: Final = ROOT / ".cache" / "images" / "store"
PYTHON: Final = "3.11"
"""Of the base that can be had without a registry: Debian 12's own."""
BUILDAH: Final = ("buildah", "--root", f"{STORE}/images", "--runroot", f"{STORE}/run")


def catalogue() -> ModuleType:
    """deploy/images/images.py."""
    if str(HERE) not in sys.path:
        sys.path.insert(0, str(HERE))
    import images

    return images


def able() -> None:
    """Skips where images cannot be built."""
    if os.geteuid():
        missing("root alone may build images without an engine, and run them in a root of their own")
    if shutil.which("buildah") is None or not (STORE / "images").exists():
        missing("buildah and a base for images are not here; make setup-images")


def build(*names: str, tag: str = "") -> None:
    """Builds images, as `make images` does."""
    command = [sys.executable, HERE / "build.py", *names, "--python", PYTHON, "--engine", "buildah"]
    command += ["--store", STORE, "--no-pull", *(["--version", tag] if tag else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def buildah(*arguments: str) -> str:
    """What one of its commands prints."""
    return subprocess.check_output([*BUILDAH, *arguments], text=True).strip()


def digest(name: str) -> str:
    """An image's: of its configuration, which has those of its layers."""
    return buildah("inspect", "--type", "image", "--format", "{{.FromImageDigest}}", name)


@dataclass(frozen=True, slots=True)
class Mounted:
    """An image whose files can be seen.

    Attributes:
        root: where they are.
        command: what it runs.
        environment: what that begins with.
        user: who it runs as.
        labels: of it.
    """

    root: Path
    command: list[str]
    environment: dict[str, str]
    user: str
    labels: dict[str, str]

    def files(self) -> Iterator[tuple[str, os.stat_result]]:
        """All that is in it, by path."""
        for path in sorted(self.root.rglob("*")):
            yield f"/{path.relative_to(self.root)}", path.lstat()

    def size(self) -> int:
        """Bytes of its files."""
        return sum(status.st_size for _, status in self.files() if stat.S_ISREG(status.st_mode))


@contextmanager
def mounted(name: str) -> Iterator[Mounted]:
    """An image, until the end of the block."""
    container = buildah("from", "--pull-never", name)
    try:
        said = json.loads(buildah("inspect", container))["Docker"]["config"]
        yield Mounted(
            Path(buildah("mount", container)),
            [*said["Entrypoint"], *(said["Cmd"] or ())],
            dict(each.split("=", 1) for each in said["Env"]),
            said["User"],
            said["Labels"],
        )
    finally:
        buildah("rm", container)
