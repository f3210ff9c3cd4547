"""BatchGet and BatchPut: outcome per record: a failure names its record and leaves the others."""

from typing import TypeVar

import pytest
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status

from prism.acceptance.callers.caller import UNTYPED
from prism.acceptance.suites.keyvalue.dsl import KeyValue, put_items
from prism.errors import InvalidArgument
from prism.interfaces.keyvalue import BatchGetRequest, BatchPutRequest, GetRequest, PutItem, PutRequest
from prism.wire.grpc.status import Code

Detail = TypeVar("Detail", bound=Message)

TOO_LONG = "x" * 513


def write(record: str, items: dict[bytes, bytes], idempotency_key: str = "") -> PutRequest:
    """One write of a batch."""
    return PutRequest(id=record, items=put_items(items), idempotency_key=idempotency_key)


def detail(status: Status, kind: type[Detail]) -> Detail:
    """The detail of that type, which must be there once."""
    message = kind()
    assert [each.Unpack(message) for each in status.details].count(True) == 1
    return message


async def test_batch_get_answers_each_read_in_order(kv: KeyValue) -> None:
    """CONTRACT, BatchGet: one result for each read, in the order of the request."""
    await kv.put("a", {b"1": b"a1", b"2": b"a2"})
    await kv.put("b", {b"1": b"b1"})
    results = await kv.batch_get({"b": [b"2", b"1"], "none": [b"1"], "a": [b"2", b"1"]})
    assert [(each.id, [item.value for item in each.items]) for each in results] == [
        ("b", [b"b1"]),
        ("none", []),
        ("a", [b"a2", b"a1"]),
    ]
    assert not any(each.HasField("error") for each in results)


async def test_batch_get_carries_whole_items(kv: KeyValue) -> None:
    """CONTRACT, BatchGet: the same items as Get's."""
    kv.needs("ttl")
    await kv.put("r", {b"k": b"v"}, ttl=3600, metadata={"a": "b"})
    (result,) = await kv.batch_get({"r": [b"k"]})
    assert list(result.items) == await kv.get("r", b"k")


@UNTYPED
async def test_batch_get_may_read_a_record_twice(kv: KeyValue) -> None:
    """CONTRACT, BatchGet: reads are independent of one another."""
    await kv.put("r", {b"1": b"one", b"2": b"two"})
    reads = [GetRequest(id="r", keys=[b"1"]), GetRequest(id="r", keys=[b"2"]), GetRequest(id="r", keys=[b"1"])]
    answer = await kv.call("BatchGet", BatchGetRequest(reads=reads))
    assert [[item.value for item in each.items] for each in answer.results] == [[b"one"], [b"two"], [b"one"]]


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_a_bad_read_leaves_the_others(kv: KeyValue, place: int) -> None:
    """CONTRACT, BatchGet: a failure names its record and leaves the others."""
    reads = [GetRequest(id=record, keys=[b"k"]) for record in ("r", "s")]
    for read in reads:
        await kv.put(read.id, {b"k": b"v"})
    reads.insert(place, GetRequest(id="bad", keys=[b"x" * 1025]))
    results = list((await kv.call("BatchGet", BatchGetRequest(reads=reads))).results)
    bad = results.pop(place)
    assert (bad.id, bad.error.code, list(bad.items)) == ("bad", Code.INVALID_ARGUMENT, [])
    assert [violation.field for violation in detail(bad.error, BadRequest).field_violations] == ["keys[0]"]
    assert [[item.value for item in each.items] for each in results] == [[b"v"], [b"v"]]
    assert not any(each.HasField("error") for each in results)


async def test_batch_put_applies_each_write(kv: KeyValue) -> None:
    """CONTRACT, BatchPut: one result for each write, in the order of the request, with its versions."""
    writes = {f"r{number}": {b"a": b"%d" % number, b"b": b"x"} for number in (3, 1, 2)}
    results = await kv.batch_put(*(write(record, items) for record, items in writes.items()))
    assert [each.id for each in results] == list(writes)
    for each in results:
        items = await kv.get(each.id, b"a", b"b")
        assert {item.key: item.value for item in items} == writes[each.id]
        assert [item.version for item in items] == (list(each.versions) or [b"", b""])
        assert len(each.versions) == (len(items) if kv.capabilities.versions else 0)
        assert not each.HasField("error")


