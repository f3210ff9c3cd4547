"""The toy backend: just enough of KeyValue, on a store whose troubles a test arranges."""

import asyncio
from collections.abc import Mapping, Sequence

from plugins.toy_store.config import ToyConfig, ToyCredentials
from plugins.toy_store.store import STORES
from prism.errors import BackendCredentials, BackendUnavailable
from prism.interfaces.keyvalue import (
    Context,
    DeleteRequest,
    DeleteResponse,
    ExistsRequest,
    ExistsResponse,
    GetRequest,
    GetResponse,
    Item,
    KeyValue,
    PutRequest,
    PutResponse,
)
from prism.sdk import Health, HealthStatus


class ToyKeyValue(KeyValue):
    """The core of KeyValue."""

    def __init__(self, backend: "ToyBackend") -> None:
        self._backend = backend

    async def put(self, request: PutRequest, context: Context) -> PutResponse:
        await self._backend.store.pass_gate()
        self._backend.check_running()
        record = self._backend.store.data.setdefault((context.namespace, request.id), {})
        record.update({item.key: item.value for item in request.items})
        return PutResponse()

    async def get(self, request: GetRequest, context: Context) -> GetResponse:
        self._backend.check_running()
        record = self._backend.store.data.get((context.namespace, request.id), {})
        return GetResponse(items=[Item(key=key, value=record[key]) for key in request.keys if key in record])

    async def exists(self, request: ExistsRequest, context: Context) -> ExistsResponse:
        self._backend.check_running()
        record = self._backend.store.data.get((context.namespace, request.id), {})
        return ExistsResponse(keys=[key for key in request.keys if key in record])

    async def delete(self, request: DeleteRequest, context: Context) -> DeleteResponse:
        self._backend.check_running()
        record = self._backend.store.data.get((context.namespace, request.id), {})
        gone = [key for key in request.keys or tuple(record) if record.pop(key, None) is not None]
        return DeleteResponse(keys=gone if request.keys else (), count=len(gone))


class ToyBackend:
    """One connection to a toy store."""

    def __init__(self, config: ToyConfig, credentials: ToyCredentials) -> None:
        self.config = config
        self.credentials = credentials
        self.store = STORES[config.store]
        self.running = False

    @property
    def identity(self) -> str:
        return f"toy:{self.config.store}"

    @property
    def interfaces(self) -> Sequence[object]:
        return (ToyKeyValue(self),)

    async def start(self) -> None:
        await self.store.pass_gate()
        if self.store.down:
            raise BackendUnavailable(f"{self.store.down} (connecting as {self._password or 'nobody'})")
        if self.store.password not in ("", self._password):
            raise BackendCredentials(f"the store refuses the password {self._password}")
        self.running = True
        self.store.running += 1
        self.store.started += 1

    async def attach(self, namespace: str) -> None:
        if namespace in self.store.stuck:
            await self.store.unstuck.wait()
        if namespace in self.store.refused:
            raise BackendUnavailable(f"the store refuses {namespace}")
        self.store.attached[namespace] += 1

    async def holds_data(self, namespace: str) -> bool:
        if self.store.unanswerable:
            raise BackendUnavailable("the store does not answer")
        return any(held == namespace for held, _ in self.store.data)

    async def health(self) -> Health:
        return Health(HealthStatus.UNHEALTHY, self.store.sick) if self.store.sick else Health()

    def metrics(self) -> Mapping[str, float]:
        return {"records": len(self.store.data)}

    async def stop(self) -> None:
        if self.running:
            self.running = False
            self.store.running -= 1
        if self.store.hangs:
            await asyncio.Event().wait()

    def check_running(self) -> None:
        """A call to a stopped backend is a failed call: control must let none happen."""
        if not self.running:
            raise BackendUnavailable("this backend is not running")

    @property
    def _password(self) -> str:
        return self.credentials.password.get_secret_value() if self.credentials.password else ""
