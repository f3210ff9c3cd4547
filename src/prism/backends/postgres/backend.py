"""The postgres backend, as its host sees it."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from functools import partial

from prism.backends.postgres import schema, statements
from prism.backends.postgres.cache import PostgresCache
from prism.backends.postgres.config import PostgresConfig, PostgresCredentials
from prism.backends.postgres.connect import failover_may_lose, open_session
from prism.backends.postgres.errors import translate
from prism.backends.postgres.graph.statements import HOLDS_NODES
from prism.backends.postgres.graph.store import PostgresGraphs
from prism.backends.postgres.hosts import Hosts
from prism.backends.postgres.keyvalue import PostgresKeyValue
from prism.backends.postgres.lane import Work, work_lane
from prism.backends.postgres.pubsub.message_log import HOLDS_LOG, PostgresLog
from prism.backends.postgres.pubsub.notify import NotifyPubSub
from prism.backends.postgres.queue.statements import HOLDS_TOPICS
from prism.backends.postgres.queue.store import PostgresQueues
from prism.backends.postgres.reader.store import PostgresTables
from prism.backends.postgres.sessions import Session, Sessions
from prism.backends.postgres.sql import PostgresSql
from prism.backends.postgres.timeseries.store import HOLDS_STREAMS, PostgresSeries
from prism.backends.postgres.transact.statements import HOLDS_MAILBOXES
from prism.backends.postgres.transact.store import PostgresTransact
from prism.errors import PrismError
from prism.sdk import Context, Deadline, Health, HealthStatus, Sweeper
from prism.sdk.graph import StoredGraph
from prism.sdk.keyvalue import IDEMPOTENCY_MICROSECONDS
from prism.sdk.pubsub import LoggedPubSub
from prism.sdk.queue import StoredQueue
from prism.sdk.reader import StoredReader
from prism.sdk.sql import StoredSql
from prism.sdk.timeseries import StoredTimeSeries
from prism.sdk.transact.interactive import InteractiveTransact

log = logging.getLogger(__name__)

_SWEEP_BATCH = 500
_PROBE_SECONDS = 1.5
_STOP_SECONDS = 5.0
_POOLED = (
    "a pooler in front of PostgreSQL drops the settings of sessions: each statement is sent in a transaction with its "
    "settings, which takes several round trips; connect to PostgreSQL directly where you can"
)


class PostgresBackend:
    """Every abstraction of the manifest in one PostgreSQL database, for any number of gateways."""

    def __init__(self, config: PostgresConfig, credentials: PostgresCredentials) -> None:
        self._config = config
        self._credentials = credentials
        self._hosts = Hosts(config.addresses)
        self._sessions = Sessions(self._open_session)
        self._housekeeping = work_lane(1, reads=True)
        spare = config.pool_size - PostgresKeyValue.SESSIONS - 1
        self._keyvalue = PostgresKeyValue(self._sessions, spare)
        lanes = self._keyvalue.lanes
        self._cache = PostgresCache(self._sessions, lanes["reads"], lanes["puts"])
        self._queues = PostgresQueues(self._sessions, lanes["reads"], lanes["writes"], self._open_session)
        self._queue = StoredQueue(self._queues, config.queue)
        shared = (lanes["reads"], lanes["writes"], self._open_session)
        self._graph = StoredGraph(PostgresGraphs(self._sessions, *shared))
        self._log = PostgresLog(self._sessions, *shared, config.pubsub)
        self._pubsub: LoggedPubSub | NotifyPubSub = LoggedPubSub(self._log, config.pubsub)
        if config.pubsub.by == "notify":
            self._pubsub = NotifyPubSub(self._sessions, *shared, int(config.pubsub.buffer_bytes))
        self._streams = PostgresSeries(self._sessions, *shared)
        self._series = StoredTimeSeries(self._streams, config.timeseries)
        self._mailboxes = PostgresTransact(
            self._sessions, *shared, config.schema_name, config.transact, config.lock_timeout
        )
        self._statements = PostgresSql(config, credentials)
        self._sql = StoredSql(self._statements, config.sql, config.sql_idle_timeout)
        self._transact = InteractiveTransact(self._mailboxes, config.transact)
        self._tables = PostgresTables(self._open_session, config.reader, config.statement_timeout)
        self._reader = StoredReader(self._tables, config.reader.max_scan)
        self._sweeper = Sweeper(self._sweep, config.sweep_interval)

    @property
    def identity(self) -> str:
        """Host, port, database and schema as configured: known before the first connection, and never another after.

        The server's own system identifier would see through aliases, but only while the server answers: an identity
        that depends on that would call one store two.
        """
        return self._config.identity

    @property
    def interfaces(self) -> Sequence[object]:
        if self._config.for_sql_alone:
            return (self._sql,)
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
        await self._statements.start()
        if self._config.for_sql_alone:
            return
        await self._prepare_schema()
        await self._sessions.start()
        await self._tables.check()
        self._sweeper.start()

    async def _prepare_schema(self) -> None:
        try:
            session = await self._open_session()
            try:
                if session.pooled:
                    log.warning("%s", _POOLED)
                await schema.prepare(session.connection, self._config.schema_name)
                if await failover_may_lose(session, self._config):
                    log.warning(
                        "PostgreSQL has several hosts and no synchronous standby, so a failover may lose acknowledged "
                        "writes; set synchronous_standby_names in PostgreSQL, or ignore this if such a loss is "
                        "acceptable"
                    )
            finally:
                session.connection.terminate()
        except Exception as error:
            raise translate(error, writes=False, sent=False) from error

    async def _open_session(self) -> Session:
        return await open_session(self._config, self._credentials, self._hosts)

    async def attach(self, namespace: str) -> None:
        """Does nothing: a namespace is made by its first write."""

    async def holds_data(self, namespace: str) -> bool:
        if self._config.for_sql_alone:
            return False
        for statement in (statements.HOLDS_DATA, HOLDS_TOPICS, HOLDS_LOG, HOLDS_MAILBOXES, HOLDS_STREAMS, HOLDS_NODES):
            work = Work(partial(self._sessions.fetch, statement, namespace.encode()))
            ((held,),) = await self._housekeeping.call(Context(namespace), work)
            if held:
                return True
        return False

    async def health(self) -> Health:
        probe = Context("", Deadline.after(_PROBE_SECONDS))
        if self._config.for_sql_alone:
            return await self._statements.health(probe)
        try:
            work = Work(lambda: self._sessions.fetch(statements.HEALTH))
            ((read_only, complete),) = await self._housekeeping.call(probe, work)
        except PrismError as error:
            return Health(HealthStatus.UNHEALTHY, error.message, self._details())
        if not complete:
            missing = f"the schema {self._config.schema_name!r} has lost its tables: restore it, or restart the gateway"
            return Health(HealthStatus.UNHEALTHY, missing, self._details())
        if read_only:
            return Health(HealthStatus.DEGRADED, "PostgreSQL is read-only: writes fail", self._details())
        return Health(details=self._details())

    def metrics(self) -> Mapping[str, float]:
        return {**self._gauges(), **self._queue.metrics(), **self._series.metrics(), **self._graph.metrics()}

    def _gauges(self) -> dict[str, float]:
        lanes = self._keyvalue.lanes.items()
        batches = {f"batches_in_flight_{name}": float(lane.in_flight) for name, lane in lanes}
        batches |= {f"calls_waiting_{name}": float(lane.waiting) for name, lane in lanes}
        return {
            "pool_connections_open": self._sessions.open,
            "pool_connections_idle": self._sessions.idle,
            "pool_connections_max": self._config.pool_size,
            "subscriptions": self._pubsub.subscriptions,
            "transaction_sessions": self._mailboxes.transactions.open + self._mailboxes.conversations.open,
            "reader_sessions": self._tables.sessions.open,
            "interactive_transactions": self._transact.open,
            "sql_sessions": self._statements.open,
            **batches,
        }

    async def stop(self) -> None:
        self._queue.stop()
        await self._pubsub.stop()
        await self._series.stop()
        await self._queues.stop()
        await self._streams.stop()
        await self._log.stop()
        await self._mailboxes.stop()
        await self._statements.stop()
        await self._tables.stop()
        await self._sweeper.stop()
        lanes = [self._housekeeping, *self._keyvalue.lanes.values()]
        stores = [each.drain() for each in (self._cache, self._queues, self._log, self._mailboxes, self._streams)]
        waits = [*stores, *(lane.drain() for lane in lanes)]
        drains = [asyncio.create_task(each) for each in waits]
        await asyncio.wait(drains, timeout=_STOP_SECONDS)
        await self._sessions.stop()
        self._mailboxes.end()
        await asyncio.gather(*drains)
        self._mailboxes.close()
        for lane in lanes:
            lane.close()

    def _details(self) -> Mapping[str, str]:
        return {name: f"{value:g}" for name, value in self._gauges().items()}

    async def _sweep(self) -> bool:
        more: bool = await self._housekeeping.call(Context(""), Work(self._sweep_batch))
        return more

    async def _sweep_batch(self) -> bool:
        ((items,),) = await self._sessions.fetch(statements.SWEEP_ITEMS, _SWEEP_BATCH)
        ((entries,),) = await self._sessions.fetch(statements.SWEEP_CACHE, _SWEEP_BATCH)
        ((keys,),) = await self._sessions.fetch(statements.SWEEP_IDEMPOTENCY, _SWEEP_BATCH, IDEMPOTENCY_MICROSECONDS)
        await self._log.sweep()
        more_of_queues = await self._queues.sweep(_SWEEP_BATCH)
        more_of_mailboxes = await self._mailboxes.sweep(_SWEEP_BATCH)
        more_of_series = await self._streams.sweep()
        return more_of_queues or more_of_mailboxes or more_of_series or _SWEEP_BATCH in (items, entries, keys)
