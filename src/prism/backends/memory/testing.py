"""A memory store for tests."""

import uuid
from collections.abc import Mapping

from prism.acceptance.store.backend import SMALL_PUBSUB, SMALL_SERIES, LocalStore
from prism.backends.memory.backend import MemoryBackend
from prism.backends.memory.config import MemoryConfig
from prism.sdk import NoCredentials


class TemporaryStore:
    """A store of its own, and backends on it; every one of them is stopped with it.

    Attributes:
        config: as a configuration file gives it.
    """

    def __init__(self) -> None:
        self.config: dict[str, str] = {}
        self._backends: list[MemoryBackend] = []

    async def start(self) -> None:
        """Makes the store."""
        self.config = {"store": f"test-{uuid.uuid4()}"}

    async def backend(self) -> MemoryBackend:
        """One more backend on the store, started."""
        backend = MemoryBackend(MemoryConfig.model_validate(self.config), NoCredentials())
        await backend.start()
        self._backends.append(backend)
        return backend

    async def reset(self) -> None:
        """Empties the store; backends made before are stopped."""
        await self.stop()
        await self.start()

    async def stop(self) -> None:
        """Stops the backends: nothing is left."""
        while self._backends:
            await self._backends.pop().stop()


class MemoryTestBackend(LocalStore):
    """`prism.acceptance.TestBackend`: names for stores, which live in the process that serves them."""

    def __init__(self) -> None:
        self._name = ""

    async def start(self) -> None:
        """Chooses a name that is not in use."""
        self._name = f"test-{uuid.uuid4()}"

    async def stop(self) -> None:
        """Nothing is left once the backends are stopped."""

    async def reset(self) -> None:
        """Begins with another name."""
        await self.start()

    async def connection_config(self, place: str = "main") -> Mapping[str, object]:
        """A store of that name; PubSub has little room, so that tests see what becomes of what is over it."""
        return {"store": f"{self._name}-{place}", "pubsub": dict(SMALL_PUBSUB), "timeseries": dict(SMALL_SERIES)}
