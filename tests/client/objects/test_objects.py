"""Objects by the client: what goes in comes out, whatever it is made of."""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.objects_http.site import Site
from prism.client import ConditionNotMet, ContentMismatch, InvalidArgument, ObjectStore, RangeNotSatisfiable, sync
from prism.client.objects import Data
from prism.interfaces import objectstore as messages

LARGE = bytes(range(256)) * 5000


async def later() -> AsyncIterator[bytes]:
    """The bytes in pieces of odd sizes, one of them empty."""
    for begin, end in ((0, 1), (1, 1), (1, 700_000), (700_000, len(LARGE))):
        await asyncio.sleep(0)
        yield LARGE[begin:end]


def pieces() -> Iterator[bytes]:
    """The same without waiting."""
    yield from (LARGE[:10], b"", LARGE[10:])


@pytest.mark.parametrize("kind", ["bytes", "bytearray", "view", "path", "file", "async", "iterator"])
async def test_data_of_any_kind(objects: ObjectStore, tmp_path: Path, kind: str) -> None:
    """Progress adds up to its size, and the store has its checksum."""
    path = tmp_path / "data"
    path.write_bytes(LARGE)
    given: dict[str, Data] = {
        "bytes": LARGE,
        "bytearray": bytearray(LARGE),
        "view": memoryview(LARGE),
        "path": path,
        "file": io.BytesIO(LARGE),
        "async": later(),
        "iterator": pieces(),
    }
    passed: list[int] = []
    stored = await objects.put("k", given[kind], content_type="a/b", metadata={"n": "v"}, on_progress=passed.append)
    assert (stored.size, stored.created, sum(passed)) == (len(LARGE), True, len(LARGE))
    assert await objects.read("k") == LARGE
    info = await objects.head("k")
    assert info is not None
    assert (info.etag, info.content_type, info.metadata) == (stored.etag, "a/b", {"n": "v"})
    assert info.sha256 in (b"", hashlib.sha256(LARGE).digest())
    assert info.modified_at is not None
    assert abs((datetime.now(UTC) - info.modified_at).total_seconds()) < 60


async def test_parts_of_an_object(objects: ObjectStore) -> None:
    """By offset, length and suffix; what is there is known before the first byte is read."""
    await objects.put("k", b"0123456789")
    for given, expected in (
        ({"offset": 3}, b"3456789"),
        ({"offset": 3, "length": 2}, b"34"),
        ({"length": 2}, b"01"),
        ({"suffix": 4}, b"6789"),
        ({"suffix": 40}, b"0123456789"),
    ):
        async with objects.get("k", **given) as reader:
            assert reader.info is not None
            assert reader.info.size == 10
            assert await reader.read() == expected
    with pytest.raises(RangeNotSatisfiable):
        async with objects.get("k", offset=10):
            pass
    with pytest.raises(ValueError, match="suffix"):
        objects.get("k", offset=1, suffix=1)


async def test_what_is_missing(objects: ObjectStore, tmp_path: Path) -> None:
    """None, and no error."""
    assert await objects.read("none") is None
    assert await objects.head("none") is None
    assert await objects.copy("none", "there") is None
    assert await objects.download("none", tmp_path / "none") is None
    await objects.delete("none")
    assert await asyncio.to_thread(lambda: list(tmp_path.iterdir())) == []
    async with objects.get("none") as reader:
        assert reader.info is None
        assert [chunk async for chunk in reader] == []


async def test_conditions(objects: ObjectStore) -> None:
    """Of puts, gets, copies and deletes."""
    first = await objects.put("k", b"1", if_none_match="*")
    with pytest.raises(ConditionNotMet):
        await objects.put("k", b"2", if_none_match="*")
    with pytest.raises(ConditionNotMet):
        await objects.put("k", b"2", if_match="other")
    second = await objects.put("k", b"2", if_match=first.etag)
    with pytest.raises(ConditionNotMet):
        await objects.delete("k", if_match=first.etag)
    with pytest.raises(ConditionNotMet):
        async with objects.get("k", if_match=first.etag):
            pass
    async with objects.get("k", if_none_match=["x", second.etag]) as reader:
        assert reader.info is None
    copied = await objects.copy("k", "l", if_match=second.etag, if_none_match="*")
    assert copied is not None
    with pytest.raises(ConditionNotMet):
        await objects.copy("k", "l", if_none_match="*")
    await objects.delete("k", if_match=second.etag)
    assert await objects.read("l") == b"2"


