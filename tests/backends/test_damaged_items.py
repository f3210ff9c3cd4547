"""An item that is damaged in the store is DATA_LOSS, by its name; its neighbours are read, and it can be put anew."""

import sqlite3
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from typing import Any

import pytest
from google.rpc.code_pb2 import DATA_LOSS, OK

from backends.opened import open_backend
from missing import missing
from prism.acceptance.store.backend import StoreMissing
from prism.errors import DataLoss, InvalidArgument, Outcome
from prism.interfaces import keyvalue as kv
from prism.sdk import Binding, Context

HERE = Context("n")
SERVICE = "prism.data.v1.KeyValue"
NOTED = {"type": "text"}
KEYS = [b"a", b"b", b"c"]
RECORDS = ["r1", "r2", "r3"]
UNREADABLE = b"\xff\xff\xff"
FOREIGN = kv.Item(key=b"another", value=b"another").SerializeToString()


@dataclass
class Place:
    """A backend, and a way to its store behind it.

    Attributes:
        damage: puts other metadata into the item `b` of the record `r2`.
        how: it was damaged.
    """

    binding: Binding
    damage: Callable[[bytes], Awaitable[None]]
    how: bytes = b""

    async def call(self, method: str, request: Any) -> Any:
        """One operation."""
        answer = await self.binding.unary[f"{SERVICE}/{method}"](request.SerializeToString(), HERE)
        return getattr(kv, f"{method}Response").FromString(answer)

    async def stream(self, cursor: bytes = b"", **fields: Any) -> AsyncIterator[tuple[str, bytes]]:
        """Ids and keys."""
        request = kv.ScanStreamRequest(cursor=cursor, **fields)
        async for answer in self.binding.streaming[f"{SERVICE}/ScanStream"](request.SerializeToString(), HERE):
            chunk = kv.ScanStreamResponse.FromString(answer)
            for item in chunk.items:
                yield chunk.id, item.key


