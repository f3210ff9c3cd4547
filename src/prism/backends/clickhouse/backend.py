"""The clickhouse backend, as its host sees it."""

from collections.abc import Mapping, Sequence

from prism.backends.clickhouse.config import ClickHouseConfig, ClickHouseCredentials
from prism.backends.clickhouse.sql import ClickHouseSql
from prism.sdk import Context, Deadline, Health
from prism.sdk.sql import StoredSql

_PROBE_SECONDS = 1.5


class ClickHouseBackend:
    """Tables of one ClickHouse server or cluster, which any number of gateways may share."""

    def __init__(self, config: ClickHouseConfig, credentials: ClickHouseCredentials) -> None:
        self._config = config
        self._statements = ClickHouseSql(config, credentials)
        self._sql = StoredSql(self._statements, config.sql)

    @property
    def identity(self) -> str:
        """Servers as configured."""
        return self._config.identity

    @property
    def interfaces(self) -> Sequence[object]:
        return (self._sql,)

    async def start(self) -> None:
        await self._statements.start()

    async def attach(self, namespace: str) -> None:
        """Does nothing: the tables are there already."""

    async def holds_data(self, namespace: str) -> bool:  # noqa: ARG002
        return False  # of the tables that are there none is a namespace's

    async def health(self) -> Health:
        if self._config.sql == "off":
            return Health()
        return await self._statements.health(Context("", Deadline.after(_PROBE_SECONDS)))

    def metrics(self) -> Mapping[str, float]:
        return {"statements_killed": self._statements.link.killed}

    async def stop(self) -> None:
        await self._statements.stop()
