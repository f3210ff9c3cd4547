"""The shelf plugin, as its host sees it."""

from collections.abc import Mapping
from pathlib import Path

from prism.sdk import Health, NoCredentials
from prism_shelf.config import ShelfConfig
from prism_shelf.keyvalue import ShelfKeyValue
from prism_shelf.table import Table


class ShelfBackend:
    def __init__(self, config: ShelfConfig, _credentials: NoCredentials) -> None:
        self._table = Table(config.path)
        self.identity = f"shelf:{Path(config.path).absolute()}"
        self.interfaces = (ShelfKeyValue(self._table),)

    async def start(self) -> None:
        await self._table.run(lambda _: None)  # opens it

    async def attach(self, namespace: str) -> None: ...

    async def holds_data(self, namespace: str) -> bool:
        ask = "SELECT EXISTS (SELECT 1 FROM item WHERE namespace = ?)"
        return await self._table.run(lambda table: bool(table.execute(ask, (namespace,)).fetchone()[0]))

    async def health(self) -> Health:
        return Health()

    def metrics(self) -> Mapping[str, float]:
        return {}

    async def stop(self) -> None:
        await self._table.close()
