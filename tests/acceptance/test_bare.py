"""The kit assumes no capability: a plugin that declares none passes, and the refusal of what it lacks names who can."""

import json
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from prism.acceptance import PluginAcceptanceHarness
from prism.backends.memory.testing import MemoryTestBackend
from prism.plugins.discovery import MANIFEST, Plugin
from prism.plugins.manifest import read

TESTS = Path(__file__).parent.parent
SOURCE = Path(__file__).parent / "plugins" / "bare" / MANIFEST
FOLDER = Path(tempfile.gettempdir()) / f"prism-plugins-{secrets.token_hex(8)}" / "bare"
"""Where a gateway finds it as what is to be run as a sidecar: its manifest names a command and no class."""

COMMAND = ["env", f"PYTHONPATH={TESTS}", sys.executable, "-m", "prism.sdk", "acceptance.plugins.bare"]


class FolderStore(MemoryTestBackend):
    """The memory of the sidecar, whose folder is there as long as the store."""

    async def start(self) -> None:
        """Writes the manifest."""
        await super().start()
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / MANIFEST).write_text(manifest())

    async def stop(self) -> None:
        """Removes it."""
        await super().stop()
        shutil.rmtree(FOLDER.parent, ignore_errors=True)


def manifest() -> str:
    """The plugin's own, with a command in the place of its class."""
    return SOURCE.read_text().replace("backend = ", f"command = {json.dumps(COMMAND)}\n# ", 1)


bare = PluginAcceptanceHarness(
    Plugin(read(SOURCE.read_bytes()), "acceptance.plugins.bare"),
    suites=("cache", "concurrency", "keyvalue"),
    ways=("binding",),
)
bare_sidecar = PluginAcceptanceHarness(
    Plugin(read(manifest().encode()), str(FOLDER), "", FOLDER), FolderStore, suites=("errors",), ways=("grpc", "http")
)