@asynccontextmanager
async def sqlite(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """A file."""
    path = request.getfixturevalue("tmp_path") / "data.db"
    backend, binding = await open_backend("sqlite", path=path)

    async def damage(metadata: bytes) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE item SET metadata = ? WHERE id = ? AND key = ?", (metadata, b"r2", b"b"))

    try:
        yield Place(binding, damage)
    finally:
        await backend.stop()


@asynccontextmanager
async def postgres(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """A schema."""
    postgres_url = request.getfixturevalue("postgres_url")
    import asyncpg

    backend, binding = await open_backend("postgres", connection_string=postgres_url)

    async def damage(metadata: bytes) -> None:
        connection = await asyncpg.connect(postgres_url)
        await connection.execute("UPDATE prism.items SET metadata = $1 WHERE id = 'r2' AND key = 'b'", metadata)
        await connection.close()

    try:
        yield Place(binding, damage)
    finally:
        await backend.stop()


@asynccontextmanager
async def redis(_: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """A server."""
    pytest.importorskip("redis")
    from prism.backends.redis.data.layout import HEADER
    from prism.backends.redis.testing.server import RedisServer

    try:
        server = RedisServer()
        server.start()
    except StoreMissing as absent:
        missing(str(absent))
    backend, binding = await open_backend("redis", addresses=[server.address], login=dict(server.credentials()))
    name = b"prism:{n\0r2}\0ib"

    async def damage(metadata: bytes) -> None:
        stored = server.command("GET", name)
        version, due, length = HEADER.unpack_from(stored)
        value = stored[HEADER.size + length :]
        if metadata == CUT_SHORT:
            stored = stored[:10]
        elif metadata == ANOTHER_TYPE:
            server.command("DEL", name)
            server.command("RPUSH", name, b"another's")
            return
        else:
            stored = HEADER.pack(version, due, len(metadata)) + metadata + value
        server.command("SET", name, stored)

    try:
        yield Place(binding, damage)
    finally:
        await backend.stop()
        server.stop()


CUT_SHORT = b"cut short"
ANOTHER_TYPE = b"another type"


@pytest.fixture(
    params=[
        *((store, how) for store in (sqlite, postgres, redis) for how in (UNREADABLE, FOREIGN)),
        (redis, CUT_SHORT),
        (redis, ANOTHER_TYPE),
    ],
    ids=lambda pair: f"{pair[0].__name__}-{pair[1][:3]!r}",
)
async def damaged(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """Three records of three items, of which that in the middle is damaged."""
    open_, how = request.param
    async with open_(request) as place:
        for record in RECORDS:
            items = [kv.PutItem(key=key, value=b"v" + key, metadata=NOTED) for key in KEYS]
            await place.call("Put", kv.PutRequest(id=record, items=items))
        await place.damage(how)
        place.how = how
        yield place


async def test_its_reader_is_told(damaged: Place) -> None:
    """DATA_LOSS, with its key; it is not the request that is wrong."""
    if damaged.how == ANOTHER_TYPE:  # Redis itself says that no item is there
        assert not (await damaged.call("Get", kv.GetRequest(id="r2", keys=[b"b"]))).items
        return
    with pytest.raises(DataLoss, match="'b' is damaged"):
        await damaged.call("Get", kv.GetRequest(id="r2", keys=[b"b"]))
    reads = [kv.GetRequest(id=record, keys=[b"b"]) for record in RECORDS]
    answer = await damaged.call("BatchGet", kv.BatchGetRequest(reads=reads))
    assert [each.error.code for each in answer.results] == [OK, DATA_LOSS, OK]
    with pytest.raises(InvalidArgument, match=r"is not a prism.data.v1.KeyValueGetRequest"):
        await damaged.binding.unary[f"{SERVICE}/Get"](b"\xff\xff", HERE)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("keys_only", [False, True])
@pytest.mark.parametrize("id_", ["r2", ""])
async def test_a_stream_goes_past_it(damaged: Place, id_: str, reverse: bool, keys_only: bool) -> None:
    """All before it come, then the error with its name and the cursor that goes on behind it; then all others."""
    every = [(record, key) for record in ([id_] if id_ else RECORDS) for key in KEYS]
    every = every[::-1] if reverse else every
    fields = {"id": id_, "reverse": reverse, "keys_only": keys_only}
    read, found, cursors = [], [], [b""]
    for cursor in cursors:
        try:
            async for each in damaged.stream(cursor, **fields):
                read.append(each)  # noqa: PERF401  # it may end amid
        except DataLoss as error:
            found.append((error.metadata["id"], b64decode(error.metadata["key"]), list(read)))
            cursors.append(b64decode(error.metadata["cursor"]))
    if len(cursors) == 1:
        assert keys_only  # the damage is in what was not asked for
        assert read == every
    else:
        assert found == [("r2", b"b", every[: every.index(("r2", b"b"))])]
        assert read == [each for each in every if each != ("r2", b"b")]


async def test_a_scan_goes_past_it(damaged: Place) -> None:
    """So does one page by page."""
    page = await damaged.call("Scan", kv.ScanRequest(id="r2", limit=2))
    assert [item.key for item in page.items] == [b"a"]
    with pytest.raises(DataLoss) as caught:
        await damaged.call("Scan", kv.ScanRequest(id="r2", limit=2, cursor=page.next_cursor))
    behind = b64decode(caught.value.metadata["cursor"])
    page = await damaged.call("Scan", kv.ScanRequest(id="r2", limit=2, cursor=behind))
    assert [item.key for item in page.items] == [b"c"]
    assert not page.next_cursor


async def test_a_swap_of_it_changes_nothing(damaged: Place) -> None:
    """What its value or version was cannot be known; NOT_APPLIED."""
    swap = kv.CompareAndSwapRequest(id="r2", key=b"b", expected_value=b"what nothing has", new_value=b"w")
    with pytest.raises(DataLoss) as caught:
        await damaged.call("CompareAndSwap", swap)
    assert caught.value.outcome is (Outcome.UNKNOWN if damaged.how == ANOTHER_TYPE else Outcome.NOT_APPLIED)


async def test_it_is_mended_by_a_put(damaged: Place) -> None:
    """As the error says; or deleted."""
    if damaged.how == ANOTHER_TYPE:
        await damaged.call("Delete", kv.DeleteRequest(id="r2", keys=[b"b"]))
    await damaged.call("Put", kv.PutRequest(id="r2", items=[kv.PutItem(key=b"b", value=b"new")]))
    answer = await damaged.call("Get", kv.GetRequest(id="r2", keys=[b"b"]))
    assert answer.items[0].value == b"new"
    assert len([each async for each in damaged.stream()]) == 9
