"""The example plugin in Go, built from its sources into the cache folder when they have changed."""

import asyncio
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from prism.acceptance import StoreMissing
from prism.backends.memory.testing import MemoryTestBackend
from prism.plugins.discovery import MANIFEST, Plugin
from prism.plugins.manifest import read
from shared_cache import alone_in

ROOT = Path(__file__).parent.parent.parent
SOURCES = ROOT / "examples" / "go-plugin"
FOLDER = ROOT / ".cache" / "plugins" / "gomap"
_GO = ROOT / ".cache" / "go"
_OUT_OF_REACH = re.compile(
    r"dial tcp|no such host|connection refused|i/o timeout|toolchain not available|requires go >="
)


def plugin() -> Plugin:
    """The plugin, whether it has been built or not."""
    return Plugin(read((SOURCES / MANIFEST).read_bytes()), str(FOLDER), "", FOLDER)


def build() -> Path:
    """The folder that holds the built program and its manifest.

    Raises:
        StoreMissing: Go is not installed, or its modules cannot be downloaded.
        RuntimeError: the program does not build.
    """
    if shutil.which("go") is None:
        raise StoreMissing("Go is not installed, which builds gomap")
    digest = hashlib.sha256()
    for path in sorted(
        [*SOURCES.glob("*.go"), *SOURCES.glob("go.*"), SOURCES / "build", *ROOT.glob("proto/**/*.proto")]
    ):
        digest.update(path.read_bytes())
    stamp = FOLDER / f"built-{digest.hexdigest()[:16]}"
    with alone_in("go"):
        if not stamp.exists():
            _build()
            stamp.touch()
    return FOLDER


def _build() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    environment = {"GOPATH": str(_GO), "GOCACHE": str(_GO / "build"), "GOFLAGS": "-modcacherw -buildvcs=false"}
    environment |= {"GOWORK": "off", "CGO_ENABLED": "0", "PYTHON": sys.executable}
    command = [str(SOURCES / "build"), str(FOLDER / "gomap")]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)
    if done.returncode != 0:
        if _OUT_OF_REACH.search(done.stderr):
            raise StoreMissing(f"Go cannot download the modules of gomap: {done.stderr.strip()[-300:]}")
        raise RuntimeError(f"gomap does not build:\n{done.stderr}")
    shutil.copy(SOURCES / MANIFEST, FOLDER)


class GomapTestBackend(MemoryTestBackend):
    """Names for stores, which live in the plugin's process; the program is built first."""

    async def start(self) -> None:
        """Builds the program where it has to be."""
        await asyncio.to_thread(build)
        await super().start()

    async def connection_config(self, place: str = "main") -> Mapping[str, object]:
        """Its one option; it serves no PubSub."""
        return {"store": (await super().connection_config(place))["store"]}
