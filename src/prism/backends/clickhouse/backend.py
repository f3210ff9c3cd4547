"""The clickhouse backend, as its host sees it."""

from collections.abc import Mapping, Sequence

from prism.backends.clickhouse.config import ClickHouseConfig, ClickHouseCredentials
from prism.backends.clickhouse.link import Link
from prism.backends.clickhouse.sql import ClickHouseSql
from prism.backends.clickhouse.timeseries.catalogue import Catalogue
from prism.backends.clickhouse.timeseries.session import OwnStatements
from prism.backends.clickhouse.timeseries.store import ClickHouseSeries
from prism.errors import PrismError
from prism.sdk import Context, Deadline, Health, HealthStatus, Sweeper
from prism.sdk.sql import StoredSql
from prism.sdk.timeseries import StoredTimeSeries

_PROBE_SECONDS = 1.5
_OWN = {"async_insert": "0", "max_partitions_per_insert_block": "0", "do_not_merge_across_partitions_select_final": "1"}
"""Settings of Prism's own statements: an insert is answered when it is stored, however many days it is about."""
_REPLICATED = {"insert_quorum": "auto", "insert_quorum_parallel": "0", "select_sequential_consistency": "1"}
"""What one gateway writes another one reads, whichever replica it asks."""


class ClickHouseBackend:
    """A database of one ClickHouse server or cluster, which any number of gateways may share."""

    def __init__(self, config: ClickHouseConfig, credentials: ClickHouseCredentials) -> None:
        self._config = config
        self._statements = ClickHouseSql(config, credentials)
        self._sql = StoredSql(self._statements, config.sql)
        password = credentials.password
        self._link = Link(
            config, credentials.username, None if password is None else password.get_secret_value(), database=""
        )
        self._own = OwnStatements(self._link, _OWN if config.cluster is None else _OWN | _REPLICATED)
        self._catalogue = Catalogue(self._own, config.database, config.cluster)
        self._streams = ClickHouseSeries(self._own, self._catalogue)
        self._series = StoredTimeSeries(self._streams, config.timeseries)
        self._sweeper = Sweeper(self._streams.sweep, config.sweep_interval)

    @property
    def identity(self) -> str:
        """Servers and database as configured."""
        return self._config.identity

    @property
    def interfaces(self) -> Sequence[object]:
        return (self._sql,) if self._config.for_sql_alone else (self._series, self._sql)

    async def start(self) -> None:
        await self._statements.start()
        if not self._config.for_sql_alone:
            self._link.start()
            await self._catalogue.start()
            self._sweeper.start()

    async def attach(self, namespace: str) -> None:
        """Does nothing: a namespace is a part of the names of streams."""

    async def holds_data(self, namespace: str) -> bool:
        return not self._config.for_sql_alone and await self._catalogue.holds(namespace)

    async def health(self) -> Health:
        probe = Context("", Deadline.after(_PROBE_SECONDS))
        if self._config.sql != "off":
            health = await self._statements.health(probe)
            if self._config.for_sql_alone or health.status is not HealthStatus.HEALTHY:
                return health
        try:
            await self._own.rows("SELECT 1", probe)
        except PrismError as error:
            return Health(HealthStatus.UNHEALTHY, error.message)
        return Health()

    def metrics(self) -> Mapping[str, float]:
        return {
            "statements_killed": self._statements.link.killed + self._link.killed,
            "inserts": self._streams.appender.inserts,
            **self._series.metrics(),
        }

    async def stop(self) -> None:
        await self._sweeper.stop()
        await self._series.stop()
        await self._streams.drain()
        await self._statements.stop()
        await self._link.stop()
