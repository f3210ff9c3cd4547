"""Rules 1, 2, 10 and 13: an object is there whole or not at all, and a Get is of one object."""

import asyncio

import pytest
from google.protobuf.message import Message

from prism.acceptance.suites.objectstore.dsl import Objects, chunks, pattern, requests, sha256
from prism.errors import ContentMismatch, InvalidArgument
from prism.interfaces import objectstore as o

SIZES = [0, 1, 65_535, 65_536, 1_048_577]


@pytest.mark.parametrize("size", SIZES)
async def test_an_object_is_read_as_it_was_put(objects: Objects, size: int) -> None:
    """CONTRACT, ObjectStore 1: what was put is there, whole, byte for byte."""
    data = pattern(size)
    put = await objects.put("k", data)
    assert put.size == size
    got = await objects.get("k")
    assert (got.data, got.object.size, got.object.key) == (data, size, "k")
    head = await objects.head("k")
    assert head is not None
    assert (head.size, head.etag, head.version) == (size, put.etag, put.version)
    assert head.etag
    assert head.HasField("modified_at")


@pytest.mark.parametrize("cut", [1, 7, 100_000])
async def test_chunks_may_be_of_any_size(objects: Objects, cut: int) -> None:
    """CONTRACT, ObjectStore 1: the content is what the chunks are together, empty ones among them."""
    data = pattern(2000 if cut < 10 else 500_000)
    pieces = chunks(data, cut)
    pieces.insert(len(pieces) // 2, b"")
    await objects.put("k", pieces=pieces)
    assert await objects.data("k") == data


@pytest.mark.parametrize("size", [0, 9, 11])
async def test_another_size_stores_nothing(objects: Objects, size: int) -> None:
    """CONTRACT, ObjectStore 1: a Put with another size stores nothing."""
    await objects.put("k", b"before")
    put = objects.put("k", pattern(10), finish=o.Finish(size=size))
    await objects.refuses_write(ContentMismatch, put, "CONTENT_MISMATCH")
    assert await objects.data("k") == b"before"


@pytest.mark.parametrize("declared", [0, 9, 11, 1 << 30])
async def test_another_declared_size_stores_nothing(objects: Objects, declared: int) -> None:
    """CONTRACT, ObjectStore 1: a Put with another size than its head declares stores nothing; else it does."""
    await objects.put("k", b"before")
    put = objects.put("k", pattern(10), size=declared)
    await objects.refuses_write(ContentMismatch, put, "CONTENT_MISMATCH")
    assert await objects.data("k") == b"before"
    await objects.put("k", pattern(10), size=10)
    assert await objects.data("k") == pattern(10)


async def test_another_checksum_stores_nothing(objects: Objects) -> None:
    """CONTRACT, ObjectStore 1: a Put with another SHA-256 stores nothing; with the right one it stores."""
    data = pattern(100_000)
    await objects.put("k", b"before")
    wrong = o.Finish(size=len(data), checksum=o.Checksum(sha256=sha256(b"other")))
    await objects.refuses_write(ContentMismatch, objects.put("k", data, finish=wrong), "CONTENT_MISMATCH")
    assert await objects.data("k") == b"before"
    right = o.Finish(size=len(data), checksum=o.Checksum(sha256=sha256(data)))
    await objects.put("k", data, finish=right)
    assert await objects.data("k") == data


async def test_a_crc_is_compared(objects: Objects) -> None:
    """CONTRACT, ObjectStore 1: a Put with another CRC-32C stores nothing; with the right one it stores."""
    data, right = b"123456789", 0xE3069283  # RFC 3720, B.4
    await objects.put("k", b"before")
    for crc in (0, right ^ 1):
        wrong = o.Finish(size=len(data), checksum=o.Checksum(crc32c=crc))
        await objects.refuses_write(ContentMismatch, objects.put("k", data, finish=wrong), "CONTENT_MISMATCH")
    assert await objects.data("k") == b"before"
    await objects.put("k", data, finish=o.Finish(size=len(data), checksum=o.Checksum(crc32c=right)))
    assert await objects.data("k") == data
    zero = o.Finish(checksum=o.Checksum(crc32c=0))
    await objects.put("k", finish=zero)
    assert await objects.data("k") == b""


async def test_a_checksum_is_of_its_length(objects: Objects) -> None:
    """CONTRACT, ObjectStore 1: what is not a SHA-256 is INVALID_ARGUMENT, and stores nothing."""
    short = o.Finish(size=1, checksum=o.Checksum(sha256=b"short"))
    await objects.refuses_write(InvalidArgument, objects.put("k", b"x", finish=short))
    assert await objects.head("k") is None


HEAD = o.PutRequest(head=o.PutHead(key="k"))
CHUNK = o.PutRequest(chunk=b"x")
FINISH = o.PutRequest(finish=o.Finish(size=1))


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param([], id="nothing"),
        pytest.param([HEAD], id="head alone"),
        pytest.param([HEAD, CHUNK], id="no finish"),
        pytest.param([CHUNK, FINISH], id="no head"),
        pytest.param([FINISH], id="finish alone"),
        pytest.param([HEAD, CHUNK, HEAD, FINISH], id="two heads"),
        pytest.param([HEAD, o.PutRequest(), FINISH], id="an empty request"),
    ],
)
async def test_a_stream_that_is_not_whole_stores_nothing(objects: Objects, stream: list[Message]) -> None:
    """CONTRACT, ObjectStore 1: a Put without its head, its finish or its order stores nothing."""
    await objects.put("k", b"before")
    kind = ContentMismatch if stream in ([HEAD], [HEAD, CHUNK]) else InvalidArgument
    await objects.refuses_write(kind, objects.ask("Put", requests(*stream)))
    assert await objects.data("k") == b"before"


