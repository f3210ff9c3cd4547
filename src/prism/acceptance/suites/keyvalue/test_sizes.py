"""Sizes: those that a backend declares are allowed, one byte or element more is refused, and nothing is applied."""

import math

from google.protobuf.empty_pb2 import Empty

from prism.acceptance.suites.keyvalue.dsl import KeyValue, names_field
from prism.errors import InvalidArgument, LimitExceeded
from prism.interfaces.keyvalue import (
    BatchGetRequest,
    CompareAndSwapRequest,
    DeleteRequest,
    ExistsRequest,
    GetRequest,
    PutItem,
    PutRequest,
)
from prism.wire import Code


async def test_the_largest_value_works(kv: KeyValue) -> None:
    """CONTRACT, common rules: values up to the backend's `max_item_size`."""
    most = kv.capabilities.max_item_size
    value = bytes(range(251)) * (most // 251) + b"\xff" * (most % 251)
    await kv.put("r", {b"k": value})
    assert (await kv.item("r", b"k")).value == value
    if kv.capabilities.declares("compare_and_swap"):
        await kv.put("r", {b"k": b"small"})
        assert (await kv.swap("r", b"k", expected_value=b"small", new_value=value[::-1])).swapped
        assert (await kv.item("r", b"k")).value == value[::-1]


async def test_a_value_is_too_large(kv: KeyValue) -> None:
    """CONTRACT, common rules: over `max_item_size`: INVALID_ARGUMENT with field, value, limit, and nothing applied."""
    most = kv.capabilities.max_item_size
    value = b"\0" * (most + 1)
    put = PutRequest(id="r", items=[PutItem(key=b"small", value=b"v"), PutItem(key=b"large", value=value)])
    assert names_field(await kv.refused(InvalidArgument, "Put", put), "items[1].value", str(most + 1), str(most))
    assert await kv.get("r", b"small", b"large") == []
    if kv.capabilities.declares("compare_and_swap"):
        swap = CompareAndSwapRequest(id="r", key=b"large", expected_absent=Empty(), new_value=value)
        assert names_field(
            await kv.refused(InvalidArgument, "CompareAndSwap", swap), "new_value", str(most + 1), str(most)
        )
        assert await kv.get("r", b"small", b"large") == []


async def test_an_answer_is_bounded(kv: KeyValue) -> None:
    """CONTRACT, capabilities: no answer is over `max_payload`; a read that asks for more says so, and goes in parts."""
    value = b"v" * (kv.capabilities.max_item_size - 64)
    keys = [b"%d" % number for number in range(kv.capabilities.max_payload // len(value) + 1)]
    for key in keys:
        await kv.put("r", {key: value})
    refused = await kv.refused(LimitExceeded, "Get", GetRequest(id="r", keys=keys))
    assert (refused.reason, refused.outcome, refused.retry_after) == ("ANSWER_TOO_LARGE", None, None)
    assert "ask for less at once" in refused.message
    most = math.ceil(0.55 * kv.capabilities.max_payload / len(value))
    assert len(await kv.get("r", *keys[:most])) == most
    for key in keys[:most]:
        await kv.put("s", {key: value})
    reads = [GetRequest(id=record, keys=keys[:most]) for record in ("r", "s", "none")]
    results = (await kv.call("BatchGet", BatchGetRequest(reads=reads))).results
    assert sorted(len(each.items) for each in results) == [0, 0, most]
    assert [each.error.code for each in results if each.HasField("error")] == [Code.RESOURCE_EXHAUSTED]


async def test_a_request_has_too_many_elements(kv: KeyValue) -> None:
    """CONTRACT, capabilities: `max_batch_items` elements are allowed in one request, one more is refused."""
    most = kv.capabilities.max_batch_items
    keys = [b"%06d" % number for number in range(most + 1)]
    items = dict.fromkeys(keys, b"v")
    put = PutRequest(id="r", items=[PutItem(key=key, value=b"v") for key in keys])
    assert names_field(await kv.refused(InvalidArgument, "Put", put), "items", str(most + 1), str(most))
    for method, request in (
        ("Get", GetRequest(id="r", keys=keys)),
        ("Exists", ExistsRequest(id="r", keys=keys)),
        ("Delete", DeleteRequest(id="r", keys=keys)),
    ):
        assert names_field(await kv.refused(InvalidArgument, method, request), "keys", str(most + 1), str(most))
    del items[keys.pop()]
    await kv.put("r", items)
    assert await kv.values("r", *keys) == items
    assert await kv.exists("r", *keys) == keys
    assert (await kv.delete("r", *keys)).count == most
