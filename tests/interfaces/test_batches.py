"""The batches of KeyValue: many single operations at once, and not so many that other callers must wait."""

import asyncio
from typing import Any

import pytest

from prism.context import Context
from prism.interfaces import keyvalue as kv


class Backend:
    """Counts how many of its operations are under way at once."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def __call__(self, _method: str, request: Any, _context: Context) -> Any:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        if isinstance(request, kv.GetRequest):
            return kv.GetResponse(items=[kv.Item(key=key) for key in request.keys[:1]])
        return kv.PutResponse(versions=[request.id.encode()])


@pytest.mark.parametrize(("parts", "items", "at_once"), [(1000, 1, 1000), (1000, 2, 1000), (10, 400, 5), (3, 1500, 1)])
async def test_batches_are_carried_out_in_portions(parts: int, items: int, at_once: int) -> None:
    """Small parts all together, so that a backend can join them; of large ones as many as 2,000 items are, in order."""
    keys = [b"%d" % number for number in range(items)]
    context, backend = Context("default"), Backend()
    reads = kv.BatchGetRequest(reads=[kv.GetRequest(id=str(number), keys=keys) for number in range(parts)])
    got = await kv.batch_get(backend, reads, context, 1 << 30)
    assert [result.id for result in got.results] == [str(number) for number in range(parts)]
    assert (backend.most, backend.now) == (at_once, 0)
    puts = [kv.PutRequest(id=str(number), items=[kv.PutItem(key=key) for key in keys]) for number in range(parts)]
    backend = Backend()
    put = await kv.batch_put(backend, kv.BatchPutRequest(writes=puts), context, 0)
    assert [result.versions[0] for result in put.results] == [b"%d" % number for number in range(parts)]
    assert (backend.most, backend.now) == (at_once, 0)