BAD_WRITES = {
    "id too long": (PutRequest(id=TOO_LONG, items=[PutItem(key=b"k")]), "id"),
    "no id": (PutRequest(items=[PutItem(key=b"k")]), "id"),
    "no items": (PutRequest(id="bad"), "items"),
    "no key": (PutRequest(id="bad", items=[PutItem(key=b"fine"), PutItem(value=b"v")]), "items[1].key"),
    "key too long": (PutRequest(id="bad", items=[PutItem(key=b"k" * 1025)]), "items[0].key"),
}


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("fault", BAD_WRITES)
async def test_a_bad_write_leaves_the_others(kv: KeyValue, fault: str, place: int) -> None:
    """CONTRACT, BatchPut: a partial result names what failed, and the outcome of each part."""
    bad, field = BAD_WRITES[fault]
    writes = [write("first", {b"k": b"1"}), write("second", {b"k": b"2"})]
    writes.insert(place, bad)
    results = await kv.batch_put(*writes)
    assert [each.id for each in results] == [each.id for each in writes]
    failed = results.pop(place)
    assert (failed.error.code, list(failed.versions)) == (Code.INVALID_ARGUMENT, [])
    assert detail(failed.error, ErrorInfo).metadata["outcome"] == "NOT_APPLIED"
    assert [violation.field for violation in detail(failed.error, BadRequest).field_violations] == [field]
    assert not any(each.HasField("error") for each in results)
    assert await kv.values("first", b"k") == {b"k": b"1"}
    assert await kv.values("second", b"k") == {b"k": b"2"}
    assert await kv.are_records(["first", "second"], "bad", b"k", b"fine")


@UNTYPED
async def test_a_write_with_a_key_twice_leaves_the_others(kv: KeyValue) -> None:
    """CONTRACT, BatchPut: a failure names its record and leaves the others, also one between a record's own items."""
    bad = PutRequest(id="bad", items=[PutItem(key=b"k"), PutItem(key=b"k")])
    results = await kv.batch_put(write("first", {b"k": b"1"}), bad, write("second", {b"k": b"2"}))
    assert [each.error.code for each in results] == [Code.OK, Code.INVALID_ARGUMENT, Code.OK]
    assert [violation.field for violation in detail(results[1].error, BadRequest).field_violations] == ["items[1]"]
    assert await kv.are_records(["first", "second"], "bad", b"k")


async def test_a_reused_idempotency_key_fails_its_record_alone(kv: KeyValue) -> None:
    """CONTRACT, BatchPut and idempotency keys: ALREADY_EXISTS for the record that reused one; others are applied."""
    kv.needs("idempotency")
    await kv.put("r", {b"k": b"first"}, idempotency_key="once")
    results = await kv.batch_put(
        write("a", {b"k": b"1"}), write("r", {b"k": b"other"}, "once"), write("b", {b"k": b"2"}, "another")
    )
    assert [each.error.code for each in results] == [Code.OK, Code.ALREADY_EXISTS, Code.OK]
    assert detail(results[1].error, ErrorInfo).metadata["outcome"] == "NOT_APPLIED"
    assert await kv.values("r", b"k") == {b"k": b"first"}
    assert await kv.values("a", b"k") == {b"k": b"1"}
    assert await kv.values("b", b"k") == {b"k": b"2"}


async def test_a_batch_repeated_with_its_keys_is_applied_once(kv: KeyValue) -> None:
    """CONTRACT, idempotency keys: the same payload gives the first answer again, in a batch too."""
    kv.needs("idempotency")
    writes = [write(f"r{number}", {b"k": b"v"}, f"key {number}") for number in range(5)]
    first = await kv.batch_put(*writes)
    second = await kv.batch_put(*reversed(writes))
    assert second[::-1] == first
    assert [(await kv.item(f"r{number}", b"k")).version for number in range(5)] == [each.versions[0] for each in first]


@UNTYPED
async def test_a_record_may_be_written_once_in_a_batch(kv: KeyValue) -> None:
    """proto, BatchPut: no two writes of one record, because writes may be applied in any order."""
    request = BatchPutRequest(writes=[write("r", {b"k": b"1"}), write("s", {b"k": b"1"}), write("r", {b"k": b"2"})])
    error = await kv.refused(InvalidArgument, "BatchPut", request)
    assert [violation.field for violation in error.violations] == ["writes[2]"]
    assert await kv.are_records([], "r", b"k")
    assert await kv.exists("s", b"k") == []


@UNTYPED
async def test_a_batch_holds_something(kv: KeyValue) -> None:
    """proto, batches: at least one element."""
    assert (await kv.refused(InvalidArgument, "BatchGet", BatchGetRequest())).violations[0].field == "reads"
    assert (await kv.refused(InvalidArgument, "BatchPut", BatchPutRequest())).violations[0].field == "writes"


async def test_a_batch_may_be_as_large_as_declared(kv: KeyValue) -> None:
    """CONTRACT, capabilities: `max_batch_items` writes in one batch are applied, one more is refused."""
    most = kv.capabilities.max_batch_items
    writes = [write(f"{number:05}", {b"k": b"%d" % number}) for number in range(most + 1)]
    error = await kv.refused(InvalidArgument, "BatchPut", BatchPutRequest(writes=writes))
    assert (error.violations[0].field, str(most) in error.violations[0].limit) == ("writes", True)
    assert await kv.are_records([], "00000", b"k")
    results = await kv.batch_put(*writes[:most])
    assert not any(each.HasField("error") for each in results)
    reads = await kv.batch_get({each.id: [b"k"] for each in writes[:most]})
    assert [each.items[0].value for each in reads] == [b"%d" % number for number in range(most)]
