"""The SQLite backend, as its host sees it."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from prism.backends.sqlite import items
from prism.backends.sqlite.cache import SqliteCache, any_due, sweep_cache
from prism.backends.sqlite.changes import Changes
from prism.backends.sqlite.config import SqliteConfig
from prism.backends.sqlite.graph import SqliteGraphs, any_node
from prism.backends.sqlite.keyvalue import SqliteKeyValue
from prism.backends.sqlite.message_log import SqliteLog
from prism.backends.sqlite.queue import SqliteQueues, any_topic
from prism.backends.sqlite.reader.store import SqliteTables
from prism.backends.sqlite.sql import SqliteSql
from prism.backends.sqlite.store import Store
from prism.backends.sqlite.timeseries.store import SqliteSeries, any_stream
from prism.backends.sqlite.transact.store import SqliteTransact
from prism.backends.sqlite.transact.tables_file import TablesFile
from prism.backends.sqlite.transaction import Transaction
from prism.errors import PrismError
from prism.sdk import Context, Deadline, Health, HealthStatus, MessageIds, NoCredentials, Sweeper
from prism.sdk.graph import StoredGraph
from prism.sdk.pubsub import LoggedPubSub
from prism.sdk.queue import QueueEngine, RowStore, StoredQueue
from prism.sdk.reader import StoredReader
from prism.sdk.sql import StoredSql
from prism.sdk.timeseries import StoredTimeSeries
from prism.sdk.transact import StoredTransact

log = logging.getLogger(__name__)

_SWEEP_BATCH = 100
_SWEEP_EVENTS = 5000
_PROBE_SECONDS = 1.5
_IDEMPOTENCY_WINDOW = 24 * 3_600_000_000
_MAX_UNSETTLED = 10_000
_HOUSEKEEPING = Context("")
"""No namespace: housekeeping has a turn of its own in a group commit."""


class SqliteBackend:
    """KeyValue, Cache, Graph, PubSub, Queue and TimeSeries in one SQLite file, and Transact and Reader in another."""

    def __init__(self, config: SqliteConfig, _credentials: NoCredentials) -> None:
        self._store = Store(config)
        self._sweeper = Sweeper(self._sweep, config.sweep_interval)
        self._cache = SqliteCache(self._store)
        self._keyvalue = SqliteKeyValue(self._store)
        self._graph = StoredGraph(SqliteGraphs(self._store))
        self._changes = Changes(self._store)
        self._queues = SqliteQueues(self._store, self._changes)
        engine = QueueEngine(MessageIds().next, _IDEMPOTENCY_WINDOW, _MAX_UNSETTLED)
        self._rows = RowStore(self._queues, engine, self._queues.wakeups, self._queues.secret)
        self._queue = StoredQueue(self._rows, config.queue)
        self._log = SqliteLog(self._store, self._changes, config.pubsub)
        self._pubsub = LoggedPubSub(self._log, config.pubsub)
        self._streams = SqliteSeries(self._store, self._changes)
        self._series = StoredTimeSeries(self._streams, config.timeseries)
        self._tables = SqliteTransact(TablesFile(config), config.transact)
        self._statements = SqliteSql(config.tables_path, config.sql, config.readers, config.busy_timeout)
        self._sql = StoredSql(self._statements, config.sql, config.sql_idle_timeout)
        self._transact = StoredTransact(self._tables, config.transact)
        self._found = SqliteTables(config.tables_path, config.reader, config.readers, config.busy_timeout)
        self._reader = StoredReader(self._found, config.reader.max_scan)

    @property
    def identity(self) -> str:
        return f"sqlite:{self._store.path}"

    @property
    def interfaces(self) -> Sequence[object]:
        return (
            self._cache,
            self._graph,
            self._keyvalue,
            self._pubsub,
            self._queue,
            self._reader,
            self._series,
            self._sql,
            self._transact,
        )

    async def start(self) -> None:
        await self._store.open()
        await self._statements.start()
        await self._found.check()
        if self._store.read_only:
            log.warning("%s", self._store.read_only)
        else:
            self._sweeper.start()

    async def attach(self, namespace: str) -> None:
        """Does nothing: a namespace is made by its first write."""

    async def holds_data(self, namespace: str) -> bool:
        context = Context(namespace)
        held = await self._store.query(
            context,
            lambda connection, _now: (
                items.any_in(connection, namespace.encode())
                or any_topic(connection, namespace)
                or any_stream(connection, namespace)
                or any_node(connection, namespace)
            ),
        )
        return held or await self._tables.holds_data(context)

    async def health(self) -> Health:
        probe = Context("", Deadline.after(_PROBE_SECONDS))
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                await self._store.read(probe, lambda connection, _now: items.any_in(connection, b""))
        except TimeoutError:
            return Health(HealthStatus.DEGRADED, f"{self._store.path} answers slowly; look at the disk")
        except PrismError as error:
            return Health(HealthStatus.UNHEALTHY, error.message)
        if not self._store.in_place():
            return Health(HealthStatus.UNHEALTHY, self._store.misplaced)
        if self._store.read_only:
            return Health(HealthStatus.DEGRADED, self._store.read_only)
        if self._store.trouble:
            return Health(HealthStatus.DEGRADED, f"the last write failed: {self._store.trouble}")
        return Health()

    def metrics(self) -> Mapping[str, float]:
        return {
            "group_commits": self._store.commits,
            "group_commit_writes": self._store.writes,
            "subscriptions": self._pubsub.subscriptions,
            **self._queue.metrics(),
            **self._series.metrics(),
            **self._graph.metrics(),
        }

    async def stop(self) -> None:
        self._queue.stop()
        await self._pubsub.stop()
        await self._series.stop()
        await self._changes.stop()
        await self._sweeper.stop()
        await self._found.close()
        await self._tables.stop()
        await self._statements.stop()
        await self._store.close()

    async def _sweep(self) -> bool:
        await self._store.keep_reserve()
        more = await self._tables.sweep(_HOUSEKEEPING, _SWEEP_BATCH)
        if await self._store.read(_HOUSEKEEPING, lambda connection, _now: any_topic(connection)):
            more |= await self._rows.sweep(_HOUSEKEEPING, _SWEEP_BATCH)
        due = (items.any_due, any_due, self._log.any_outlived, self._streams.any_outlived)
        if not await self._store.read(_HOUSEKEEPING, lambda *read: any(each(*read) for each in due)):
            return more

        def sweep_batch(transaction: Transaction) -> bool:
            more = [sweep(transaction, _SWEEP_BATCH) for sweep in (items.sweep, sweep_cache, self._log.sweep)]
            return self._streams.sweep(transaction, _SWEEP_EVENTS) or any(more)

        return await self._store.write(_HOUSEKEEPING, sweep_batch) or more
