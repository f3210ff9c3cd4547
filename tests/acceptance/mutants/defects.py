"""Defects of the memory backend, each breaking one rule of the contract that a careless author might break."""

import asyncio
import re

from prism.backends.memory.cache import MemoryCache
from prism.backends.memory.keyvalue import MemoryKeyValue
from prism.backends.memory.store import Entry, Namespace
from prism.interfaces.cache import IncrementRequest, IncrementResponse, SetRequest, SetResponse
from prism.interfaces.keyvalue import (
    CompareAndSwapRequest,
    CompareAndSwapResponse,
    Context,
    GetRequest,
    GetResponse,
    PutItem,
    PutRequest,
    PutResponse,
    ScanRequest,
    ScanResponse,
)
from prism.sdk.keyvalue import is_expected, item, replacement


class DropsTtlOnOverwrite(MemoryKeyValue):
    """An item that is there keeps living, whatever time to live it is put with."""

    def _write(self, namespace: Namespace, id_: bytes, written: PutItem, now: int, *, keep_ttl: bool = False) -> Entry:
        if namespace.live(id_, written.key, now) is not None:
            written.ClearField("ttl")
        return super()._write(namespace, id_, written, now, keep_ttl=keep_ttl)


class LikeInScan(MemoryKeyValue):
    """A prefix is a pattern, as an SQL author's LIKE would have it."""

    async def scan(self, request: ScanRequest, context: Context) -> ScanResponse:
        if not re.search(rb"[%_]", request.prefix):
            return await super().scan(request, context)
        wild = re.escape(request.prefix).replace(b"%", b".*").replace(b"_", b".")
        everything = await super().scan(ScanRequest(id=request.id, limit=1000), context)
        return ScanResponse(items=[each for each in everything.items if re.match(wild, each.key, re.DOTALL)])


class SwapsInTwoSteps(MemoryKeyValue):
    """Others come between the comparison and the swap."""

    async def compare_and_swap(self, request: CompareAndSwapRequest, context: Context) -> CompareAndSwapResponse:
        (namespace, now), id_ = self._enter(context, writes=True), request.id.encode()
        entry = namespace.live(id_, request.key, now)
        current = None if entry is None else item(request.key, *entry)
        matches = is_expected(request, current)
        await asyncio.sleep(0)
        written = replacement(request)
        if not matches:
            return CompareAndSwapResponse(swapped=False, current=current)
        if written is None:
            namespace.remove(id_, request.key)
            return CompareAndSwapResponse(swapped=True)
        return CompareAndSwapResponse(
            swapped=True, current=item(request.key, *self._write(namespace, id_, written, now))
        )


class LosesTheLastOfAPage(MemoryKeyValue):
    """A page that is not the last lacks its last item."""

    async def scan(self, request: ScanRequest, context: Context) -> ScanResponse:
        answer = await super().scan(request, context)
        if answer.next_cursor:
            del answer.items[-1]
        return answer


class SharesNamespaces(MemoryKeyValue):
    """Every namespace is the same."""

    def _enter(self, context: Context, *, writes: bool = False) -> tuple[Namespace, int]:
        return self._store.namespace("everybody's"), self._store.now()


class AcknowledgesFirst(MemoryKeyValue):
    """An item is stored a little after its put has been acknowledged."""

    def _write(self, namespace: Namespace, id_: bytes, written: PutItem, now: int, *, keep_ttl: bool = False) -> Entry:
        entry = Entry(written.value, b"", self._store.next_version(), None)
        asyncio.get_running_loop().call_later(0.002, namespace.write, id_, written.key, entry)
        return entry


class IgnoresTheDeadline(MemoryKeyValue):
    """What comes too late is carried out all the same."""

    def _enter(self, context: Context, *, writes: bool = False) -> tuple[Namespace, int]:
        return super()._enter(Context(context.namespace), writes=writes)


class ReusesVersions(MemoryKeyValue):
    """Versions of an item count from one, and again from one after a delete."""

    def _write(self, namespace: Namespace, id_: bytes, written: PutItem, now: int, *, keep_ttl: bool = False) -> Entry:
        current = namespace.live(id_, written.key, now)
        entry = super()._write(namespace, id_, written, now, keep_ttl=keep_ttl)
        entry = entry._replace(version=1 if current is None else current.version + 1)
        namespace.write(id_, written.key, entry)
        return entry


class JoinsReadsInFlight(MemoryKeyValue):
    """A read that equals one under way gets that one's answer, which may be older than the question."""

    _flying: dict[bytes, "asyncio.Future[GetResponse]"] | None = None

    async def get(self, request: GetRequest, context: Context) -> GetResponse:
        flying = self._flying = self._flying or {}
        what = context.namespace.encode() + request.SerializeToString()
        if what in flying:
            return await asyncio.shield(flying[what])
        flying[what] = asyncio.get_running_loop().create_future()
        answer = await super().get(request, context)
        for _ in range(20):
            await asyncio.sleep(0)
        flying.pop(what).set_result(answer)
        return answer


class ForgetsIdempotencyKeys(MemoryKeyValue):
    """The manifest declares `idempotency`; nothing remembers a key."""

    async def put(self, request: PutRequest, context: Context) -> PutResponse:
        request.ClearField("idempotency_key")
        return await super().put(request, context)


class CacheIgnoresTheDeadline(MemoryCache):
    """An entry that comes too late is stored all the same."""

    async def set(self, request: SetRequest, context: Context) -> SetResponse:
        return await super().set(request, Context(context.namespace))


class CacheCountsInTwoSteps(MemoryCache):
    """Others come between the reading of a counter and its writing."""

    async def increment(self, request: IncrementRequest, context: Context) -> IncrementResponse:
        value = int(self._read(context, request.key) or 0) + request.delta
        await asyncio.sleep(0)
        await self.set(SetRequest(key=request.key, value=b"%d" % value), context)
        return IncrementResponse(value=value)
