"""The bare backend: single operations in memory and nothing besides, not even versions."""

from collections.abc import Mapping, Sequence

from prism.backends.memory.backend import MemoryBackend
from prism.backends.memory.config import MemoryConfig
from prism.interfaces.cache import Cache
from prism.interfaces.keyvalue import (
    Context,
    DeleteRequest,
    DeleteResponse,
    ExistsRequest,
    ExistsResponse,
    GetRequest,
    GetResponse,
    KeyValue,
    PutRequest,
    PutResponse,
)
from prism.sdk import Health, NoCredentials


class BareKeyValue(KeyValue):
    """Put, Get, Exists and Delete of another KeyValue, its versions left out."""

    def __init__(self, store: KeyValue) -> None:
        self._store = store

    async def put(self, request: PutRequest, context: Context) -> PutResponse:
        await self._store.put(request, context)
        return PutResponse()

    async def get(self, request: GetRequest, context: Context) -> GetResponse:
        answer = await self._store.get(request, context)
        for item in answer.items:
            item.ClearField("version")
        return answer

    async def exists(self, request: ExistsRequest, context: Context) -> ExistsResponse:
        return await self._store.exists(request, context)

    async def delete(self, request: DeleteRequest, context: Context) -> DeleteResponse:
        return await self._store.delete(request, context)


class BareBackend:
    """BareKeyValue and the memory backend's Cache."""

    def __init__(self, config: MemoryConfig, credentials: NoCredentials) -> None:
        self._memory = MemoryBackend(config, credentials)
        served = self._memory.interfaces
        self.interfaces: Sequence[object] = [
            *(BareKeyValue(each) for each in served if KeyValue in type(each).__mro__),
            *(each for each in served if Cache in type(each).__mro__),  # all that takes a ttl is the host's to refuse
        ]
        self.identity = self._memory.identity
        self.start = self._memory.start
        self.attach = self._memory.attach
        self.holds_data = self._memory.holds_data
        self.stop = self._memory.stop

    async def health(self) -> Health:
        return await self._memory.health()

    def metrics(self) -> Mapping[str, float]:
        return self._memory.metrics()