async def test_a_put_replaces(objects: Objects) -> None:
    """CONTRACT, ObjectStore 1: the object is there whole, or the old one is; a put says whether there was one."""
    first = await objects.put("k", pattern(300_000, 1))
    second = await objects.put("k", pattern(10, 2))
    if first.HasField("created"):
        assert (first.created, second.created) == (True, False)
    assert await objects.data("k", via=1) == pattern(10, 2)
    assert await objects.names() == ["k"]


async def test_a_missing_object_is_not_found(objects: Objects) -> None:
    """CONTRACT, ObjectStore 2: a missing one is `found: false`, and has no chunks."""
    got = await objects.get("k")
    assert (got.head.found, got.head.modified, got.chunks, got.head.HasField("object")) == (False, False, 0, False)
    assert await objects.head("k") is None


async def test_etags_name_contents(objects: Objects) -> None:
    """CONTRACT, ObjectStore 2: an etag names content: another one for other bytes."""
    one = await objects.put("k", pattern(1000, 1))
    two = await objects.put("k", pattern(1000, 2))
    assert one.etag != two.etag
    head = await objects.head("k")
    assert head is not None
    assert head.etag == two.etag
    assert not {'"', "\\", " "} & set(head.etag)


async def test_versions_never_come_again(objects: Objects) -> None:
    """CONTRACT, ObjectStore 2: a version is of one object, and is never given again."""
    objects.needs("versions")
    seen = [(await objects.put("k", b"same")).version for _ in range(3)]
    await objects.delete("k")
    seen.append((await objects.put("k", b"same")).version)
    assert len(set(seen)) == 4
    assert "" not in seen
    got = await objects.get("k", version=seen[-1])
    assert (got.data, got.object.version) == (b"same", seen[-1])
    if not objects.capabilities.declares("old_versions"):
        assert not (await objects.get("k", version=seen[0])).head.found
        assert await objects.head("k", version=seen[0]) is None


async def test_one_get_is_of_one_object(objects: Objects) -> None:
    """CONTRACT, ObjectStore 2: one Get is of one object, also while another takes its place."""
    contents = [pattern(400_000, seed) for seed in range(4)]
    await objects.put("k", contents[0])
    done = asyncio.Event()

    async def replace() -> None:
        for number in range(12):
            await objects.put("k", contents[number % 4])
        done.set()

    async def read() -> int:
        count = 0
        while not done.is_set() or not count:
            got = await objects.get("k")
            assert got.head.found
            assert got.data in contents
            count += 1
        return count

    await asyncio.gather(replace(), read(), read())
    assert await objects.data("k") == contents[3]


async def test_what_is_deleted_is_read_to_its_end(objects: Objects) -> None:
    """CONTRACT, ObjectStore 2: who has begun to read an object gets it whole, though it is deleted meanwhile."""
    data = pattern(6 << 20)
    await objects.put("k", data)
    responses = objects.open("Get", o.GetRequest(key="k"))
    assert (await anext(responses)).head.found
    await objects.delete("k")
    assert await objects.head("k") is None
    found = b"".join([each.chunk async for each in responses if each.HasField("chunk")])
    assert found == data


async def test_a_declared_size_is_looked_at_first(objects: Objects) -> None:
    """CONTRACT, ObjectStore 13: what is declared too large is refused before the first chunk."""
    most = objects.capabilities.max_object_size
    head = o.PutRequest(head=o.PutHead(key="k", size=most + 1))
    error = await objects.refuses_write(InvalidArgument, objects.ask("Put", requests(head)))
    assert [each.field for each in error.violations] == ["size"]


async def test_namespaces_are_apart(objects: Objects) -> None:
    """CONTRACT, common rules: no namespace sees or changes the objects of another."""
    other = objects.elsewhere()
    await objects.put("k", b"mine")
    assert await other.data("k") is None
    assert await other.names() == []
    await other.delete("k")
    await other.put("k", b"yours")
    assert await objects.data("k") == b"mine"


async def test_deleting_what_is_missing_succeeds(objects: Objects) -> None:
    """CONTRACT, ObjectStore 4: deleting a missing object succeeds; a deleted one is gone through any gateway."""
    await objects.delete("k")
    await objects.put("k", b"x")
    await objects.delete("k")
    assert await objects.data("k", via=1) is None
    answer = await objects.ask("DeleteMany", o.DeleteManyRequest(keys=["k", "other"]))
    assert [(each.key, each.HasField("error")) for each in answer.results] == [("k", False), ("other", False)]


async def test_many_are_deleted_at_once(objects: Objects) -> None:
    """proto, DeleteMany: each key has an outcome of its own."""
    for key in ("a", "b", "c"):
        await objects.put(key, key.encode())
    answer = await objects.ask("DeleteMany", o.DeleteManyRequest(keys=["c", "missing", "a"]))
    assert [each.key for each in answer.results] == ["c", "missing", "a"]
    assert not any(each.HasField("error") for each in answer.results)
    assert await objects.names() == ["b"]
