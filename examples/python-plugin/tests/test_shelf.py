"""The shelf plugin as it ships, in a process of its own; and before Prism's acceptance kit."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from prism.acceptance import LocalStore, PluginAcceptanceHarness
from prism.interfaces.keyvalue import GetRequest, PutItem, PutRequest
from prism.sdk.testing import running

PLACE = next((place for place in ("/dev/shm",) if Path(place).is_dir()), None)
"""In memory where there is such a place: what a disk takes to sync is not tested here."""


class ShelfStore(LocalStore):
    """Files in a temporary folder."""

    def __init__(self) -> None:
        self._folder = ""

    async def start(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="shelf-", dir=PLACE)

    async def stop(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    async def reset(self) -> None:
        await self.stop()
        await self.start()

    async def connection_config(self, place: str = "main") -> Mapping[str, object]:
        return {"path": str(Path(self._folder) / f"{place}.db")}


shelf = PluginAcceptanceHarness("shelf", ShelfStore, placement="sidecar", ways=("client",))


async def test_what_was_put_outlasts_the_process(tmp_path: Path) -> None:
    """A second process reads what the first has acknowledged."""
    config = {"path": str(tmp_path / "shelf.db")}
    async with running("shelf", config) as plugin:
        await plugin.call(PutRequest(id="r", items=[PutItem(key=b"k", value=b"v")]))
    async with running("shelf", config) as plugin:
        (item,) = (await plugin.call(GetRequest(id="r", keys=[b"k"]))).items
    assert item.value == b"v"
