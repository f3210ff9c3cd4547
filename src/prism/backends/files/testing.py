"""Folders of objects for tests."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from prism.acceptance.store.backend import LocalStore


class FilesTestBackend(LocalStore):
    """`prism.acceptance.TestBackend`: folders in a temporary one."""

    lacks: Mapping[str, str] = {
        **LocalStore.lacks,
        **dict.fromkeys(
            ("read_only", "full", "damaged"),
            "the folder cannot be so under its feet; tests of the backend do it from within",
        ),
    }

    def __init__(self) -> None:
        self._folder: Path | None = None

    async def start(self) -> None:
        """Makes the folder; each place's comes with its first backend."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="prism-files-"))

    async def stop(self) -> None:
        """Removes the files; what had one open has been stopped before."""
        if self._folder is not None:
            shutil.rmtree(self._folder)
            self._folder = None

    async def reset(self) -> None:
        """Begins with another folder."""
        await self.stop()
        await self.start()

    async def connection_config(self, place: str = "main") -> Mapping[str, object]:
        """A folder of that name."""
        if self._folder is None:
            raise RuntimeError("the test store has not been started: call start() first")
        return {"path": str(self._folder / place), "busy_timeout": 0.5, "sweep_interval": 0.05}
