"""The memory backend, as its host sees it."""

from collections.abc import Mapping, Sequence

from prism.backends.memory.cache import MemoryCache
from prism.backends.memory.config import MemoryConfig
from prism.backends.memory.keyvalue import MemoryKeyValue
from prism.backends.memory.pubsub import MemoryPubSub
from prism.backends.memory.store import Store
from prism.sdk import Health, NoCredentials, Sweeper

_SWEEP_BATCH = 100


class MemoryBackend:
    """Data in this process's memory, shared by the instances that name the same store while one of them runs."""

    def __init__(self, config: MemoryConfig, _credentials: NoCredentials) -> None:
        self._name = config.store
        self._store = Store.named(config.store)
        self._sweeper = Sweeper(self._sweep, config.sweep_interval)
        self._keyvalue = MemoryKeyValue(self._store)
        self._cache = MemoryCache(self._store, config.cache_size)
        self._pubsub = MemoryPubSub(self._store, config)
        self._running = False

    @property
    def identity(self) -> str:
        return f"memory:{self._name}"

    @property
    def interfaces(self) -> Sequence[object]:
        return (self._cache, self._keyvalue, self._pubsub)

    async def start(self) -> None:
        if not self._running:
            self._running = True
            self._store.open()
            self._sweeper.start()

    async def attach(self, namespace: str) -> None:
        """Does nothing: a namespace is made by its first write."""

    async def holds_data(self, namespace: str) -> bool:
        return bool(self._store.namespace(namespace).records)

    async def health(self) -> Health:
        return Health()

    def metrics(self) -> Mapping[str, float]:
        return {"records": self._store.count(), "subscriptions": self._pubsub.subscriptions}

    async def stop(self) -> None:
        if self._running:
            self._running = False
            self._pubsub.stop()
            await self._sweeper.stop()
            self._store.close()

    async def _sweep(self) -> bool:
        return self._store.sweep(_SWEEP_BATCH)
