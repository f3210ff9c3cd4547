"""The s3 backend on a real server: what is its own, beside what the acceptance kit shows of every backend."""

import asyncio
import hashlib
import os as system
from collections.abc import AsyncIterator, Mapping
from itertools import count
from typing import Any

import aiohttp
import pytest
from yarl import URL

from backends.s3.objects import MIB, PART, Objects, objects_at, objects_on
from prism.acceptance.store.polling import eventually
from prism.acceptance.store.proxy import Proxy
from prism.backends.s3.testing import S3Server, make_bucket
from prism.backends.s3.transfers.body import Body
from prism.backends.s3.transfers.multipart import Multipart
from prism.errors import (
    BackendCredentials,
    BackendUnavailable,
    ConditionNotMet,
    ContentMismatch,
    FailedPrecondition,
    InvalidArgument,
    Outcome,
    UploadNotFound,
)
from prism.interfaces import objectstore as os

TIMEOUT = 30.0
BLOCK = system.urandom(MIB)
_numbers = count()


@pytest.fixture
async def objects(server: S3Server) -> AsyncIterator[Objects]:
    """A backend on a bucket of the test's own."""
    async with asyncio.timeout(TIMEOUT), objects_on(server, f"objects-{next(_numbers)}") as objects:
        yield objects


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 3 * PART, 3 * PART + 1])
@pytest.mark.parametrize("told", [True, False])
async def test_sizes_around_those_of_parts(objects: Objects, size: int, told: bool) -> None:
    """An object comes back as it was put, in one piece or in parts, whether its size was known before or not."""
    content = (BLOCK * (size // MIB + 1))[:size]
    chunks = [content[begin : begin + 700_000] for begin in range(0, size, 700_000)]
    stored = await objects.put("key", *chunks, **({"size": size} if told else {}))
    assert stored.size == size
    assert stored.checksum.sha256 == hashlib.sha256(content).digest()
    assert await objects.get("key") == content
    assert stored.etag.endswith(f"-{-(-size // PART)}") == (size > PART)
    assert objects.backend.metrics()["transfer_bytes_held"] == 0


@pytest.mark.parametrize("size", [100_000, PART + 1])
async def test_chunks_come_as_views_of_their_requests(objects: Objects, size: int) -> None:
    """As the gateway hands them over: without a copy of protobuf's, and equal all the same."""
    content, decode = BLOCK[:100_000] * (size // 100_000 + 1), objects.store.decoder("put")
    assert decode is not None

    async def requests() -> AsyncIterator[os.PutRequest]:
        yield os.PutRequest(head=os.PutHead(key="viewed"))
        for begin in range(0, size, 100_000):
            request = os.PutRequest(chunk=content[begin : min(begin + 100_000, size)])
            viewed = decode(request.SerializeToString())
            assert isinstance(viewed.chunk, memoryview)
            yield viewed
        yield os.PutRequest(finish=os.Finish(size=size))

    stored = await objects.store.put(requests(), objects.context)
    assert stored.checksum.sha256 == hashlib.sha256(content[:size]).digest()
    assert await objects.get("viewed") == content[:size]


async def test_what_is_not_as_its_sender_says_is_not_there(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old object stays, no part is left, and no memory is held. No part is cut off: late, it would bring back the
    upload that was ended meanwhile."""
    whole = Multipart.put_part
    begun, arrived = [], []

    async def put_part(parts: Multipart, key: str, upload: str, number: int, body: Body) -> Mapping[str, Any]:
        begun.append(number)
        named = await whole(parts, key, upload, number, body)
        arrived.append(number)
        return named

    monkeypatch.setattr(Multipart, "put_part", put_part)
    await objects.put("key", b"old")
    wrong = os.Finish(size=3 * PART, checksum=os.Checksum(sha256=bytes(32)))
    for head in ({}, {"size": 3 * PART}):
        with pytest.raises(ContentMismatch):
            await objects.put("key", *[BLOCK] * 15, finish=wrong, **head)
    assert sorted(begun) == sorted(arrived) != []
    assert await objects.get("key") == b"old"
    assert await objects.uploads() == []
    assert objects.backend.metrics()["transfer_bytes_held"] == 0


async def test_a_sender_who_vanishes_leaves_nothing(objects: Objects) -> None:
    """The upload by parts that was begun for it is ended at once."""
    hung = asyncio.Event()

    async def requests() -> AsyncIterator[os.PutRequest]:
        yield os.PutRequest(head=os.PutHead(key="key"))
        for _ in range(12):
            yield os.PutRequest(chunk=BLOCK)
        hung.set()
        await asyncio.Event().wait()

    put = asyncio.create_task(objects.store.put(requests(), objects.context))
    await hung.wait()
    await eventually(lambda: begun(objects), "an upload is listed only where it is asked for")
    put.cancel()
    await asyncio.wait((put,))
    assert await objects.uploads() == []
    assert await objects.get("key") is None
    assert objects.backend.metrics()["transfer_bytes_held"] == 0


async def test_uploads_that_no_one_completes_are_ended(server: S3Server) -> None:
    """After their time, those that a killed process has left too; one that is young stays."""
    async with objects_on(server, "swept", sweep_interval=0.05, objects={"upload_ttl": 1.5}) as objects:
        request = os.StartUploadRequest(key="key")
        upload = (await objects.store.start_upload(request, objects.context)).upload
        part = await objects.part("key", upload, 1, b"value")
        assert await objects.uploads() == ["key"]
        await eventually(lambda: ended(objects), "an upload is listed only where it is asked for")
        complete = os.CompleteUploadRequest(key="key", upload=upload, parts=[part])
        with pytest.raises(UploadNotFound):
            await objects.store.complete_upload(complete, objects.context)
        assert objects.backend.metrics()["uploads_swept"] == 1


async def begun(objects: Objects) -> bool:
    """Whether an upload by parts is under way."""
    return bool(await objects.uploads())


async def ended(objects: Objects) -> bool:
    """Whether none is."""
    return not await objects.uploads()


async def test_an_upload_goes_on_in_another_process(server: S3Server) -> None:
    """It lives at S3: another instance lists its parts, sends the rest, and completes it, once or twice."""
    async with objects_on(server, "resumed") as first:
        upload = (await first.store.start_upload(os.StartUploadRequest(key="key"), first.context)).upload
        sent = await first.part("key", upload, 1, *[BLOCK] * 5)
    async with objects_on(server, "resumed") as second:
        request = os.ListPartsRequest(key="key", upload=upload)
        (known,) = (await second.store.list_parts(request, second.context)).parts
        assert (known.number, known.etag, known.size) == (1, sent.etag, PART)
        rest = await second.part("key", upload, 7, b"end", size=3)
        request = os.CompleteUploadRequest(key="key", upload=upload, parts=[sent, rest])
        made = await second.store.complete_upload(request, second.context)
        again = await second.store.complete_upload(request, second.context)
        assert again.etag == made.etag
        assert await second.get("key") == BLOCK * 5 + b"end"


async def test_a_put_whose_answer_is_lost_knows_its_own(server: S3Server) -> None:
    """It is sent again, and the refusal of its own condition by its first try is a success; another's is not."""
    await make_bucket(server.url, server.credentials(), "lost")
    async with Proxy("127.0.0.1", server.port) as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        async with objects_at(url, server.credentials(), "lost") as objects:
            for key, content in (("small", [b"value"]), ("large", [BLOCK] * 6)):
                proxy.cut_in_answer(0 if key == "small" else 900)
                stored = await objects.put(key, *content, if_none_match="*")
                found = await objects.head(key)
                assert found is not None
                assert (found.etag, found.version) == (stored.etag, stored.version)
                assert dict(found.properties.metadata) == {}
                with pytest.raises(ConditionNotMet):
                    await objects.put(key, b"other", if_none_match="*")
            assert objects.backend.metrics()["requests_repeated"] >= 1


async def test_a_part_whose_connection_is_cut_is_sent_again(server: S3Server) -> None:
    """The object is whole, though each of its requests meets a connection that breaks."""
    await make_bucket(server.url, server.credentials(), "cut")
    async with Proxy("127.0.0.1", server.port) as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        async with objects_at(url, server.credentials(), "cut", retries=5) as objects:

            async def requests() -> AsyncIterator[os.PutRequest]:
                yield os.PutRequest(head=os.PutHead(key="key"))
                for number in range(20):
                    if number % 6 == 5:
                        await proxy.cut()
                    yield os.PutRequest(chunk=BLOCK)
                yield os.PutRequest(finish=os.Finish(size=20 * MIB))

            await objects.store.put(requests(), objects.context)
            assert await objects.get("key") == BLOCK * 20


async def test_a_read_that_is_cut_goes_on_from_there(server: S3Server) -> None:
    """Of the same object, though another has taken its place meanwhile: its version is asked for."""
    await make_bucket(server.url, server.credentials(), "reads")
    async with Proxy("127.0.0.1", server.port) as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        async with objects_at(url, server.credentials(), "reads") as objects:
            await objects.put("key", *[BLOCK] * 8)
            got, cuts = b"", 0
            async for answer in objects.store.get(os.GetRequest(key="key"), objects.context):
                got += answer.chunk
                if len(got) > (cuts + 1) * 2 * MIB and cuts < 2:
                    cuts += 1
                    await objects.put("key", b"another")
                    await proxy.cut()
            assert got == BLOCK * 8
            assert objects.backend.metrics()["reads_resumed"] >= 1


async def test_memory_of_many_slow_writers_is_bounded(server: S3Server) -> None:
    """Those for whom there is no room pass what comes on to S3 as it comes; fast ones go on beside them."""
    budget = 16 * MIB
    async with objects_on(server, "budget", objects={"budget": budget}, pool_size=64) as objects:
        slow, under_way, peak = asyncio.Event(), [asyncio.Event() for _ in range(6)], 0

        async def requests(number: int) -> AsyncIterator[os.PutRequest]:
            yield os.PutRequest(head=os.PutHead(key=f"slow/{number}", size=6 * MIB))
            for _ in range(3):
                yield os.PutRequest(chunk=BLOCK)
            under_way[number].set()
            await slow.wait()
            for _ in range(3):
                yield os.PutRequest(chunk=BLOCK)
            yield os.PutRequest(finish=os.Finish(size=6 * MIB))

        puts = [asyncio.create_task(objects.store.put(requests(each), objects.context)) for each in range(6)]
        await asyncio.gather(*(each.wait() for each in under_way))
        for number in range(2):
            await objects.put(f"fast/{number}", *[BLOCK] * 6, size=6 * MIB)
            peak = max(peak, int(objects.backend.metrics()["transfer_bytes_held"]))
        slow.set()
        await asyncio.gather(*puts)
        assert peak <= budget
        for number in (0, 5):
            assert await objects.get(f"slow/{number}") == BLOCK * 6
        assert objects.backend.metrics()["transfer_bytes_held"] == 0


async def test_a_prefix_is_added_and_taken_away(server: S3Server) -> None:
    """What others see begins with it; what the namespace sees does not; and it takes its part of a key's length."""
    async with objects_on(server, "prefixed", prefix="data/{namespace}/v1/") as objects:
        await objects.put("a/b", b"value")
        assert await objects.backend.holds_data("default")
        assert not await objects.backend.holds_data("other")
        async with objects_on(server, "prefixed", prefix="") as whole:
            assert await whole.get("data/default/v1/a/b") == b"value"
            with pytest.raises(FailedPrecondition, match=r"put \{namespace\} into the prefix"):
                await whole.backend.attach("other")
        with pytest.raises(InvalidArgument, match="at most 1008 fit behind the prefix"):
            await objects.put("/".join(["x" * 201] * 5), b"")


async def test_lists_go_on_behind_a_prefix(objects: Objects) -> None:
    """Each entry once over pages of one, though the server has no cursor of ours."""
    keys = ["a-", "a/x", "a/y", "a0", "b/\U0010ffff", "b0", "c"]
    await asyncio.gather(*(objects.put(key, b"") for key in keys))
    found, cursor = [], b""
    while True:
        request = os.ListRequest(delimiter="/", limit=1, cursor=cursor)
        answer = await objects.store.list(request, objects.context)
        found += [entry.prefix or entry.object.key for entry in answer.entries]
        cursor = answer.next_cursor
        if not cursor:
            break
    assert found == ["a-", "a/", "a0", "b/", "b0", "c"]


async def test_what_the_store_cannot_hold_is_refused_by_name(objects: Objects) -> None:
    """This server keeps objects as files: one cannot be a folder."""
    await objects.put("a", b"value")
    with pytest.raises(InvalidArgument, match="cannot hold an object under this key"):
        await objects.put("a/b", b"value")
    assert await objects.get("a") == b"value"


async def test_a_server_that_is_gone_and_back(server: S3Server) -> None:
    """Calls say so at once, nothing was applied; afterwards all goes on."""
    async with objects_on(server, "gone") as objects:
        await objects.put("key", b"value")
        await asyncio.to_thread(server.kill)
        with pytest.raises(BackendUnavailable, match="S3 does not answer") as refused:
            await objects.put("key", b"other")
        assert refused.value.outcome == Outcome.NOT_APPLIED
        health = await objects.backend.health()
        assert "S3 does not answer" in health.message
        await asyncio.to_thread(server.start)
        assert await objects.get("key") == b"value"


async def test_a_server_that_stands_still(server: S3Server) -> None:
    """A call ends in its time, and it is not known what became of it."""
    async with objects_on(server, "still", answer_timeout=0.3, retries=0) as objects:
        await objects.put("key", b"value")
        server.pause()
        try:
            with pytest.raises(BackendUnavailable, match="S3 does not answer") as refused:
                await objects.put("key", b"other")
        finally:
            server.resume()
        assert refused.value.outcome == Outcome.UNKNOWN
        assert await objects.get("key") in {b"value", b"other"}


async def test_an_account_that_is_refused(server: S3Server) -> None:
    """It is the gateway's, not the caller's, and the message holds no secret."""
    await make_bucket(server.url, server.credentials(), "refused")
    account = {**server.credentials(), "secret_access_key": "wrong-secret"}
    with pytest.raises(BackendCredentials, match="SignatureDoesNotMatch") as refused:
        async with objects_at(server.url, account, "refused"):
            pass
    assert "wrong-secret" not in refused.value.message


async def test_a_bucket_that_is_missing(server: S3Server) -> None:
    """The backend does not start, and says what to do."""
    with pytest.raises(FailedPrecondition, match="the bucket does not exist: create it"):
        async with objects_at(server.url, server.credentials(), "missing-bucket"):
            pass


async def test_an_address_at_s3_itself(server: S3Server) -> None:
    """It gets the object without the gateway; and only where the configuration allows it."""
    async with objects_on(server, "presigned", presign=True) as objects:
        await objects.put("k/ü", b"value")
        request = os.PresignRequest(key="k/ü", method=os.Method.OBJECT_STORE_METHOD_GET, direct=True)
        url = (await objects.store.presign(request, objects.context)).url
        async with aiohttp.ClientSession() as session, session.get(URL(url, encoded=True)) as answer:
            assert await answer.read() == b"value"
