"""The memory backend, as its host sees it."""

from collections.abc import Mapping, Sequence

from prism.backends.memory.cache import MemoryCache
from prism.backends.memory.config import MemoryConfig
from prism.backends.memory.keyvalue import MemoryKeyValue
from prism.backends.memory.pubsub import MemoryPubSub
from prism.backends.memory.store import Store
from prism.sdk import Context, Health, MessageIds, NoCredentials, Sweeper
from prism.sdk.graph import StoredGraph
from prism.sdk.objectstore.stored import StoredObjects
from prism.sdk.queue import QueueEngine, RowStore, StoredQueue
from prism.sdk.timeseries import StoredTimeSeries

_SWEEP_BATCH = 100
_SWEEP_EVENTS = 10_000
_IDEMPOTENCY_WINDOW = 24 * 3_600_000_000
_MAX_UNSETTLED = 10_000
_HOUSEKEEPING = Context("")


class MemoryBackend:
    """Data in this process's memory, shared by the instances that name the same store while one of them runs."""

    def __init__(self, config: MemoryConfig, _credentials: NoCredentials) -> None:
        self._name = config.store
        self._store = Store.named(config.store)
        self._sweeper = Sweeper(self._sweep, config.sweep_interval)
        self._keyvalue = MemoryKeyValue(self._store)
        self._cache = MemoryCache(self._store, config.cache_size)
        self._pubsub = MemoryPubSub(self._store, config)
        self._engine = QueueEngine(MessageIds().next, _IDEMPOTENCY_WINDOW, _MAX_UNSETTLED)
        self._queue = StoredQueue(self._queues(), config.queue)
        self._objects = StoredObjects(self._store.blobs, self._store.objects, config.objects)
        self._series = StoredTimeSeries(self._store.series, config.timeseries)
        self._graph = StoredGraph(self._store.graphs)
        self._running = False

    def _queues(self) -> RowStore:
        data = self._store.queues
        return RowStore(data, self._engine, data.wakeups, data.secret)

    @property
    def identity(self) -> str:
        return f"memory:{self._name}"

    @property
    def interfaces(self) -> Sequence[object]:
        return (
            self._cache,
            self._graph,
            self._keyvalue,
            self._objects,
            self._pubsub,
            self._queue,
            self._series,
        )

    async def start(self) -> None:
        if not self._running:
            self._running = True
            self._store.open()
            self._sweeper.start()

    async def attach(self, namespace: str) -> None:
        """Does nothing: a namespace is made by its first write."""

    async def holds_data(self, namespace: str) -> bool:
        topics = self._store.queues.rows.topics(namespace, "", "", 1)
        objects = await self._objects.holds_data(namespace)
        series = self._store.series.holds_data(namespace)
        graph = self._store.graphs.holds_data(namespace)
        return bool(self._store.namespace(namespace).records or topics or objects or series or graph)

    async def health(self) -> Health:
        return Health()

    def metrics(self) -> Mapping[str, float]:
        return {
            "records": self._store.count(),
            "subscriptions": self._pubsub.subscriptions,
            **self._queue.metrics(),
            **self._series.metrics(),
            **self._graph.metrics(),
        }

    async def stop(self) -> None:
        if self._running:
            self._running = False
            await self._pubsub.stop()
            self._queue.stop()
            await self._series.stop()
            await self._sweeper.stop()
            await self._objects.stop()
            self._store.close()

    async def _sweep(self) -> bool:
        self._pubsub.sweep()
        more = await self._queues().sweep(_HOUSEKEEPING, _SWEEP_BATCH)
        more = await self._objects.sweep(_SWEEP_BATCH) or more
        more = self._store.series.sweep(_SWEEP_EVENTS) or more
        return self._store.sweep(_SWEEP_BATCH) or more