async def test_lists(objects: ObjectStore) -> None:
    """In byte order, page by page, with common prefixes; and many deleted at once."""
    keys = ["a", "b/1", "b/2", "b/c/3", "\u00e9", "\U0001f600"]
    for key in keys:
        await objects.put(key, b"x")
    assert [each.key async for each in objects.list(page_size=2)] == keys
    assert [(each.key, each.is_prefix) async for each in objects.list("b/", delimiter="/")] == [
        ("b/1", False),
        ("b/2", False),
        ("b/c/", True),
    ]
    assert [each.key async for each in objects.list(limit=3, page_size=2)] == keys[:3]
    assert await objects.delete_many([*keys, "none", "a"]) == dict.fromkeys([*keys, "none"])
    assert [each async for each in objects.list()] == []
    assert await objects.delete_many([]) == {}


async def test_what_comes_wrong_is_not_stored(objects: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checksum goes along: what was changed on the way is refused."""
    from prism.client.objects.source import Counted

    monkeypatch.setattr(
        Counted, "finish", lambda self: messages.Finish(size=self.size, checksum=messages.Checksum(sha256=bytes(32)))
    )
    with pytest.raises(ContentMismatch):
        await objects.put("k", b"x")
    assert await objects.head("k") is None


async def test_a_source_that_fails_stores_nothing(objects: ObjectStore) -> None:
    """Its own error comes out, and no part of it is kept for the whole."""

    async def failing() -> AsyncIterator[bytes]:
        yield b"1"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await objects.put("k", failing())
    assert await objects.head("k") is None


async def test_files_of_every_size_by_parts(objects: ObjectStore, tmp_path: Path) -> None:
    """Empty, smaller than a part, of exactly some parts, and a byte beyond."""
    for size in (0, 1, 9_999, 10_000, 10_001, 30_000, 45_678):
        path = tmp_path / "file"
        path.write_bytes(LARGE[:size])
        passed: list[int] = []
        stored = await objects.upload(
            f"k{size}", path, part_size=10_000, parallel=3, content_type="a/b", on_progress=passed.append
        )
        assert (stored.size, sum(passed)) == (size, size)
        assert await objects.download(f"k{size}", tmp_path / "back") is not None
        assert (tmp_path / "back").read_bytes() == LARGE[:size]
        info = await objects.head(f"k{size}")
        assert info is not None
        assert info.content_type == "a/b"
    assert [each async for each in objects.list_uploads()] == []
    with pytest.raises(InvalidArgument):
        await objects.upload("k", path, part_size=1)


async def test_the_same_without_await(site: Site, tmp_path: Path) -> None:
    """Data, readers, lists and files by the client of programs without an event loop."""

    def work() -> None:
        with sync.Client(site.address) as prism:
            objects = prism.objects()
            assert objects.put("k", pieces()).size == len(LARGE)
            with objects.get("k", offset=5) as reader:
                assert reader.info is not None
                assert b"".join(reader) == LARGE[5:]
            with objects.get("k") as reader:
                assert next(reader)
                assert reader.read()
            path = tmp_path / "file"
            assert objects.download("k", path) is not None
            assert path.read_bytes() == LARGE
            objects.upload("l", path, part_size=500_000)
            assert [each.key for each in objects.list()] == ["k", "l"]
            assert objects.presign("k").url.startswith("/objects/default/k?")
            begun = objects.start_upload("m")
            objects.put_part("m", begun.upload, 1, b"x")
            objects.complete_upload("m", begun.upload, list(objects.list_parts("m", begun.upload)))
            assert objects.read("m") == b"x"
            assert set(objects.delete_many(["k", "l", "m"]).values()) == {None}

    await asyncio.to_thread(work)
